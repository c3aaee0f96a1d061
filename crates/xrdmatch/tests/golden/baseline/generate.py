"""Writes baselines.jsonl: scikit-learn's models on synthetic sparse patterns.

    python -m pip install -r requirements.txt && python generate.py

A pattern is a handful of peaks on 120 points, of which a few depend on the class. The features are
recomputed here from their definition, in single precision as the program holds them. Logistic
regression is solved to 1e-10 and the support vector machine to 1e-9, so that six digits can be
asked for; forests have 4,000 trees, so that their chance averages out.
"""

import json
import pathlib

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

rng = np.random.default_rng(31)
POINTS = 120


def pattern(label):
    peaks = {int(at): float(value) for at, value in
             zip(rng.choice(POINTS, rng.integers(5, 11), replace=False), rng.random(11).round(3) + 0.05)}
    for centre in ([20, 60] if label == 0 else [28, 75]):
        if rng.random() < 0.7:
            peaks[int(centre + rng.integers(-4, 5))] = round(0.4 + 0.6 * rng.random(), 3)
    return sorted(peaks.items())


def features(patterns, sigma, stride, root):
    columns = np.arange(0, POINTS, stride)
    rows = np.zeros((len(patterns), len(columns)))
    for row, peaks in zip(rows, patterns):
        for at, value in peaks:
            distance = columns - at
            kernel = np.exp(-0.5 * (distance / sigma) ** 2) if sigma else (distance == 0).astype(float)
            row += np.where(abs(distance) <= max(5 * sigma, 0), np.sqrt(value) if root else value, 0) * kernel
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    return rows.astype(np.float32).astype(np.float64)


with open(pathlib.Path(__file__).with_name("baselines.jsonl"), "w") as file:
    for case, (rows, sigma, stride, root, c, weight) in enumerate([
        (24, 5.0, 3, True, 1.0, None),
        (40, 3.0, 1, True, 100.0, "balanced"),
        (60, 0.0, 1, False, 10.0, None),
        (90, 8.0, 10, False, 0.3, "balanced"),
    ]):
        labels = (rng.random(rows) < 0.6).astype(int)
        labels[:6] = [0, 1, 0, 1, 0, 1]
        test_labels = (rng.random(25) < 0.6).astype(int)
        patterns = [pattern(label) for label in labels]
        test = [pattern(label) for label in test_labels]
        x, t = features(patterns, sigma, stride, root), features(test, sigma, stride, root)
        logistic = LogisticRegression(C=c, class_weight=weight, solver="newton-cholesky", tol=1e-10, max_iter=1000)
        svm = SVC(C=c, class_weight=weight, gamma="scale", tol=1e-9)
        near = KNeighborsClassifier(5, weights="distance", algorithm="brute")
        equal = KNeighborsClassifier(3, algorithm="brute")
        forest = RandomForestClassifier(4000, class_weight=weight, random_state=1)
        extra = ExtraTreesClassifier(4000, class_weight=weight, min_samples_leaf=2, random_state=1)
        for model in [logistic, svm, near, equal, forest, extra]:
            model.fit(x, labels)
        digits = lambda values: [float(f"{value:.9g}") for value in values]
        print(json.dumps({
            "points": POINTS, "sigma": sigma, "stride": stride, "root": root, "c": c,
            "balanced": weight is not None,
            "labels": "".join(map(str, labels)), "patterns": patterns, "test": test,
            # Signs are turned: here class 0 is the positive one.
            "logistic": digits(-logistic.decision_function(t)),
            "svm": digits(-svm.decision_function(t)),
            "near": digits(near.predict_proba(t)[:, 0]),
            "equal": digits(equal.predict_proba(t)[:, 0]),
            "forest": digits(forest.predict_proba(t)[:, 0]),
            "extra": digits(extra.predict_proba(t)[:, 0]),
        }, separators=(",", ":")), file=file)

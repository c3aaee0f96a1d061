"""Writes published.json: scikit-learn's mean metrics over the published splits of `lbs.csv`.

    python -m pip install -r requirements.txt && python published.py FOLDER_WITH_THE_SHARED_DATA

Only metrics are written, nothing of the data. Features: 4500 points (the marker column is left
out), Gaussian blur, unit length.
"""

import csv
import json
import pathlib
import sys

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

folder = pathlib.Path(sys.argv[1])
with open(folder / "lbs.csv") as file:
    table = list(csv.DictReader(file))
x = np.array([[float(row[f"v{i}"]) for i in range(1, 4501)] for row in table]).astype(np.float32).astype(float)
y = np.array([int(row["label"]) for row in table])
at = {row["name"]: i for i, row in enumerate(table)}
splits = json.load(open(folder / "paper_splits.json"))["experiments"]


def features(sigma, stride, root):
    columns = np.arange(0, x.shape[1], stride)
    distance = columns[None, :] - np.arange(x.shape[1])[:, None]
    kernel = np.where(abs(distance) <= 5 * sigma, np.exp(-0.5 * (distance / sigma) ** 2), 0) if sigma else distance == 0
    rows = (np.sqrt(x) if root else x) @ kernel
    return (rows / np.linalg.norm(rows, axis=1)[:, None]).astype(np.float32).astype(float)


models = {
    "logistic": lambda seed: LogisticRegression(C=1.0, tol=1e-9, max_iter=10000),
    "svm": lambda seed: SVC(C=1.0, gamma="scale", tol=1e-8),
    "forest": lambda seed: RandomForestClassifier(trees, random_state=seed),
    "extra": lambda seed: ExtraTreesClassifier(trees, random_state=seed),
    "neighbours": lambda seed: KNeighborsClassifier(5, algorithm="brute"),
}
result = []
for sigma, stride, root in [(50.0, 12, True), (0.0, 1, False)]:
    z = features(sigma, stride, root)
    trees = 1000 if sigma else 200  # so many that their chance is small beside 0.01
    for name, make in models.items():
        f1, auc = [], []
        for split in splits:
            train, test = ([at[n] for n in split[part]] for part in ["labeled", "evaluation"])
            model = make(split["experiment"]).fit(z[train], y[train])
            score = -model.decision_function(z[test]) if name in ["logistic", "svm"] else model.predict_proba(z[test])[:, 0]
            f1.append(f1_score(y[test], model.predict(z[test]), average="macro"))
            auc.append(roc_auc_score(1 - y[test], score))
        result.append({"sigma": sigma, "stride": stride, "root": root, "model": name, "trees": trees,
                       "macro_f1": round(float(np.mean(f1)), 6), "auc": round(float(np.mean(auc)), 6)})
        print(result[-1], flush=True)
pathlib.Path(__file__).with_name("published.json").write_text(json.dumps(result, indent=1) + "\n")

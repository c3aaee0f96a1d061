"""Writes forest_seeds.json: how scikit-learn's forests scatter over their own seeds.

    python -m pip install -r requirements.txt && python forest_seeds.py FOLDER_WITH_THE_SHARED_DATA

A forest's score is a random number, so one seed of ours against one of scikit-learn's says little.
This script fits every fifth published split with many seeds and stores, per model and feature set,
the mean metrics over those splits for each seed. Only metrics are written, nothing of the data.
Features as in published.py.
"""

import csv
import json
import pathlib
import sys

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.metrics import f1_score, roc_auc_score

SEEDS, EVERY, TREES = 40, 5, 50

folder = pathlib.Path(sys.argv[1])
with open(folder / "lbs.csv") as file:
    table = list(csv.DictReader(file))
x = np.array([[float(row[f"v{i}"]) for i in range(1, 4501)] for row in table]).astype(np.float32).astype(float)
y = np.array([int(row["label"]) for row in table])
at = {row["name"]: i for i, row in enumerate(table)}
splits = json.load(open(folder / "paper_splits.json"))["experiments"][::EVERY]


def features(sigma, stride, root):
    columns = np.arange(0, x.shape[1], stride)
    distance = columns[None, :] - np.arange(x.shape[1])[:, None]
    kernel = np.where(abs(distance) <= 5 * sigma, np.exp(-0.5 * (distance / sigma) ** 2), 0) if sigma else distance == 0
    rows = (np.sqrt(x) if root else x) @ kernel
    return (rows / np.linalg.norm(rows, axis=1)[:, None]).astype(np.float32).astype(float)


models = {"forest": RandomForestClassifier, "extra": ExtraTreesClassifier}
result = []
for sigma, stride, root in [(0.0, 1, False), (50.0, 12, True)]:
    z = features(sigma, stride, root)
    for name, kind in models.items():
        f1s, aucs = [], []
        for seed in range(SEEDS):
            f1, auc = [], []
            for split in splits:
                train, test = ([at[n] for n in split[part]] for part in ["labeled", "evaluation"])
                model = kind(TREES, random_state=1000 * seed + split["experiment"]).fit(z[train], y[train])
                p = model.predict_proba(z[test])
                f1.append(f1_score(y[test], model.classes_[p.argmax(axis=1)], average="macro"))
                auc.append(roc_auc_score(1 - y[test], p[:, 0]))
            f1s.append(round(float(np.mean(f1)), 6))
            aucs.append(round(float(np.mean(auc)), 6))
        result.append({"sigma": sigma, "stride": stride, "root": root, "model": name, "trees": TREES,
                       "every": EVERY, "macro_f1": f1s, "auc": aucs})
        print(name, sigma, np.mean(f1s), np.std(f1s, ddof=1), np.mean(aucs), np.std(aucs, ddof=1), flush=True)
pathlib.Path(__file__).with_name("forest_seeds.json").write_text(json.dumps(result) + "\n")

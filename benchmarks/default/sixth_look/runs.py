"""Runs on the development draws, without the held-out rows: python runs.py dev.json DIRECTORY BASELINE NAME …

Of every NAME the runs DIRECTORY/NAME_SEED are taken. Means over seeds; then the difference from BASELINE and its standard deviation
over the seeds that both have. Columns: AUC, macro-F1; AUC, macro-F1 out of bag; Brier score, calibration error; calibration error out of
bag (ten bins), and the part that is called superionic out of bag.
"""
import csv
import json
import os
import sys
from glob import glob

import numpy as np

dev, runs, *names = sys.argv[1:]
draws = json.load(open(dev))
held = set(draws["held_out"])


def auc(y, s):
    p, n = s[y == 0][:, None], s[y != 0][None]
    return (p > n).mean() + 0.5 * (p == n).mean()


def macro_f1(y, s):
    called = np.where(s > 0.5, 0, 1)
    parts = [(((called == c) & (y == c)).sum(), (called == c).sum() + (y == c).sum()) for c in (0, 1)]
    return np.mean([2 * hit / both if both else 0.0 for hit, both in parts])


def calibration(y, s, bins=10):
    b = np.minimum((s * bins).astype(int), bins - 1)
    return sum(abs((y[b == k] == 0).mean() - s[b == k].mean()) * (b == k).mean() for k in range(bins) if (b == k).any())


def score(run):
    single, total, judges, truth = [], {}, {}, {}
    for draw in draws["experiments"]:
        with open(f"{run}/exp_{draw['experiment']:03}/predictions.csv") as file:
            rows = {row["name"]: (int(row["truth"]), float(row["p0"])) for row in csv.DictReader(file)}
        y, s = map(np.array, zip(*[rows[name] for name in draw["evaluation"]]))
        single.append([auc(y, s), macro_f1(y, s), ((s - (y == 0)) ** 2).mean(), calibration(y, s)])
        for name, (label, p) in rows.items():
            if name not in held and name not in draw["labeled"]:
                total[name], judges[name] = total.get(name, 0) + p, judges.get(name, 0) + 1
                truth[name] = label
    y, s = map(np.array, zip(*[(truth[name], total[name] / judges[name]) for name in sorted(total)]))
    mean = np.mean(single, 0)
    return np.array([mean[0], mean[1], auc(y, s), macro_f1(y, s), mean[2], mean[3], calibration(y, s), (s > 0.5).mean()])


base = None
for name in names:
    complete = [run for run in sorted(glob(f"{runs}/{name}_[0-9]*")) if os.path.exists(f"{run}/exp_059/result.json")]
    found = {run.rsplit("_", 1)[1]: score(run) for run in complete}
    if not found:
        continue
    print(f"{name:12s}", *(f"{v:.3f}" for v in np.mean(list(found.values()), 0)), f"{len(found)} seeds")
    if base is None:
        base = found
        continue
    difference = np.array([found[seed] - base[seed] for seed in sorted(set(base) & set(found))])
    print("  less      ", *(f"{v:+.3f}" for v in difference.mean(0)))
    if len(difference) > 1:
        print("  sd        ", *(f"{v:.3f}" for v in difference.std(0, ddof=1)))

"""Targets read off the most alike patterns of the pool: python nearest.py ULBS_META.csv.gz

Reads mobility.npz from the working directory. Patterns are alike by the cosine of √intensity with a blur of 0.6°; the
targets of the k most alike pool rows are averaged, weighted by the fourth power of the cosine. Judged rows only, without
labels: AUC of the negative barrier in three dimensions and of the share of the volume below 1 eV; with all pool rows,
without those of the judged row's formula, and without those of its set of elements as well.
"""
import csv
import gzip
import sys

import numpy as np

from encoders import groups
from lab import judged, labeled_signals, names, pool_signals, y
from scores import weighted_auc, weights

with gzip.open(sys.argv[1], "rt") as file:
    meta = list(csv.DictReader(file))
target = groups("mobility.npz")["energy"][:, [1, 3]]
unit = lambda s: s / np.linalg.norm(s, axis=1, keepdims=True)
alike = unit(labeled_signals(0.6)[judged]) @ unit(pool_signals(0.6)).T
alike[:, np.isnan(target[:, 0])] = -1
own = np.array([[names[i] in row["lbs_names"].split(";") for row in meta] for i in judged])
systems = np.array([row["elements"] for row in meta])
kin = own.copy()
for r in range(len(judged)):
    kin[r] |= np.isin(systems, systems[own[r]])
print(f"{own.any(1).sum()} of {len(judged)} judged rows have their formula in the pool")
for title, hidden in (("all", np.zeros_like(own)), ("without the same formula", own), ("without the same elements", kin)):
    for k in (1, 5, 20):
        closeness = np.where(hidden, -1, alike)
        near = np.argpartition(-closeness, k, axis=1)[:, :k]
        w = np.take_along_axis(closeness, near, 1)[..., None] ** 4
        p = (w * target[near]).sum(1) / w.sum(1)
        cells = []
        for column, sign in ((0, -1), (1, 1)):
            a = weighted_auc(sign * p[:, column], y[judged], weights[:, judged])
            lo, hi = np.nanquantile(a[1:], [0.025, 0.975])
            cells.append(f"{a[0]:.2f} ({lo:.2f} to {hi:.2f})")
        print(f"| {title}, {k} | " + " | ".join(cells) + " |")

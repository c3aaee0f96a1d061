"""What the targets themselves would tell: python bound.py SEEDS VARIANT ULBS_META.csv.gz

For judged rows whose compound is in the pool (same formula, patterns blurred by 1° of cosine 0.85 and more; the most
alike row counts). First, of every target: the AUC when its true value is the score, without labels, in the direction that
physics gives it, with intervals of 95 %; then the rank correlation between the true value and what two encoders of VARIANT
tell (ridge regression, as in outputs.py), over the pool and over these rows. Then the layer on features and on true
values, which no model may see, judged on these rows alone; rows without a structure have the mean of the pool.
"""
import csv
import gzip
import sys

import numpy as np

from compare import PAIRS, preset, side
from lab import judged, labeled_signals, layer, names, pool_signals, sigmoid, y
from mobility import ENERGY, ROOM, SIMPLE
from outputs import energy, found, predicted, simple
from scores import measures, weighted_auc, weights

LESS_IS_BETTER = ("barrier", "log Li-Li", "energy spread", "Li coordination", "log volume per Li", "valence at", "valence mismatch")


def matched(path):
    """For each judged row that has one: its pool row."""
    with gzip.open(path, "rt") as file:
        meta = list(csv.DictReader(file))
    place = {names[i]: i for i in judged}
    unit = lambda s: s / np.linalg.norm(s, axis=1, keepdims=True)
    alike = unit(labeled_signals(1.0)) @ unit(pool_signals(1.0)).T
    best = {}
    for k, row in enumerate(meta):
        for name in row["lbs_names"].split(";"):
            i = place.get(name.strip())
            if i is not None and alike[i, k] >= max(0.85, alike[i, best[i]] if i in best else 0):
                best[i] = k
    return np.array(sorted(best)), np.array([best[i] for i in sorted(best)])


def correlation(a, b):
    return np.corrcoef(np.argsort(np.argsort(a)), np.argsort(np.argsort(b)))[0, 1]


if __name__ == "__main__":
    rows, chosen = matched(sys.argv[3])
    print(f"{len(rows)} of {len(judged)} rows, {(y[rows] == 0).sum()} of them superionic")
    rng = np.random.default_rng(0)
    f, u = side(sys.argv[2], PAIRS[0])
    for title, labels in (("room", ROOM), ("energy", ENERGY), ("simple", SIMPLE[:-1])):
        told, over = predicted(f, u, found[title][:, : len(labels)])
        for k, label in enumerate(labels):
            v = found[title][:, k]
            known = ~np.isnan(v[chosen])
            sign = -1 if label.startswith(LESS_IS_BETTER) else 1
            w = np.ones((401, known.sum()))
            for n in range(1, 401):
                w[n] = np.bincount(rng.integers(0, known.sum(), known.sum()), minlength=known.sum())
            a = weighted_auc(sign * v[chosen][known], y[rows][known], w)
            lo, hi = np.nanquantile(a[1:], [0.025, 0.975])
            here = correlation(told[rows][known, k], v[chosen][known])
            pool = ~np.isnan(v)
            there = correlation(over[pool, k], v[pool])
            print(f"| {label} | {'less' if sign < 0 else 'more'} | {known.sum()} | {a[0]:.2f} ({lo:.2f} to {hi:.2f}) | {there:.2f} | {here:.2f} |")
    only = weights * np.isin(np.arange(len(y)), rows)
    base = measures([preset(sys.argv[2], pair) for pair in PAIRS], only)
    print("layer on features | " + " | ".join(f"{v:.3f}" for v in base[0, :4]))
    for title, columns in (("landscape", energy[:, :4]), ("energy and simple", np.concatenate([energy, simple], 1))):
        pool = np.nan_to_num(columns)
        true = np.zeros((len(y), pool.shape[1]), np.float32)
        true[rows] = pool[chosen]
        for share in (0.2, 0.5, 1.0):
            mix = lambda x, p: np.concatenate([x * (1 - share) ** 0.5, p * (share / p.shape[1]) ** 0.5], 1).astype(np.float32)
            d = measures([sigmoid(layer(mix(f, true), mix(u, pool), drop=0.0)) for f, u in (side(sys.argv[2], p) for p in PAIRS)], only) - base
            lo, hi = np.quantile(d[1:], [0.025, 0.975], axis=0)
            print(f"| true {title} {share:.0%} | " + " | ".join(f"{d[0, k]:+.3f} ({lo[k]:+.3f} to {hi[k]:+.3f})" for k in range(4)) + " |", flush=True)

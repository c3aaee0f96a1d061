"""Predicted targets as inputs of the layer: python outputs.py SEEDS BASELINE VARIANT … (seeds and names as in compare.py)

Reads mobility.npz from the working directory. On the two encoders of a pair a ridge regression, learnt on the pool,
predicts targets of `mobility.py`. First the AUC over the judged rows of single predictions, used as scores without any
label; then the layer on predictions alone, and on features with a share of predictions, less the layer on the baseline's
features.
"""
import sys

import numpy as np

from compare import PAIRS, preset, side
from encoders import groups
from lab import judged, layer, sigmoid, y
from mobility import ENERGY
from scores import measures, weighted_auc, weights

RIDGE = 1e-3
found = groups("mobility.npz")
energy, simple = found["energy"][:, :-1], found["simple"][:, :-1]
SETS = {"landscape": energy[:, :4], "energy": energy, "energy and simple": np.concatenate([energy, simple], 1)}


def predicted(f, u, target):
    """Predictions of each column for labelled rows and the pool, of mean 0 and variance 1 over the pool."""
    out = []
    for column in target.T:
        known = ~np.isnan(column)
        a = u[known] - u[known].mean(0)
        w = np.linalg.solve(a.T @ a + RIDGE * len(a) * np.eye(a.shape[1]) * (a**2).mean(), a.T @ column[known])
        p, q = f @ w, u @ w
        out.append(((p - q.mean()) / q.std(), (q - q.mean()) / q.std()))
    return [np.stack(part, 1).astype(np.float32) for part in zip(*out)]


if __name__ == "__main__":
    base = measures([preset(sys.argv[2], pair) for pair in PAIRS], weights)
    for name in sys.argv[3:]:
        sides = [side(name, pair) for pair in PAIRS]
        told = [predicted(f, u, energy[:, :4]) for f, u in sides]
        for k, sign in enumerate((-1, -1, 1, 1)):
            scores = [weighted_auc(sign * p[judged, k], y[judged], weights[:, judged]) for p, _ in told]
            lo, hi = np.quantile(np.mean(scores, 0)[1:], [0.025, 0.975])
            print(f"{name}, {ENERGY[k]} alone: " + " ".join(f"{s[0]:.3f}" for s in scores) + f" ({lo:.2f} to {hi:.2f})")
        for title, target in SETS.items():
            told = [predicted(f, u, target) for f, u in sides]
            for share in (0.2, 0.5, 1.0):
                mix = lambda x, p: np.concatenate([x * (1 - share) ** 0.5, p * (share / p.shape[1]) ** 0.5], 1)
                d = measures([sigmoid(layer(mix(f, p), mix(u, q), drop=0.0)) for (f, u), (p, q) in zip(sides, told)], weights) - base
                lo, hi = np.quantile(d[1:], [0.025, 0.975], axis=0)
                print(f"| {name}, {title} {share:.0%} | " + " | ".join(f"{d[0, k]:+.3f} ({lo[k]:+.3f} to {hi[k]:+.3f})" for k in range(4)) + " |", flush=True)

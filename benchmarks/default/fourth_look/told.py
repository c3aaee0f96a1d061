"""What a pattern tells of each target: python told.py ULBS.csv.gz mobility.npz

Encoders of "composition and all" and of "all without composition" learn from 80 % of the sets of elements of the pool and
are judged on the rows of the others, undistorted: R² of the normal scores, and the AUC for the better half. Beside them what a
linear regression from the true composition reaches on the same rows.
"""
import sys

import numpy as np
import torch

from encoders import plain, train, variants
from mobility import ENERGY, ROOM, SIMPLE

found, systems = variants(*sys.argv[1:3])
kinds = sorted({tuple(sorted(s)) for s in systems})
order = np.random.default_rng(0).permutation(len(kinds))
apart = {kinds[k] for k in order[: len(kinds) // 5]}
out = np.array([tuple(sorted(s)) in apart for s in systems])
names = [*ROOM, None, *ENERGY, None, *SIMPLE[:-1], None]  # without the flag of each group
chosen = ["composition and all", "all without composition"]
models = train(0, {name: found[name] for name in chosen}, np.flatnonzero(~out))
target = torch.cat([t for _, _, t in found["all without composition"]], 1).numpy()
shares = found["composition"][0][2].numpy()
x = plain(10, False)
said = {}
with torch.no_grad():
    for name, model in models.items():
        said[name] = model(x).numpy()[:, -target.shape[1] :]
known = ~np.isnan(target)
said["true composition, linear"] = np.zeros_like(target)
for k in range(target.shape[1]):
    t = ~out & known[:, k]
    a, ridge = np.c_[shares[t], np.ones(t.sum())], 1e-3 * np.eye(shares.shape[1] + 1)
    said["true composition, linear"][:, k] = np.c_[shares, np.ones(len(shares))] @ np.linalg.solve(a.T @ a + ridge, a.T @ target[t, k])


def r2(p, t):
    return 1 - ((p - t) ** 2).mean() / t.var()


def auc(p, positive):
    ranks = np.argsort(np.argsort(p)) + 1.0
    n, m = positive.sum(), (~positive).sum()
    return (ranks[positive].sum() - n * (n + 1) / 2) / (n * m)


print(f"{(~out).sum()} rows learn, {out.sum()} are judged")
print("| target | known | " + " | ".join(said) + " |")
for k, name in enumerate(names):
    if name is None:
        continue
    rows = out & known[:, k]
    t = target[rows, k]
    cells = [f"{r2(p[rows, k], t):.2f}, {auc(p[rows, k], t > np.median(t)):.2f}" for p in said.values()]
    print(f"| {name} | {rows.sum()} | " + " | ".join(cells) + " |")

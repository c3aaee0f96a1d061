"""Encoders that learn to tell the list of sticks: python sticks_told.py ULBS.csv.gz mobility.npz SEED …

Thirteen numbers of a pattern's sticks (how many, how even, where; in the second look they were inputs) as targets beside
the composition and the *simple* targets of the fourth look. Writes e_preset_VARIANT_SEED.npz for `compare.py`.
"""
import sys

import numpy as np
import torch

from encoders import features, groups, normal_scores, train
from formulas import compositions
from lab import data


def numbers():
    starts = np.searchsorted(data["ur"], np.arange(int(data["pool"]) + 1))
    out = []
    for first, end in zip(starts, starts[1:]):
        q, v = np.sin(np.radians(data["ui"][first:end] * 0.01)), data["uv"][first:end].astype(float)
        p = v / v.sum()
        mean, big = (p * q).sum(), v > 0.05 * v.max()
        out.append([
            np.log(len(q)), -(p * np.log(p)).sum(), mean, np.sqrt((p * (q - mean) ** 2).sum()), np.log(q[0]), np.log(q[big][0]), np.log(big.sum()),
            q.mean(), q.std(), np.log(q[v.argmax()]), np.log((v > 0.3 * v.max()).sum()), np.log(v.min()), np.log((q < 0.34).sum() + 1),
        ])
    return normal_scores(np.array(out))


if __name__ == "__main__":
    shares, systems = compositions(sys.argv[1])
    composition = ("composition", 1.0, torch.from_numpy(shares))
    sticks = ("sticks", 1.0, torch.from_numpy(numbers()))
    simple = ("simple", 1.0, torch.from_numpy(groups(sys.argv[2])["simple"]))
    variants = {
        "composition_and_sticks": [composition, sticks],
        "composition,_simple_and_sticks": [composition, simple, sticks],
        "sticks": [sticks],
    }
    for seed in map(int, sys.argv[3:]):
        for name, model in train(seed, variants, np.arange(len(systems))).items():
            f, u = features(model)
            np.savez(f"e_preset_{name}_{seed}.npz", f=f, u=u)

"""Encoders less a baseline, paired by seed: python compare.py SEEDS BASELINE NAME …

The preset's layer, labelled rows weighted half of the way towards the stated share, on two seeds of an encoder side by side; of A+B on
two of each. Columns: AUC, macro-F1, both out of bag; in brackets the standard deviation over pairs, then 95 % over compounds.
"""
import sys

import numpy as np

from lab import layer, sigmoid
from scores import measures, weights

seeds = [int(s) for s in sys.argv[1].split(",")]
PAIRS = list(zip(seeds[::2], seeds[1::2]))
HALF = (0.4**0.5, 1.6**0.5)


def side(name, pair):
    parts = [np.load(f"e_{n}_{s}.npz") for n in name.split("+") for s in pair]
    return [np.concatenate([part[key] for part in parts], 1).astype(np.float32) / len(parts) ** 0.5 for key in ("f", "u")]


def of(name):
    return np.array([measures([sigmoid(layer(*side(name, pair), drop=0.0, classes=HALF))], weights)[:, :4] for pair in PAIRS])


base = of(sys.argv[2])
print(f"| {sys.argv[2]} | " + " | ".join(f"{v:.3f}" for v in base[:, 0].mean(0)) + " |", flush=True)
for name in sys.argv[3:]:
    d = of(name) - base
    mean, spread = d.mean(0), d[:, 0].std(0, ddof=1)
    low, high = np.quantile(mean[1:], [0.025, 0.975], axis=0)
    cells = [f"{mean[0, k]:+.3f} ({spread[k]:.3f}; {low[k]:+.3f} to {high[k]:+.3f})" for k in range(4)]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)

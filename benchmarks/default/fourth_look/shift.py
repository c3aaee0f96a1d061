"""Labelled rows at the stated share, not at 1:1: python shift.py SEEDS. Less the preset's layer, 95 % over compounds; the
last two columns are the Brier scores over draws and out of bag."""
import sys

import numpy as np

from compare import side
from lab import layer, sigmoid
from scores import measures, weights

SEEDS = [int(s) for s in sys.argv[1].split(",")]
SIDES = [side("preset composition", pair) for pair in zip(SEEDS[::2], SEEDS[1::2])]
WHOLE = np.log(0.8 / 0.2)
ways = {
    "shift": dict(shift=WHOLE),
    "shift, weight 1": dict(shift=WHOLE, weight=1.0),
    "shift, weight 1, temperature 1": dict(shift=WHOLE, weight=1.0, temperature=1.0),
    "half of the shift": dict(shift=WHOLE / 2),
    "half of the shift, weight 1": dict(shift=WHOLE / 2, weight=1.0),
    "shift, labelled rows only": dict(shift=WHOLE, weight=0.0),
}


def scored(**settings):
    return measures([sigmoid(layer(x, u, drop=0.0, **settings)) for x, u in SIDES], weights)[:, [0, 1, 2, 3, 5, 4]]


base = scored()
print("layer: " + " | ".join(f"{v:.3f}" for v in base[0]), flush=True)
for name, settings in ways.items():
    d = scored(**settings) - base
    lo, hi = np.quantile(d[1:], [0.025, 0.975], axis=0)
    print(f"| {name} | " + " | ".join(f"{d[0, k]:+.3f} ({lo[k]:+.3f} to {hi[k]:+.3f})" for k in range(6)) + " |", flush=True)

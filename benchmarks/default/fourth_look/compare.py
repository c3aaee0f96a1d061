"""Variants against a baseline, paired by seed: python compare.py SEEDS BASELINE VARIANT …

SEEDS as in 0,1,2,3,4,5. A variant is a setting of `pretrain.py` and a name of `encoders.variants` ("preset composition");
"A + B" is one encoder of A beside one of B. First a table of two encoders side by side (the preset's layer, and logistic
regression of prior variance 0.3), less the baseline, with intervals of 95 % over compounds; then the AUC of every seed alone.
"""
import sys

import numpy as np

from lab import layer, logistic, sigmoid
from scores import measures, weights

SEEDS = [int(s) for s in sys.argv[1].split(",")]
PAIRS = list(zip(SEEDS[::2], SEEDS[1::2]))


def encoder(name, seed):
    found = np.load(f"e_{name.strip().replace(' ', '_')}_{seed}.npz")
    return found["f"], found["u"]


def side(name, seeds):
    """Encoders side by side; of "A + B" the first is of A and the second of B."""
    names = name.split(" + ") if " + " in name else [name] * len(seeds)
    parts = [encoder(n, s) for n, s in zip(names, seeds)]
    return [np.concatenate(part, 1) / len(parts) ** 0.5 for part in zip(*parts)]


def preset(name, seeds):
    return sigmoid(layer(*side(name, seeds), drop=0.0))


def regression(name, seeds):
    return sigmoid(logistic(side(name, seeds)[0], 0.3))


if __name__ == "__main__":
    for title, way in (("layer", preset), ("logistic regression", regression)):
        base = measures([way(sys.argv[2], pair) for pair in PAIRS], weights)
        print(f"{title}: {sys.argv[2]} | " + " | ".join(f"{v:.3f}" for v in base[0, :4]))
        for name in sys.argv[3:]:
            d = measures([way(name, pair) for pair in PAIRS], weights) - base
            lo, hi = np.quantile(d[1:], [0.025, 0.975], axis=0)
            print(f"| {name} | " + " | ".join(f"{d[0, k]:+.3f} ({lo[k]:+.3f} to {hi[k]:+.3f})" for k in range(4)) + " |", flush=True)
    print("AUC of the layer, each seed alone; pairs for A + B")
    for name in sys.argv[2:]:
        alone = PAIRS if " + " in name else [[s] for s in SEEDS]
        values = [measures([preset(name, seeds)], weights[:1])[0, 0] for seeds in alone]
        print(f"| {name} | " + " | ".join(f"{v:.3f}" for v in values) + f" | {np.mean(values):.3f} |", flush=True)

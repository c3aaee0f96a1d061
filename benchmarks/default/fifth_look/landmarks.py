"""Similarities to patterns of the pool as features: python landmarks.py SEEDS

1,500 patterns of the pool are landmarks; similarities to them, made orthogonal (Nyström) and centred over the pool, are
what the preset's layer sees, alone and beside two encoders of composition (`../fourth_look/pretrain.py`; the share is
that of the similarities in the inputs' variance).
"""
import sys

import numpy as np

from aligned import STEP, alike, spectra
from compare import PAIRS, side
from lab import layer, sigmoid
from scores import measures, weights


def features(blur, strain, landmarks=1500, seed=0):
    l, u = spectra("l", blur), spectra("u", blur)
    chosen = np.random.default_rng(seed).choice(len(u), landmarks, replace=False)
    stride = max(1, int(blur / STEP / 2))
    f, g = alike(l, u[chosen], strain, stride), alike(u, u[chosen], strain, stride)
    values, vectors = np.linalg.eigh((g[chosen] + g[chosen].T).astype(float) / 2)
    kept = values > 1e-3 * values.max()
    f, g = (x @ (vectors[:, kept] / np.sqrt(values[kept])) for x in (f, g))
    mean = g.mean(0)
    length = np.sqrt(((g - mean) ** 2).sum(1).mean())
    return [((x - mean) / length).astype(np.float32) for x in (f, g)]


def mixed(a, b, share):
    return [np.concatenate([x * (1 - share) ** 0.5, z * share**0.5], 1).astype(np.float32) for x, z in zip(a, b)]


if __name__ == "__main__":
    scored = lambda inputs: measures([sigmoid(layer(*x, drop=0.0)) for x in inputs], weights)
    encoders = [side("preset composition", pair) for pair in PAIRS]
    base = scored(encoders)
    print("encoders | " + " | ".join(f"{v:.3f}" for v in base[0]))
    for blur, strain in ((0.01, 0.0), (0.01, 0.1), (0.02, 0.06), (0.02, 0.1), (0.02, 0.2), (0.04, 0.1)):
        k = features(blur, strain)
        print(f"| {blur}, {strain} alone | " + " | ".join(f"{v:.3f}" for v in scored([k])[0]) + " |", flush=True)
        for share in (0.3, 0.5):
            d = scored([mixed(x, k, share) for x in encoders]) - base
            lo, hi = np.quantile(d[1:], [0.025, 0.975], axis=0)
            print(f"| {blur}, {strain} {share:.0%} | " + " | ".join(f"{d[0, k]:+.3f} ({lo[k]:+.3f} to {hi[k]:+.3f})" for k in range(4)) + " |", flush=True)

"""What physics says of the structure that a pattern is most like: python known.py SEEDS ULBS_META.csv.gz

Reads mobility.npz. A row takes the numbers of the pool's most alike pattern (blur 0.8 %, strain up to 6 %), in normal
scores over the pool; where they are not defined, `fill`. Their sum in the direction that physics gives them is a score
without labels, and a term of fixed weight in the log-odds of the preset's layer: after training, or beside it, where the
layer learns what is left over.
"""
import sys

import numpy as np

from aligned import alike, owned, spectra
from compare import PAIRS, side
from encoders import groups
from lab import draws, judged, layer, sigmoid, y
from mobility import ENERGY, SIMPLE
from scores import measures, weighted_auc, weights

NUMBERS = {
    "volume per anion": {"log volume per anion": 1},
    "barrier": {"barrier 3D": -1},
    "both": {"log volume per anion": 1, "barrier 3D": -1},
    "four": {"log volume per anion": 1, "barrier 3D": -1, "share below 1 eV": 1, "log Li-anion distance": 1},
}


def layer_beside(x, pool, own, over, steps=300, rate=0.3, prior=0.2, temperature=0.5, weight=3.0, average=0.95, momentum=0.9, batch=64, seed=0):
    """`lab.layer` with fixed terms in the log-odds: `own` of labelled rows, `over` of the pool."""
    rng = np.random.default_rng(seed)
    d, n = x.shape[1], len(draws)
    w, b, vw, vb = np.zeros((d, n), np.float32), np.zeros(n), np.zeros((d, n), np.float32), np.zeros(n)
    aw, ab, share = w, b, np.full(n, 0.5)
    chosen = np.zeros((n, len(y)), np.float32)
    for i, (rows, _) in enumerate(draws):
        chosen[i, rows] = 1 / len(rows)
    t = np.repeat((y == 0).astype(np.float32)[:, None], n, 1)
    for step in range(steps):
        lr = rate * 0.2 * 0.5 * (1 + np.cos(np.pi * step / steps))
        e = chosen.T * (sigmoid(x @ w + b + own[:, None]) - t)
        gw, gb = x.T @ e, e.sum(0)
        rows = rng.integers(0, len(pool), batch)
        u, o = pool[rows], over[rows][:, None]
        z = u @ aw + ab + o
        share = momentum * share + (1 - momentum) * sigmoid(z).mean(0)
        q = sigmoid((z + np.log(prior / (1 - prior)) - np.log(share / (1 - share))) / temperature)
        e = (sigmoid(u @ w + b + o) - q) / batch
        gw, gb = gw + weight * u.T @ e, gb + weight * e.sum(0)
        vw, vb = 0.9 * vw + gw, 0.9 * vb + gb
        w, b = w - lr * vw, b - lr * vb
        k = min(average, step / (step + 10))
        aw, ab = k * aw + (1 - k) * w, k * ab + (1 - k) * b
    return (x @ aw + ab + own[:, None]).T


if __name__ == "__main__":
    own, _ = owned(sys.argv[2])
    found = groups("mobility.npz")
    labels = {**{n: ("energy", i) for i, n in enumerate(ENERGY)}, **{n: ("simple", i) for i, n in enumerate(SIMPLE)}}
    closeness = alike(spectra("l", 0.008), spectra("u", 0.008), 0.06)
    without = closeness.copy()
    without[judged] = np.where(own, -1, closeness[judged])
    sides = [side("preset composition", pair) for pair in PAIRS]
    logits = [layer(*s, drop=0.0) for s in sides]
    base = measures([sigmoid(l) for l in logits], weights)
    print("layer | " + " | ".join(f"{v:.3f}" for v in base[0]))
    for title, c in (("", closeness), (", own formula hidden", without)):
        near = c.argmax(1)
        for name, parts in NUMBERS.items():
            for fill in (0.0, -1.5):
                over = sum(sign * np.nan_to_num(found[labels[n][0]][:, labels[n][1]], nan=fill * sign) for n, sign in parts.items())
                over = (over - over.mean()) / over.std()
                row = over[near]
                a = weighted_auc(row[judged], y[judged], weights[:, judged])
                alone = "{:.2f} ({:.2f} to {:.2f})".format(a[0], *np.nanquantile(a[1:], [0.025, 0.975]))
                for way, ps in (
                    ("after", [sigmoid(l + row[None]) for l in logits]),
                    ("beside", [sigmoid(layer_beside(*s, row, over)) for s in sides]),
                ):
                    d = measures(ps, weights) - base
                    lo, hi = np.quantile(d[1:], [0.025, 0.975], axis=0)
                    print(f"| {name}{title}, {fill}, {way} | {alone} | " + " | ".join(f"{d[0, k]:+.3f} ({lo[k]:+.3f} to {hi[k]:+.3f})" for k in range(4)) + " |", flush=True)

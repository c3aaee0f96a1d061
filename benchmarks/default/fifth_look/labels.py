"""How much a labelled row says: python labels.py SEEDS [DIR]

`weights`: rows of each class weighted towards the stated share of one in five (all of it: 0.4 and 1.6; half of it, by
the root: 0.63 and 1.26). `robust r`: generalised cross-entropy. Less the preset's layer; the last numbers are the
calibration error over draws and out of bag, and the part called superionic out of bag. With DIR, which
`../few_labels.py` has filled, the same with one to four of ten labels wrong.
"""
import sys

import numpy as np

from compare import PAIRS, side
from lab import draws, judged, sigmoid, y
from scores import measures, member, weighted_auc, weighted_f1, weights

WAYS = {
    "weights, half": dict(classes=(0.4**0.5, 1.6**0.5)),
    "weights": dict(classes=(0.4, 1.6)),
    "robust 0.4": dict(robust=0.4),
    "robust 0.7": dict(robust=0.7),
    "robust 1": dict(robust=1.0),
}


def layer(x, pool, classes=(1, 1), robust=0.0, train=None, flipped=None, steps=300, rate=0.3, prior=0.2, temperature=0.5, weight=3.0, average=0.95, momentum=0.9, batch=64, seed=0):
    """`lab.layer` with weights of the classes' rows and a robustness."""
    rng = np.random.default_rng(seed)
    train = [tr for tr, _ in draws] if train is None else train
    d, n = x.shape[1], len(train)
    w, b, vw, vb = np.zeros((d, n), np.float32), np.zeros(n), np.zeros((d, n), np.float32), np.zeros(n)
    aw, ab, share = w, b, np.full(n, 0.5)
    t = np.repeat((y == 0).astype(np.float32)[:, None], n, 1)
    chosen = np.zeros((len(y), n), np.float32)
    for i, rows in enumerate(train):
        if flipped is not None:
            t[flipped[i], i] = 1 - t[flipped[i], i]
        chosen[rows, i] = np.where(t[rows, i] == 1, *classes) / len(rows)
    for step in range(steps):
        lr = rate * 0.2 * 0.5 * (1 + np.cos(np.pi * step / steps))
        p = sigmoid(x @ w + b)
        e = chosen * np.where(t == 1, p, 1 - p) ** robust * (p - t)
        gw, gb = x.T @ e, e.sum(0)
        u = pool[rng.integers(0, len(pool), batch)]
        z = u @ aw + ab
        share = momentum * share + (1 - momentum) * sigmoid(z).mean(0)
        q = sigmoid((z + np.log(prior / (1 - prior)) - np.log(share / (1 - share))) / temperature)
        e = (sigmoid(u @ w + b) - q) / batch
        gw, gb = gw + weight * u.T @ e, gb + weight * e.sum(0)
        vw, vb = 0.9 * vw + gw, 0.9 * vb + gb
        w, b = w - lr * vw, b - lr * vb
        k = min(average, step / (step + 10))
        aw, ab = k * aw + (1 - k) * w, k * ab + (1 - k) * b
    return (x @ aw + ab).T


def calibration_error(p, truth, bins=10):
    which = np.minimum((p * bins).astype(int), bins - 1)
    return sum(abs((p - truth)[which == k].sum()) for k in range(bins)) / len(p)


def calibrations(ps):
    out = np.zeros(3)
    for p in ps:
        mean = np.where(member, p, 0).sum(0)[judged] / member.sum(0)[judged]
        over = np.mean([calibration_error(p[i, rows], y[rows] == 0) for i, (_, rows) in enumerate(draws)])
        out += (over, calibration_error(mean, y[judged] == 0), (mean > 0.5).mean())
    return out / len(ps)


if __name__ == "__main__":
    sides = [side("preset composition", pair) for pair in PAIRS]
    plain = [sigmoid(layer(*s)) for s in sides]
    base = measures(plain, weights)
    line = lambda ps: " | ".join(f"{v:.3f}" for v in calibrations(ps))
    print("layer | " + " | ".join(f"{v:.3f}" for v in base[0]) + " | " + line(plain))
    for name, settings in WAYS.items():
        ps = [sigmoid(layer(*s, **settings)) for s in sides]
        d = measures(ps, weights) - base
        lo, hi = np.quantile(d[1:], [0.025, 0.975], axis=0)
        print(f"| {name} | " + " | ".join(f"{d[0, k]:+.3f} ({lo[k]:+.3f} to {hi[k]:+.3f})" for k in (0, 1, 2, 3, 5)) + f" | {line(ps)} |", flush=True)
    for wrong in range(5) if len(sys.argv) > 2 else ():
        from drawn import drawn

        kind = f"wrong_{wrong}" if wrong else "labels_10"
        train, flipped, rows = drawn(f"{sys.argv[2]}/{kind}.json")
        for name, settings in {"as it is": {}, **WAYS}.items():
            out = np.zeros(2)
            for s in sides:
                p = layer(*s, train=train, flipped=flipped, **settings)
                for i, te in enumerate(rows):
                    one = weights[:1, te]
                    out += (weighted_auc(p[i, te], y[te], one)[0], weighted_f1(p[i, te] > 0, y[te], one)[0])
            auc, f1 = out / len(sides) / len(rows)
            print(f"| {wrong} wrong, {name} | {auc:.3f} | {f1:.3f} |", flush=True)

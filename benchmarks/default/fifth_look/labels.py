"""How much a labelled row says: python labels.py SEEDS [DIR]

`weights`: rows of each class weighted towards the stated share of one in five (all of it: 0.4 and 1.6; half of it, by
the root: 0.63 and 1.26). `robust r`: generalised cross-entropy. Less the preset's layer; the last numbers are the
calibration error over draws and out of bag, and the part called superionic out of bag. With DIR, which
`../few_labels.py` has filled, the same with one to four of ten labels wrong.
"""
import sys

import numpy as np

from compare import PAIRS, side
from lab import draws, judged, layer, sigmoid, y
from scores import measures, member, weighted_auc, weighted_f1, weights

WAYS = {
    "weights, half": dict(classes=(0.4**0.5, 1.6**0.5)),
    "weights": dict(classes=(0.4, 1.6)),
    "robust 0.4": dict(robust=0.4),
    "robust 0.7": dict(robust=0.7),
    "robust 1": dict(robust=1.0),
}


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
    plain = [sigmoid(layer(*s, drop=0.0)) for s in sides]
    base = measures(plain, weights)
    line = lambda ps: " | ".join(f"{v:.3f}" for v in calibrations(ps))
    print("layer | " + " | ".join(f"{v:.3f}" for v in base[0]) + " | " + line(plain))
    for name, settings in WAYS.items():
        ps = [sigmoid(layer(*s, drop=0.0, **settings)) for s in sides]
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
                p = layer(*s, drop=0.0, train=train, flipped=flipped, **settings)
                for i, te in enumerate(rows):
                    one = weights[:1, te]
                    out += (weighted_auc(p[i, te], y[te], one)[0], weighted_f1(p[i, te] > 0, y[te], one)[0])
            auc, f1 = out / len(sides) / len(rows)
            print(f"| {wrong} wrong, {name} | {auc:.3f} | {f1:.3f} |", flush=True)

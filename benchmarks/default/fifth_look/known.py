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
from lab import judged, layer, sigmoid, y
from mobility import ENERGY, SIMPLE
from scores import measures, weighted_auc, weights

NUMBERS = {
    "volume per anion": {"log volume per anion": 1},
    "barrier": {"barrier 3D": -1},
    "both": {"log volume per anion": 1, "barrier 3D": -1},
    "four": {"log volume per anion": 1, "barrier 3D": -1, "share below 1 eV": 1, "log Li-anion distance": 1},
}


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
                    ("beside", [sigmoid(layer(*s, drop=0.0, beside=(row, over))) for s in sides]),
                ):
                    d = measures(ps, weights) - base
                    lo, hi = np.quantile(d[1:], [0.025, 0.975], axis=0)
                    print(f"| {name}{title}, {fill}, {way} | {alone} | " + " | ".join(f"{d[0, k]:+.3f} ({lo[k]:+.3f} to {hi[k]:+.3f})" for k in range(4)) + " |", flush=True)

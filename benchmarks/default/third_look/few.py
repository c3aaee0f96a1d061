"""Few labels and wrong ones: python few.py DIR, which `../few_labels.py` has filled. Less ten right labels of each class."""
import glob
import re
import sys

from drawn import drawn
from lab import *
from scores import weighted_auc, weighted_f1

E = [np.load(f"e_{s}.npz") for s in range(8)]
sides = [
    [np.concatenate([E[s][k] for s in pair], 1) / 2**0.5 for k in ("f", "u")] for pair in ([0, 1], [2, 3], [4, 5], [6, 7])
]


def measures(ps, judged, w):
    out = np.zeros((len(w), 2))
    for p in ps:
        for i, te in enumerate(judged):
            out[:, 0] += np.nan_to_num(weighted_auc(p[i, te], y[te], w[:, te]), nan=0.5)
            out[:, 1] += weighted_f1(p[i, te] > 0, y[te], w[:, te])
    return out / len(ps) / len(judged)


rng = np.random.default_rng(0)
weights = np.zeros((401, len(y)))
weights[0] = 1
rows = np.array(sorted(set(np.concatenate(drawn(f"{sys.argv[1]}/labels_10.json")[2]))))
for w in weights[1:]:
    np.add.at(w, rng.choice(rows, len(rows)), 1)
result = {}
for path in glob.glob(f"{sys.argv[1]}/*_*.json"):
    kind, count = re.search(r"(labels|wrong)_(\d+)", path).groups()
    train, flipped, judged = drawn(path)
    for way, weight in (("with the pool", 3.0), ("without", 0.0)):
        ps = [layer(x, u, drop=0.0, weight=weight, train=train, flipped=flipped) for x, u in sides]
        result[kind, int(count), way] = measures(ps, judged, weights)
for (kind, count, way), m in sorted(result.items()):
    d = m - result["labels", 10, way]
    lo, hi = np.quantile(d[1:], [0.025, 0.975], axis=0)
    print(f"| {kind} {count}, {way} | " + " | ".join(f"{m[0][k]:.3f}, {d[0][k]:+.3f} ({lo[k]:+.3f} to {hi[k]:+.3f})" for k in (0, 1)) + " |")

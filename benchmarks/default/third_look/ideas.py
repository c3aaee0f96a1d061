"""What may stand beside the layer, in pairs of encoders: python ideas.py. Less the layer alone, 95 % over compounds."""
from lab import *
from scores import measures, weights

SEEDS = [[0, 1], [2, 3], [4, 5], [6, 7]]
E = [np.load(f"e_{s}.npz") for s in range(8)]


def side(seeds):
    k = len(seeds) ** 0.5
    return np.concatenate([E[s]["f"] for s in seeds], 1) / k, np.concatenate([E[s]["u"] for s in seeds], 1) / k


def broad(blur):
    x, u = labeled_signals(blur), pool_signals(blur)
    m = u.mean(0)
    s = np.sqrt(((u - m) ** 2).sum(1).mean())
    return (x - m) / s, (u - m) / s


B = {b: broad(b) for b in (2.0, 4.0)}
classical = {key: sigmoid(logistic(B[key[0]][0], key[1])) for key in ((2.0, 0.3), (2.0, 1.0), (2.0, 30.0), (4.0, 1.0), (4.0, 30.0))}


def beside(x, u, blur, share):
    k = lambda a, c: np.concatenate([a * (1 - share) ** 0.5, c * share**0.5], 1)
    return sigmoid(layer(k(x, B[blur][0]), k(u, B[blur][1])))


ways = {
    "old layer, the pool as it is": lambda x, u, p: sigmoid(layer(x, u, drop=0.0, temperature=1.0, weight=1.0)),
    "dropout alone": lambda x, u, p: sigmoid(layer(x, u, temperature=1.0, weight=1.0)),
    "dropout and temperature": lambda x, u, p: sigmoid(layer(x, u, weight=1.0)),
    "dropout and weight": lambda x, u, p: sigmoid(layer(x, u, temperature=1.0)),
    "temperature and weight": lambda x, u, p: sigmoid(layer(x, u, drop=0.0)),
    "labelled rows only": lambda x, u, p: sigmoid(layer(x, u, weight=0.0)),
    **{f"mean with logistic regression, blur {b}, variance {c}": (lambda q: lambda x, u, p: (p + q) / 2)(q) for (b, c), q in classical.items()},
    "profile of blur 2 beside the features, 20 %": lambda x, u, p: beside(x, u, 2.0, 0.2),
    "profile of blur 2 beside the features, 50 %": lambda x, u, p: beside(x, u, 2.0, 0.5),
    "profile of blur 4 beside the features, 20 %": lambda x, u, p: beside(x, u, 4.0, 0.2),
}


sides = [side(s) for s in SEEDS]
base = [sigmoid(layer(x, u)) for x, u in sides]
b = measures(base, weights)
print("layer:", np.round(b[0, :5], 3), " single pairs, AUC:", [round(measures([p], weights[:1])[0, 0], 3) for p in base])


def told(name, ps):
    d = measures(ps, weights) - b
    lo, hi = np.quantile(d[1:], [0.025, 0.975], axis=0)
    d = d[0]
    cells = [f"{d[k]:+.3f} ({lo[k]:+.3f} to {hi[k]:+.3f})" for k in range(5)]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


for name, way in ways.items():
    told(name, [way(x, u, p) for (x, u), p in zip(sides, base)])
four = [side([0, 1, 2, 3]), side([4, 5, 6, 7])]
told("four encoders for two", [sigmoid(layer(x, u)) for x, u in four])

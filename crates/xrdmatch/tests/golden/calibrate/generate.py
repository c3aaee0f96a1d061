"""Writes calibrate.jsonl, prior.jsonl and stack.jsonl: calibrations, prior shifts and stacked
weights by reference implementations.

    python -m pip install -r requirements.txt && python generate.py

Calibrations are scikit-learn's, minimised further with SciPy where its own stopping rule is loose.
The prior is by maximising the likelihood directly (SciPy's bounded scalar search), not by the
rounds of expectation and maximisation that it is compared with; the stack by L-BFGS on logarithms
of the weights.
"""

import json
import pathlib

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, softmax
from sklearn.calibration import _sigmoid_calibration, _TemperatureScaling
from sklearn.isotonic import IsotonicRegression

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(99)


def logit(p):
    p = np.maximum(p, 1e-12)
    q = np.maximum(1 - p, 1e-12)
    return np.log(p) - np.log(q)


def platt(scores, y):
    start = _sigmoid_calibration(scores, y)
    n1, n0 = (y == 1).sum(), (y == 0).sum()
    target = np.where(y == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))

    def loss(ab):
        f = -(ab[0] * scores + ab[1])
        return np.sum(np.logaddexp(0, f) - target * f)

    def gradient(ab):
        g = expit(-(ab[0] * scores + ab[1])) - target
        return np.array([-(g @ scores), -g.sum()])

    a, b = minimize(loss, start, jac=gradient, method="BFGS", options={"gtol": 1e-11}).x
    assert np.allclose([a, b], start, rtol=2e-2, atol=2e-2), (a, b, start)
    return -a, -b


with open(here / "calibrate.jsonl", "w") as file:
    for case in range(60):
        n = int(rng.integers(4, 80))
        y = rng.integers(0, 2, n)
        y[:2] = [0, 1]
        z = rng.normal(rng.choice([0.3, 2.0]) * (2 * y - 1), rng.choice([0.5, 3.0]))
        p = expit(z)
        if case % 3 == 0:
            p = np.rint(p * 10) / 10
        p = p.round(6)
        odds = logit(p)
        slope, intercept = platt(odds, y)
        iso = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p, y)
        queries = rng.random(6).round(4)
        logits = np.log(np.maximum(np.stack([p, 1 - p], 1), 1e-12))
        # Class 0 is the positive one.
        beta = _TemperatureScaling().fit(logits, 1 - y).beta_
        nll = lambda log_beta: -log_softmax(np.exp(log_beta) * logits, axis=1)[np.arange(n), 1 - y].sum()
        bounds = np.log([0.01, 100])
        fine = minimize_scalar(nll, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x
        fine = min([fine, *bounds], key=nll)  # the search leaves out the ends
        assert nll(fine) <= nll(np.clip(np.log(beta), *bounds)) + 1e-9
        print(json.dumps({"p": p.tolist(), "positive": "".join(map(str, y)), "slope": slope, "intercept": intercept,
                          "loss": float(nll(fine)), "inverse": float(np.exp(fine)),
                          "queries": queries.tolist(), "isotonic": iso.predict(queries).tolist()}), file=file)

with open(here / "prior.jsonl", "w") as file:
    for case in range(20):
        n = int(rng.integers(50, 200))
        trained = float(rng.choice([0.5, 0.3]))
        real = float(rng.choice([0.05, 0.2, 0.6]))
        y = rng.random(n) < real
        z = rng.normal(np.where(y, 1, -1), 1.0)  # log-likelihood ratio 2z
        p = expit(2 * z + np.log(trained / (1 - trained))).round(6)

        def loss(share):
            return -np.sum(np.log(p * share / trained + (1 - p) * (1 - share) / (1 - trained)))

        share = minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-13}).x
        share = min([share, 0.0, 1.0], key=loss)
        ratio = np.array([share / trained, (1 - share) / (1 - trained)])
        corrected = p * ratio[0] / (p * ratio[0] + (1 - p) * ratio[1])
        print(json.dumps({"p": p.tolist(), "trained_on": trained, "share": float(share),
                          "corrected": corrected[:5].tolist()}), file=file)

with open(here / "stack.jsonl", "w") as file:
    for case in range(12):
        members, n = int(rng.integers(2, 7)), int(rng.integers(10, 40))
        shrinkage = float(rng.choice([0.5, 3, 10]))
        y = rng.integers(0, 2, n)  # 1 is positive
        skill = rng.normal(0.7, 1, members)
        p = expit(rng.normal(skill[:, None] * (2 * y - 1), 1.0)).round(5)
        trained = rng.random((members, n)) < (0.3 if case % 2 else 0)
        trained[0] = False
        truth = np.maximum(np.where(y == 1, p, 1 - p), 1e-6)
        judge = ~trained

        def loss(theta):
            w = softmax(theta)
            mixture = (w[:, None] * truth * judge).sum(0) / (w[:, None] * judge).sum(0)
            return -np.log(mixture).sum() - shrinkage * np.mean(np.log(members * w))

        best = minimize(loss, np.zeros(members), method="BFGS", options={"gtol": 1e-10})
        print(json.dumps({"p": p.tolist(), "positive": "".join(map(str, y)), "shrinkage": shrinkage,
                          "trained": ["".join(map(str, row.astype(int))) for row in trained],
                          "loss": float(best.fun), "weights": softmax(best.x).tolist()}), file=file)

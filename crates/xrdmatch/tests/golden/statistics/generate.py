"""Writes bootstrap.jsonl: bootstrap replicates of SciPy with the intervals it reads from them.

    python -m pip install -r requirements.txt && python generate.py

The statistic is the sum over groups of (-1)^g times the variance (n - 1), which is skewed, so that
the corrections of BCa matter.
"""

import json
import pathlib

import numpy as np
from scipy.stats import bootstrap

rng = np.random.default_rng(7)


def statistic(*groups, axis=-1):
    return sum((-1) ** number * np.var(group, axis=axis, ddof=1) for number, group in enumerate(groups))


with open(pathlib.Path(__file__).with_name("bootstrap.jsonl"), "w") as file:
    for groups in [1, 2, 3]:
        for level in [0.95, 0.8]:
            data = tuple(rng.exponential(1 + number, 8 + 5 * number).round(3) for number in range(groups))
            found = {}
            for method in ["percentile", "BCa"]:
                result = bootstrap(data, statistic, n_resamples=300, confidence_level=level,
                                   method=method, vectorized=True, random_state=11)
                found[method.lower()] = list(map(float, result.confidence_interval))
            replicates = result.bootstrap_distribution.tolist()
            print(json.dumps({"groups": [group.tolist() for group in data], "level": level,
                              "estimate": float(statistic(*data)), "replicates": replicates, **found}),
                  file=file)

"""How development rows are ranked out of bag: python ranked.py dev.json RUN …

Mean probabilities over the draws that judge a row, then over the runs: AUC of these, and the rows in order with the spread over runs.
"""
import csv
import json
import sys

import numpy as np

draws = json.load(open(sys.argv[1]))
held, found, truth = set(draws["held_out"]), {}, {}
for run, path in enumerate(sys.argv[2:]):
    for draw in draws["experiments"]:
        with open(f"{path}/exp_{draw['experiment']:03}/predictions.csv") as file:
            for row in csv.DictReader(file):
                if row["name"] not in held and row["name"] not in draw["labeled"]:
                    truth[row["name"]] = int(row["truth"])
                    found.setdefault(row["name"], {}).setdefault(run, []).append(float(row["p0"]))
names = sorted(found)
each = np.array([[np.mean(answers) for answers in found[name].values()] for name in names])
mean, conducts = each.mean(1), np.array([truth[name] == 0 for name in names])
pairs = mean[conducts][:, None] - mean[~conducts][None]
print(f"AUC of the means {(pairs > 0).mean() + 0.5 * (pairs == 0).mean():.3f}")
for i in np.argsort(-mean):
    print(f"{mean[i]:.2f} ± {each[i].std():.2f} {'superionic' if conducts[i] else '-':10s} {names[i]}")

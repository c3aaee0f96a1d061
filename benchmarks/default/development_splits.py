"""Draws that choices may be made on: python development_splits.py LBS.csv PAPER_SPLITS.json OUT.json

Only the development rows of the published splits take part (their 19 held-out rows do not). A draw
trains on 10 rows of each class and evaluates on the development rows of which no relative was trained
on: rows of the same set of elements, or with blurred patterns of cosine 0.93 and more, are relatives.
The draws are of another random sequence than the published ones. Standard library only.
"""
import csv
import json
import math
import random
import re
import sys

DRAWS, PER_CLASS, SEED, COSINE = 60, 10, 1, 0.93
POINTS = 4500  # without the last grid point, which gives the label away
SIGMA, STEP = 10, 5  # of the blur, in grid points


def blurred(values):
    profile = [0.0] * (POINTS // STEP)
    for point, value in values:
        for bin in range(max(0, (point - 4 * SIGMA) // STEP), min(len(profile), (point + 4 * SIGMA) // STEP + 1)):
            profile[bin] += value * math.exp(-0.5 * ((bin * STEP - point) / SIGMA) ** 2)
    length = math.sqrt(sum(value * value for value in profile))
    return [value / length for value in profile]


def development(table, published):
    """The development rows, each with the number of its group of relatives, and the names of the held-out rows."""
    with open(published) as file:
        held_out = set(json.load(file)["held_out"])
    with open(table) as file:
        rows = [row for row in list(csv.reader(file))[1:] if row[2] not in held_out]
    systems = [frozenset(re.findall(r"[A-Z][a-z]?", re.sub(r"\([A-Z]{2,}\)|^[a-z]+_", "", row[0]))) for row in rows]
    profiles = [blurred([(i, float(v)) for i, v in enumerate(row[5 : 5 + POINTS]) if float(v) > 0]) for row in rows]
    group = list(range(len(rows)))
    for i in range(len(rows)):
        for j in range(i):
            if systems[i] == systems[j] or sum(a * b for a, b in zip(profiles[i], profiles[j])) >= COSINE:
                old, new = group[i], group[j]
                group = [new if g == old else g for g in group]
    return rows, group, sorted(held_out)


def main(table, published, output):
    rows, group, held_out = development(table, published)
    names = [row[2] for row in rows]
    labels = [int(row[4]) for row in rows]
    rng = random.Random(SEED)
    experiments = []
    for number in range(DRAWS):
        trained = [i for label in (0, 1) for i in rng.sample([i for i in range(len(rows)) if labels[i] == label], PER_CLASS)]
        relatives = {group[i] for i in trained}
        judged = [i for i in range(len(rows)) if group[i] not in relatives]
        experiments.append({"experiment": number, "labeled": [names[i] for i in trained], "evaluation": [names[i] for i in judged]})
    with open(output, "w") as file:
        json.dump({"note": "development draws", "held_out": held_out, "experiments": experiments}, file)
    print(f"{len(rows)} rows in {len(set(group))} groups; {sum(len(e['evaluation']) for e in experiments) / DRAWS:.1f} rows judged per draw")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Draws with few labels and with wrong ones: python few_labels.py LBS.csv PAPER_SPLITS.json OUT_DIR

Development rows only, 60 draws, other ones than `development_splits.py` makes. All draws of a number are nested and
judged on the same rows, those without a relative among the largest training set, so that they can be compared in pairs:

  labels_N.json   N rows of each class, N in COUNTS
  wrong_K.json    ten of each class, of which K of each carry the label of the other class; with doubled.csv

`doubled.csv` is the labelled file with every row twice, the second time under the name `NAME wrong` and with the other
label: training rows that are to be mislabelled are taken from there. Standard library only.
"""
import csv
import json
import os
import random
import sys

from development_splits import development

COUNTS, WRONG, DRAWS, SEED, FEWEST = (3, 5, 7, 10, 13), (0, 1, 2, 3, 4), 60, 2, 3


def main(table, published, output):
    rows, group, held_out = development(table, published)
    os.makedirs(output, exist_ok=True)
    labels = [int(row[4]) for row in rows]
    rng = random.Random(SEED)
    draws = []
    while len(draws) < DRAWS:
        orders = [rng.sample([i for i in range(len(rows)) if labels[i] == label], COUNTS[-1]) for label in (0, 1)]
        relatives = {group[i] for order in orders for i in order}
        judged = [i for i in range(len(rows)) if group[i] not in relatives]
        if sum(labels[i] == 0 for i in judged) >= FEWEST:
            draws.append((orders, judged))

    def write(name, count, wrong=0):
        experiments = []
        for number, (orders, judged) in enumerate(draws):
            taken = [(i, place < wrong) for order in orders for place, i in enumerate(order[:count])]
            labeled = [rows[i][2] + (" wrong" if flipped else "") for i, flipped in taken]
            experiments.append({"experiment": number, "labeled": labeled, "evaluation": [rows[i][2] for i in judged]})
        with open(os.path.join(output, name), "w") as file:
            json.dump({"note": name, "held_out": held_out, "experiments": experiments}, file)

    for count in COUNTS:
        write(f"labels_{count}.json", count)
    for wrong in WRONG:
        write(f"wrong_{wrong}.json", 10, wrong)
    with open(table) as source, open(os.path.join(output, "doubled.csv"), "w", newline="") as target:
        out = csv.writer(target, lineterminator="\n")
        for number, row in enumerate(csv.reader(source)):
            out.writerow(row)
            if number > 0:
                out.writerow(row[:2] + [row[2] + " wrong", row[3], str(1 - int(row[4]))] + row[5:])
    positives = sum(sum(labels[i] == 0 for i in judged) for _, judged in draws) / DRAWS
    print(f"{sum(len(j) for _, j in draws) / DRAWS:.1f} rows judged per draw, {positives:.1f} of them positive")


main(*sys.argv[1:])

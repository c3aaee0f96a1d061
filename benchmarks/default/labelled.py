"""A table with the labels of another by name: python labelled.py LABELS.csv TABLE.csv OUT.csv. Standard library only."""
import csv
import sys

with open(sys.argv[1]) as file:
    labels = {row["name"]: row["label"] for row in csv.DictReader(file)}
with open(sys.argv[2]) as source, open(sys.argv[3], "w", newline="") as target:
    rows, out = csv.reader(source), csv.writer(target, lineterminator="\n")
    header = next(rows)
    name = header.index("name")
    out.writerow(header[: name + 1] + ["label"] + header[name + 1 :])
    for row in rows:
        out.writerow(row[: name + 1] + [labels[row[name]]] + row[name + 1 :])

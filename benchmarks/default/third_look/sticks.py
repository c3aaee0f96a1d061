"""Sticks of the published files, kept as NumPy arrays: python sticks.py LBS.csv ULBS.csv.gz OUT.npz"""
import csv
import gzip
import sys

import numpy as np

POINTS = 4500  # without the last grid point, which gives the label away


def read(path, first):
    heads, rows, indices, values = [], [], [], []
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as file:
        next(file)
        for number, line in enumerate(file):
            cells = line.rstrip("\n").split(",")
            heads.append(cells[:first])
            for index, cell in enumerate(cells[first : first + POINTS]):
                if cell != "0" and float(cell) > 0:
                    rows.append(number), indices.append(index), values.append(float(cell))
    return heads, np.array(rows), np.array(indices), np.array(values, np.float32)


if __name__ == "__main__":
    labeled, unlabeled = read(sys.argv[1], 5), read(sys.argv[2], 3)
    np.savez(
        sys.argv[3],
        names=[head[2] for head in labeled[0]], labels=[int(head[4]) for head in labeled[0]],
        lr=labeled[1], li=labeled[2], lv=labeled[3],
        pool=len(unlabeled[0]), ur=unlabeled[1], ui=unlabeled[2], uv=unlabeled[3],
    )

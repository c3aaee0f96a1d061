"""The draws that `../few_labels.py` made."""
import json

import numpy as np

from lab import place


def drawn(path):
    train, flipped, judged = [], [], []
    for e in json.load(open(path))["experiments"]:
        train.append(np.array([place[n.removesuffix(" wrong")] for n in e["labeled"]]))
        flipped.append(np.array([place[n.removesuffix(" wrong")] for n in e["labeled"] if n.endswith(" wrong")], int))
        judged.append(np.array([place[n] for n in e["evaluation"]]))
    return train, flipped, judged

"""Writes torch.jsonl: the losses of whole traces of steps, computed by PyTorch in float64.

    python -m pip install -r requirements.txt && python generate.py

Losses are `torch.nn.functional.cross_entropy`, gradients are autograd's. The threshold rules are
written here from their definitions with PyTorch tensors: FlexMatch's memory of the whole pool
(Zhang et al. 2021), PaddleScience's running ratios, FixMatch's constant.

Each line is one trace: the `settings` by their names in a settings file, `classes`, `pool`, and
`steps`, each with `labels`, the pool `rows`, `labeled`, `weak` and `strong` logits row by row, and
what PyTorch says: `supervised`, `unsupervised` (without its weight), `mask_rate`, and the gradients
of supervised + weight * unsupervised with respect to the `labeled` and the `strong` logits.
Logits are multiples of 1/64, so that they are exact in any precision.
"""

import json
import math
import pathlib

import numpy as np
import torch
from torch.nn.functional import cross_entropy, softmax

rng = np.random.default_rng(20241123)
torch.set_default_dtype(torch.float64)


def convex(b):
    return b / (2 - b)


def linear(b):
    return b


def concave(b):
    return torch.log(b + 1) / math.log(2)


MAPS = {"convex": convex, "linear": linear, "concave": concave}


class Thresholds:
    """The threshold of each class, and what it is derived from."""

    def __init__(self, settings, classes, pool):
        self.s, self.classes = settings, classes
        self.last = torch.full((pool,), -1)
        self.accepted = torch.zeros(classes)
        self.predicted = torch.zeros(classes)

    def per_class(self):
        cutoff, algorithm = self.s["cutoff"], self.s["algorithm"]
        if algorithm == "fixmatch":
            return torch.full((self.classes,), cutoff)
        if algorithm == "flexmatch":
            counts = torch.bincount(self.last[self.last >= 0], minlength=self.classes)
            most = counts.max()
            if self.s["warmup"]:
                most = torch.maximum(most, (self.last < 0).sum())
            beta = counts / torch.clamp(most, min=1)
        else:
            if self.predicted.sum() == 0:
                return torch.full((self.classes,), cutoff)
            beta = self.accepted / torch.clamp(self.predicted, min=1)
        return cutoff * MAPS[self.s["map"]](beta)

    def judge(self, rows, weak):
        sharpen = self.s["temperature"] if self.s["algorithm"] == "class-ratio" else 1.0
        confidence, label = softmax(weak / sharpen, 1).max(1)
        mask = confidence >= self.per_class()[label]
        sure = confidence >= self.s["cutoff"]
        self.last[rows[sure]] = label[sure]
        self.predicted += torch.bincount(label, minlength=self.classes)
        self.accepted += torch.bincount(label[mask], minlength=self.classes)
        return mask, label


def logits(n, classes, scale):
    return torch.tensor(np.round(64 * scale * rng.standard_normal((n, classes))) / 64)


def trace(number):
    classes = int(rng.integers(2, 5))
    pool = int(rng.integers(12, 60))
    settings = {
        "algorithm": ["flexmatch", "class-ratio", "fixmatch"][number % 3],
        "unlabeled_weight": [1.0, 0.5, 2.5][int(rng.integers(3))],
        "cutoff": [0.95, 0.8, 0.6][int(rng.integers(3))],
        "temperature": [0.5, 1.0, 0.8][int(rng.integers(3))],
        "labels": ["hard", "soft"][int(rng.integers(2))],
        "warmup": bool(rng.integers(2)),
        "map": list(MAPS)[int(rng.integers(3))],
        "class_weights": [[], list(np.round(rng.uniform(0.2, 2, classes), 2))][int(rng.integers(2))],
    }
    weights = torch.tensor(settings["class_weights"] or [1.0] * classes)
    thresholds = Thresholds(settings, classes, pool)
    steps = []
    for _ in range(8):
        b, u = int(rng.integers(1, 5)), int(rng.integers(1, 12))
        rows = torch.tensor(rng.permutation(pool)[:u])
        labels = torch.tensor(rng.integers(0, classes, b))
        labeled = logits(b, classes, 2).requires_grad_()
        weak, strong = logits(u, classes, 3), logits(u, classes, 2).requires_grad_()
        supervised = cross_entropy(labeled, labels, weight=weights, reduction="none").mean()
        mask, pseudo = thresholds.judge(rows, weak)
        if settings["labels"] == "hard":
            losses = cross_entropy(strong, pseudo, weight=weights, reduction="none")
        else:
            target = softmax(weak / settings["temperature"], 1)
            losses = cross_entropy(strong, target, weight=weights, reduction="none")
        unsupervised = (losses * mask).mean()
        (supervised + settings["unlabeled_weight"] * unsupervised).backward()
        flat = lambda tensor: [float(f"{v:.12g}") for v in tensor.detach().flatten().tolist()]
        steps.append({
            "labels": labels.tolist(), "rows": rows.tolist(),
            "labeled": flat(labeled), "weak": flat(weak), "strong": flat(strong),
            "supervised": supervised.item(), "unsupervised": unsupervised.item(),
            "mask_rate": mask.double().mean().item(),
            "labeled_gradient": flat(labeled.grad), "strong_gradient": flat(strong.grad),
        })
    return {"settings": settings, "classes": classes, "pool": pool, "steps": steps}


with open(pathlib.Path(__file__).with_name("torch.jsonl"), "w") as out:
    out.write(json.dumps({"torch": torch.__version__, "numpy": np.__version__}) + "\n")
    for number in range(45):
        out.write(json.dumps(trace(number)) + "\n")

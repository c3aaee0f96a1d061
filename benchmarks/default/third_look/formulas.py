"""Formulas to numbers and shares of atoms."""
import gzip
import re

import numpy as np


def compositions(path):
    """Of every row of the pool: shares of atoms of the elements that 20 formulas have, and of the rest; its set of elements."""
    with gzip.open(path, "rt") as file:
        next(file)
        parsed = [parse(line.split(",", 1)[0]) for line in file]
    counts = {}
    for c in parsed:
        for e in c:
            counts[e] = counts.get(e, 0) + 1
    elements = sorted(e for e in counts if counts[e] >= 20)
    target = np.zeros((len(parsed), len(elements) + 1), np.float32)
    for i, c in enumerate(parsed):
        for e, n in c.items():
            target[i, elements.index(e) if e in elements else -1] += n / sum(c.values())
    return target, [frozenset(c) for c in parsed]


def parse(formula):
    return group(formula, 0)[0]


def group(text, at):
    found = {}
    while at < len(text):
        if text[at] in "([":
            part, at = group(text, at + 1)
        elif text[at] in ")]":
            return found, at + 1
        else:
            element = re.match(r"[A-Z][a-z]?", text[at:])
            if not element:
                at += 1
                continue
            part, at = {element.group(): 1.0}, at + element.end()
        number = re.match(r"\d*\.?\d+", text[at:])
        if number:
            at += number.end()
        for symbol, count in part.items():
            found[symbol] = found.get(symbol, 0) + count * float(number.group() if number else 1)
    return found, at

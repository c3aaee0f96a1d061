"""Patterns held side by side with the lattice free to grow: spectra on ln sin θ, where that is a shift.

As a script: python aligned.py ULBS_META.csv.gz. How often the most alike pattern of the pool has the judged row's own
formula, for rows whose formula is there; then logistic regression on the similarity among labelled rows alone, by the
width of the blur and the largest strain (both as parts of a spacing).
"""
import csv
import gzip
import sys

import numpy as np

from lab import data, judged, logistic, names, sigmoid, y

STEP, FIRST, LAST = 0.002, np.log(np.sin(np.radians(1.9))), np.log(np.sin(np.radians(45)))


def spectra(which, blur, power=0.5):
    """Of the labelled rows ("l") or the pool ("u"): blurred, the root, of unit length."""
    rows, places, values = (data[which + part] for part in "riv")
    count = len(y) if which == "l" else int(data["pool"])
    bins = int((LAST - FIRST) / STEP)
    at = np.round((np.log(np.sin(np.radians(np.maximum(places, 1) * 0.01))) - FIRST) / STEP).astype(int)
    seen = (at >= 0) & (at < bins)
    out = np.zeros((count, bins), np.float32)
    np.add.at(out, (rows[seen], at[seen]), values[seen])
    reach = int(4 * blur / STEP)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * STEP / blur) ** 2)
    size = 1 << int(np.ceil(np.log2(bins + 2 * reach)))
    kernel = np.fft.rfft(kernel, size)
    for first in range(0, count, 1000):
        part = np.fft.rfft(out[first : first + 1000], size) * kernel
        out[first : first + 1000] = np.fft.irfft(part, size)[:, reach : reach + bins]
    out = np.maximum(out, 0) ** power
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def shifted(x, by):
    out = np.zeros_like(x)
    if by > 0:
        out[:, by:] = x[:, :-by]
    elif by < 0:
        out[:, :by] = x[:, -by:]
    else:
        out[:] = x
    return out


def alike(a, b, strain, stride=1):
    """The largest cosine of each row of `a` with each of `b` when that one is strained by up to `strain`."""
    best = np.full((len(a), len(b)), -1, np.float32)
    reach = int(strain / STEP)
    for by in range(-reach, reach + 1, stride):
        np.maximum(best, a @ shifted(b, by).T, out=best)
    return best


def owned(path):
    """Which rows of the pool have the formula of which judged row, and the pool's records."""
    with gzip.open(path, "rt") as file:
        meta = list(csv.DictReader(file))
    return np.array([[names[i] in map(str.strip, row["lbs_names"].split(";")) for row in meta] for i in judged]), meta


if __name__ == "__main__":
    from scores import measures, weights

    own, _ = owned(sys.argv[1])
    there = own.any(1)
    print(f"{there.sum()} of {len(judged)} judged rows have their formula in the pool; first, among the first five:")
    for blur in (0.002, 0.004, 0.008, 0.015):
        l, u = spectra("l", blur)[judged], spectra("u", blur)
        for strain in (0, 0.02, 0.05):
            order = np.argsort(-alike(l, u, strain), axis=1)[there]
            hits = np.take_along_axis(own[there], order, 1)
            print(f"| {blur} | {strain} | {hits[:, 0].mean():.2f} | {hits[:, :5].any(1).mean():.2f} |", flush=True)
    print("logistic regression on similarities, prior variance 3: AUC, macro-F1, out of bag")
    for blur in (0.004, 0.01, 0.02, 0.04):
        l = spectra("l", blur)
        for strain in (0, 0.03, 0.06, 0.1):
            k = alike(l, l, strain)
            k = np.maximum(k, k.T).astype(float)
            k += k.mean() - k.mean(0) - k.mean(1)[:, None]
            values, vectors = np.linalg.eigh(k)
            x = vectors * np.sqrt(np.maximum(values, 0))
            m = measures([sigmoid(logistic(x, 3))], weights[:1])[0, :4]
            print(f"| {blur} | {strain} | " + " | ".join(f"{v:.3f}" for v in m) + " |", flush=True)

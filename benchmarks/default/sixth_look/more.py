"""Seven more numbers of structures: python more.py ULBS_structures.jsonl.gz more.npz

Distance and coordination among anions, coordination among Li, the width of the straight way to the next Li (its middle's or ends' least
distance from an anion), the distance of Li to the next cation, the spread of Li-anion distances, and the volume for each atom but Li;
logarithms of distances and of the volume.
"""
import gzip
import json
import sys

import numpy as np

from mobility import CUT, anions_of, reduced

MOST = 24  # sites of a kind that are looked at


def cells(lattice):
    reach = np.ceil(CUT * np.linalg.norm(np.linalg.inv(lattice), axis=0)).astype(int)
    return np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), -1).reshape(-1, 3)


def vectors(lattice, frac, i, others, images):
    """From site i to the images of `others` within reach, and their lengths."""
    d = frac[others] - frac[i]
    d -= np.round(d)
    v = (d[:, None] + images).reshape(-1, 3) @ lattice
    r = np.linalg.norm(v, axis=1)
    near = (r > 0.3) & (r < CUT)
    return v[near], r[near]


def describe(lattice, species, frac):
    (lattice, frac), names = reduced(np.array(lattice), np.array(frac)), np.array(species)
    anion, images, out = anions_of(list(species), lattice, frac), cells(lattice), [[] for _ in range(7)]
    ions, anions, cations = (np.flatnonzero(kind) for kind in (names == "Li", anion, ~anion & (names != "Li")))
    for i in anions[:MOST]:
        _, r = vectors(lattice, frac, i, anions, images)
        if len(r):
            out[0].append(np.log(r.min()))
            out[1].append((r < 1.2 * r.min()).sum())
    for i in ions[:MOST]:
        v, r = vectors(lattice, frac, i, ions, images)
        w, q = vectors(lattice, frac, i, anions, images)
        if len(r):
            out[2].append((r < 1.3 * r.min()).sum())
        if len(r) and len(q):
            jumps = v[r < 1.3 * r.min()][:12]
            along = np.clip((w[None] @ jumps[:, :, None])[..., 0] / (jumps**2).sum(1)[:, None], 0, 1)
            apart = np.linalg.norm(w[None] - along[..., None] * jumps[:, None], axis=-1)
            out[3].append(np.log(apart.min(1).max().clip(0.3)))
        _, r = vectors(lattice, frac, i, cations, images)
        if len(r):
            out[4].append(np.log(r.min()))
        if len(q):
            shell = q[q < 1.3 * q.min()]
            out[5].append(shell.std() / shell.mean())
    if len(names) > len(ions):
        out[6].append(np.log(abs(np.linalg.det(lattice)) / (len(names) - len(ions))))
    return [np.mean(each) if each else np.nan for each in out]


if __name__ == "__main__":
    with gzip.open(sys.argv[1], "rt") as lines:
        rows = [describe(s["lattice"], s["species"], s["frac"]) for s in map(json.loads, lines)]
    np.savez(sys.argv[2], values=np.array(rows))

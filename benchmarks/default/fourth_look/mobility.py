"""How mobile Li would be in the structures of the pool: python mobility.py ULBS_STRUCTURES.jsonl.gz mobility.npz

Two minutes of one core. All numbers are of a rigid framework without Li, on a grid of 0.3 Å.

- Room (needs an anion): the radius of the largest sphere that passes through the framework in one and in three
  dimensions, where a framework atom is a hard sphere of its ionic radius; the radius of the largest sphere anywhere; the
  free shares of the volume.
- Energy (needs an anion of O, S, Se, Te, F, Cl, Br, I, N, and none of H, P, As): a bond-valence site energy, a Morse
  attraction by anions and a screened Coulomb repulsion by cations; the energy above its minimum at which the low region
  passes through the crystal in one and in three dimensions; the share of the volume below 0.5 and 1 eV; energy and bond
  valence at the Li sites.
- Simple (needs no grid, but the Li–anion numbers need an anion).

An atom of ANIONS is an anion unless it is bonded to a more electronegative atom of ELECTRONEGATIVITY. Cations have their
commonest charge, scaled until the crystal is neutral. Left out: oxidation states as they are, Li–Li repulsion, relaxation,
partial occupancy.
"""
import gzip
import json
import sys

import numpy as np
from scipy.ndimage import label
from scipy.special import erfc

STEP, CUT, RADIAL = 0.3, 5.0, 100
# Charge and ionic radius (R. D. Shannon, Acta Cryst. A 32 (1976) 751, six neighbours; hydride, P and As estimated).
ANIONS = dict(H=(-1, 1.40), N=(-3, 1.46), O=(-2, 1.40), F=(-1, 1.33), P=(-3, 2.12), S=(-2, 1.84), Cl=(-1, 1.81),
              As=(-3, 2.22), Se=(-2, 1.98), Br=(-1, 1.96), Te=(-2, 2.21), I=(-1, 2.20))
# L. Pauling's electronegativities, and single-bond radii of B. Cordero et al., Dalton Trans. (2008) 2832.
ELECTRONEGATIVITY = dict(F=(3.98, 0.57), O=(3.44, 0.66), Cl=(3.16, 1.02), N=(3.04, 0.71), Br=(2.96, 1.20), I=(2.66, 1.39),
                         S=(2.58, 1.05), Se=(2.551, 1.20), C=(2.55, 0.76), H=(2.20, 0.31), P=(2.19, 1.07), As=(2.18, 1.19),
                         Te=(2.10, 1.38))
BONDED = 1.15  # of the sum of single-bond radii
# Li+ to an anion: distance of the minimum (Å), inverse softness (1/Å), depth (eV), distance of unit valence (Å); H. Chen,
# S. Adams, IUCrJ 4 (2017) 614, as tabulated in BVlain 0.25.
MORSE = dict(N=(2.132557, 1.569859, 2.054953, 1.1543), O=(1.940013, 1.937984, 0.98816, 1.17096),
             F=(1.87265, 1.968504, 0.49611, 1.08674), S=(2.40971, 1.531394, 1.04027, 1.46652),
             Cl=(2.39647, 1.577287, 0.49302, 1.39892), Se=(2.68386, 1.461988, 0.8875, 1.62021),
             Br=(2.58255, 1.481481, 0.4491, 1.51288), Te=(2.73313, 1.371742, 0.88544, 1.71028),
             I=(2.78807, 1.360544, 0.44117, 1.64829))
# Element, commonest charge, ionic radius (Shannon, six neighbours where listed), covalent radius (H. Chen, L. L. Wong,
# S. Adams, Acta Cryst. B 75 (2019) 18; 1.7 where none is given).
CATIONS = """H 1 0.1 0.37; Be 2 0.45 0.91; B 3 0.27 0.71; C 4 0.16 0.77; N 5 0.13 0.74; O 1 0.6 0.74; Na 1 1.02 1.66; Mg 2 0.72 1.36;
Al 3 0.535 1.11; Si 4 0.4 1.17; P 5 0.38 1.1; S 6 0.29 1.04; Cl 7 0.27 0.99; K 1 1.38 2.06; Ca 2 1 1.66; Sc 3 0.745 1.46; Ti 4 0.605 1.26;
V 4 0.58 1.21; Cr 3 0.615 1.21; Mn 3 0.645 1.26; Fe 3 0.55 1.26; Co 3 0.61 1.21; Ni 2 0.69 1.21; Cu 2 0.73 1.21; Zn 2 0.74 1.21;
Ga 3 0.62 1.16; Ge 4 0.53 1.22; As 5 0.46 1.21; Se 6 0.42 1.17; Br 5 0.31 1.14; Rb 1 1.52 2.21; Sr 2 1.18 1.86; Y 3 0.9 1.66; Zr 4 0.72 1.41;
Nb 5 0.64 1.31; Mo 6 0.59 1.31; Tc 4 0.645 1.21; Ru 4 0.62 1.16; Rh 3 0.665 1.21; Pd 2 0.86 1.26; Ag 1 1.15 1.46; Cd 2 0.95 1.41; In 3 0.8 1.41;
Sn 4 0.69 1.4; Sb 5 0.6 1.41; Te 6 0.56 1.37; I 5 0.95 1.33; Xe 6 0.48 1.3; Cs 1 1.67 2.46; Ba 2 1.35 2.01; La 3 1.032 1.81; Ce 3 1.01 1.71;
Pr 3 0.99 1.71; Nd 3 0.983 1.71; Pm 3 0.97 1.7; Sm 3 0.958 1.71; Eu 3 0.947 1.71; Gd 3 0.938 1.66; Tb 3 0.923 1.61; Dy 3 0.912 1.61;
Ho 3 0.901 1.61; Er 3 0.89 1.61; Tm 3 0.88 1.61; Yb 3 0.868 1.61; Lu 3 0.861 1.61; Hf 4 0.71 1.41; Ta 5 0.64 1.31; W 6 0.6 1.21; Re 5 0.58 1.21;
Os 4 0.63 1.16; Ir 4 0.625 1.21; Pt 4 0.625 1.21; Au 1 1.37 1.21; Hg 2 1.02 1.36; Tl 1 1.5 1.76; Pb 2 1.19 1.66; Bi 3 1.03 1.46; Ac 3 1.12 1.7;
Th 4 0.94 1.66; Pa 5 0.78 1.7; U 5 0.76 1.61; Np 5 0.75 1.7; Pu 4 0.86 1.7"""
CATIONS = {e: (float(q), float(r), float(c)) for e, q, r, c in (part.split() for part in CATIONS.split(";"))}
PERIODS = [2, 10, 18, 36, 54, 86, 118]
ORDER = ("H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc "
         "Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb "
         "Bi Po At Rn Fr Ra Ac Th Pa U Np Pu").split()
PERIOD = {e: next(n + 1 for n, last in enumerate(PERIODS) if z < last) for z, e in enumerate(ORDER)}
LI_COVALENT, SCREENING = 1.31, 0.74
RADII = np.maximum(np.arange(40 * RADIAL) / RADIAL, 0.3)

ROOM = ["passing radius 1D", "passing radius 3D", "largest radius", "free share 0.6", "free share 0.9", "log free volume per Li"]
ENERGY = ["barrier 1D", "barrier 3D", "share below 0.5 eV", "share below 1 eV", "energy at Li", "energy spread at Li", "valence at Li", "valence mismatch at Li"]
SIMPLE = ["log Li-Li distance", "Li coordination", "log Li-anion distance", "log volume per anion", "log volume per Li", "log Li per cell", "log volume per atom", "has an anion"]


def morse(symbol):
    least, alpha, depth, _ = MORSE[symbol]
    return depth * ((np.exp(alpha * (least - RADII)) - 1) ** 2 - 1) / 2


def repulsion(symbol, charge):
    _, _, covalent = CATIONS[symbol]
    return 14.4 * charge / (2 * PERIOD[symbol]) ** 0.5 / RADII * erfc(RADII / SCREENING / (LI_COVALENT + covalent))


def neighbours(lattice, frac, rows, others):
    """Distances (row, other, image) with the images that reach CUT."""
    reach = np.ceil(CUT * np.linalg.norm(np.linalg.inv(lattice), axis=0)).astype(int)
    images = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), -1).reshape(-1, 3)
    d = frac[others][None] - frac[rows][:, None]
    d -= np.round(d)
    d = np.linalg.norm((d[:, :, None] + images).astype(np.float32) @ lattice.astype(np.float32), axis=-1)
    return np.where(d < 1e-3, np.inf, d)


def anions_of(species, lattice, frac):
    candidates = np.array([i for i, e in enumerate(species) if e in ELECTRONEGATIVITY])
    found = np.zeros(len(species), bool)
    if not len(candidates):
        return found
    strength, radius = np.array([ELECTRONEGATIVITY[species[i]] for i in candidates]).T
    near = neighbours(lattice, frac, candidates, candidates).min(-1)
    bonded = near < BONDED * (radius[:, None] + radius)
    is_cation = (bonded & (strength[None] > strength[:, None])).any(1)
    found[candidates] = [e in ANIONS for e in np.array(species)[candidates]]
    found[candidates[is_cation]] = False
    return found


def fold(extended, n, margin, way):
    for axis in range(3):
        extended = np.moveaxis(extended, axis, 0)
        out = None
        for first in range(-(-margin // n[axis]) * -n[axis], extended.shape[0] - margin, n[axis]):
            lo, hi = max(first + margin, 0), min(first + margin + n[axis], extended.shape[0])
            part = np.full((n[axis], *extended.shape[1:]), 0 if way is np.add else np.inf, np.float32)
            part[lo - first - margin : hi - first - margin] = extended[lo:hi]
            out = part if out is None else way(out, part)
        extended = np.moveaxis(out, 0, axis)
    return extended


def fields(lattice, frac, tables, radii):
    """On the grid: the distance to the nearest surface, and the sum of the tables; one per atom given."""
    n = np.maximum(np.ceil(np.linalg.norm(lattice, axis=1) / STEP).astype(int), 4)
    metric = (lattice @ lattice.T) / np.outer(n, n)
    # A box is as wide as the cut needs in every direction, skewed cells included.
    half = np.ceil(CUT * np.linalg.norm(np.linalg.inv(lattice), axis=0) * n).astype(int)
    margin = int(half.max())
    room = np.full(n + 2 * margin + 2, np.inf, np.float32)
    energy = np.zeros(n + 2 * margin + 2, np.float32)
    for at, table, radius in zip(frac % 1.0, tables, radii):
        base = np.minimum((at * n).astype(int), n - 1)
        a, b, c = [(np.arange(-h, h + 2) - (x * k - i)).astype(np.float32) for h, x, k, i in zip(half, at, n, base)]
        g = metric.astype(np.float32)
        plane = g[0, 0] * a[:, None] ** 2 + 2 * g[0, 1] * a[:, None] * b + g[1, 1] * b**2
        slope = 2 * (g[0, 2] * a[:, None] + g[1, 2] * b)
        d = slope[:, :, None] * c
        d += plane[:, :, None]
        d += g[2, 2] * c**2
        np.sqrt(np.maximum(d, 0, out=d), out=d)
        place = tuple(slice(i + margin - h, i + margin + h + 2) for i, h in zip(base, half))
        if table is not None:
            energy[place] += table[np.minimum((d * RADIAL + 0.5).astype(np.int32), len(table) - 1)]
        d -= radius
        np.minimum(room[place], d, out=room[place])
    return fold(room, n, margin, np.minimum), fold(energy, n, margin, np.add)


def dimensions(free):
    """In how many dimensions a region of a periodic grid passes through the crystal (neighbours share a face)."""
    labels, count = label(free)
    if not count:
        return 0
    edges = [[] for _ in range(count + 1)]
    for axis in range(3):
        last, first = np.take(labels, -1, axis).ravel().astype(np.int64), np.take(labels, 0, axis).ravel()
        both = (last > 0) & (first > 0)
        step = np.eye(3, dtype=int)[axis]
        for pair in np.unique(last[both] * (count + 1) + first[both]):
            p, q = divmod(int(pair), count + 1)
            edges[p].append((q, step))
            edges[q].append((p, -step))
    offset, best = {}, 0
    for start in range(1, count + 1):
        if start in offset or not edges[start]:
            continue
        offset[start], todo, loops = np.zeros(3, int), [start], []
        while todo:
            p = todo.pop()
            for q, step in edges[p]:
                there = offset[p] + step
                if q not in offset:
                    offset[q] = there
                    todo.append(q)
                elif (there != offset[q]).any():
                    loops.append(there - offset[q])
        if loops:
            best = max(best, np.linalg.matrix_rank(np.array(loops)))
    return best


def passing(field, levels):
    """The first of `levels` (growing) at which {field <= level} passes in one, and in three dimensions; else the last."""
    known = {}

    def at(k):
        if k not in known:
            known[k] = dimensions(field <= levels[k])
        return known[k]

    out = []
    for wanted in (1, 3):
        lo, hi = 0, len(levels) - 1
        while lo < hi:
            middle = (lo + hi) // 2
            if at(middle) >= wanted:
                hi = middle
            else:
                lo = middle + 1
        out.append(levels[lo])
    return out


def reduced(lattice, frac):
    """The same crystal in a compact cell: each vector less multiples of the others while that shortens it."""
    compact, changed = lattice.copy(), True
    while changed:
        changed = False
        for i in range(3):
            for j in range(3):
                k = np.round(compact[i] @ compact[j] / (compact[j] @ compact[j])) if i != j else 0
                shorter = compact[i] - k * compact[j]
                if shorter @ shorter < compact[i] @ compact[i] - 1e-6:
                    compact[i], changed = shorter, True
    return compact, (frac @ lattice) @ np.linalg.inv(compact) % 1.0


def describe(lattice, species, frac):
    (lattice, frac), names = reduced(np.array(lattice), np.array(frac)), np.array(species)
    volume, anion, li = abs(np.linalg.det(lattice)), anions_of(species, lattice, frac), names == "Li"
    frame, sites = np.flatnonzero(~li), np.flatnonzero(li)
    room, energy, simple = [np.full(len(k), np.nan) for k in (ROOM, ENERGY, SIMPLE)]
    near = np.minimum(neighbours(lattice, frac, sites, sites).min((1, 2)), CUT)
    simple[[0, 4, 5, 6, 7]] = np.log(near).mean(), np.log(volume / len(sites)), np.log(len(sites)), np.log(volume / len(names)), anion.any()
    if not anion.any():
        return room, energy, simple
    spread = neighbours(lattice, frac, sites, np.flatnonzero(anion)).reshape(len(sites), -1)
    shortest = spread.min(1, keepdims=True)
    close = spread < 1.3 * shortest
    simple[1], simple[2] = close.sum(1).mean(), np.log((np.where(close, spread, 0).sum(1) / close.sum(1)).clip(1, CUT)).mean()
    simple[3] = np.log(volume / anion.sum())
    known = all(names[i] in MORSE for i in np.flatnonzero(anion))
    given = sum(ANIONS[names[i]][0] for i in np.flatnonzero(anion)) + len(sites)
    taken = sum(CATIONS[names[i]][0] for i in frame if not anion[i])
    scale = np.clip(-given / taken, 0.3, 2.0) if taken else 1.0
    kinds = {}
    for i in frame:
        key = names[i], anion[i]
        if key not in kinds:
            table = None
            if known:
                table = (morse(names[i]) if anion[i] else repulsion(names[i], CATIONS[names[i]][0] * scale)).astype(np.float32)
            kinds[key] = table, (ANIONS[names[i]][1] if anion[i] else CATIONS[names[i]][1])
    tables, radii = zip(*[kinds[names[i], anion[i]] for i in frame])
    distance, landscape = fields(lattice, frac[frame], tables, radii)
    one, three = passing(-distance, np.arange(-2.6, 0.001, 0.02))
    free = [(distance >= r).mean() for r in (0.6, 0.9)]
    room[:] = -one, -three, min(distance.max(), 4.0), *free, np.log(1e-2 + free[0] * volume / len(sites))
    if not known:
        return room, energy, simple
    to = np.minimum(neighbours(lattice, frac, sites, frame), 39)
    at_sites, valence = np.zeros(len(sites)), np.zeros(len(sites))
    for j, i in enumerate(frame):
        at_sites += tables[j][(to[:, j] * RADIAL).astype(int)].sum(1)
        if anion[i]:
            _, alpha, _, unit = MORSE[names[i]]
            valence += np.exp(alpha * (unit - to[:, j])).sum(1)
    least = min(float(landscape.min()), at_sites.min())
    one, three = passing(landscape, least + np.arange(0.0, 6.4, 0.05))
    energy[:] = one - least, three - least, *[(landscape < least + e).mean() for e in (0.5, 1.0)], at_sites.mean(), at_sites.std(), valence.mean(), np.abs(valence - 1).mean()
    return room, energy, simple


if __name__ == "__main__":
    rows = []
    with gzip.open(sys.argv[1], "rt") as file:
        for line in file:
            s = json.loads(line)
            rows.append(describe(s["lattice"], s["species"], s["frac"]))
            if len(rows) % 1000 == 0:
                print(len(rows), flush=True)
    room, energy, simple = [np.array(part, np.float32) for part in zip(*rows)]
    np.savez(sys.argv[2], room=room, energy=energy, simple=simple)

"""Check compounds.toml against independent programs.

For every compound: multiplicities, composition, space group found by spglib, density, shortest distances between
sites that can be occupied together, and that the fractional coordinates sit on their Wyckoff positions.
With a directory that holds `ulbs_structures.jsonl.gz` (Materials Project) as argument, ordered compounds are also
matched to the entries of the same formula there, as an independent witness; nothing is taken from it.

Written for Python 3.11, pymatgen 2026.10.24, spglib 2.8.0, numpy 2.4.6:

    python check.py [directory]
"""

import gzip
import json
import pathlib
import re
import sys
import tomllib
import warnings

import numpy as np
import spglib
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Lattice, Structure

warnings.filterwarnings("ignore")
# Shortest distance accepted between fully occupied sites, by pair: bonds to H, oxo-anions, everything else.
SHORTEST = {"H": 0.8, "B": 1.2, "C": 1.2, "P": 1.45, "other": 1.55}


def standard_hall_number(number):
    """Origin choice 2, hexagonal axes, unique axis b with cell choice 1."""
    for hall in range(1, 531):
        kind = spglib.get_spacegroup_type(hall)
        if kind.number == number and kind.choice in ("", "2", "H", "b", "b1"):
            return hall
    raise KeyError(number)


def lattice(number, cell):
    a, b, c = cell["a"], cell.get("b", cell["a"]), cell.get("c", cell["a"])
    gamma = 120 if 143 <= number <= 194 else 90
    return Lattice.from_parameters(a, b, c, 90, cell.get("beta", 90), gamma)


def atoms(text):
    parts = [part.split() for part in text.split(",")]
    return {part[0]: float(part[1]) if len(part) > 1 else 1.0 for part in parts}


def expand(compound):
    symmetry = spglib.get_symmetry_from_database(standard_hall_number(compound["space_group"]))
    species, points, problems = [], [], []
    for site in compound["sites"]:
        images = []
        for rotation, translation in zip(symmetry["rotations"], symmetry["translations"]):
            point = (rotation @ np.array(site["at"], float) + translation) % 1
            if not any(np.linalg.norm((point - other + 0.5) % 1 - 0.5) < 1e-3 for other in images):
                images.append(point)
        if len(images) != int(site["wyckoff"][:-1]):
            problems.append(f"{site['wyckoff']} has {len(images)} images")
        species += [atoms(site["atoms"])] * len(images)
        points += images
    cell = lattice(compound["space_group"], compound["cell"])
    return Structure(cell, species, points), problems


def short_contacts(structure):
    """Distances below the limit between sites whose occupancies exclude 'either one or the other'."""
    occupancy = [sum(site.species.values()) for site in structure]
    distance = structure.distance_matrix + 99 * np.eye(len(structure))
    found = set()
    for i, j in zip(*np.where(distance < 1.55)):
        pair = sorted((structure[i].species.reduced_formula, structure[j].species.reduced_formula))
        elements = {str(e) for k in (i, j) for e in structure[k].species}
        limit = min([SHORTEST[e] for e in elements if e in SHORTEST] or [SHORTEST["other"]])
        if i < j and distance[i, j] < limit and occupancy[i] + occupancy[j] > 1.35:
            found.add(f"{'-'.join(pair)} {distance[i, j]:.2f}")
    return sorted(found)


def main():
    here = pathlib.Path(__file__).parent
    compounds = tomllib.loads((here / "compounds.toml").read_text())["compound"]
    witnesses = {}
    if len(sys.argv) > 1:
        for line in gzip.open(pathlib.Path(sys.argv[1]) / "ulbs_structures.jsonl.gz"):
            entry = json.loads(line)
            witnesses.setdefault(Composition(entry["formula"]).reduced_formula, []).append(entry)
    failures = 0
    for compound in compounds:
        structure, problems = expand(compound)
        want = Composition(re.sub(r"\s", "", compound["formula"]))
        units = structure.composition.num_atoms / want.num_atoms
        deviation = max(abs(structure.composition[e] / units - want[e]) for e in set(structure.composition) | set(want))
        if deviation > 2e-3 or abs(units - round(units)) > 0.01 and compound["space_group"] not in (225, 227):
            problems.append(f"composition off by {deviation:.4f}, Z = {units:.3f}")
        kinds = {}
        numbers = [kinds.setdefault(str(site.species), len(kinds) + 1) for site in structure]
        found = spglib.get_symmetry_dataset((structure.lattice.matrix, structure.frac_coords, numbers), 1e-3).number
        if found != compound["space_group"]:
            problems.append(f"spglib finds space group {found}")
        problems += short_contacts(structure)
        witness = ""
        if structure.is_ordered:
            best = None
            for entry in witnesses.get(want.reduced_formula, []):
                other = Structure(entry["lattice"], entry["species"], entry["frac"])
                matcher = StructureMatcher(ltol=0.25, stol=0.4, angle_tol=6, primitive_cell=True, scale=True)
                rms = matcher.get_rms_dist(structure, other)
                if rms and (best is None or rms[0] < best[0]):
                    best = (rms[0] * (structure.volume / len(structure)) ** (1 / 3), entry["id"])
            witness = f"{best[1]} rms {best[0]:.3f} Å" if best else "no witness"
        failures += bool(problems)
        print(f"{compound['id']:18s} Z {units:6.3f}  sg {found:3d}  density {structure.density:6.3f} g/cm³  {witness:28s} {'; '.join(problems) or 'ok'}")
    print(f"{len(compounds)} compounds, {failures} with problems")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())

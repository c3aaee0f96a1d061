"""Another task on other data: python elsewhere.py STRUCTURES.jsonl.gz META.csv.gz OUT_DIR

Structures with a known space group, told apart by their pattern. Writes
  labelled.jsonl, pool.jsonl   2,500 structures drawn at random, and all others
  pool_100.jsonl, …            of the pool, its first hundred and so on; beyond its end its structures again, every
                               lattice stretched by up to 3 % in each direction
  two.csv, three.csv           name and label: cubic or not; cubic, one axis of higher order, or neither
Standard library only.
"""
import csv
import gzip
import json
import os
import random
import sys

LABELLED, SIZES, STRETCH, SEED = 2500, (100, 1000, 100_000), 0.03, 0


def main(structures, meta, output):
    os.makedirs(output, exist_ok=True)
    with gzip.open(structures, "rt") as file:
        lines = file.read().splitlines()
    with gzip.open(meta, "rt") as file:
        groups = {row["name"]: int(row["spacegroup_number"]) for row in csv.DictReader(file)}
    rng = random.Random(SEED)
    rng.shuffle(lines)
    labelled, pool = lines[:LABELLED], lines[LABELLED:]

    def write(name, lines):
        with open(os.path.join(output, name), "w") as file:
            file.writelines(line + "\n" for line in lines)

    def pooled(count):
        for number in range(count):
            line = pool[number % len(pool)]
            if number >= len(pool):
                crystal = json.loads(line)
                stretch = [1 + rng.uniform(-STRETCH, STRETCH) for _ in range(3)]
                crystal["lattice"] = [[x * s for x, s in zip(axis, stretch)] for axis in crystal["lattice"]]
                crystal["id"] += f" {number // len(pool)}"
                line = json.dumps(crystal)
            yield line

    write("labelled.jsonl", labelled)
    write("pool.jsonl", pool)
    for size in SIZES:
        write(f"pool_{size}.jsonl", pooled(size))
    for name, classes in (("two.csv", (195,)), ("three.csv", (195, 75))):
        with open(os.path.join(output, name), "w") as file:
            file.write("name,label\n")
            for line in labelled:
                group = groups[json.loads(line)["id"]]
                label = next((i for i, first in enumerate(classes) if group >= first), len(classes))
                file.write(f"{json.loads(line)['id']},{label}\n")


main(*sys.argv[1:])

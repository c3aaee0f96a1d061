"""Times CIF to sticks beside pymatgen and xrd-rust: same files, one core, interleaved.

    pip install pymatgen==2026.10.24 xrd-rust==0.3.5
    cargo bench -p diffraction --bench simulate --no-run    # prints the program's path
    python compare_simulate.py PROGRAM CIF_DIRECTORY
"""

import glob
import os
import statistics
import subprocess
import sys
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["RAYON_NUM_THREADS"] = "1"
warnings.filterwarnings("ignore")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

from pymatgen.analysis.diffraction.xrd import XRDCalculator
from pymatgen.io.cif import CifParser
from xrd_rust_calculator import XRDCalculatorRust

program, directory = sys.argv[1:3]
ours = subprocess.Popen(
    [program, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
)
plain, rust = XRDCalculator("CuKa"), XRDCalculatorRust("CuKa", parallel=False)


def clock(work, repetitions=3):
    times = []
    for _ in range(repetitions):
        begun = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times), result


rows = []
for path in sorted(glob.glob(os.path.join(directory, "*.cif"))):
    parse, structures = clock(lambda: CifParser(path).parse_structures(primitive=False))
    pattern, _ = clock(lambda: plain.get_pattern(structures[0]))
    accelerated, _ = clock(lambda: rust.get_pattern(structures[0]))
    ours.stdin.write(path + "\n")
    ours.stdin.flush()
    whole, sticks = (float(word) for word in ours.stdout.readline().split())
    rows.append((parse + pattern, pattern, accelerated, whole, sticks))

column = lambda i: [row[i] for row in rows]
ratio = lambda i, j: [row[i] / row[j] for row in rows]
quantiles = lambda values: "median {:.1f}, least {:.1f}".format(statistics.median(values), min(values))
print(f"{len(rows)} files; medians in ms:")
print("  pymatgen CIF to sticks {:.3f}, pattern {:.3f}; xrd-rust pattern {:.3f}; ours CIF to sticks {:.4f}, pattern {:.4f}".format(
    *(1e3 * statistics.median(column(i)) for i in range(5))))
print("  CIF to sticks, pymatgen / ours:", quantiles(ratio(0, 3)))
print("  pattern, pymatgen / ours:", quantiles(ratio(1, 4)))
print("  pattern, xrd-rust / ours:", quantiles(ratio(2, 4)))

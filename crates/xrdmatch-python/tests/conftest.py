import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import xrdmatch

# Few steps on small patterns: enough to learn two kinds of peaks, in a fraction of a second.
SETTINGS = {
    "pretrain.batch": 8,
    "pretrain.epochs": 2,
    "pretrain.hidden": [12, 6],
    "training.epochs": 4,
    "batch.labeled": 8,
    "batch.unlabeled": 8,
    # Both kinds are equally frequent; `default` takes one pattern in five to be a conductor.
    "objective.positive_share": 0.5,
    "augmentation.weak_shift_min": 0,
    "augmentation.weak_shift_max": 0,
}
GRID = (10.0, 0.1)
SALT = """data_NaCl
_cell_length_a 5.6402
_cell_length_b 5.6402
_cell_length_c 5.6402
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 0 0 0
Cl1 0.5 0.5 0.5
"""


def patterns(rows: int, points: int = 201, seed: int = 0):
    """Two kinds of patterns whose peaks lie apart, and their labels."""
    rng = np.random.default_rng(seed)
    X = np.zeros((rows, points), dtype=np.float32)
    y = np.arange(rows) % 2
    for row in range(rows):
        peaks = [20, 60, 61] if y[row] else [110, 150, 190]
        X[row, peaks] = rng.uniform(0.3, 1.0, 3)
    return X, y


def classifier(**changes):
    arguments = {"settings": SETTINGS, "grid": GRID} | changes
    return xrdmatch.XRDMatchClassifier(**arguments)


@pytest.fixture(scope="session")
def half_labelled():
    X, y = patterns(90)
    some = y.copy()
    some[::3] = -1
    return X, some, y


def command(*arguments, fails: bool = False) -> subprocess.CompletedProcess:
    """Runs the command line that the package is held against."""
    program = os.environ.get("XRDMATCH")
    assert program, "set XRDMATCH to the built command (`cargo xtask test python` does)"
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    assert (done.returncode != 0) == fails, done.stderr
    return done


def said(done: subprocess.CompletedProcess) -> str:
    """The message of a failed command."""
    return done.stderr.split("error: ", 1)[1].split("\n\nhint:")[0].strip()


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """A run of the command line: two experiments on small patterns."""
    directory = tmp_path_factory.mktemp("run")
    X, y = patterns(60)
    labelled = xrdmatch.Dataset(X, labels=y, grid=GRID)
    labelled.write(directory / "labelled.parquet")
    pool, _ = patterns(80, seed=1)
    xrdmatch.Dataset(pool, grid=GRID).write(directory / "unlabelled.parquet")
    sets = [f"--set={key}={value}" for key, value in SETTINGS.items()]
    command(
        "train", "--labeled", directory / "labelled.parquet", "--unlabeled",
        directory / "unlabelled.parquet", "--experiments", "0..2", "--run", directory / "run",
        "--no-baselines", "--quiet", *sets,
    )
    return directory

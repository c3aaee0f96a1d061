import csv
import importlib
import json
import pickle

import numpy as np
import pytest

import xrdmatch
from conftest import GRID, SALT, classifier, command, patterns, said


@pytest.fixture
def salt(tmp_path):
    path = tmp_path / "salt.cif"
    path.write_text(SALT)
    return path


@pytest.fixture
def scan(tmp_path):
    angles = 10 + 0.02 * np.arange(2000)
    counts = 10 + 1000 * np.exp(-(((angles - 30) / 0.1) ** 2))
    path = tmp_path / "peak.xy"
    np.savetxt(path, np.column_stack([angles, counts]), fmt="%.4f")
    return path


@pytest.mark.parametrize("options", [
    {},
    {"recipe": "physical", "wavelength": "MoKa"},
    {"recipe": "physical", "profile": "voigt", "size": 400.0, "counts": 8000.0, "grid": (10.0, 0.02, 80.0)},
])
def test_simulations_are_those_of_the_command(salt, tmp_path, options):
    found = xrdmatch.simulate(salt, **options)
    arguments = []
    for key, value in options.items():
        text = ":".join(map(str, value)) if key == "grid" else value
        arguments += [f"--{key}", text]
    command("simulate", salt, "-o", tmp_path / "a.parquet", "--quiet", *arguments)
    same = xrdmatch.Dataset.read(tmp_path / "a.parquet")
    assert found.names == same.names == ["salt"] and found.formulas == same.formulas
    assert (found.to_numpy() == same.to_numpy()).all() and found.to_numpy().max() > 0


def test_texts_are_simulated_as_files_are(salt):
    text = xrdmatch.simulate([SALT])
    assert text.names == ["NaCl"]
    assert (text.to_numpy() == xrdmatch.simulate(salt).to_numpy()).all()


def test_what_cannot_be_simulated_is_raised_or_left_out(salt, tmp_path):
    broken = tmp_path / "broken.cif"
    broken.write_text("data_x\n")
    with pytest.raises(xrdmatch.DataError) as raised:
        xrdmatch.simulate([salt, broken])
    done = command("simulate", salt, broken, "-o", tmp_path / "b.csv", "--strict", fails=True)
    assert str(raised.value) == said(done)
    with pytest.warns(UserWarning, match="1 structures left out"):
        assert len(xrdmatch.simulate([salt, broken], on_error="warn")) == 1
    with pytest.raises(xrdmatch.FileError):
        xrdmatch.simulate(tmp_path / "absent.cif")
    with pytest.raises(xrdmatch.SettingError, match="neither the name of a line"):
        xrdmatch.simulate(salt, wavelength="Kr")


def test_a_scan_is_read_and_brought_onto_a_grid_as_the_command_does(scan, tmp_path):
    read = xrdmatch.read_scan(scan)
    assert len(read) == 2000 and read.metadata["format"] == "columns"
    assert read.two_theta[0] == 10.0 and read.intensities.max() > 900
    pattern, report = xrdmatch.scan_to_pattern(read)
    command("import", scan, "-o", tmp_path / "scan.parquet", "--quiet")
    same = xrdmatch.Dataset.read(tmp_path / "scan.parquet")
    assert (pattern == same.to_numpy()[0]).all() and abs(int(pattern.argmax()) - 1500) <= 1
    imported, made = xrdmatch.import_scans([scan])
    assert (imported.to_numpy() == same.to_numpy()).all()
    assert made[0]["processing"] == report


def test_a_scans_arrays_are_made_once_and_cannot_be_changed(scan):
    read = xrdmatch.read_scan(scan)
    assert np.shares_memory(read.intensities, read.intensities)
    assert np.shares_memory(read.two_theta, read.two_theta)
    with pytest.raises(ValueError, match="read-only"):
        read.intensities[0] = 1


def test_unreadable_scans_say_what_the_command_says(tmp_path):
    words = tmp_path / "words.xy"
    words.write_text("no numbers here\n")
    with pytest.raises(xrdmatch.DataError) as raised:
        xrdmatch.read_scan(words)
    done = command("import", words, "-o", tmp_path / "c.csv", "--strict", fails=True)
    assert str(raised.value) == said(done)
    with pytest.raises(OSError):
        xrdmatch.read_scan(tmp_path / "absent.xy")


def test_data_sets_go_through_arrays_files_pandas_and_pickle(tmp_path):
    X, y = patterns(12)
    some = np.where(y == 0, -1, y)
    data = xrdmatch.Dataset(X, labels=some, formulas=["LiCl"] * 12, ids=[None] * 12,
                            conductivities=[1e-3] + [np.nan] * 11, grid=GRID)
    assert data.shape == (12, 201) and data.two_theta[1] == pytest.approx(10.1)
    data.write(tmp_path / "d.parquet")
    ways = [
        pickle.loads(pickle.dumps(data)),
        xrdmatch.Dataset.read(tmp_path / "d.parquet"),
        xrdmatch.Dataset.from_pandas(data.to_pandas(), grid=GRID),
    ]
    for other in ways:
        assert (other.to_numpy() == X).all() and other.labels.tolist() == some.tolist()
        assert other.names == data.names and other.formulas == data.formulas
        assert np.array_equal(other.conductivities, data.conductivities, equal_nan=True)
        assert other.grid == data.grid
    assert data.take([3, -1]).names == ["row4", "row12"]
    with pytest.raises(IndexError):
        data.take([12])
    with pytest.raises(xrdmatch.DataError, match="names"):
        xrdmatch.Dataset(X, names=["a"])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_parquet_files_open_in_pandas_and_polars(run, tmp_path, library):
    read = importlib.import_module(library).read_parquet
    data = xrdmatch.Dataset.read(run / "unlabelled.parquet")
    table = read(run / "unlabelled.parquet")
    assert list(table["name"]) == data.names
    assert (table[[f"v{i + 1}" for i in range(data.shape[1])]].to_numpy() == data.to_numpy()).all()
    common = ("--data", run / "unlabelled.parquet", "--quiet", "-o")
    for name, verb in [("predicted", ("predict", run / "run", "--experiment", 0)),
                       ("ranked", ("screen", run / "run"))]:
        command(*verb, *common, tmp_path / f"{name}.parquet")
        command(*verb, *common, tmp_path / f"{name}.csv")
        table = read(tmp_path / f"{name}.parquet")
        with open(tmp_path / f"{name}.csv") as text:
            rows = list(csv.DictReader(text))
        assert list(table.columns) == list(rows[0]) and len(table) == len(rows) == 80
        numbers = [c for c in rows[0] if c in ("p0", "p1", "logit0", "rank", "probability", "score")]
        assert len(numbers) == 3
        for column in numbers:
            # In the precision of the column, in which the text is exact too.
            values = np.asarray(table[column])
            assert (np.array([row[column] for row in rows], dtype=values.dtype) == values).all()


def test_screening_is_that_of_the_command(run):
    found = xrdmatch.screen(run / "run", run / "unlabelled.parquet", top=5)
    done = command("screen", run / "run", "--data", run / "unlabelled.parquet", "--top", 5,
                   "--json", "--quiet")
    assert found == json.loads(done.stdout)
    data = xrdmatch.Dataset.read(run / "unlabelled.parquet")
    whole = xrdmatch.screen(run / "run", data, run / "ranked.csv", top=None)
    assert len(whole["best"]) == 80 and whole["best"][:5] == found["best"]
    assert (run / "ranked.csv").exists()
    with pytest.raises(xrdmatch.SettingError, match="a share lies between 0 and 1"):
        xrdmatch.screen(run / "run", data, prior=1.5)


def test_explanations_are_those_of_the_command_and_of_fitted_models_alike(run):
    found = xrdmatch.explain(run / "run", "row3")
    done = command("explain", run / "run", "--sample", "row3", "--json")
    assert found == json.loads(done.stdout)
    loaded = xrdmatch.XRDMatchClassifier.from_run(run / "run")
    labelled = xrdmatch.Dataset.read(run / "labelled.parquet")
    of_array = xrdmatch.explain(loaded, labelled.to_numpy()[2])
    for key in ("log_odds", "baseline", "reasons", "check"):
        assert of_array[key] == found[key], key
    X, y = patterns(60)
    assert xrdmatch.explain(classifier().fit(X, y), X[0])["reasons"]
    with pytest.raises(xrdmatch.FileError) as raised:
        xrdmatch.explain(run / "nowhere", "row3")
    done = command("explain", run / "nowhere", "--sample", "row3", fails=True)
    assert str(raised.value) == said(done)
    with pytest.raises(xrdmatch.DataError, match="did you mean"):
        xrdmatch.explain(run / "run", "row3x")


def test_settings_are_those_of_the_command():
    done = command("config", "show", "--preset", "quick", "--json")
    assert xrdmatch.config("quick") == json.loads(done.stdout)
    assert set(xrdmatch.presets()) >= {"default", "paper", "quick"}

"""Functions of the package: what the commands of the same names do, on values instead of files."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._errors import SettingError
from ._native import Dataset, Scan

if TYPE_CHECKING:
    from ._classifier import XRDMatchClassifier

PathName = Union[str, "os.PathLike[str]"]
OnError = Literal["raise", "warn", "skip"]

_PUBLISHED = (0.0, 0.02, 90.0)


def _several(paths: PathName | Iterable[PathName]) -> list[PathName]:
    return [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)


def _tell(skipped: Sequence[tuple[str, str]], on_error: OnError, what: str) -> None:
    if skipped and on_error == "warn":
        lines = "\n".join(f"  {reason}" for _, reason in skipped[:20])
        more = f"\n  and {len(skipped) - 20} more" if len(skipped) > 20 else ""
        warnings.warn(f"{len(skipped)} {what} left out:\n{lines}{more}", stacklevel=3)


def _check(on_error: str) -> None:
    if on_error not in ("raise", "warn", "skip"):
        raise SettingError(f"on_error is `{on_error}`, expected raise, warn or skip")


def simulate(
    structures: PathName | Iterable[PathName],
    *,
    recipe: Literal["paper", "physical"] = "paper",
    wavelength: str | float = "CuKa",
    grid: tuple[float, float, float] = _PUBLISHED,
    anomalous: bool = True,
    displacement_b: float | None = None,
    profile: Literal["gaussian", "lorentzian", "pseudo-voigt", "voigt"] | None = None,
    mixing: float = 0.5,
    width: float | tuple[float, float, float] | None = None,
    size: float | None = None,
    strain: float | None = None,
    ka2: float = 0.5,
    zero_shift: float = 0.0,
    sample_height: float = 0.0,
    variable_slit: bool = False,
    texture: tuple[int, int, int, float] | None = None,
    background: Sequence[float] = (),
    counts: float | None = None,
    seed: int = 0,
    on_error: OnError = "raise",
) -> Dataset:
    """Simulate powder patterns of crystal structures.

    ``structures`` are paths of CIF, POSCAR and lines of JSON, directories of them, or CIF texts (which
    have more than one line); texts come after the files. By default the recipe of the published files,
    to the byte. ``grid`` is first angle, step and last angle in degrees two-theta. With a ``profile``
    patterns look measured. The options are those of ``xrdmatch simulate --help``.
    """
    _check(on_error)
    wanted = _several(structures)
    texts = [item for item in wanted if isinstance(item, str) and "\n" in item]
    paths = [item for item in wanted if not (isinstance(item, str) and "\n" in item)]
    widths = [] if width is None else list(width) if isinstance(width, tuple) else [width]
    options = {
        "recipe": recipe,
        "wavelength": str(wavelength),
        "grid": grid,
        "anomalous": anomalous,
        "displacement_b": displacement_b,
        "profile": profile,
        "mixing": mixing,
        "width": widths,
        "size": size,
        "strain": strain,
        "ka2": ka2,
        "zero_shift": zero_shift,
        "sample_height": sample_height,
        "variable_slit": variable_slit,
        "texture": list(texture or ()),
        "background": list(background),
        "counts": counts,
        "seed": seed,
    }
    dataset, skipped = _native.simulate(paths, texts, options, on_error == "raise")
    _tell(skipped, on_error, "structures")
    return dataset


def read_scan(path: PathName) -> Scan:
    """Read the first scan of a diffractometer's file, whatever its format."""
    return _native.read_scan(path)


def read_scans(path: PathName) -> list[Scan]:
    """Read all scans of a diffractometer's file."""
    return _native.read_scans(path)


def _processing(
    grid: tuple[float, float, float],
    to_wavelength: str | float | None,
    wavelength: str | float | None,
    background: float | None,
    strip_ka2: bool,
    lorentz_polarisation: bool,
    smooth: tuple[int, int] | None,
    sticks: bool,
    keep_scale: bool,
) -> dict[str, Any]:
    return {
        "grid": grid,
        "to_wavelength": None if to_wavelength is None else str(to_wavelength),
        "wavelength": None if wavelength is None else str(wavelength),
        "background": background,
        "strip_ka2": strip_ka2,
        "lorentz_polarisation": lorentz_polarisation,
        "smooth": smooth,
        "sticks": sticks,
        "keep_scale": keep_scale,
    }


def scan_to_pattern(
    scan: Scan,
    *,
    grid: tuple[float, float, float] = _PUBLISHED,
    to_wavelength: str | float | None = "CuKa",
    wavelength: str | float | None = "CuKa",
    background: float | None = 1.5,
    strip_ka2: bool = False,
    lorentz_polarisation: bool = False,
    smooth: tuple[int, int] | None = None,
    sticks: bool = False,
    keep_scale: bool = False,
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Bring a scan onto a grid as ``xrdmatch import`` does; the pattern, and what became of the scan.

    ``wavelength`` is that of a scan that states none (``None`` refuses it), ``to_wavelength`` the one to
    which angles are converted (``None`` keeps them), ``background`` half the width in degrees of the
    widest feature that is a peak (``None`` keeps the background), ``smooth`` points on either side and
    the degree of the polynomial.
    """
    return scan._on_grid(
        _processing(
            grid,
            to_wavelength,
            wavelength,
            background,
            strip_ka2,
            lorentz_polarisation,
            smooth,
            sticks,
            keep_scale,
        )
    )


def import_scans(
    paths: PathName | Iterable[PathName],
    *,
    grid: tuple[float, float, float] = _PUBLISHED,
    to_wavelength: str | float | None = "CuKa",
    wavelength: str | float | None = "CuKa",
    background: float | None = 1.5,
    strip_ka2: bool = False,
    lorentz_polarisation: bool = False,
    smooth: tuple[int, int] | None = None,
    sticks: bool = False,
    keep_scale: bool = False,
    on_error: OnError = "raise",
) -> tuple[Dataset, list[dict[str, Any]]]:
    """Bring scan files, and directories of them, onto a grid as ``xrdmatch import`` does.

    The patterns, and per pattern its file, metadata and what became of the scan. The options are those
    of :func:`scan_to_pattern`.
    """
    _check(on_error)
    options = _processing(
        grid,
        to_wavelength,
        wavelength,
        background,
        strip_ka2,
        lorentz_polarisation,
        smooth,
        sticks,
        keep_scale,
    )
    dataset, skipped, made = _native.import_scans(_several(paths), options, on_error == "raise")
    _tell(skipped, on_error, "scans")
    return dataset, made


def screen(
    runs: PathName | Iterable[PathName],
    data: PathName | Dataset,
    output: PathName | None = None,
    *,
    experiments: Sequence[int] | None = None,
    min_f1: float | None = None,
    calibration: Literal["platt", "temperature", "isotonic"] | None = "platt",
    prior: float | Literal["labelled", "estimate"] = "labelled",
    neighbours: int = 3,
    ood_rate: float | None = None,
    outliers: bool = True,
    abstain: bool = False,
    top: int | None = 20,
    labeled: PathName | None = None,
    unlabeled: PathName | None = None,
) -> dict[str, Any]:
    """Rank patterns by how probably they are of the positive class, as ``xrdmatch screen`` does.

    What ``xrdmatch screen --json`` prints: ``best`` holds the ``top`` rows, or all with ``None``. The
    ranked table goes to ``output`` where given (.csv, .jsonl or .parquet).
    """
    options = {
        "experiments": None if experiments is None else list(experiments),
        "min_f1": min_f1,
        "calibration": calibration,
        "prior": prior,
        "neighbours": neighbours,
        "ood_rate": ood_rate,
        "outliers": outliers,
        "abstain": abstain,
        "top": top,
        "labeled": labeled,
        "unlabeled": unlabeled,
    }
    if isinstance(data, Dataset):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "data.parquet"
            data.write(path)
            found, notices = _native.screen(_several(runs), path, output, options)
    else:
        found, notices = _native.screen(_several(runs), data, output, options)
    for notice in notices:
        warnings.warn(notice, stacklevel=2)
    return found


def explain(
    model: PathName | Iterable[PathName] | XRDMatchClassifier,
    sample: Any,
    data: PathName | None = None,
    *,
    peaks: int = 5,
    structure: PathName | None = None,
    wavelength: str | float = "CuKa",
    experiments: Sequence[int] | None = None,
    labeled: PathName | None = None,
) -> dict[str, Any]:
    """Say which peaks drove a prediction, as ``xrdmatch explain --json`` does.

    ``model`` is a run (or several on the same data) and ``sample`` the name of a pattern in ``data`` or
    the run's files; or ``model`` is a fitted classifier and ``sample`` one pattern as an array. Log-odds
    are those of the first class.
    """
    from ._classifier import XRDMatchClassifier

    asked = {"peaks": peaks, "wavelength": str(wavelength), "structure": structure}
    if isinstance(model, XRDMatchClassifier):
        return model._fitted().explain(np.atleast_2d(sample), asked)
    chosen = None if experiments is None else list(experiments)
    return _native.explain(_several(model), sample, data, chosen, labeled, asked)


def presets() -> dict[str, str]:
    """The presets by name, and what each is for."""
    return dict(_native.presets())


def config(preset: str = "default", settings: dict[str, Any] | None = None) -> dict[str, Any]:
    """Every setting of a preset, with changes by dotted name."""
    return _native.config(preset, changes(settings))


def changes(settings: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Settings by dotted name as TOML values."""
    return [(key, _toml(value)) for key, value in (settings or {}).items()]


def _toml(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(str(k))} = {_toml(v)}" for k, v in value.items()) + "}"
    return "[" + ", ".join(_toml(item) for item in value) + "]"

"""Data sets as pandas frames in the layout of the published files, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ._native import Dataset

_COLUMNS = {"formula": "formulas", "id": "ids", "name": "names"}
_SPELLINGS = {"formula_id": "formula", "index": "id", "condutivity": "conductivity"}


def to_pandas(dataset: Dataset) -> Any:
    import pandas

    columns: dict[str, Any] = {}
    for column, attribute in _COLUMNS.items():
        columns[column] = getattr(dataset, attribute)
    columns["conductivity"] = dataset.conductivities
    columns["label"] = pandas.array(dataset.labels, dtype="Int64")
    columns["label"][dataset.labels < 0] = pandas.NA
    known = pandas.DataFrame(columns)
    points = [f"v{point}" for point in range(1, dataset.shape[1] + 1)]
    return pandas.concat([known, pandas.DataFrame(dataset.to_numpy(), columns=points)], axis=1)


def from_pandas(frame: Any, grid: tuple[float, float] | None) -> Dataset:
    from ._errors import DataError
    from ._native import Dataset

    frame = frame.rename(columns=_SPELLINGS)
    points = [column for column in frame.columns if str(column)[:1] == "v" and str(column)[1:].isdigit()]
    points.sort(key=lambda column: int(column[1:]))
    expected = [f"v{point}" for point in range(1, len(points) + 1)]
    if not points or points != expected:
        missing = next((name for name in expected if name not in points), "v1")
        raise DataError(f"the frame has no column `{missing}`")

    def texts(column: str) -> list[str | None] | None:
        if column not in frame.columns:
            return None
        values = frame[column]
        return [None if gone else str(value) for value, gone in zip(values, values.isna())]

    names = texts("name")
    labels = frame["label"].fillna(-1).astype("int64").tolist() if "label" in frame else None
    conductivities = (
        frame["conductivity"].astype("float64").tolist() if "conductivity" in frame else None
    )
    return Dataset(
        np.ascontiguousarray(frame[points].to_numpy(dtype=np.float32)),
        names=None if names is None else [name or "" for name in names],
        labels=labels,
        formulas=texts("formula"),
        ids=texts("id"),
        conductivities=conductivities,
        grid=grid,
    )

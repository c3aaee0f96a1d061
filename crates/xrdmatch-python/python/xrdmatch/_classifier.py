"""The classifier in scikit-learn's conventions; scikit-learn itself is optional."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from ._errors import DataError
from ._functions import changes

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import validate_data
except ImportError:
    validate_data = None
    NotFittedError = type("NotFittedError", (ValueError, AttributeError), {})

    class ClassifierMixin:  # type: ignore[no-redef]
        """What scikit-learn's class of this name gives, in its absence."""

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
            """The share of right predictions."""
            right = np.asarray(y) == self.predict(X)  # type: ignore[attr-defined]
            return float(np.average(right, weights=sample_weight))

    class BaseEstimator:  # type: ignore[no-redef]
        """What scikit-learn's class of this name gives, in its absence."""

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            """The constructor's arguments."""
            names = list(inspect.signature(type(self).__init__).parameters)[1:]
            return {name: getattr(self, name) for name in names}

        def set_params(self, **params: Any) -> Any:
            """Change the constructor's arguments."""
            known = self.get_params()
            for name, value in params.items():
                if name not in known:
                    raise ValueError(f"Invalid parameter {name!r} for estimator {self!r}.")
                setattr(self, name, value)
            return self


_LARGEST_SEED = 2**63


class XRDMatchClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Semi-supervised classifier of powder patterns.

    Parameters
    ----------
    preset : str, default="default"
        Settings to start from; see :func:`xrdmatch.presets`. ``default`` pretrains encoders on the
        unlabelled patterns and aims at one pattern in five of the first class.
    settings : dict, default=None
        Settings over the preset by dotted name, as ``xrdmatch config show`` lists them, for example
        ``{"training.epochs": 20, "objective.algorithm": "flexmatch"}``.
    members : int, default=1
        Networks that are trained; their probabilities are averaged.
    grid : (float, float), default=(0.0, 0.02)
        Angle of the first column of ``X`` and step, degrees two-theta.
    random_state : int, RandomState or None, default=0
        The number from which all randomness follows: the same number gives the same weights, on any
        number of threads.
    n_jobs : int, default=None
        Threads; ``None`` and ``-1`` for all cores.
    verbose : bool, default=False
        Whether progress is told on standard error.

    Attributes
    ----------
    classes_ : ndarray
        The labels, ascending; the first is the positive class of the settings.
    n_features_in_ : int
        Points of a pattern.

    Notes
    -----
    Rows of ``y`` that are -1 (or, where labels are texts, ``None`` or ``"-1"``) have no label. Where
    every row has one, all rows serve as the unlabelled ones too. The last column of ``X`` is never
    looked at: in the published files it gives the label away.
    """

    classes_: NDArray[Any]
    n_features_in_: int

    def __init__(
        self,
        preset: str = "default",
        *,
        settings: dict[str, Any] | None = None,
        members: int = 1,
        grid: tuple[float, float] = (0.0, 0.02),
        random_state: Any = 0,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.preset = preset
        self.settings = settings
        self.members = members
        self.grid = grid
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(
        self, X: ArrayLike, y: ArrayLike, *, formulas: Sequence[str | None] | None = None
    ) -> XRDMatchClassifier:
        """Train on patterns ``X`` (rows, points) with labels ``y``, -1 where there is none.

        ``formulas``, one for each row, let ``default`` learn compositions from the unlabelled rows.
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        patterns = self._patterns(X, reset=True)
        labels = _column(y)
        if len(labels) != len(patterns):
            raise DataError(f"X has {len(patterns)} rows, but y has {len(labels)}")
        if formulas is not None and len(formulas) != len(patterns):
            raise DataError(f"X has {len(patterns)} rows, but formulas has {len(formulas)}")
        known = _labelled(labels)
        classes, numbers = np.unique(labels[known], return_inverse=True)
        if len(classes) < 2:
            found = "no class" if len(classes) == 0 else "one class"
            raise DataError(f"y has {found}, but at least 2 classes are needed")
        if len(classes) > 255:
            raise DataError(f"y has {len(classes)} classes, but at most 255 are possible")
        encoded = np.full(len(labels), -1, dtype=np.int64)
        encoded[known] = numbers
        fitted = _native.fit(
            patterns,
            encoded.tolist(),
            None if formulas is None else list(formulas),
            len(classes),
            (float(self.grid[0]), float(self.grid[1])),
            self.preset,
            changes(self.settings),
            int(self.members),
            self._seed(),
            self._threads(),
            bool(self.verbose),
        )
        self.classes_ = classes
        self.fitted_ = fitted
        return self

    @classmethod
    def from_run(
        cls,
        run: str | os.PathLike[str],
        experiments: Sequence[int] | None = None,
        *,
        checkpoint: str = "last",
    ) -> XRDMatchClassifier:
        """The models of a run directory as a fitted classifier; all finished ones by default."""
        fitted = _native.Fitted.of_run(
            run, None if experiments is None else list(experiments), checkpoint
        )
        model = cls(members=fitted.members, grid=fitted.grid)
        model.classes_ = np.arange(fitted.classes)
        model.n_features_in_ = fitted.points
        model.fitted_ = fitted
        return model

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities (rows, classes) in the order of ``classes_``."""
        fitted = self._fitted()
        return fitted.probabilities(self._patterns(X, reset=False), self._threads())

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable class of each row."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[np.argmax(probabilities, axis=1)])

    def _fitted(self) -> _native.Fitted:
        fitted: _native.Fitted | None = getattr(self, "fitted_", None)
        if fitted is None:
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' first."
            )
        return fitted

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.classifier_tags.poor_score = True
        return tags

    def _patterns(self, X: Any, *, reset: bool) -> Any:
        if validate_data is not None:
            kind, least = [np.float32, np.float64], 3 if reset else 1
            return validate_data(self, X, dtype=kind, reset=reset, ensure_min_features=least)
        patterns = np.asarray(X)
        if patterns.ndim != 2:
            raise DataError(f"patterns are a 2-D array (rows, points), not {patterns.ndim}-D")
        if reset:
            self.n_features_in_ = patterns.shape[1]
        return patterns

    def _seed(self) -> int:
        state = self.random_state
        if isinstance(state, (int, np.integer)):
            return int(state)
        if isinstance(state, np.random.Generator):
            return int(state.integers(_LARGEST_SEED))
        source = np.random.mtrand._rand if state is None else state
        return int(source.randint(2**31 - 1))

    def _threads(self) -> int | None:
        return None if self.n_jobs is None or self.n_jobs < 1 else int(self.n_jobs)


def _column(y: Any) -> NDArray[Any]:
    if validate_data is not None:
        from sklearn.utils.multiclass import check_classification_targets
        from sklearn.utils.validation import column_or_1d

        labels = column_or_1d(y, warn=True)
        if labels.dtype.kind == "f":
            check_classification_targets(labels)
        return np.asarray(labels)
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise DataError(f"labels are a 1-D array, not {labels.ndim}-D")
    return labels


def _labelled(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows have a label."""
    if labels.dtype.kind in "OUS":
        return np.array([label is not None and str(label) != "-1" for label in labels], dtype=bool)
    return np.asarray(labels != -1)

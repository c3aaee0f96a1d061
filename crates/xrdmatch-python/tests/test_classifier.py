import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

import xrdmatch
from conftest import GRID, SETTINGS, classifier, command, patterns

TWO_POINTS = (
    "the check has patterns of two points; the last point of a grid is never read, so one is left"
)
SMALL = SETTINGS | {"pretrain.target": "none", "training.iterations": 5, "split.pool": 1.0}
EXPECTED_FAILURES = {
    "check_positive_only_tag_during_fit": "the error has the command line's words, not scikit-learn's",
    "check_estimators_dtypes": "the check rounds patterns to zeros; a flat pattern is refused",
    "check_classifiers_classes": TWO_POINTS + "; and it takes −1 for a class",
    "check_estimators_overwrite_params": TWO_POINTS,
    "check_estimators_fit_returns_self": TWO_POINTS,
    "check_readonly_memmap_input": TWO_POINTS,
    "check_classifier_data_not_an_array": TWO_POINTS,
    "check_classifiers_train": TWO_POINTS,
    "check_fit_idempotent": TWO_POINTS,
    "check_fit_check_is_fitted": TWO_POINTS,
    "check_n_features_in": TWO_POINTS,
}


@parametrize_with_checks(
    [xrdmatch.XRDMatchClassifier(settings=SMALL, grid=(0.0, 1.0), n_jobs=1)],
    expected_failed_checks=lambda _: EXPECTED_FAILURES,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_unlabelled_rows_are_marked_and_the_classes_are_learnt(half_labelled):
    X, some, y = half_labelled
    model = classifier().fit(X, some)
    assert model.classes_.tolist() == [0, 1] and model.n_features_in_ == X.shape[1]
    fresh, truth = patterns(40, seed=5)
    assert model.score(fresh, truth) == 1.0
    assert np.allclose(model.predict_proba(fresh).sum(axis=1), 1.0)
    names = np.where(some < 0, "-1", np.where(some == 0, "conductor", "insulator"))
    named = classifier().fit(X, names)
    assert named.classes_.tolist() == ["conductor", "insulator"]
    assert (named.predict_proba(fresh) == model.predict_proba(fresh)).all()


def test_pickle_clone_pipelines_and_cross_validation(half_labelled):
    X, some, y = half_labelled
    model = classifier(members=2).fit(X, some)
    back = pickle.loads(pickle.dumps(model))
    assert (back.predict_proba(X) == model.predict_proba(X)).all()
    again = clone(model).fit(X, some)
    assert (again.predict_proba(X) == model.predict_proba(X)).all()
    other = clone(model).set_params(random_state=1).fit(X, some)
    assert (other.predict_proba(X) != model.predict_proba(X)).any()
    pipeline = make_pipeline(FunctionTransformer(np.sqrt), classifier())
    assert cross_val_score(pipeline, X, y, cv=3).min() == 1.0


def test_strides_precision_and_threads_do_not_matter(half_labelled):
    X, some, _ = half_labelled
    model = classifier(n_jobs=1).fit(X, some)
    expected = model.predict_proba(X)
    wide = np.zeros((2 * X.shape[0], X.shape[1]), dtype=np.float64)
    wide[::2] = X
    for same in (np.asfortranarray(X), wide[::2], X.astype(np.float64)):
        assert (classifier(n_jobs=2).fit(same, some).predict_proba(same) == expected).all()


def test_a_loaded_run_says_bit_by_bit_what_the_command_says(run):
    import pandas

    predictions = run / "predictions.parquet"
    command("predict", run / "run", "--experiment", 1, "--data", run / "unlabelled.parquet",
            "-o", predictions, "--quiet")
    data = xrdmatch.Dataset.read(run / "unlabelled.parquet")
    model = xrdmatch.XRDMatchClassifier.from_run(run / "run", [1])
    found = model.predict_proba(data.to_numpy())
    text = run / "predictions.csv"
    command("predict", run / "run", "--experiment", 1, "--data", run / "unlabelled.parquet",
            "-o", text, "--quiet")
    table = pandas.read_csv(text, dtype=str)
    assert table["name"].tolist() == data.names
    columns = [column for column in table.columns if column.startswith("p")][:2]
    said = np.array([[float(text) for text in row] for row in table[columns].to_numpy()])
    assert found.shape == said.shape and (found == said).all()
    both = xrdmatch.XRDMatchClassifier.from_run(run / "run")
    assert both.members == 2


def test_answers_are_not_copied_on_their_way_out(half_labelled):
    X, some, _ = half_labelled
    found = classifier().fit(X, some).predict_proba(X)
    assert found.base is not None and not found.flags.owndata


def counting(work):
    """How far another thread counts while `work` is done."""
    counted, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1

    thread = threading.Thread(target=count)
    # With the lock held by native code, no switch could happen before its end.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        thread.start()
        before = counted[0]
        work()
        return counted[0] - before
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)


def test_other_threads_run_while_a_model_is_fitted(half_labelled):
    X, some, _ = half_labelled
    events = []
    long = classifier(settings=SETTINGS | {"training.epochs": 400})
    counted = counting(lambda: events.append(long.fit(X, some)))
    held = counting(lambda: sum(range(10)))
    assert events and counted > 1000 and counted > held


INTERRUPTED = """
import signal
# Started from a shell's background, a program is told to ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np, sys
sys.path.insert(0, {tests!r})
from conftest import SETTINGS, classifier, patterns
X, y = patterns(60)
print("begun", flush=True)
try:
    classifier(settings=SETTINGS | {{"training.epochs": 2000000}}).fit(X, y)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_ends_a_fit(request):
    script = INTERRUPTED.format(tests=str(request.path.parent))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    assert process.wait() == 0


def test_what_cannot_be_fitted_is_refused_by_name(half_labelled):
    X, some, _ = half_labelled
    with pytest.raises(xrdmatch.SettingError, match="there is no preset `pper`"):
        classifier(preset="pper").fit(X, some)
    with pytest.raises(xrdmatch.SettingError, match="there is no setting `training.epoch`"):
        classifier(settings={"training.epoch": 3}).fit(X, some)
    with pytest.raises(xrdmatch.DataError, match="one class"):
        classifier().fit(X, np.zeros(len(X)))
    with pytest.raises(xrdmatch.DataError, match="sample `row3`, column `v5`: -1 is negative"):
        bad = X.copy()
        bad[2, 4] = -1
        classifier().fit(bad, some)
    with pytest.raises(xrdmatch.DataError, match="flat"):
        bad = X.copy()
        bad[2] = 0
        classifier().fit(bad, some)
    model = classifier().fit(X, some)
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, :100])
    with pytest.raises(xrdmatch.ModelError, match="damaged"):
        xrdmatch._native.Fitted.from_bytes(model.fitted_.to_bytes()[:-1])


def test_the_classifier_works_without_scikit_learn(request):
    script = f"""
import sys
sys.path.insert(0, {str(request.path.parent)!r})
sys.modules["sklearn"] = sys.modules["sklearn.base"] = None
from conftest import classifier, patterns
X, y = patterns(60)
model = classifier().set_params(members=2).fit(X, y)
assert model.score(X, y) == 1.0 and model.get_params()["members"] == 2
"""
    subprocess.run([sys.executable, "-c", script], check=True)

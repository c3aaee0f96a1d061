"""Writes scikit_learn.jsonl: 1,000 random cases judged by scikit-learn.

    python -m pip install -r requirements.txt && python generate.py

Each line: `classes`; `truth`, one digit per sample; `weights`, for each sample its probabilities
times `denominator` (of two classes only the first), so small that scores tie often; and
scikit-learn's judgement, `null` where it is undefined. Positive is class 0.
"""

import json
import pathlib
import warnings

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve

warnings.filterwarnings("ignore")
rng = np.random.default_rng(20240917)


def case(number):
    classes = 3 if number % 5 == 4 else 2
    n = int(rng.integers(1, 30))
    denominator = int(rng.choice([4, 20, 1000]))
    truth = rng.integers(0, classes, n)
    if rng.random() < 0.15:
        truth[:] = rng.integers(0, classes)  # one class only
    skill = rng.choice([0.0, 1.0, 3.0])
    if classes == 2:
        first = np.clip(rng.normal(0.5 + 0.1 * skill * (truth == 0), 0.35), 0, 1)
        first = np.rint(first * denominator).astype(int)
        weights = np.stack([first, denominator - first], 1)
    else:
        alpha = np.full((n, 3), 0.7)
        alpha[np.arange(n), truth] += skill
        shares = np.array([rng.dirichlet(row) for row in alpha])
        weights = np.rint(shares * denominator).astype(int)
        weights[:, 2] = denominator - weights[:, 0] - weights[:, 1]
        fix = np.minimum(weights[:, 2], 0)
        weights[:, 2] -= fix
        weights[:, 0] += fix
        weights[:, 1] += np.minimum(weights[:, 0], 0)
        weights[:, 0] = np.maximum(weights[:, 0], 0)
    p = weights / denominator
    predicted = p.argmax(1)
    labels = list(range(classes))
    expected = {"accuracy": metrics.accuracy_score(truth, predicted)}
    for average in ["macro", "weighted"]:
        scores = metrics.precision_recall_fscore_support(
            truth, predicted, average=average, zero_division=0)[:3]
        expected[average] = [float(x) for x in scores]
    per_class = metrics.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0)
    expected["per_class"] = np.stack(per_class[:3], 1).tolist()
    expected["confusion"] = metrics.confusion_matrix(truth, predicted, labels=labels).tolist()
    expected["row_normalised"] = metrics.confusion_matrix(
        truth, predicted, labels=labels, normalize="true").tolist()
    present = len(np.unique(truth))
    if classes == 2:
        y = (truth == 0).astype(int)
        expected["auc"] = metrics.roc_auc_score(y, p[:, 0]) if present == 2 else None
        expected["ap"] = metrics.average_precision_score(y, p[:, 0]) if y.any() else None
        expected["brier"] = metrics.brier_score_loss(y, p[:, 0], pos_label=1)
        score, event = p[:, 0], y
    else:
        y = (truth[:, None] == np.arange(classes)).astype(int)
        full = present == classes
        expected["auc"] = metrics.roc_auc_score(truth, p, multi_class="ovr", average="macro") if full else None
        expected["ap"] = metrics.average_precision_score(y, p, average="macro") if full else None
        expected["brier"] = metrics.brier_score_loss(truth, p, labels=labels)
        score, event = p.max(1), (predicted == truth).astype(int)
    expected["log_loss"] = metrics.log_loss(truth, p, labels=labels)
    # Expected calibration error in the bins of scikit-learn's calibration curve; the curve itself
    # is refused where the event always or never happens.
    bins = np.searchsorted(np.linspace(0, 1, 11)[1:-1], score)
    occupied = np.unique(bins)
    gaps = np.array([event[bins == b].mean() - score[bins == b].mean() for b in occupied])
    if len(np.unique(event)) == 2:
        frequency, confidence = calibration_curve(event, score, n_bins=10)
        assert np.allclose(frequency - confidence, gaps, atol=1e-12)
    expected["ece"] = float(abs(gaps) @ np.bincount(bins)[occupied] / n)
    return {
        "classes": classes,
        "truth": "".join(map(str, truth)),
        "denominator": denominator,
        "weights": (weights[:, 0] if classes == 2 else weights.ravel()).tolist(),
        "expected": expected,
    }


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value


with open(pathlib.Path(__file__).with_name("scikit_learn.jsonl"), "w") as file:
    for number in range(1000):
        print(json.dumps(rounded(case(number)), separators=(",", ":")), file=file)

"""Scores over the development draws, with bootstrap weights over compounds."""
import numpy as np

from lab import draws, judged, y

member = np.zeros((len(draws), len(y)), bool)
for number, (_, rows) in enumerate(draws):
    member[number, rows] = True
rng = np.random.default_rng(0)
weights = np.zeros((401, len(y)))
weights[0] = 1
for w in weights[1:]:
    np.add.at(w, rng.choice(judged, len(judged)), 1)


def weighted_auc(p, t, w):
    a, b = t == 0, t == 1
    g = (p[a][:, None] > p[b][None]) + 0.5 * (p[a][:, None] == p[b][None])
    with np.errstate(invalid="ignore"):
        return ((w[:, a] @ g) * w[:, b]).sum(1) / (w[:, a].sum(1) * w[:, b].sum(1))


def weighted_f1(positive, t, w):
    scores = 0
    for truth, said in ((t == 0, positive), (t == 1, ~positive)):
        scores = scores + w[:, truth & said].sum(1) / np.maximum(1, w[:, truth].sum(1) + w[:, said].sum(1))
    return scores


def weighted_brier(p, t, w):
    return (w * (p - (t == 0)) ** 2).sum(1) / w.sum(1)


def measures(ps, w):
    """Means over `ps` for each row of weights: AUC, macro-F1 over draws; AUC, macro-F1, Brier score out of bag; Brier
    score over draws."""
    out = np.zeros((len(w), 6))
    for p in ps:
        for i, (_, te) in enumerate(draws):
            out[:, 0] += np.nan_to_num(weighted_auc(p[i, te], y[te], w[:, te]), nan=0.5) / len(draws)
            out[:, 1] += weighted_f1(p[i, te] > 0.5, y[te], w[:, te]) / len(draws)
            out[:, 5] += weighted_brier(p[i, te], y[te], w[:, te]) / len(draws)
        m, t, v = np.where(member, p, 0).sum(0)[judged] / member.sum(0)[judged], y[judged], w[:, judged]
        out[:, 2] += weighted_auc(m, t, v)
        out[:, 3] += weighted_f1(m > 0.5, t, v)
        out[:, 4] += weighted_brier(m, t, v)
    return out / len(ps)

"""What the scripts beside this one have in common: signals and features as the program sees them, draws, scores."""
import json

import numpy as np

data = np.load("sticks.npz")
names, y = [str(name) for name in data["names"]], data["labels"]
place = {name: i for i, name in enumerate(names)}
draws = [
    (np.array([place[n] for n in e["labeled"]]), np.array([place[n] for n in e["evaluation"]]))
    for e in json.load(open("dev.json"))["experiments"]
]
judged = np.array(sorted(set(np.concatenate([rows for _, rows in draws]))))


def signals(rows, indices, values, count, blur=0.3, width=10, bins=450):
    """As `[input]` of the preset: Gaussian blur in degrees, bins of 0.2 degrees, root, mean square of 1."""
    centers = (np.arange(bins) + 0.5) * width - 0.5
    sigma = blur / 0.02
    kernel = np.exp(-0.5 * ((centers[None] - np.arange(4500)[:, None]) / sigma) ** 2).astype(np.float32)
    kernel[np.abs(centers[None] - np.arange(4500)[:, None]) > 4 * sigma] = 0
    out = np.zeros((count, bins), np.float32)
    for first in range(0, count, 500):
        chosen = (rows >= first) & (rows < first + 500)
        dense = np.zeros((min(500, count - first), 4500), np.float32)
        dense[rows[chosen] - first, indices[chosen]] = values[chosen]
        out[first : first + 500] = dense @ kernel
    out = np.sqrt(out)
    return out / np.sqrt((out**2).mean(1, keepdims=True))


def labeled_signals(blur=0.3):
    return signals(data["lr"], data["li"], data["lv"], len(y), blur)


def pool_signals(blur=0.3):
    return signals(data["ur"], data["ui"], data["uv"], int(data["pool"]), blur)


sigmoid = lambda z: 1 / (1 + np.exp(-np.clip(z, -50, 50)))


def layer(x, pool, steps=300, rate=0.3, prior=0.2, temperature=0.5, weight=3.0, drop=0.3, average=0.95, momentum=0.9, batch=64, seed=0, train=None, flipped=None, shift=0.0,
          classes=(1, 1), robust=0.0, beside=(0.0, 0.0)):
    """The preset's layer for all draws at once: (draws, rows) log-odds of class 0 under averaged weights.

    `train` is the training rows of each draw, if other than those of `draws`; `flipped` those with the wrong label.
    `shift` is added to the log-odds of labelled rows: with that of the classes' shares among them less that of the prior,
    the log-odds without it are those at the prior (Menon et al., arXiv:2007.07314).
    `classes` are weights of the labelled rows of classes 0 and 1; `robust` is r of the generalised cross-entropy (Zhang and
    Sabuncu, arXiv:1805.07836); `beside` are fixed terms of the log-odds, of labelled rows and of the pool.
    """
    own, over = (np.broadcast_to(np.asarray(term, np.float32), len(rows))[:, None] for term, rows in zip(beside, (x, pool)))
    rng = np.random.default_rng(seed)
    train = [tr for tr, _ in draws] if train is None else train
    d, n = x.shape[1], len(train)
    w, b, vw, vb = np.zeros((d, n), np.float32), np.zeros(n), np.zeros((d, n), np.float32), np.zeros(n)
    aw, ab, share = w, b, np.full(n, 0.5)
    chosen = np.zeros((n, len(y)), np.float32)
    t = np.repeat((y == 0).astype(np.float32)[:, None], n, 1)
    for i, tr in enumerate(train):
        if flipped is not None:
            t[flipped[i], i] = 1 - t[flipped[i], i]
        chosen[i, tr] = np.where(t[tr, i] == 1, *classes) / len(tr)
    # AdamW with an epsilon of 1 is close to gradient descent with momentum; the two logits move apart twice as fast as one.
    for step in range(steps):
        lr = rate * 0.2 * 0.5 * (1 + np.cos(np.pi * step / steps))
        keep = (rng.random((1, d)) >= drop) / (1 - drop)
        p = sigmoid((x * keep) @ w + b + own + shift)
        e = chosen.T * np.where(t == 1, p, 1 - p) ** robust * (p - t)
        gw, gb = (x * keep).T @ e, e.sum(0)
        if weight > 0:
            rows = rng.integers(0, len(pool), batch)
            u, o = pool[rows], over[rows]
            z = u @ aw + ab + o
            share = momentum * share + (1 - momentum) * sigmoid(z).mean(0)
            q = sigmoid((z + np.log(prior / (1 - prior)) - np.log(share / (1 - share))) / temperature)
            s = u * ((rng.random(u.shape) >= drop) / (1 - drop))
            e = (sigmoid(s @ w + b + o) - q) / batch
            gw, gb = gw + weight * s.T @ e, gb + weight * e.sum(0)
        vw, vb = 0.9 * vw + gw, 0.9 * vb + gb
        w, b = w - lr * vw, b - lr * vb
        k = min(average, step / (step + 10))
        aw, ab = k * aw + (1 - k) * w, k * ab + (1 - k) * b
    return (x @ aw + ab + own).T


def logistic(x, prior_variance, prior=0.2, classes=None):
    """Logistic regression with a Gaussian prior on (draws): (draws, rows) log-odds, shifted from 1:1 to `prior`."""
    classes = y if classes is None else classes
    k = x @ x.T * prior_variance + 10.0
    out = []
    for tr, _ in draws:
        s, f, kt = (classes[tr] == 0).astype(float), np.zeros(len(tr)), k[np.ix_(tr, tr)]
        for _ in range(60):
            p = sigmoid(f)
            h = p * (1 - p) + 1e-9
            r = np.sqrt(h)
            bb = h * f + s - p
            a = bb - r * np.linalg.solve(np.eye(len(tr)) + r[:, None] * kt * r[None], r * (kt @ bb))
            new = kt @ a
            if np.abs(new - f).max() < 1e-7:
                break
            f = new
        out.append(k[:, tr] @ a)
    return np.array(out) + np.log(prior / (1 - prior))

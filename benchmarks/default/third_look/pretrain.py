"""Encoders as the preset makes them, in NumPy: python pretrain.py ULBS.csv.gz SEED …, which writes
e_SEED.npz with the features of labelled rows and of the pool. Not the program's encoders: other random numbers, and the
distortion without shifts, broadening, noise and impurities."""
import sys

import numpy as np

from formulas import compositions
from lab import data, labeled_signals, pool_signals

target, _ = compositions(sys.argv[1])
starts = np.searchsorted(data["ur"], np.arange(len(target) + 1))
ui, uv = data["ui"], data["uv"]


def distorted(rows, rng, strain=0.06, texture=0.5, elimination=0.5, width=10, bins=450, sigma=15.0):
    sub = 2
    out = np.zeros((len(rows), bins * sub), np.float32)
    for k, r in enumerate(rows):
        s = slice(starts[r], starts[r + 1])
        sine = np.sin(np.radians(ui[s] * 0.01)) * (1 + rng.uniform(-strain, strain))
        v = uv[s] * np.exp(rng.normal(0, texture, sine.size)) * (rng.random(sine.size) >= rng.uniform(0, elimination))
        ok = sine < 1
        at = (2 * np.degrees(np.arcsin(sine[ok])) / 0.02 + 0.5) / (width / sub)
        at = at.astype(int)
        inside = at < bins * sub
        out[k] += np.bincount(at[inside], v[ok][inside], bins * sub).astype(np.float32)
    d = np.arange(-24, 25)
    kernel = np.exp(-0.5 * (d * (width / sub) / sigma) ** 2)
    padded = np.pad(out, ((0, 0), (24, 24)))
    spectrum = np.fft.rfft(padded, 1024) * np.fft.rfft(kernel, 1024)
    out = np.fft.irfft(spectrum, 1024)[:, 48 : 48 + bins * sub]
    out = np.sqrt(np.maximum(out.reshape(len(rows), bins, sub).mean(2), 0)).astype(np.float32)
    return out / (np.sqrt((out**2).mean(1, keepdims=True)) + 1e-6)


def train(seed, epochs=20, batch=128, rate=1e-3, decay=0.02, drop=0.3, hidden=(512, 256)):
    rng = np.random.default_rng(seed)
    sizes = [450, *hidden, target.shape[1]]
    p = {}
    for k in range(3):
        limit = np.sqrt(6 / (sizes[k] + sizes[k + 1]))
        p[f"w{k}"] = rng.uniform(-limit, limit, (sizes[k], sizes[k + 1])).astype(np.float32)
        p[f"b{k}"] = np.zeros(sizes[k + 1], np.float32)
        if k < 2:
            p[f"g{k}"], p[f"o{k}"] = np.ones(sizes[k + 1], np.float32), np.zeros(sizes[k + 1], np.float32)
    run = [[np.zeros(h, np.float32), np.ones(h, np.float32)] for h in hidden]
    m, v = {n: np.zeros_like(a) for n, a in p.items()}, {n: np.zeros_like(a) for n, a in p.items()}
    per = len(target) // batch
    total, step = per * epochs, 0
    for _ in range(epochs):
        order = rng.permutation(len(target))
        for k in range(per):
            rows = order[k * batch : (k + 1) * batch]
            x, saved = distorted(rows, rng), []
            for l in range(2):
                z = x @ p[f"w{l}"] + p[f"b{l}"]
                mean, var = z.mean(0), z.var(0)
                run[l][0], run[l][1] = 0.9 * run[l][0] + 0.1 * mean, 0.9 * run[l][1] + 0.1 * var
                inv = 1 / np.sqrt(var + 1e-5)
                n = (z - mean) * inv
                a = n * p[f"g{l}"] + p[f"o{l}"]
                keep = ((rng.random(a.shape, dtype=np.float32) >= drop) / (1 - drop)).astype(np.float32)
                h = np.maximum(a, 0) * keep
                saved.append((x, n, inv, a, keep))
                x = h
            z = x @ p["w2"] + p["b2"]
            z -= z.max(1, keepdims=True)
            q = np.exp(z)
            q /= q.sum(1, keepdims=True)
            d = (q - target[rows]) / batch
            g = {"w2": x.T @ d, "b2": d.sum(0)}
            d = d @ p["w2"].T
            for l in (1, 0):
                x, n, inv, a, keep = saved[l]
                d = d * keep * (a > 0)
                g[f"g{l}"], g[f"o{l}"] = (d * n).sum(0), d.sum(0)
                d = d * p[f"g{l}"]
                d = (d - d.mean(0) - n * (d * n).mean(0)) * inv
                g[f"w{l}"], g[f"b{l}"] = x.T @ d, d.sum(0)
                d = d @ p[f"w{l}"].T
            part = (step + 1) / total
            lr = rate * (part / 0.3 if part < 0.3 else 0.5 * (1 + np.cos(np.pi * (part - 0.3) / 0.7)))
            step += 1
            for name in p:
                m[name] = 0.9 * m[name] + 0.1 * g[name]
                v[name] = 0.999 * v[name] + 0.001 * g[name] ** 2
                p[name] -= lr * decay * p[name] + lr * (m[name] / (1 - 0.9**step)) / (np.sqrt(v[name] / (1 - 0.999**step)) + 1e-8)
    def features(x):
        for l in range(2):
            n = (x @ p[f"w{l}"] + p[f"b{l}"] - run[l][0]) / np.sqrt(run[l][1] + 1e-5)
            x = np.maximum(n * p[f"g{l}"] + p[f"o{l}"], 0)
        return x
    f, u = features(labeled_signals()), features(pool_signals())
    mean = u.mean(0)
    length = np.sqrt(((u - mean) ** 2).sum(1).mean())
    return (f - mean) / length, (u - mean) / length


for seed in map(int, sys.argv[2:]):
    f, u = train(seed)
    np.savez(f"e_{seed}.npz", f=f.astype(np.float32), u=u.astype(np.float32))
    print(seed, "done", flush=True)

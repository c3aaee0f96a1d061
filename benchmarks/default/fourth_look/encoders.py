"""Encoders as the preset makes them (../third_look/pretrain.py), with other targets beside the composition.

All variants of one seed see the same batches, distortions, first weights and dropped units, so they are paired. A target
is brought to normal scores by rank over the pool; where it is not defined, it has no part in the loss. The loss is the
cross-entropy of the composition and, for each group of targets, the mean squared error over its columns.
"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from formulas import compositions
from lab import data, signals

torch.set_num_threads(1)
STARTS = np.searchsorted(data["ur"], np.arange(int(data["pool"]) + 1))
SINE = np.sin(np.radians(data["ui"] * 0.01)).astype(np.float32)
VALUES = data["uv"]


def normal_scores(values):
    """Columns by rank to a normal distribution (ties share a rank), undefined values stay so."""
    out = np.full(values.shape, np.nan, np.float32)
    for k, column in enumerate(values.T):
        known = ~np.isnan(column)
        _, inverse, counts = np.unique(column[known], return_inverse=True, return_counts=True)
        middle = (np.cumsum(counts) - 0.5 * counts) / known.sum()
        scores = torch.special.ndtri(torch.from_numpy(middle)).numpy()[inverse]
        out[known, k] = (scores - scores.mean()) / scores.std()
    return out


def groups(path):
    """The groups of targets of `mobility.py`; whether there is an anion belongs to every group."""
    found = np.load(path)
    flag = found["simple"][:, -1:]
    return {name: normal_scores(np.concatenate([found[name], flag][: 1 if name == "simple" else 2], 1)) for name in ("room", "energy", "simple")}


def distorted(rows, rng, width, strain=0.06, texture=0.5, elimination=0.5, sigma=15.0, sub=2):
    bins = 4500 // width
    lengths = STARTS[rows + 1] - STARTS[rows]
    which = np.repeat(np.arange(len(rows)), lengths)
    sticks = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + STARTS[rows][which]
    sine = SINE[sticks] * (1 + rng.uniform(-strain, strain, len(rows)))[which]
    v = VALUES[sticks] * np.exp(texture * rng.standard_normal(len(sticks), dtype=np.float32))
    v *= rng.random(len(sticks)) >= rng.uniform(0, elimination, len(rows))[which]
    v[sine >= 1] = 0
    at = ((2 * np.degrees(np.arcsin(np.minimum(sine, 1))) / 0.02 + 0.5) / (width / sub)).astype(int)
    v[at >= bins * sub] = 0
    out = np.bincount(which * bins * sub + np.minimum(at, bins * sub - 1), v, len(rows) * bins * sub)
    reach = int(4 * sigma * sub / width)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * (width / sub) / sigma) ** 2)
    size = 1 << int(np.ceil(np.log2(bins * sub + 2 * reach)))
    spectrum = np.fft.rfft(out.reshape(len(rows), -1), size) * np.fft.rfft(kernel, size)
    out = np.fft.irfft(spectrum, size)[:, reach : reach + bins * sub].reshape(len(rows), bins, sub).mean(2)
    out = np.sqrt(np.maximum(out, 0)).astype(np.float32)
    return torch.from_numpy(out / (np.sqrt((out**2).mean(1, keepdims=True)) + 1e-6))


class Encoder(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.norms = nn.ModuleList(nn.BatchNorm1d(b) for b in sizes[1:-1])
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def features(self, x, masks=None):
        for l, norm in enumerate(self.norms):
            x = torch.relu(norm(self.layers[l](x)))
            x = x if masks is None else x * masks[l]
        return x

    def forward(self, x, masks=None):
        return self.layers[-1](self.features(x, masks))


def loss_of(z, parts, rows):
    """`parts`: the weight and the target of each, the composition first or not at all."""
    total, first = 0.0, 0
    for name, weight, target in parts:
        out, t = z[:, first : first + target.shape[1]], target[rows]
        first += target.shape[1]
        if name == "composition":
            total = total - weight * (t * F.log_softmax(out, 1)).sum(1).mean()
        else:
            known = ~torch.isnan(t)
            total = total + weight * (torch.where(known, out - t.nan_to_num(), 0.0) ** 2).sum() / known.sum().clamp(min=1)
    return total


def train(seed, variants, rows, epochs=20, batch=128, rate=1e-3, decay=0.02, drop=0.3, hidden=(512, 256), width=10):
    """Encoders of all `variants` (name to parts), trained side by side on the pool's `rows`."""
    rng, masks_rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    models, optimizers = {}, {}
    for name, parts in variants.items():
        torch.manual_seed(seed)
        models[name] = Encoder([4500 // width, *hidden, sum(t.shape[1] for _, _, t in parts)])
        optimizers[name] = torch.optim.AdamW(models[name].parameters(), lr=rate, weight_decay=decay, fused=True)
    per = len(rows) // batch
    total, step = per * epochs, 0
    for _ in range(epochs):
        order = rng.permutation(rows)
        for k in range(per):
            chosen = order[k * batch : (k + 1) * batch]
            x = distorted(chosen, rng, width)
            masks = [(torch.rand(batch, h, generator=masks_rng) >= drop) / (1 - drop) for h in hidden]
            part = (step + 1) / total
            lr = rate * (part / 0.3 if part < 0.3 else 0.5 * (1 + np.cos(np.pi * (part - 0.3) / 0.7)))
            step += 1
            for name, model in models.items():
                optimizers[name].param_groups[0]["lr"] = lr
                optimizers[name].zero_grad()
                loss_of(model(x, masks), variants[name], torch.from_numpy(chosen)).backward()
                optimizers[name].step()
    return {name: model.eval() for name, model in models.items()}


def plain(width, labelled):
    l = "l" if labelled else "u"
    count = len(data["labels"]) if labelled else int(data["pool"])
    return torch.from_numpy(signals(data[f"{l}r"], data[f"{l}i"], data[f"{l}v"], count, 0.3, width, 4500 // width))


@torch.no_grad()
def features(model, width=10):
    """Features of labelled rows and of the pool, as the layer sees them."""
    f, u = (model.features(plain(width, labelled)).numpy() for labelled in (True, False))
    mean = u.mean(0)
    length = np.sqrt(((u - mean) ** 2).sum(1).mean())
    return (f - mean) / length, (u - mean) / length


def variants(ulbs, mobility):
    """The variants by name, and the set of elements of each row of the pool."""
    shares, systems = compositions(ulbs)
    g = {name: torch.from_numpy(t) for name, t in groups(mobility).items()}
    c = ("composition", 1.0, torch.from_numpy(shares))
    part = lambda weight, *names: [(name, weight, g[name]) for name in names]
    return {
        "composition": [c],
        "composition and room": [c, *part(1.0, "room")],
        "composition and energy": [c, *part(1.0, "energy")],
        "composition and simple": [c, *part(1.0, "simple")],
        "composition and all": [c, *part(1.0, "room", "energy", "simple")],
        "composition and 3 simple": [c, *part(3.0, "simple")],
        "composition and 3 all": [c, *part(3.0, "room", "energy", "simple")],
        "room and energy": part(1.0, "room", "energy"),
        "all without composition": part(1.0, "room", "energy", "simple"),
    }, systems

"""Encoders told numbers of structures that move with the distortion: python moving.py ULBS.csv.gz numbers.csv EPOCHS SEED …

A pattern whose sin θ is stretched by 1 + e is that of a crystal whose lengths are divided by it, and whose volumes by its cube. Variants
of one seed see the same batches, distortions and dropped units. Writes e_EPOCHS_VARIANT_SEED.npz, for ../fourth_look/compare.py.
"""
import sys
import time

import numpy as np
import torch

import encoders
from encoders import Encoder, features, normal_scores
from formulas import compositions

LENGTHS = np.array([3, 3, 3, 1, 1, 0])  # the power of lengths that each number goes with
# For each variant: are targets ranks; how far do they move; their weight.
VARIANTS = {"composition": None, "ranks": (True, 0, 1), "moving": (False, 1, 1), "moving3": (False, 1, 3)}


def standard(raw, lengths):
    """Columns of mean 0 and variance 1, and what one unit of ln length adds to each."""
    mean, spread = np.nanmean(raw, 0), np.nanstd(raw, 0)
    return [torch.from_numpy(a.astype(np.float32)) for a in ((raw - mean) / spread, lengths / spread)]


def read(path):
    """Logarithms of volumes and distances, and the coordination."""
    found = np.genfromtxt(path, delimiter=",", usecols=range(1, 7))
    return np.concatenate([np.log(found[:, :5]), found[:, 5:]], 1)


class Remembering:
    """A generator that remembers the first uniform draw since it was asked: the strain."""

    def __init__(self, rng):
        self.rng, self.first = rng, None

    def uniform(self, *arguments):
        drawn = self.rng.uniform(*arguments)
        self.first = drawn if self.first is None else self.first
        return drawn

    def __getattr__(self, name):
        return getattr(self.rng, name)


def distorted(rows, rng, **settings):
    """Distorted signals, and ln of the factor by which sin θ has grown."""
    remembering = Remembering(rng)
    signals = encoders.distorted(rows, remembering, 10, **settings)
    return signals, torch.from_numpy(np.log1p(remembering.first).astype(np.float32))


def squares(outputs, targets):
    """The mean squared error over the defined targets."""
    known = ~torch.isnan(targets)
    return torch.where(known, outputs - targets.nan_to_num(), 0.0).pow(2).sum() / known.sum().clamp(min=1)


def rate(part, largest=1e-3):
    return largest * (part / 0.3 if part < 0.3 else 0.5 * (1 + np.cos(np.pi * (part - 0.3) / 0.7)))


def train(seed, composition, raw, epochs, batch=128, drop=0.3, hidden=(512, 256)):
    rng, masks = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    count, elements = composition.shape
    targets, growth = standard(raw, LENGTHS)
    ranks = torch.from_numpy(normal_scores(raw.astype(np.float32)))
    models, optimizers = {}, {}
    for name, variant in VARIANTS.items():
        torch.manual_seed(seed)
        models[name] = Encoder([450, *hidden, elements + (len(LENGTHS) if variant else 0)])
        optimizers[name] = torch.optim.AdamW(models[name].parameters(), lr=1e-3, weight_decay=0.02, fused=True)
    per = count // batch
    for epoch in range(epochs):
        order = rng.permutation(count)
        for k in range(per):
            chosen = order[k * batch : (k + 1) * batch]
            x, grown = distorted(chosen, rng)
            kept = [(torch.rand(batch, h, generator=masks) >= drop) / (1 - drop) for h in hidden]
            for name, variant in VARIANTS.items():
                optimizers[name].param_groups[0]["lr"] = rate((epoch * per + k + 1) / (per * epochs))
                optimizers[name].zero_grad()
                z = models[name](x, kept)
                loss = -(composition[chosen] * torch.log_softmax(z[:, :elements], 1)).sum(1).mean()
                if variant:
                    ranked, moves, weight = variant
                    told = (ranks if ranked else targets)[chosen] - moves * grown[:, None] * growth
                    loss = loss + weight * squares(z[:, elements:], told)
                loss.backward()
                optimizers[name].step()
    return {name: model.eval() for name, model in models.items()}


if __name__ == "__main__":
    composition, raw, epochs = torch.from_numpy(compositions(sys.argv[1])[0]), read(sys.argv[2]), int(sys.argv[3])
    for seed in map(int, sys.argv[4:]):
        start = time.time()
        for name, model in train(seed, composition, raw, epochs).items():
            f, u = features(model)
            np.savez(f"e_{epochs}_{name}_{seed}.npz", f=f, u=u)
        print(epochs, seed, f"{time.time() - start:.0f} s", flush=True)

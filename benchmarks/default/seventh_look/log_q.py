"""Encoders on the logarithm of Q, as the preset makes them: python log_q.py ULBS.csv.gz LBS.csv numbers.csv NAME SEEDS setting=value …

Settings are those of SETTINGS. Writes e_NAME_SEED.npz and prints how far the composition that an encoder tells of the judged rows is
from their formula (Kullback and Leibler's divergence; formulas are used for nothing else).
"""
import csv
import gzip
import re
import sys
import time

import numpy as np
import torch
from torch import nn

from explore import MORE_LENGTHS
from formulas import compositions, parse
from lab import data, judged, y
from moving import LENGTHS, rate, read, squares, standard

torch.set_num_threads(1)
SETTINGS = dict(
    strain=0.06, elim=0.5, texture=0.5, impurity=0.0, blur=0.2, wide=0.0, weight=3.0, more="", convolutions="", hidden="512,256",
)  # fmt: skip
EPOCHS, BATCH, DROP, RARE = 20, 128, 0.3, 20
POINTS, WIDTH, PARTS, STEP, OCTAVES = 4500, 10, 2, 0.02, 5  # grid points, of a bin; parts of a bin; degrees; of the axis
HIGH = np.sin(np.radians(45.0))
FIRST = np.log(HIGH / 2**OCTAVES)
UNIT = (np.log(HIGH) - FIRST) / POINTS


class Sticks:
    """Sticks of the labelled file ("l") or of the pool ("u"), at their places on the axis."""

    def __init__(self, which):
        self.count = len(y) if which == "l" else int(data["pool"])
        self.starts = np.searchsorted(data[f"{which}r"], np.arange(self.count + 1))
        sine = np.sin(np.radians(data[f"{which}i"] * STEP / 2))
        self.places = ((np.log(np.maximum(sine, 1e-9)) - FIRST) / UNIT).astype(np.float32)
        self.values = data[f"{which}v"]

    def of(self, rows):
        """For each stick of the rows: the row's place among them, and the stick's."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        row = np.repeat(np.arange(len(rows)), lengths)
        return row, np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + self.starts[rows][row]


def blurred(fine, sigma):
    reach = int(4 * sigma * PARTS / WIDTH)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * (WIDTH / PARTS) / sigma) ** 2)
    size = 1 << int(np.ceil(np.log2(fine.shape[1] + 2 * reach)))
    profile = np.fft.irfft(np.fft.rfft(fine, size) * np.fft.rfft(kernel, size), size)[:, reach : reach + fine.shape[1]]
    root = np.sqrt(np.maximum(profile.reshape(len(fine), -1, PARTS).mean(2), 0)).astype(np.float32)
    return root / (np.sqrt((root**2).mean(1, keepdims=True)) + 1e-6)


def render(places, values, row, count, s):
    fine = POINTS // WIDTH * PARTS
    at = np.floor((places + 0.5) / (WIDTH / PARTS)).astype(int)
    values = np.where((at < 0) | (at >= fine), 0, values)
    drawn = np.bincount(row * fine + np.clip(at, 0, fine - 1), values, count * fine).reshape(count, fine)
    widths = [s["blur"], s["wide"]] if s["wide"] else [s["blur"]]
    return torch.from_numpy(np.concatenate([blurred(drawn, width / STEP) for width in widths], 1))


def distorted(sticks, rows, rng, s):
    """Signals, and ln of the factor by which lattices have grown."""
    count, (row, found) = len(rows), sticks.of(rows)
    grown = np.log1p(rng.uniform(-s["strain"], s["strain"], count))
    values = sticks.values[found] * np.exp(s["texture"] * rng.standard_normal(len(found), dtype=np.float32))
    values = values * (rng.random(len(found)) >= rng.uniform(0, s["elim"], count)[row])
    places = sticks.places[found] - (grown / UNIT)[row].astype(np.float32)
    if s["impurity"]:
        # Every pattern is the impurity of another.
        guest, part = rng.permutation(count), rng.uniform(0, s["impurity"], count)
        values = values / (np.bincount(row, values, count) + 1e-9)[row]
        values = np.concatenate([(1 - part)[row] * values, part[guest[row]] * values])
        places, row = np.tile(places, 2), np.concatenate([row, guest[row]])
    return render(places, values, row, count, s), torch.from_numpy(grown.astype(np.float32))


def plain(sticks, s):
    parts = np.array_split(np.arange(sticks.count), 1 + sticks.count // 1000)
    drawn = [(rows, *sticks.of(rows)) for rows in parts]
    return torch.cat([render(sticks.places[found], sticks.values[found], row, len(rows), s) for rows, row, found in drawn])


class Encoder(nn.Module):
    def __init__(self, s, inputs, outputs):
        super().__init__()
        channels, parts = [1, *map(int, filter(None, s["convolutions"].split(",")))], []
        for a, b, kernel in zip(channels, channels[1:], (9, 7, 5)):
            parts += [nn.Conv1d(a, b, kernel, stride=2, padding=kernel // 2), nn.BatchNorm1d(b), nn.ReLU()]
        self.convolutions = nn.Sequential(*parts)
        inputs = self.convolutions(torch.zeros(2, 1, inputs)).flatten(1).shape[1]
        sizes = [inputs, *map(int, s["hidden"].split(","))]
        parts = [[nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU(), nn.Dropout(DROP)] for a, b in zip(sizes, sizes[1:])]
        self.dense, self.last = nn.Sequential(*sum(parts, [])), nn.Linear(sizes[-1], outputs)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv1d)):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def features(self, x):
        return self.dense(self.convolutions(x[:, None]).flatten(1))


def train(seed, s, pool, composition, targets, growth):
    rng, elements = np.random.default_rng(seed), composition.shape[1]
    torch.manual_seed(seed)
    model = Encoder(s, POINTS // WIDTH * (2 if s["wide"] else 1), elements + targets.shape[1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02, fused=True)
    per = pool.count // BATCH
    for epoch in range(EPOCHS):
        order = rng.permutation(pool.count)
        for k in range(per):
            chosen = order[k * BATCH : (k + 1) * BATCH]
            x, grown = distorted(pool, chosen, rng, s)
            optimizer.param_groups[0]["lr"] = rate((epoch * per + k + 1) / (per * EPOCHS))
            optimizer.zero_grad()
            z = model.last(model.features(x))
            loss = -(composition[chosen] * torch.log_softmax(z[:, :elements], 1)).sum(1).mean()
            (loss + s["weight"] * squares(z[:, elements:], targets[chosen] + grown[:, None] * growth)).backward()
            optimizer.step()
    return model.eval()


def true_shares(ulbs, lbs):
    """Of the labelled rows' formulas, over the elements of `compositions`."""
    counts = {}
    with gzip.open(ulbs, "rt") as file:
        next(file)
        for line in file:
            for element in parse(line.split(",", 1)[0]):
                counts[element] = counts.get(element, 0) + 1
    elements = sorted(element for element, rows in counts.items() if rows >= RARE)
    with open(lbs) as file:
        formulas = [re.sub(r"\((EES|NC|nc_error)\)|^[a-z]+_", "", row[0]) for row in list(csv.reader(file))[1:]]
    shares = np.zeros((len(formulas), len(elements) + 1), np.float32)
    for i, found in enumerate(map(parse, formulas)):
        for element, atoms in found.items():
            shares[i, elements.index(element) if element in elements else -1] += atoms / sum(found.values())
    return torch.from_numpy(shares)


@torch.no_grad()
def divergence(model, x, shares):
    told = torch.log_softmax(model.last(model.features(x))[:, : shares.shape[1]], 1)
    return (torch.xlogy(shares, shares) - shares * told).sum(1).mean()


if __name__ == "__main__":
    ulbs, lbs, numbers, name, seeds = sys.argv[1:6]
    s = dict(SETTINGS)
    for word in sys.argv[6:]:
        key, value = word.split("=", 1)
        s[key] = type(s[key])(value)
    raw, lengths, more = read(numbers), LENGTHS, [int(c) for c in s["more"]]
    if more:
        raw = np.concatenate([raw, np.load("more.npz")["values"][:, more]], 1)
        lengths = np.concatenate([lengths, MORE_LENGTHS[more]])
    targets, growth = standard(raw, lengths)
    composition, shares = torch.from_numpy(compositions(ulbs)[0]), true_shares(ulbs, lbs)
    labelled, pool = Sticks("l"), Sticks("u")
    for seed in map(int, seeds.split(",")):
        start = time.time()
        model = train(seed, s, pool, composition, targets, growth)
        own, all_of_it = plain(labelled, s), plain(pool, s)
        off = divergence(model, own[judged], shares[judged])
        with torch.no_grad():
            f, u = model.features(own).numpy(), model.features(all_of_it).numpy()
        mean = u.mean(0)
        length = np.sqrt(((u - mean) ** 2).sum(1).mean())
        np.savez(f"e_{name}_{seed}.npz", f=(f - mean) / length, u=(u - mean) / length)
        print(name, seed, f"divergence {off:.3f}, {time.time() - start:.0f} s", flush=True)

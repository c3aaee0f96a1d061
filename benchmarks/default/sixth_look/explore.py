"""One variant of `moving.py`: python explore.py ULBS.csv.gz numbers.csv NAME SEEDS setting=value …

Settings are those of SETTINGS. Writes e_x_NAME_SEED.npz, and prints the composition's loss and the squared error of each number.
"""
import sys

import numpy as np
import torch

from encoders import Encoder, features
from formulas import compositions
from moving import LENGTHS, distorted, rate, read, squares, standard

SETTINGS = dict(epochs=20, strain=0.06, weight=1.0, drop=0.3, elim=0.5, texture=0.5, cols="012345", comp=1.0, more="")
MORE_LENGTHS = np.array([1, 0, 0, 1, 1, 0, 3])  # of the numbers of more.py
BATCH, HIDDEN = 128, (512, 256)


def train(seed, composition, targets, growth, s):
    rng, masks = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    count, elements = composition.shape
    model = Encoder([450, *HIDDEN, elements + targets.shape[1]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02, fused=True)
    per = count // BATCH
    for epoch in range(s["epochs"]):
        order, losses = rng.permutation(count), np.zeros(1 + targets.shape[1])
        for k in range(per):
            chosen = order[k * BATCH : (k + 1) * BATCH]
            x, grown = distorted(chosen, rng, strain=s["strain"], texture=s["texture"], elimination=s["elim"])
            kept = [(torch.rand(BATCH, h, generator=masks) >= s["drop"]) / (1 - s["drop"]) for h in HIDDEN]
            optimizer.param_groups[0]["lr"] = rate((epoch * per + k + 1) / (per * s["epochs"]))
            optimizer.zero_grad()
            z = model(x, kept)
            shares = -(composition[chosen] * torch.log_softmax(z[:, :elements], 1)).sum(1).mean()
            told = targets[chosen] - grown[:, None] * growth
            (s["comp"] * shares + s["weight"] * squares(z[:, elements:], told)).backward()
            optimizer.step()
            each = [squares(z[:, elements + i], told[:, i]) for i in range(told.shape[1])]
            losses += [float(v.detach()) / per for v in (shares, *each)]
    return model.eval(), losses


if __name__ == "__main__":
    name, seeds = sys.argv[3], map(int, sys.argv[4].split(","))
    s = dict(SETTINGS)
    for word in sys.argv[5:]:
        key, value = word.split("=")
        s[key] = type(s[key])(value)
    raw, lengths = read(sys.argv[2]), LENGTHS
    if s["more"]:
        chosen = [int(c) for c in s["more"]]
        raw = np.concatenate([raw, np.load("more.npz")["values"][:, chosen]], 1)
        lengths = np.concatenate([lengths, MORE_LENGTHS[chosen]])
    kept = [int(c) for c in s["cols"]] + list(range(len(LENGTHS), raw.shape[1]))
    targets, growth = standard(raw[:, kept], lengths[kept])
    composition = torch.from_numpy(compositions(sys.argv[1])[0])
    for seed in seeds:
        model, losses = train(seed, composition, targets, growth, s)
        f, u = features(model)
        np.savez(f"e_x_{name}_{seed}.npz", f=f, u=u)
        print(name, seed, np.round(losses, 3), flush=True)

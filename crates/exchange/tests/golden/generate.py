"""Writes the checkpoints of PyTorch that ../pytorch.rs reads, small and seeded.

    python -m pip install -r requirements.txt && python generate.py

`expected.json` holds every tensor's shape and the bits of its values as f32.
"""

import collections
import json
import os
import pathlib
import pickle
import struct
import zipfile

import torch

here = pathlib.Path(__file__).parent
torch.manual_seed(20241123)


def network():
    feature = torch.nn.Sequential(
        torch.nn.Conv1d(1, 3, 4), torch.nn.BatchNorm1d(3), torch.nn.ReLU(), torch.nn.MaxPool1d(2)
    )
    model = torch.nn.Module()
    model.feature = feature
    model.classifer = torch.nn.Sequential(torch.nn.Linear(3 * 5, 2))
    feature[1].running_mean.uniform_()
    feature[1].num_batches_tracked.fill_(7)
    return model


def bits(tensor):
    values = tensor.detach().to(torch.float32).contiguous().flatten()
    return {"shape": list(tensor.shape), "bits": [struct.unpack("I", struct.pack("f", v))[0] for v in values.tolist()]}


model, average = network(), network()
optimizer = torch.optim.AdamW(model.parameters())
model.classifer(model.feature(torch.randn(2, 1, 13)).flatten(1)).sum().backward()
optimizer.step()
odd = collections.OrderedDict(
    [
        ("a.transposed", torch.randn(3, 2).t()),
        ("a.part", torch.randn(10)[3:7]),
        ("a.double", torch.randn(2, dtype=torch.float64)),
        ("a.half", torch.randn(3).half()),
        ("a.bfloat", torch.randn(3).bfloat16()),
        ("a.count", torch.tensor(12345)),
        ("a.empty", torch.zeros(0, 4)),
        ("a.parameter", torch.nn.Parameter(torch.randn(2, 2))),
    ]
)
files = {
    "state_dict": (model.state_dict(), {"": model.state_dict()}),
    "training": (
        {
            "train_model": model.state_dict(),
            "eval_model": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": {"last_epoch": 3, "base_lrs": [3e-4], "lr_lambdas": [None]},
            "it": 1000,
        },
        {"train_model": model.state_dict(), "eval_model": average.state_dict()},
    ),
    "parallel": ({"module." + k: v for k, v in model.state_dict().items()}, {"": model.state_dict()}),
    "odd": (odd, {"": odd}),
}
expected = {"torch": torch.__version__, "files": {}}
for name, (value, dicts) in files.items():
    torch.save(value, here / f"{name}.pth")
    expected["files"][name] = {key: {k: bits(v) for k, v in d.items()} for key, d in dicts.items()}
(here / "expected.json").write_text(json.dumps(expected))


class Command:
    """What an attacker puts into a checkpoint: unpickling it runs a command."""

    def __reduce__(self):
        return os.system, ("touch executed",)


torch.save({"feature.0.weight": torch.zeros(1), "x": Command()}, here / "malicious.pth")
torch.save(model, here / "whole_model.pth")
with zipfile.ZipFile(here / "compressed.pth", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("archive/data.pkl", pickle.dumps({"a.b": bytes(10_000_000)}, 2))

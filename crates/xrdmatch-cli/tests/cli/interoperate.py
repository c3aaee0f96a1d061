"""Our exported files in PyTorch's own network and in onnxruntime, against our own predictions.

Runs in a directory with ulbs.csv, ours.csv, w.safetensors, plain.onnx and prepared.onnx; writes
torch.pth. The network is the one of the tests' small.toml. With the argument `graphs` only the graphs
are held against our predictions, whatever network they are of.
"""

import csv
import sys

import numpy as np
import onnxruntime
import torch
from safetensors.torch import load_file


class Network(torch.nn.Module):
    def __init__(self, points):
        super().__init__()
        nn = torch.nn
        self.feature = nn.Sequential(
            nn.Conv1d(1, 8, 5, stride=2, padding=1), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2),
            nn.Dropout(0.5),
        )
        features = self.feature(torch.zeros(1, 1, points)).numel()
        self.classifer = nn.Sequential(
            nn.Linear(features, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2)
        )

    def forward(self, x):
        return self.classifer(self.feature(x[:, None, :]).flatten(1))


with open("ulbs.csv") as file:
    rows = list(csv.DictReader(file))
points = sum(1 for key in rows[0] if key[0] == "v" and key[1:].isdigit())
raw = np.array([[float(row[f"v{i + 1}"]) for i in range(points)] for row in rows], dtype=np.float32)
with open("ours.csv") as file:
    ours = list(csv.DictReader(file))
assert [row["name"] for row in ours] == [row["name"] for row in rows]
logits = np.array([[float(row["logit0"]), float(row["logit1"])] for row in ours])
probabilities = np.array([[float(row["p0"]), float(row["p1"])] for row in ours])

# The published preparation, the last point set aside.
kept = raw[:, :-1]
low, high = kept.min(1, keepdims=True), kept.max(1, keepdims=True)
prepared = np.zeros_like(raw)
prepared[:, :-1] = (kept - low) / (high - low)
prepared[prepared < 0.1] = 0

assert logits.std(0).min() > 1e-3, "the logits must differ between patterns"


def check_weights():
    model = Network(points)
    report = model.load_state_dict(load_file("w.safetensors"))
    model.eval()
    with torch.no_grad():
        theirs = model(torch.from_numpy(prepared)).numpy()
    error = np.abs(theirs - logits).max()
    assert error <= 1e-5 * max(1, np.abs(logits).max()), f"PyTorch differs by {error}"
    torch.save(model.state_dict(), "torch.pth")


if sys.argv[1:] != ["graphs"]:
    check_weights()
for file, inputs in [("plain.onnx", prepared), ("prepared.onnx", raw)]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    found, shares = session.run(["logits", "probabilities"], {"patterns": inputs})
    error = np.abs(found - logits).max()
    assert error <= 1e-4 * max(1, np.abs(logits).max()), f"{file} differs by {error}"
    assert np.abs(shares - probabilities).max() <= 1e-4, file
print("PyTorch and onnxruntime agree")

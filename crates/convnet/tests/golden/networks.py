"""The published networks in PyTorch, under the published parameter names."""

import torch
from torch import nn

PAPER = [(64, 16), (128, 12), (256, 8), (512, 4)]
VGG = {
    "vgg11": [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "vgg13": [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "vgg16": [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"],
    "vgg19": [64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512, "M"],
}


def feature_layers(preset: str, dropout: float = 0.0) -> list[nn.Module]:
    """The convolutional part, from (B, 1, L) to (B, C, L')."""
    layers, channels = [], 1
    if preset == "paper":
        for out, kernel in PAPER:
            layers += [nn.Conv1d(channels, out, kernel, 2, 1), nn.BatchNorm1d(out), nn.ReLU()]
            layers += [nn.Conv1d(out, out, kernel, 1, 1), nn.BatchNorm1d(out), nn.ReLU()]
            layers += [nn.MaxPool1d(2), nn.Dropout(dropout)]
            channels = out
    else:
        for out in VGG[preset]:
            if out == "M":
                layers += [nn.MaxPool1d(2), nn.Dropout(dropout)]
            else:
                layers += [nn.Conv1d(channels, out, 3, 1, 1), nn.BatchNorm1d(out), nn.ReLU()]
                channels = out
    return layers


class Classifier(nn.Module):
    """A preset for patterns of `length` points; parameters `feature.N.*` and `classifer.N.*`."""

    def __init__(self, preset: str, length: int, dropout: float = 0.0):
        super().__init__()
        self.feature = nn.Sequential(*feature_layers(preset, dropout))
        with torch.no_grad():
            width = self.feature.eval()(torch.zeros(1, 1, length)).numel()
        self.classifer = nn.Sequential(
            nn.Linear(width, 1024), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(1024, 256), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(256, 2),
        )  # fmt: skip

    def forward(self, signals: torch.Tensor) -> torch.Tensor:
        return self.classifer(self.feature(signals.unsqueeze(1)).flatten(1))

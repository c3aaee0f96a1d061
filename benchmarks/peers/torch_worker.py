"""PyTorch's side of `compare.py`: does one thing at a time on command and says how long it took.

    torch_worker.py ARCHITECTURE VARIANT THREADS

VARIANT is `f32`, `f32-channels-last` or `bf16-channels-last` (autocast). The commands and answers
are those of `crates/convnet/examples/peer_timing.rs`.
"""

import pathlib
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "crates/convnet/tests/golden"))
from formula import sticks  # noqa: E402
from networks import Classifier  # noqa: E402

LENGTH = 4501
LABELLED, UNLABELLED = 32, 96


def as_pictures(net: Classifier) -> nn.Sequential:
    """The same network on pictures of height 1: PyTorch has a channels-last layout for those only."""
    layers = []
    for layer in net.feature:
        if isinstance(layer, nn.Conv1d):
            kernel, stride, padding = ((1, *layer.kernel_size), (1, *layer.stride), (0, *layer.padding))
            layer = nn.Conv2d(layer.in_channels, layer.out_channels, kernel, stride, padding)
        elif isinstance(layer, nn.BatchNorm1d):
            layer = nn.BatchNorm2d(layer.num_features)
        elif isinstance(layer, nn.MaxPool1d):
            layer = nn.MaxPool2d((1, layer.kernel_size))
        layers.append(layer)
    return nn.Sequential(*layers, nn.Flatten(), *net.classifer)


class Worker:
    def __init__(self, architecture: str, variant: str):
        net = Classifier(architecture, LENGTH, dropout=0.5)
        self.channels_last = variant.endswith("channels-last")
        self.bf16 = variant.startswith("bf16")
        self.net = as_pictures(net).to(memory_format=torch.channels_last) if self.channels_last else net
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=3e-4, weight_decay=0.01, fused=True)
        self.labelled, self.weak, self.strong = map(self.signals, (LABELLED, UNLABELLED, UNLABELLED))
        self.labels = torch.arange(LABELLED) % 2

    def signals(self, batch: int) -> torch.Tensor:
        signals = torch.from_numpy(sticks("timing", batch, LENGTH))
        if self.channels_last:
            return signals[:, None, None].contiguous(memory_format=torch.channels_last)
        return signals

    def autocast(self) -> torch.autocast:
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16)

    def train(self) -> float:
        """Seconds of one FlexMatch step with every pseudo-label accepted."""
        self.net.train()
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            labelled = self.net(self.labelled).float()
            with torch.no_grad():
                pseudo_labels = self.net(self.weak).float().argmax(-1)
            strong = self.net(self.strong).float()
        (F.cross_entropy(labelled, self.labels) + F.cross_entropy(strong, pseudo_labels)).backward()
        self.optimizer.step()
        return time.perf_counter() - start

    def infer(self, signals: torch.Tensor) -> float:
        """Seconds of one inference."""
        self.net.eval()
        start = time.perf_counter()
        with torch.inference_mode(), self.autocast():
            self.net(signals)
        return time.perf_counter() - start

    def obey(self, command: str) -> float:
        match command.split():
            case ["train"]:
                return self.train()
            case ["infer", batch]:
                return self.infer(self.signals(int(batch)))
            case ["row", count]:
                return statistics.median(self.infer(row) for row in self.signals(int(count)).split(1))
            case ["peak"]:
                return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        raise ValueError(f"no command {command!r}")


def main() -> None:
    architecture, variant, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    worker = Worker(architecture, variant)
    print("ready", flush=True)
    for line in sys.stdin:
        print(worker.obey(line), flush=True)


if __name__ == "__main__":
    main()

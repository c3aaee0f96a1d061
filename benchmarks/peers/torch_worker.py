"""PyTorch's side of `compare.py`, here and in `benchmarks/gpu`: does one thing at a time on command and
says how long it took.

    torch_worker.py ARCHITECTURE VARIANT THREADS [DEVICE [LENGTH]]

VARIANT is `f32`, `f32-channels-last`, `bf16` or `bf16-channels-last` (autocast), or `compiled`
(`torch.compile`, f32). DEVICE is `cpu`, `cuda` or `cuda:1`; on a card f32 convolutions take TF32, as
PyTorch has it. The commands and answers are those of `crates/convnet/examples/peer_timing.rs`; `peak` is
the memory of the card where there is one.
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
    def __init__(self, architecture: str, variant: str, device: str, length: int):
        self.device, self.length = torch.device(device), length
        net = Classifier(architecture, length, dropout=0.5)
        self.channels_last = variant.endswith("channels-last")
        self.bf16 = variant.startswith("bf16")
        net = as_pictures(net).to(memory_format=torch.channels_last) if self.channels_last else net
        self.net = net.to(self.device)
        self.forward = torch.compile(self.net) if variant == "compiled" else self.net
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=3e-4, weight_decay=0.01, fused=True)
        self.batches = [self.signals(batch) for batch in (LABELLED, UNLABELLED, UNLABELLED)]
        self.labels = (torch.arange(LABELLED) % 2).to(self.device)

    def signals(self, batch: int) -> torch.Tensor:
        """On the host, as ours are."""
        signals = torch.from_numpy(sticks("timing", batch, self.length))
        if self.channels_last:
            return signals[:, None, None].contiguous(memory_format=torch.channels_last)
        return signals

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16)

    def train(self) -> float:
        """Seconds of one FlexMatch step with every pseudo-label accepted."""
        self.net.train()
        self.wait()
        start = time.perf_counter()
        labelled, weak, strong = (signals.to(self.device, non_blocking=True) for signals in self.batches)
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            labelled = self.forward(labelled).float()
            with torch.no_grad():
                pseudo_labels = self.forward(weak).float().argmax(-1)
            strong = self.forward(strong).float()
        (F.cross_entropy(labelled, self.labels) + F.cross_entropy(strong, pseudo_labels)).backward()
        self.optimizer.step()
        self.wait()
        return time.perf_counter() - start

    def infer(self, signals: torch.Tensor) -> float:
        """Seconds of one inference, its answer on the host."""
        self.net.eval()
        start = time.perf_counter()
        with torch.inference_mode(), self.autocast():
            self.net(signals.to(self.device)).cpu()
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
                if self.device.type == "cuda":
                    return torch.cuda.max_memory_reserved(self.device)
                return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        raise ValueError(f"no command {command!r}")


def main() -> None:
    architecture, variant, threads, *rest = sys.argv[1:]
    device, length = [*rest, *("cpu", "4501")[len(rest) :]]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    worker = Worker(architecture, variant, device, int(length))
    print("ready", flush=True)
    for line in sys.stdin:
        print(worker.obey(line), flush=True)


if __name__ == "__main__":
    main()

"""PyTorch's side of `compare.py` on a graphics card: does one thing at a time on command and says how
long it took.

    torch_worker.py ARCHITECTURE VARIANT DEVICE LENGTH

VARIANT is `default` (f32, TF32 in convolutions as PyTorch has it), `bf16` (autocast) or `compiled`
(`torch.compile`, f32). DEVICE is `cuda`, `cuda:1` or, to see that the script works, `cpu`. Commands and
answers are those of `crates/convnet/examples/peer_timing.rs`; `peak` is the memory of the card.
"""

import contextlib
import pathlib
import resource
import sys
import time

import torch
import torch.nn.functional as F

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "crates/convnet/tests/golden"))
from formula import sticks  # noqa: E402
from networks import Classifier  # noqa: E402

LABELLED, UNLABELLED = 32, 96


class Worker:
    def __init__(self, architecture: str, variant: str, device: str, length: int):
        self.device = torch.device(device)
        self.length = length
        self.bf16 = variant == "bf16"
        self.net = Classifier(architecture, length, dropout=0.5).to(self.device)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=3e-4, weight_decay=0.01, fused=True)
        self.forward = torch.compile(self.net) if variant == "compiled" else self.net
        self.host = [torch.from_numpy(sticks("timing", batch, length)) for batch in (LABELLED, UNLABELLED, UNLABELLED)]
        self.labels = (torch.arange(LABELLED) % 2).to(self.device)

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def autocast(self) -> contextlib.AbstractContextManager:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16)

    def train(self) -> float:
        """Seconds of one FlexMatch step with every pseudo-label accepted; signals come from the host, as ours do."""
        self.net.train()
        self.wait()
        start = time.perf_counter()
        labelled, weak, strong = (signals.to(self.device, non_blocking=True) for signals in self.host)
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

    def infer(self, batch: int) -> float:
        """Seconds of one inference, its answer on the host."""
        self.net.eval()
        signals = torch.from_numpy(sticks("timing", batch, self.length))
        start = time.perf_counter()
        with torch.inference_mode(), self.autocast():
            self.net(signals.to(self.device)).cpu()
        return time.perf_counter() - start

    def obey(self, command: str) -> float:
        match command.split():
            case ["train"]:
                return self.train()
            case ["infer", batch]:
                return self.infer(int(batch))
            case ["peak"]:
                if self.device.type == "cuda":
                    return torch.cuda.max_memory_reserved(self.device)
                return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        raise ValueError(f"no command {command!r}")


def main() -> None:
    architecture, variant, device, length = sys.argv[1:]
    torch.manual_seed(0)
    worker = Worker(architecture, variant, device, int(length))
    print("ready", flush=True)
    for line in sys.stdin:
        print(worker.obey(line), flush=True)


if __name__ == "__main__":
    main()

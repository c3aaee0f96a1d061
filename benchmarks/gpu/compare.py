"""Times ours and PyTorch on one graphics card in one run, taking turns, and writes medians and ratios.

    compare.py --ours BINARY [--ours-on DEVICE]… [--torch-on DEVICE] [--architecture NAME] [--length N]
               [--rounds N] [--jobs N]

Started by `run.sh`. Every engine and variant is a process of its own that waits for its turn. Reported:
seconds and steps per second of a training step, the share of ours that is lost at the seam between
device and host, memory of the card where `nvidia-smi` tells it, inference, and several experiments on
one card.
"""

import argparse
import functools
import os
import pathlib
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "peers"))
from worker import Worker, append, machine, ours, output, torch  # noqa: E402

TORCH = ("f32", "bf16", "compiled")
#: Steps before the first that counts: kernels are compiled and memory is taken in them.
WARM_UP = 3


def card_memory(worker: Worker) -> float | None:
    """Bytes of the card that a process holds, as its driver counts them."""
    query = ("nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits")
    for line in output(*query).splitlines():
        pid, used = line.split(",")
        if int(pid) == worker.process.pid and used.strip().isdigit():
            return int(used) * 2**20
    return None


def started(options: argparse.Namespace, names: list[str]) -> list[Worker]:
    """`ours DEVICE` or `torch VARIANT`, those that start."""

    def command(name: str) -> list[str]:
        engine, variant = name.split()
        threads, length = os.cpu_count(), options.length
        if engine == "ours":
            return ours(options.ours, options.architecture, "f32", threads, variant, length)
        return torch(options.architecture, variant, threads, options.torch_on, length)

    return [worker for worker in [Worker(name, command(name)) for name in names] if worker.is_ready()]


def steps(options: argparse.Namespace) -> list[str]:
    names = [f"ours {device}" for device in options.ours_on] + [f"torch {variant}" for variant in TORCH]
    workers = started(options, names)
    seconds: dict[str, list[float]] = {worker.name: [] for worker in workers}
    seams: dict[str, list[float]] = {worker.name: [] for worker in workers}
    memory: dict[str, float | None] = {}
    for round_ in range(WARM_UP + options.rounds):
        for worker in list(workers):
            try:
                took = worker.do("train")
                lost = None
                if worker.name.startswith("ours"):
                    lost = worker.do("seam") + worker.do("roundtrip")
            except RuntimeError as error:
                print(error, file=sys.stderr)
                workers.remove(worker)
                continue
            if round_ >= WARM_UP:
                seconds[worker.name].append(took)
                if lost is not None:
                    seams[worker.name].append(lost / took)
    infer: dict[str, list[float]] = {}
    for worker in workers:
        memory[worker.name] = card_memory(worker)
        for batch in (96, 1):
            worker.do(f"infer {batch}")
            values = [worker.do(f"infer {batch}") for _ in range(options.rounds)]
            infer.setdefault(worker.name, []).append(statistics.median(values))
        worker.close()
    best = min((statistics.median(seconds[w.name]) for w in workers if w.name.startswith("ours")), default=None)
    lines = [
        f"### `{options.architecture}` at {options.length} points: 32 labelled, 96 weak, 96 strong",
        "",
        "| | step, median s | steps/s | times our best | lost at the seam | memory of the card, MB | 96 patterns, ms | 1 pattern, ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for worker in workers:
        median = statistics.median(seconds[worker.name])
        ratio = f"{median / best:.2f}" if best else "–"
        seam = f"at most {100 * statistics.median(seams[worker.name]):.1f} %" if seams[worker.name] else "–"
        held = memory[worker.name]
        held = f"{held / 1e6:.0f}" if held else "not told"
        many, one = infer[worker.name]
        lines.append(
            f"| {worker.name} | {median:.4g} | {1 / median:.4g} | {ratio} | {seam} | {held} | {1e3 * many:.4g} | {1e3 * one:.4g} |"
        )
    return [*lines, ""]


def side_by_side(options: argparse.Namespace) -> list[str]:
    """Steps per second of all together, when so many experiments share the card, each in a process."""
    lines = ["### Experiments side by side on one card", "", "| | experiments | steps/s, all together |", "| --- | --- | --- |"]
    for device in options.ours_on:
        count = 1
        while count <= options.jobs:
            workers = started(options, [f"ours {device}"] * count)
            if len(workers) < count:
                break
            for worker in workers:
                for _ in range(WARM_UP):
                    worker.do("train")
            start = time.perf_counter()
            for _ in range(options.rounds):
                for worker in workers:
                    worker.start("train")
                for worker in workers:
                    worker.answer()
            rate = count * options.rounds / (time.perf_counter() - start)
            for worker in workers:
                worker.close()
            lines.append(f"| ours {device} | {count} | {rate:.4g} |")
            count *= 2
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True, type=pathlib.Path)
    parser.add_argument("--ours-on", action="append", metavar="DEVICE", help="[default: wgpu and cuda]")
    parser.add_argument("--torch-on", default="cuda", metavar="DEVICE")
    parser.add_argument("--architecture", default="paper")
    parser.add_argument("--length", type=int, default=4501)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=4, help="most experiments side by side; 0 for none")
    options = parser.parse_args()
    options.ours_on = options.ours_on or ["wgpu", "cuda"]
    card = output("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")
    head = machine("benchmarks/gpu/run.sh", sys.argv[3:], f"card: {card or 'none of NVIDIA'}")
    append(HERE, head, [functools.partial(section, options) for section in (steps, side_by_side)])


if __name__ == "__main__":
    main()

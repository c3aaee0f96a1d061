"""Times ours and PyTorch in one run, taking turns, and writes medians and ratios.

    compare.py --ours BINARY [--threads N] [--rounds N] [--only TEXT] [SECTION…]

Started by `run.sh`. Every engine and variant is a process of its own that waits for its turn, so a
slow minute of the machine slows all of them.
"""

import argparse
import functools
import os
import pathlib
import statistics
import sys
import time

from worker import Worker, append, machine, ours, torch

HERE = pathlib.Path(__file__).resolve().parent
TORCH = ("torch f32", "torch f32-channels-last", "torch bf16-channels-last")
#: Seconds between turns, for the threads of the last one to fall asleep.
PAUSE = 0.05
#: Patterns of a turn where they come one after the other, as a server's or a stream's do.
ROW = 20


def program(options: argparse.Namespace, name: str, architecture: str, threads: int) -> Worker:
    """`ours PRECISION` or `torch VARIANT`."""
    engine, variant = name.split()
    arguments = (architecture, variant, threads)
    return Worker(name, ours(options.ours, *arguments) if engine == "ours" else torch(*arguments))


def do(worker: Worker, command: str) -> float:
    time.sleep(PAUSE)
    return worker.do(command)


class Team:
    """Workers for the length of a `with`."""

    def __init__(self, options: argparse.Namespace, architecture: str, names: list[str], threads: int):
        names = [name for name in names if options.only in name]
        self.workers = [program(options, name, architecture, threads) for name in names]

    def __enter__(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.is_ready()]

    def __exit__(self, *_) -> None:
        for worker in self.workers:
            worker.close()


def take_turns(workers: list[Worker], command: str, rounds: int, twice: bool = True) -> dict[str, list[float]]:
    """Answers of each worker by its name. At its turn each works twice and the second time counts:
    the first one gets memory back that the others had meanwhile, which costs the engines that return
    it after every step (PyTorch's) up to half of a short step. Without `twice` only the first round
    does not count: for long steps."""
    found = {worker.name: [] for worker in workers}
    for round_ in range(rounds if twice else rounds + 1):
        for worker in workers:
            if twice:
                do(worker, command)
            answer = do(worker, command)
            if twice or round_:
                found[worker.name].append(answer)
    return found


def table(title: str, found: dict[str, list[float]], unit: str, scale: float) -> list[str]:
    """Rows of medians, ranges and ratios to ours of the same precision."""
    lines = [f"### {title}", "", f"| | median {unit} | least | most | times ours |", "| --- | --- | --- | --- | --- |"]
    for name, values in found.items():
        median = statistics.median(values)
        ours = found.get("ours bf16" if "bf16" in name else "ours f32")
        ratio = f"{median / statistics.median(ours):.2f}" if ours else "–"
        numbers = (f"{scale * x:.4g}" for x in (median, min(values), max(values)))
        lines.append(f"| {name} | {' | '.join(numbers)} | {ratio} |")
    return [*lines, ""]


def train(options: argparse.Namespace, architecture: str, rounds: int, twice: bool) -> list[str]:
    names = ["ours f32", "ours bf16", *TORCH]
    with Team(options, architecture, names, options.threads) as workers:
        found = take_turns(workers, "train", options.rounds or rounds, twice)
    return table(f"`{architecture}`: training step, {options.threads} threads", found, "s", 1.0)


def paper_train(options: argparse.Namespace) -> list[str]:
    return train(options, "paper", 5, twice=True)


def vgg16_train(options: argparse.Namespace) -> list[str]:
    return train(options, "vgg16", 3, twice=False)


def paper_infer(options: argparse.Namespace) -> list[str]:
    lines = []
    with Team(options, "paper", ["ours f32", "ours bf16", *TORCH], options.threads) as workers:
        for what, command, rounds in (
            ("batch 96", "infer 96", 7),
            (f"one pattern, the median of {ROW} in a row a turn", f"row {ROW}", 9),
            ("one pattern a turn, caches and threads cold", "infer 1", 25),
        ):
            found = take_turns(workers, command, options.rounds or rounds)
            lines += table(f"`paper`: inference, {what}, {options.threads} threads", found, "ms", 1e3)
    return lines


def memory(options: argparse.Namespace) -> list[str]:
    """Peaks of fresh processes that train three steps, one after the other."""
    found = {}
    for name in ("ours f32", *TORCH):
        with Team(options, "paper", [name], options.threads) as workers:
            for worker in workers:
                for _ in range(3):
                    do(worker, "train")
                found[name] = [do(worker, "peak")]
    return table("`paper`: peak memory of a training process", found, "MB", 1e-6)


def side_by_side(options: argparse.Namespace) -> list[str]:
    """Two processes with one thread each at once, against one with two threads twice."""
    lines = []
    for name in ("ours f32", "torch f32-channels-last"):
        with Team(options, "paper", [name], 2) as (both_cores,), Team(options, "paper", [name] * 2, 1) as pair:
            found = {"one after the other on two threads": [], "side by side on one thread each": []}
            for round_ in range((options.rounds or 5) + 1):
                after = do(both_cores, "train") + do(both_cores, "train")
                time.sleep(PAUSE)
                start = time.perf_counter()
                for worker in pair:
                    worker.start("train")
                for worker in pair:
                    worker.answer()
                beside = time.perf_counter() - start
                if round_:
                    for values, value in zip(found.values(), (after, beside)):
                        values.append(value)
        after, beside = map(statistics.median, found.values())
        lines += [f"### `paper`: a step of each of two experiments, {name}", ""]
        lines += [f"{way}: median {statistics.median(values):.3f} s" for way, values in found.items()]
        lines += ["", f"Side by side is {after / beside:.2f} times as fast.", ""]
    return lines


SECTIONS = {
    "paper-train": paper_train,
    "paper-infer": paper_infer,
    "memory": memory,
    "side-by-side": side_by_side,
    "vgg16-train": vgg16_train,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True, type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, help="instead of each section's own number")
    parser.add_argument("--only", default="", help="only programs whose name contains this, as `f32`")
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], metavar="SECTION")
    options = parser.parse_args()
    isa = f"XRDMATCH_ISA {os.environ.get('XRDMATCH_ISA', 'not set')}"
    head = machine("benchmarks/peers/run.sh", sys.argv[3:], isa)
    sections = options.sections or SECTIONS
    append(HERE, head, [functools.partial(SECTIONS[section], options) for section in sections])


if __name__ == "__main__":
    main()

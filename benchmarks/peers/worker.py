"""Programs that are timed: each a process of its own that waits for its turn, and what to say of the
machine. Shared with `benchmarks/gpu`."""

import datetime
import os
import pathlib
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable

HERE = pathlib.Path(__file__).resolve().parent


def ours(binary: pathlib.Path, *arguments: object) -> list[str]:
    """`crates/convnet/examples/peer_timing.rs` with its arguments."""
    return [str(binary), *map(str, arguments)]


def torch(*arguments: object) -> list[str]:
    """`torch_worker.py` with its arguments."""
    return [sys.executable, "-W", "ignore", str(HERE / "torch_worker.py"), *map(str, arguments)]


class Worker:
    """A process that obeys commands, one a line, and answers each with a number."""

    def __init__(self, name: str, command: list[str]):
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def is_ready(self) -> bool:
        """Whether it started; says why not."""
        if self.process.stdout.readline().strip() == "ready":
            return True
        print(f"{self.name}: left out: {self.process.stderr.read().strip()}", file=sys.stderr)
        return False

    def start(self, command: str) -> None:
        print(command, file=self.process.stdin, flush=True)

    def answer(self) -> float:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended: {self.process.stderr.read().strip()}")
        return float(line)

    def do(self, command: str) -> float:
        self.start(command)
        return self.answer()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def output(*command: str) -> str:
    """What a command prints; nothing where it is absent."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def machine(script: str, arguments: Iterable[str], more: str) -> list[str]:
    """Where and of what the figures are."""
    # The first processor's block; a name such as `AMD EPYC` alone does not say which.
    lines = (line.split(":", 1) for line in open("/proc/cpuinfo").read().split("\n\n")[0].splitlines())
    facts = {key.strip(): value.strip() for key, value in lines}
    wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in facts.get("flags", "").split()]
    cpu = f"{facts.get('model name', '?')} (family {facts.get('cpu family', '?')}, model {facts.get('model', '?')}; {' '.join(wide)})"
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    version = output(sys.executable, "-c", "import torch; print(torch.__version__)") or "absent"
    commit = output("git", "-C", str(HERE), "describe", "--always", "--dirty")
    return [
        f"- machine: {cpu}, {os.cpu_count()} cores, {pages / 2**30:.0f} GiB, {platform.system()}; {more}",
        f"- ours at {commit}; PyTorch {version}",
        f"- command: `{script} {' '.join(arguments)}`".rstrip(),
        "",
    ]


def append(folder: pathlib.Path, head: list[str], sections: Iterable[Callable[[], list[str]]]) -> None:
    """Runs sections one after the other and appends what they give to `results/DATE.md` as it comes."""
    results = folder / "results" / f"{datetime.date.today()}.md"
    results.parent.mkdir(exist_ok=True)
    with results.open("a") as file:
        print(f"## {datetime.datetime.now():%Y-%m-%d %H:%M}\n", *head, sep="\n", file=file)
        for section in sections:
            lines = section()
            print(*lines, sep="\n", flush=True)
            print(*lines, sep="\n", file=file, flush=True)
    print(f"appended to {results}", file=sys.stderr)

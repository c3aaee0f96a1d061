"""Experiments as tasks of a HyperQueue job, one of which is killed; then the same job again.

usage: hyperqueue_job.py RUN TASKS BINARY ARGUMENT…

Exit codes: 0 the second job ended well, 1 it did not, 2 nothing was there to kill.
"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

run, tasks, command = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]


def job():
    made = Job(default_workdir=os.getcwd(), max_fails=None)
    for _ in range(tasks):
        made.program(command + ["--shard", f"auto/{tasks}"], stdout=None, stderr=None)
    return made


with LocalCluster() as cluster:
    for _ in range(2):
        cluster.start_worker(WorkerConfig(cores=1))
    client = cluster.client()
    first = client.submit(job())
    killed = None
    for _ in range(600):
        begun = [claim for claim in run.glob("exp_*/claim-*") if any((claim.parent / "checkpoints").glob("[0-9]*"))]
        begun = [claim for claim in begun if not (claim.parent / "result.json").exists()]
        # The process that makes an experiment with a checkpoint, by its claim: on one machine here.
        for claim in begun:
            # It may have ended, and given its claim back, since.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, IndexError):
                process = json.loads(claim.read_text().splitlines()[0])["process"]
                os.kill(process, signal.SIGKILL)
                killed = process
                break
        if killed:
            break
        time.sleep(0.1)
    well = client.wait_for_jobs([first], raise_on_error=False)
    if killed is None or well:
        sys.exit(2)
    again = client.submit(job())
    sys.exit(0 if client.wait_for_jobs([again], raise_on_error=False) else 1)

"""Prints what TensorBoard reads in the event files below a directory: per experiment and tag a list of
[step, value, time], as JSON."""

import json
import pathlib
import sys

from tensorboard.backend.event_processing import event_accumulator

found = {}
for directory in sorted(path for path in pathlib.Path(sys.argv[1]).iterdir() if path.is_dir()):
    keep_all = {event_accumulator.SCALARS: 0, event_accumulator.TENSORS: 0}
    events = event_accumulator.EventAccumulator(str(directory), size_guidance=keep_all)
    events.Reload()
    found[directory.name] = {
        tag: [[point.step, point.value, point.wall_time] for point in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }
json.dump(found, sys.stdout)

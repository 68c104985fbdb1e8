"""Reads the events of a training with TensorBoard's own reader and holds them against its lines.

    python check_tensorboard.py RUN/train
"""

import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

folder = pathlib.Path(sys.argv[1])
accumulator = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
accumulator.Reload()


def lines(name):
    path = folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def check(tag, expected):
    events = accumulator.Scalars(tag)
    found = [(event.step, event.value) for event in events]
    assert [step for step, _ in found] == [step for step, _ in expected], (tag, found)
    for (step, value), (_, wanted) in zip(found, expected):
        assert math.isclose(value, wanted, rel_tol=1e-6, abs_tol=1e-30), (tag, step, value, wanted)


steps, looks = lines("metrics.jsonl"), lines("validation.jsonl")
for tag in ("loss", "grad_norm", "mfu"):
    check(tag, [(line["step"], line[tag]) for line in steps])
for outer in ("learning_rate", "grad_norm_by_group"):
    for group in steps[0][outer]:
        tag = f"{outer.removesuffix('_by_group')}/{group}"
        check(tag, [(line["step"], line[outer][group]) for line in steps])
check("tokens_per_second", [(line["step"], line["tokens"] / line["seconds"]) for line in steps])
check("waiting", [(line["step"], line["data_wait_seconds"] / line["seconds"]) for line in steps])
if any("loss" in look for look in looks):
    check("validation/loss", [(look["step"], look["loss"]) for look in looks])
for task in looks[0].get("scores", {}) if looks else ():
    check(f"validation/{task}", [(look["step"], look["scores"][task]) for look in looks])
print(f"{len(steps)} steps and {len(looks)} looks: {', '.join(accumulator.Tags()['scalars'])}")

"""Writes `tensorboard.events` with TensorBoard's own writer and its own messages: see README.md."""

import pathlib

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

LOSS = Summary.Value(tag="loss", simple_value=2.5)
RATE = Summary.Value(tag="learning_rate/language_model", simple_value=2e-5)
NORM = Summary.Value(tag="grad_norm", simple_value=float("nan"))

EVENTS = [
    Event(wall_time=1_700_000_000.25, file_version="brain.Event:2"),
    Event(wall_time=1_700_000_001.5, step=1, summary=Summary(value=[LOSS, RATE, NORM])),
    Event(wall_time=1_700_000_002.75, step=300, summary=Summary(value=[LOSS])),
    Event(wall_time=1_700_000_003.0, step=0, summary=Summary(value=[RATE])),
]

with open(pathlib.Path(__file__).with_name("tensorboard.events"), "wb") as out:
    writer = RecordWriter(out)
    for event in EVENTS:
        writer.write(event.SerializeToString(deterministic=True))

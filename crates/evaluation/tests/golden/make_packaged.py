"""Writes `packaged/`: benchmarks of a few rows in the schema that `datasets` writes, for `tests/suite/benchmarks.rs`.

    pip install pyarrow==26.0.1 pillow==13.0.0
    python make_packaged.py          (made with CPython 3.11.7)

The pictures are embedded as {bytes, path}; class numbers have their names in the schema's note, as `datasets` leaves it.
"""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

OUT = Path(__file__).parent / "packaged"
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture(seed):
    image = Image.new("RGB", (12, 8))
    image.putdata([((x * 20 + seed * 40) % 256, y * 30, seed * 50 % 256) for y in range(8) for x in range(12)])
    out = io.BytesIO()
    image.save(out, "PNG")
    return {"bytes": out.getvalue(), "path": f"{seed}.png"}


def note(features):
    return {"huggingface": json.dumps({"info": {"features": features}})}


def parquet(path, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="snappy")


def stream(path, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


# Two questions on one picture, and one whose picture is not in the table.
slake = pa.table(
    {
        "image": pa.array([picture(1), picture(1), {"bytes": None, "path": "lost.jpg"}], IMAGE),
        "input": ["Which organ is this?", "Is it healthy?", "Is there a mass?"],
        "label": ["Lung", "Yes", "No"],
        "answer_type": ["OPEN", "CLOSED", "CLOSED"],
    }
)
parquet(OUT / "slake/test-00000-of-00001.parquet", slake)

pmc = pa.table(
    {
        "image": pa.array([picture(2), picture(3)], IMAGE),
        "input": ["Which method?", "Which organ?"],
        "label": ["B", "A"],
        "A": ["CT", "Heart"],
        "B": ["MRI", "Lung"],
        "C": ["X-ray", "Liver"],
        "D": ["Ultrasound", "Brain"],
    }
)
stream(OUT / "pmc-vqa/test/data-00000-of-00001.arrow", pmc)

# A class as a number, and two shards whose names give their order.
food = pa.table({"image": pa.array([picture(4)], IMAGE), "label": pa.array([1], pa.int64())})
features = {"image": {"_type": "Image"}, "label": {"names": ["apple_pie", "baby_back_ribs"], "_type": "ClassLabel"}}
food = food.replace_schema_metadata(note(features))
parquet(OUT / "food101/validation-00001-of-00002.parquet", food)
parquet(OUT / "food101/validation-00000-of-00002.parquet", food.set_column(1, "label", pa.array([0], pa.int64())))

# A list of labels, and pictures in a list.
captions = pa.table(
    {
        "images": pa.array([[picture(5), picture(6)]], pa.list_(IMAGE)),
        "label": pa.array([["a river", "two planes"]], pa.list_(pa.string())),
    }
)
parquet(OUT / "nwpu-captions/test.parquet", captions)

"""Large data to measure `adamllm inspect data` with; needs Pillow, pyarrow.

    python large.py pairs FOLDER [COUNT]       # pairs.jsonl and pairs.parquet, a million rows unless told otherwise
    python large.py pictures FOLDER [COUNT]    # COUNT JPEGs of 0.1 MP with captions.csv; one in a hundred is an earlier one, smaller
"""
import csv, json, os, random, sys
from concurrent.futures import ProcessPoolExecutor

WORDS = "a bowl of red lentil soup with fresh bread and two slices of lemon on the side near some green herbs".split()
SIZE = (368, 272)


def rows(count):
    draw = random.Random(1)
    for i in range(count):
        yield {"id": f"p{i}", "image": f"pictures/{i:07}.jpg", "caption": " ".join(draw.choices(WORDS, k=draw.randint(8, 60)))}


def pairs(folder, count):
    import pyarrow, pyarrow.parquet

    with open(f"{folder}/pairs.jsonl", "w") as out:
        for row in rows(count):
            out.write(json.dumps(row) + "\n")
    schema = pyarrow.schema([(name, pyarrow.string()) for name in ("id", "image", "caption")])
    with pyarrow.parquet.ParquetWriter(f"{folder}/pairs.parquet", schema) as out:
        part = []
        for row in rows(count):
            part.append(row)
            if len(part) == 10_000:
                out.write_table(pyarrow.Table.from_pylist(part, schema))
                part = []
        out.write_table(pyarrow.Table.from_pylist(part, schema))


def picture(seed):
    """Soft patches with finer ones over them: as unlike one another as photographs are, and quick to draw."""
    from PIL import Image

    draw = random.Random(seed)
    noise = lambda width, height: Image.frombytes("RGB", (width, height), draw.randbytes(3 * width * height))
    return Image.blend(noise(8, 6).resize(SIZE, Image.BICUBIC), noise(46, 34).resize(SIZE, Image.BILINEAR), 0.3)


def save(job):
    folder, i = job
    if i % 100 == 99:
        small = picture(i - 99)
        small.resize((SIZE[0] * 7 // 10, SIZE[1] * 7 // 10)).save(f"{folder}/{i:07}.jpg", quality=60)
    else:
        picture(i).save(f"{folder}/{i:07}.jpg", quality=85)


def pictures(folder, count):
    with open(f"{folder}/captions.csv", "w", newline="") as out:
        table = csv.writer(out)
        table.writerow(["image", "caption"])
        table.writerows([f"{i:07}.jpg", f"picture {i}"] for i in range(count))
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(save, ((folder, i) for i in range(count)), chunksize=256):
            pass


if __name__ == "__main__":
    what, folder, *rest = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    if what == "pairs":
        pairs(folder, int(rest[0]) if rest else 1_000_000)
    else:
        pictures(folder, int(rest[0]) if rest else 100_000)

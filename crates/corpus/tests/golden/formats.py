"""Makes small data files with the Python packages whose layouts we read, and notes what those packages read from files that
we wrote. Called by make.py.

Made with datasets 5.2.0, webdataset 1.0.2, pyarrow 26.0.1, Pillow 13.0.0. What LLaMA-Factory 0.9.5 reads is noted where it is
installed (`llamafactory`).
"""

import hashlib
import json
import os
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
FOLDER = HERE / "formats"
PICTURES = ["rgb.png", "plain.jpg", "lossy.webp"]
CAPTIONS = ["A plain slope.", 'Two "quoted" words,\nand a second line; ünïcode', "\tA tab, a comma, a pipe | here"]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def content(name):
    return (HERE / "pictures" / name).read_bytes()


def rows():
    return [
        {"id": f"row-{at}", "image": name, "caption": caption, "kind": at % 2}
        for at, (name, caption) in enumerate(zip(PICTURES, CAPTIONS))
    ]


def theirs(folder):
    """Files in the layouts of others, written by their own packages."""
    import datasets
    import webdataset

    table = datasets.Dataset.from_list(
        [
            {"id": row["id"], "photo": {"bytes": content(row["image"]), "path": row["image"]}, "title": row["caption"],
             "kind": row["kind"]}
            for row in rows()
        ],
        features=datasets.Features(
            id=datasets.Value("string"),
            photo=datasets.Image(),
            title=datasets.Value("string"),
            kind=datasets.ClassLabel(names=["slope", "grid"]),
        ),
    )
    table.to_parquet(folder / "datasets.parquet")
    saved = folder / "saved"
    table.save_to_disk(saved)
    for name in ("state.json", "dataset_info.json"):
        (saved / name).unlink()
    several = datasets.Dataset.from_list(
        [{"images": [{"bytes": content(n), "path": n} for n in PICTURES[:2]],
          "messages": [{"role": "user", "content": "<image><image>Compare."}, {"role": "assistant", "content": "Alike."}]}],
        features=datasets.Features(
            images=datasets.List(datasets.Image()),
            messages=datasets.List({"role": datasets.Value("string"), "content": datasets.Value("string")}),
        ),
    )
    several.to_parquet(folder / "messages.parquet")
    with webdataset.TarWriter(str(folder / "shard.tar"), mtime=0) as out:
        for row in rows():
            ending = row["image"].rsplit(".")[-1]
            out.write({"__key__": row["id"], ending: content(row["image"]), "txt": row["caption"],
                       "json": {"kind": row["kind"]}})


def read_datasets(folder):
    """What `datasets` reads from our files: every text and the digest of every picture's file."""
    import datasets

    def texts(row):
        row = dict(row)
        row["images"] = [digest(picture["bytes"]) for picture in row["images"]]
        return {key: value for key, value in row.items() if value is not None}

    undecoded = datasets.List(datasets.Image(decode=False))
    found = {}
    for name, loaded in (
        ("pairs.parquet", datasets.load_dataset("parquet", data_files=str(folder / "pairs.parquet"), split="train")),
        ("samples.parquet", datasets.load_dataset("parquet", data_files=str(folder / "samples.parquet"), split="train")),
        ("pairs.arrow", datasets.Dataset.from_file(str(folder / "pairs.arrow"))),
    ):
        assert isinstance(loaded.features["images"].feature, datasets.Image), loaded.features
        loaded[0]["images"][0].load()
        found[name] = [texts(row) for row in loaded.cast_column("images", undecoded)]
    loaded = datasets.load_dataset("imagefolder", data_dir=str(folder / "image-folder"), split="train")
    loaded = loaded.cast_column("image", datasets.Image(decode=False))
    found["image-folder"] = sorted(
        ({"id": row["id"], "caption": row["caption"], "image": digest(pathlib.Path(row["image"]["path"]).read_bytes())}
         for row in loaded), key=lambda row: row["id"])
    import webdataset

    found["pairs.tar"] = [
        {"caption": row["txt"].decode(), "json": json.loads(row["json"]),
         "pictures": [digest(value) for key, value in row.items() if key.split(".")[-1] in ("png", "jpg", "webp")]}
        for row in webdataset.WebDataset(str(folder / "pairs.tar"), shardshuffle=False, empty_check=False)
    ]
    return found


def read_llama_factory(folder):
    """What LLaMA-Factory's own loader makes of our files: prompt, response, and the digest of each picture's file."""
    # Its loader does not care for the version of transformers that it asks for.
    os.environ["DISABLE_VERSION_CHECK"] = "1"
    from llamafactory.data.loader import _load_single_dataset
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.hparams import DataArguments, ModelArguments
    from transformers import Seq2SeqTrainingArguments

    found = {}
    with tempfile.TemporaryDirectory() as work:
        for name in ("messages", "alpaca"):
            data = DataArguments(dataset=name, dataset_dir=str(folder), media_dir=str(folder))
            (attributes,) = get_dataset_list([name], str(folder))
            loaded = _load_single_dataset(
                attributes, ModelArguments(model_name_or_path="none"), data, Seq2SeqTrainingArguments(output_dir=work)
            )
            found[name] = [
                {"prompt": row["_prompt"], "response": row["_response"], "system": row["_system"],
                 "images": [digest(pathlib.Path(path).read_bytes()) for path in row["_images"]]}
                for row in loaded
            ]
    return found


def main(check):
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        (work / "theirs").mkdir()
        theirs(work / "theirs")
        truth = [{**row, "image": digest(content(row["image"]))} for row in rows()]
        # The packages leave caches where they read.
        ours = pathlib.Path(shutil.copytree(FOLDER / "ours", work / "ours"))
        read = read_datasets(ours)
        place = FOLDER / "read.json"
        try:
            read["llama-factory"] = read_llama_factory(ours)
        except ModuleNotFoundError as error:
            print(f"formats: what LLaMA-Factory reads is not made again ({error})", file=sys.stderr)
            read["llama-factory"] = json.loads(place.read_text())["llama-factory"]
        for name, value in (("rows.json", truth), ("read.json", read)):
            text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
            if not check:
                (FOLDER / name).write_text(text)
            elif (FOLDER / name).read_text() != text:
                sys.exit(f"{FOLDER / name} differs from what this script makes")
        # Tables hold versions and times of their writers, so that only what is in them is compared, by the Rust test.
        if not check:
            shutil.rmtree(FOLDER / "theirs", ignore_errors=True)
            shutil.copytree(work / "theirs", FOLDER / "theirs")

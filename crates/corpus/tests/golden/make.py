"""Makes small picture files and the pixels that Pillow reads from them. Run: python crates/corpus/tests/golden/make.py
[--check], which compares instead of writing.

Made with Pillow 13.0.0 and numpy 2.4.6.
"""

import io
import json
import pathlib
import sys

import numpy
from PIL import Image, ImageOps

CHECK = "--check" in sys.argv
FOLDER = pathlib.Path(__file__).parent / "pictures"


def put(path, data):
    if not CHECK:
        path.write_bytes(data)
    elif path.read_bytes() != data:
        sys.exit(f"{path} differs from what this script makes")


def main():
    FOLDER.mkdir(exist_ok=True)
    y, x = numpy.mgrid[0:12, 0:20]
    rgb = numpy.stack([x * 12, y * 20, (x * y) % 256], -1).astype(numpy.uint8)
    picture = Image.fromarray(rgb)
    alpha = Image.fromarray(((x * 7 + y * 9) % 256).astype(numpy.uint8))
    rgba = picture.copy()
    rgba.putalpha(alpha)
    save = {
        "rgb.png": (picture, {}),
        "rgba.png": (rgba, {}),
        "grey.png": (picture.convert("L"), {}),
        "grey-alpha.png": (rgba.convert("LA"), {}),
        "bits.png": (picture.convert("1"), {}),
        "palette.png": (picture.quantize(16), {}),
        "palette-transparent.png": (picture.quantize(16), {"transparency": 3}),
        "lossless.webp": (rgba, {"lossless": True, "exact": True}),
        "lossy.webp": (picture, {"quality": 80}),
        "plain.jpg": (picture, {"quality": 90}),
        "progressive.jpg": (picture, {"quality": 90, "progressive": True}),
        "grey.jpg": (picture.convert("L"), {"quality": 90}),
        "full-chroma.jpg": (picture, {"quality": 90, "subsampling": 0}),
    }
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        save[f"turned-{turn}.jpg"] = (picture, {"quality": 90, "subsampling": 0, "exif": exif})
    truth = {}
    for name, (image, options) in save.items():
        buffer = io.BytesIO()
        image.save(buffer, format={"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[name.rsplit(".")[-1]], **options)
        put(FOLDER / name, buffer.getvalue())
        read = ImageOps.exif_transpose(Image.open(io.BytesIO(buffer.getvalue())))
        ground = Image.new("RGBA", read.size, "white")
        read = Image.alpha_composite(ground, read.convert("RGBA")).convert("RGB")
        truth[name] = {"size": list(read.size), "pixels": read.tobytes().hex()}
    lines = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(truth.items())]
    put(FOLDER.parent / "pictures.json", ("{" + ",\n".join(lines) + "}\n").encode())


main()

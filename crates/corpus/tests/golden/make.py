"""Makes small picture files and the pixels that Pillow reads from them. Run: python crates/corpus/tests/golden/make.py
[--check], which compares instead of writing.

Made with Pillow 13.0.0 and numpy 2.4.6; formats.py beside it makes the data files.
"""

import io
import json
import pathlib
import struct
import sys
import zlib

import numpy
from PIL import Image, ImageOps

CHECK = "--check" in sys.argv
FOLDER = pathlib.Path(__file__).parent / "pictures"


FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "gif": "GIF", "bmp": "BMP", "tif": "TIFF"}


def put(path, data):
    if not CHECK:
        path.write_bytes(data)
    elif path.read_bytes() != data:
        sys.exit(f"{path} differs from what this script makes")


def deep_png(pixels):
    """A PNG of 16 bits a channel, which Pillow reads and does not write."""
    height, width, channels = pixels.shape
    chunk = lambda kind, data: (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    )
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def pixels(read):
    """On white, as transformers' Mllama does, and with the transparency dropped, as its other image processors do."""
    ground = Image.new("RGBA", read.size, "white")
    white = Image.alpha_composite(ground, read.convert("RGBA")).convert("RGB")
    dropped = read.convert("RGB")
    entry = {"size": list(read.size), "pixels": white.tobytes().hex()}
    return entry if dropped.tobytes() == white.tobytes() else entry | {"dropped": dropped.tobytes().hex()}


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
    small = picture.quantize(16)
    save |= {
        "palette.gif": (small, {}),
        "moving.gif": (small, {"save_all": True, "append_images": [picture.rotate(180).quantize(16)], "duration": 50}),
        "transparent.gif": (small, {"transparency": 3}),
        "rgb.bmp": (picture, {}),
        "grey.bmp": (picture.convert("L"), {}),
        "palette.bmp": (small, {}),
        "bits.bmp": (picture.convert("1"), {}),
        "rgb.tif": (picture, {}),
        "grey.tif": (picture.convert("L"), {}),
        "palette.tif": (small, {}),
        "bits.tif": (picture.convert("1"), {}),
        "rgba.tif": (rgba, {}),
        "lzw.tif": (picture, {"compression": "tiff_lzw"}),
        "deflate.tif": (picture, {"compression": "tiff_adobe_deflate"}),
        "packbits.tif": (picture, {"compression": "packbits"}),
        "cmyk.tif": (picture.convert("CMYK"), {}),
        "cmyk.jpg": (picture.convert("CMYK"), {"quality": 90, "subsampling": 0}),
    }
    for ending in ("png", "webp", "tif"):
        exif = Image.Exif()
        exif[0x0112] = 6
        save[f"turned-6.{ending}"] = (picture, {"exif": exif} | ({"lossless": True} if ending == "webp" else {}))
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        save[f"turned-{turn}.jpg"] = (picture, {"quality": 90, "subsampling": 0, "exif": exif})
    truth = {}
    for name, (image, options) in save.items():
        buffer = io.BytesIO()
        image.save(buffer, format=FORMATS[name.rsplit(".")[-1]], **options)
        put(FOLDER / name, buffer.getvalue())
        read = ImageOps.exif_transpose(Image.open(io.BytesIO(buffer.getvalue())))
        truth[name] = pixels(read)
    deep = numpy.stack([x * 3276, y * 5461, x * y * 313, x * 2000 + y * 2300], -1).astype(numpy.uint16)
    for name, channels in (("grey-16.png", 1), ("grey-alpha-16.png", 2), ("rgb-16.png", 3), ("rgba-16.png", 4)):
        data = deep_png(deep[..., -channels:])
        put(FOLDER / name, data)
        if channels < 3:
            # Pillow's `convert` saturates grey of 16 bits, so the upper bytes are the truth.
            high = (deep[..., -channels:] >> 8).astype(numpy.uint8)
            read = Image.fromarray(high[..., 0]) if channels == 1 else Image.fromarray(high, "LA")
        else:
            read = Image.open(io.BytesIO(data))
        truth[name] = pixels(read)
    lines = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(truth.items())]
    put(FOLDER.parent / "pictures.json", ("{" + ",\n".join(lines) + "}\n").encode())


main()

import formats  # noqa: E402

formats.main(CHECK)

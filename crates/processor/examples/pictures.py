"""Pictures of 0.5 MP, and how many of them Pillow decodes and resizes in a second.

    python pictures.py make FOLDER [COUNT]      # JPEG, quality 90, colours at half size as cameras write them
    python pictures.py time FOLDER [PROCESSES]
    python pictures.py compare FOLDER           # with the .rgb files that `pictures.rs` wrote
"""
import collections, multiprocessing, os, sys, time
from PIL import Image, ImageFilter

SIZE, SIDE = (864, 576), 336


def picture(seed):
    """Something between a photograph and noise: edges, smooth areas and grain."""
    import random
    draw = random.Random(seed)
    size = lambda part: (SIZE[0] // part, SIZE[1] // part)
    noise = lambda part: Image.merge("RGB", [Image.frombytes("L", size(part), draw.randbytes(size(part)[0] * size(part)[1])) for _ in "RGB"])
    smooth = noise(36).resize(SIZE, Image.BICUBIC)
    edges = noise(12).quantize(6).convert("RGB").resize(SIZE, Image.NEAREST).filter(ImageFilter.GaussianBlur(1))
    return Image.blend(Image.blend(smooth, edges, 0.4), noise(1).filter(ImageFilter.GaussianBlur(1)), 0.15)


def make(folder, count):
    os.makedirs(folder, exist_ok=True)
    for i in range(count):
        picture(i).save(f"{folder}/{i:05}.jpg", quality=90, subsampling="4:2:0")


def one(path):
    return Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.BICUBIC).tobytes()[0]


def pictures(folder):
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".jpg"))


def compare(folder):
    """By how many levels bytes differ from libjpeg-turbo's, as decoded and after resizing by Pillow."""
    kinds = {"decoded": collections.Counter(), "resized": collections.Counter()}
    for path in pictures(folder):
        theirs = Image.open(path).convert("RGB")
        ours = Image.frombytes("RGB", theirs.size, open(path[:-3] + "rgb", "rb").read())
        small = [image.resize((SIDE, SIDE), Image.BICUBIC) for image in (ours, theirs)]
        for kind, (a, b) in zip(kinds, ((ours, theirs), small)):
            kinds[kind].update(abs(x - y) for x, y in zip(a.tobytes(), b.tobytes()))
    for kind, counts in kinds.items():
        shares = ", ".join(f"{levels}: {100 * count / counts.total():.4f} %" for levels, count in sorted(counts.items()))
        print(f"{kind}: {shares}")


def run(folder, processes):
    paths = pictures(folder)
    with multiprocessing.Pool(processes) as pool:
        pool.map(one, paths[:processes])
        start = time.perf_counter()
        for _ in pool.imap_unordered(one, paths, chunksize=8):
            pass
        seconds = time.perf_counter() - start
    print(f"{len(paths)} pictures, {processes} processes: {seconds:.3f} s, {len(paths) / seconds:.1f} a second (Pillow {Image.__version__})")


if __name__ == "__main__":
    what, folder, *rest = sys.argv[1:]
    if what == "make":
        make(folder, int(rest[0]) if rest else 400)
    elif what == "time":
        run(folder, int(rest[0]) if rest else 2)
    else:
        compare(folder)

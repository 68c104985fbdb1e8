"""Pictures of 0.5 MP, and how many of them Pillow decodes and resizes in a second.

    python pictures.py make FOLDER [COUNT]      # JPEG, quality 90, colours at half size as cameras write them
    python pictures.py time FOLDER [PROCESSES]
"""
import multiprocessing, os, sys, time
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


def run(folder, processes):
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    with multiprocessing.Pool(processes) as pool:
        pool.map(one, paths[:processes])
        start = time.perf_counter()
        for _ in pool.imap_unordered(one, paths, chunksize=8):
            pass
        seconds = time.perf_counter() - start
    print(f"{len(paths)} pictures, {processes} processes: {seconds:.3f} s, {len(paths) / seconds:.1f} a second (Pillow {Image.__version__})")


if __name__ == "__main__":
    what, folder, *rest = sys.argv[1:]
    make(folder, int(rest[0]) if rest else 400) if what == "make" else run(folder, int(rest[0]) if rest else 2)

#!/usr/bin/env python3
"""How much memory data beyond memory take: stages of a run over many pairs, each in a process of its own.

  python3 benches/data/million.py --program target/release/adamllm [--pairs 1000000] [--until train] [--set mix.caption=false] [--output FILE]

Pairs have a caption of 60 to 100 words, a group for three of them and a task of their own; they share some tiny pictures, so that what
is measured are records. The model is the demo's, trained for two steps on all samples. Resident memory at its largest, in bytes, is what the
system says of each process when it has ended.
"""
import argparse, json, os, pathlib, platform, random, struct, subprocess, sys, tempfile, time, zlib

WORDS = "soup stew bread rice bean pepper onion salt water pan oven slice stir boil green warm small round sharp sweet".split()
STAGES = ["pairs", "synthesize", "filter", "mix", "train"]
RECIPE = """
[model]
checkpoint = "demo"
dtype = "f32"

[data]
pairs = "pairs.jsonl"
maker = "general"

[filter]
enabled = false

[train]
max_steps = 2
batch_size = 16
max_seq_len = 1024
too_long = "truncate_text"
"""


def picture(rng):
    """A PNG of 8 by 8 drawn grey pixels."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    rows = b"".join(b"\0" + rng.randbytes(8) for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def make(folder, count, pictures):
    rng = random.Random(1)
    (folder / "pictures").mkdir(parents=True)
    for number in range(pictures):
        (folder / f"pictures/{number}.png").write_bytes(picture(rng))
    words = lambda least, most: " ".join(rng.choices(WORDS, k=rng.randint(least, most)))
    with open(folder / "pairs.jsonl", "w") as out:
        for number in range(count):
            task = {"instruction": f"What is in dish {number}?", "informative": words(15, 25), "precise": rng.choice(WORDS)}
            pair = {"id": f"pair-{number:08}", "images": [f"pictures/{number % pictures}.png"], "caption": words(60, 100),
                    "group": f"group-{number // 3}", "tasks": [task]}
            out.write(json.dumps(pair) + "\n")
    (folder / "recipe.toml").write_text(RECIPE)


def measured(program, folder, run, stage, values):
    command = [program, "run", folder / "recipe.toml", "--run-dir", run, "--until", stage, "--quiet"]
    command += [word for value in values for word in ("--set", value)]
    start = time.time()
    child = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"stage {stage} failed")
    return {"stage": stage, "peak_rss_bytes": used.ru_maxrss * 1024, "seconds": round(time.time() - start, 1),
            "processor_seconds": round(used.ru_utime + used.ru_stime, 1)}


def processor():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--until", choices=STAGES, default="train")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on: a key of the recipe")
    parser.add_argument("--output", help="a JSON file for the results")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        data, run = pathlib.Path(place) / "data", pathlib.Path(place) / "run"
        make(data, arguments.pairs, arguments.pictures)
        stages = []
        for stage in STAGES[:STAGES.index(arguments.until) + 1]:
            stages.append(measured(arguments.program, data, run, stage, arguments.set))
            print(f"{stage:12} {stages[-1]['peak_rss_bytes'] / 2**20:8.0f} MiB {stages[-1]['seconds']:8.1f} s", flush=True)
        samples = run / "mix/samples.jsonl"
        lines = sum(1 for _ in open(samples, "rb")) if samples.exists() else 0
        found = {
            "command": "python3 benches/data/million.py --program PROGRAM "
                       f"--pairs {arguments.pairs} --pictures {arguments.pictures} --until {arguments.until}"
                       + "".join(f" --set {value}" for value in arguments.set),
            "version": subprocess.run([arguments.program, "--version"], capture_output=True, text=True).stdout.strip(),
            "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform()},
            "load_average": round(os.getloadavg()[0], 1),
            "pairs": arguments.pairs, "samples": lines, "bytes_of_pairs": (data / "pairs.jsonl").stat().st_size,
            "stages": stages,
        }
    if arguments.output:
        pathlib.Path(arguments.output).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

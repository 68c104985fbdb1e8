#!/usr/bin/env python3
"""What is gained by computing once what requests have in common, in alternating rounds of this program with itself.

  filter      requests that begin with the same 1,700 tokens of examples and have 150 of their own, 2 new tokens each
  questions   11 questions about one picture, 16 new tokens each (LLaVA-NeXT)

  python3 benches/sharing.py --program target/release/adamllm [--rounds 3] [--output FILE]

Weights are random, of about 60 million parameters; what is written does not matter here, and both ways are compared.
"""
import argparse, json, os, pathlib, platform, random, statistics, subprocess, sys, tempfile

WORDS = "soup stew bread rice bean pepper onion salt water pan oven slice stir boil green warm small round sharp sweet".split()


def words(rng, count):
    return " ".join(rng.choice(WORDS) for _ in range(count))


def bench(program, arguments, output):
    command = [program, "bench", "generate", "--device", "cpu", "--dtype", "f32", "--quiet", "--output", output, *arguments]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return json.loads(pathlib.Path(output).read_text())


def inputs(program, place, family, requests):
    """A model folder, and the drawn requests that lie beside it."""
    command = [program, "bench", "generate", "--family", family, "--requests", requests, "--write-inputs", place, "--device", "cpu",
               "--dtype", "f32", "--quiet"]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return place / "model", [json.loads(line) for line in (place / "requests.jsonl").read_text().splitlines()]


def tokens_of(program, model, text, place):
    """How many tokens a text has, as the program counts a prompt."""
    file = place / "one.jsonl"
    request = {"id": "0", "prompt": text, "decoding": {"max_new_tokens": 1}}
    file.write_text(json.dumps(request) + "\n")
    return bench(program, ["--model", model, "--prompts", file], place / "one.json")["prompt_tokens"]


def text_of(program, model, place, rng, tokens):
    """A text of about so many tokens."""
    sample = words(rng, 400)
    each = tokens_of(program, model, sample, place) / 400
    return words(rng, round(tokens / each))


def filter_requests(program, place):
    model, _ = inputs(program, place / "text", "llama", 1)
    rng = random.Random(1)
    beginning = text_of(program, model, place, rng, 1700)
    rest = [text_of(program, model, place, rng, 150) for _ in range(32)]
    rows = [{"id": str(i), "prompt": f"{beginning}\n{own}", "decoding": {"max_new_tokens": 2}} for i, own in enumerate(rest)]
    return model, rows


def question_requests(program, place):
    model, drawn = inputs(program, place / "picture", "llava-next", 1)
    rng = random.Random(2)
    rows = []
    for i in range(11):
        row = json.loads(json.dumps(drawn[0]))
        row["id"] = str(i)
        row["turns"][-1]["text"] = "<image>\n" + words(rng, 12) + "?"
        row["decoding"]["max_new_tokens"] = 16
        rows.append(row)
    return model, rows


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--program", default="target/release/adamllm", type=pathlib.Path)
    asked.add_argument("--rounds", default=3, type=int)
    asked.add_argument("--output", type=pathlib.Path)
    asked = asked.parse_args()
    program = asked.program.resolve()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        for name, make in [("filter", filter_requests), ("questions", question_requests)]:
            model, rows = make(program, place)
            # Pictures are named from the folder of the file that names them.
            file = model.parent / f"{name}.jsonl"
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
            seconds = {"shared": [], "apart": []}
            digests = set()
            for _ in range(asked.rounds):
                for way, flags in [("shared", []), ("apart", ["--no-share"])]:
                    measured = bench(program, ["--model", model, "--prompts", file, *flags], place / "round.json")
                    seconds[way].append(measured["seconds"])
                    digests.add(measured["texts_digest"])
            middle = {way: statistics.median(all_) for way, all_ in seconds.items()}
            found[name] = {"requests": len(rows), "prompt_tokens": measured["prompt_tokens"], "seconds": seconds,
                           "gain": middle["apart"] / middle["shared"], "same_texts": len(digests) == 1}
            print(f"{name}: {middle['apart']:.2f} s apart, {middle['shared']:.2f} s shared, {found[name]['gain']:.1f} times as fast"
                  f"{'' if len(digests) == 1 else '; texts differ'}", flush=True)
    if asked.output:
        processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
        document = {"machine": {"processor": processor, "cores": os.cpu_count(), "system": platform.platform()},
                    "command": " ".join(sys.argv), "rounds": asked.rounds, **found}
        asked.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()

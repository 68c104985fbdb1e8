#!/usr/bin/env python3
"""Rounds of this program and of its peers in turn, on the same random weights and the same inputs.

Each case writes benches/results/DATE-MACHINE-CASE.json; table.py makes docs/speed.md's tables of these files.

  benches/peers/run.sh                              all cases, three rounds
  benches/peers/run.sh --only train-llava-next-f32  one case; a prefix such as `train` takes all that begin with it
  benches/peers/run.sh --list                       the cases with their systems
"""
import argparse, datetime, json, os, pathlib, platform, re, shlex, shutil, statistics, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RESULTS = ROOT / "benches/results"
# glibc keeps what is freed: what a knowing user of PyTorch on CPU sets.
KEPT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1", "MALLOC_TOP_PAD_": "268435456"}
FAMILIES = ["llava-next", "qwen2-vl", "mllama"]
# An unfinished round is given up after so many seconds.
PATIENCE = 3600


def ours(dtype, kind):
    return {"name": "ours", "peer": None, "dtype": dtype, "kind": kind}


def train_cases():
    for family in FAMILIES:
        systems = [ours("f32", "train"),
                   {"name": "transformers, its defaults", "peer": "transformers", "flags": ["--dtype", "f32"], "env": {}},
                   {"name": "transformers, at its best", "peer": "transformers", "flags": ["--dtype", "f32", "--best"], "env": KEPT}]
        if family == "llava-next":
            systems.append({"name": "LLaMA-Factory, its defaults", "peer": "llamafactory", "dtype": "f32", "env": {}})
        yield {"name": f"train-{family}-f32", "kind": "train", "family": family, "systems": systems}
        yield {"name": f"train-{family}-bf16", "kind": "train", "family": family, "systems": [
            ours("bf16", "train"),
            {"name": "transformers at its best, autocast", "peer": "transformers", "flags": ["--dtype", "autocast", "--best"], "env": KEPT},
            {"name": "transformers at its best, bf16 weights", "peer": "transformers", "flags": ["--dtype", "bf16", "--best"], "env": KEPT}]}


def generate_cases():
    for family in ["text", *FAMILIES]:
        for dtype in ["f32", "bf16"]:
            systems = [ours(dtype, "generate")]
            for sort, batch in [("prompt", 8), ("answer", 32), ("answer", 64)]:
                systems.append({"name": f"transformers, batches of {batch} by length of {sort}", "peer": "transformers", "env": KEPT,
                                "flags": ["--dtype", dtype, "--sort", sort, "--batch", str(batch)]})
            if dtype == "bf16" and family in ("text", "qwen2-vl"):
                systems.append({"name": "vLLM on CPU", "peer": "vllm", "env": {}, "flags": []})
            if family == "text":
                systems.append({"name": f"llama.cpp, {dtype}", "peer": "llamacpp", "env": {}, "weights": dtype})
                if dtype == "bf16":
                    systems.append({"name": "llama.cpp, Q4_1 as the weights are shipped", "peer": "llamacpp", "env": {}, "weights": "q4_1"})
            yield {"name": f"generate-{family}-{dtype}", "kind": "generate", "family": family, "systems": systems}


CASES = [*train_cases(), *generate_cases()]


class Bench:
    def __init__(self, asked):
        self.asked = asked
        self.work = pathlib.Path(asked.work).resolve()
        self.peers = pathlib.Path(asked.peers).resolve()
        self.program = pathlib.Path(asked.program).resolve()
        self.threads = str(asked.threads)
        self.logs = self.work / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)

    def python(self, peer):
        named = os.environ.get("PEER_" + peer.upper())
        return pathlib.Path(named or self.peers / peer) / "bin/python"

    def call(self, name, command, env=None, patience=PATIENCE, cwd=None):
        """Runs a command with its output in a log; what is wrong is an error with its last line."""
        log = self.logs / (re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".log")
        with open(log, "w") as out:
            done = subprocess.run([str(word) for word in command], env={**os.environ, **(env or {})}, stdout=out, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, timeout=patience, cwd=cwd)
        if done.returncode:
            lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
            print(f"  see {log}", flush=True)
            raise RuntimeError(f"ended with {done.returncode}: {(lines or ['nothing was said'])[-1][:300]}")

    def inputs(self, case):
        """Weights and inputs of a case, written once."""
        kind, family = case["kind"], case["family"]
        place = self.work / "inputs" / f"{kind}-{family}"
        if (place / "done").exists():
            return place
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        command = [self.program, "bench", kind, "--write-inputs", place, "--device", "cpu", "--dtype", "f32"]
        if family == "text":
            command += ["--model", self.smollm2()]
        else:
            command += ["--family", family, "--size", self.asked.size]
        if kind == "train":
            command += ["--steps", self.asked.steps, "--batch", self.asked.batch]
        elif self.asked.requests:
            command += ["--requests", self.asked.requests]
        self.call("inputs " + case["name"], command)
        (place / "done").touch()
        return place

    def smollm2(self):
        """SmolLM2-135M-Instruct as a model folder, of the package that carries it."""
        if self.asked.size == "tiny":
            place = self.work / "tiny-text"
            if not place.exists():
                self.call("tiny text", [self.program, "bench", "generate", "--family", "llama", "--size", "tiny", "--write-inputs", place])
            return place / "model"
        place = self.work / "smollm2"
        if not (place / "config.json").exists():
            shutil.rmtree(place, ignore_errors=True)
            self.call("smollm2", [self.program, "convert", "--from", "gguf", "--to", "hf", self.gguf(), place])
        return place

    def gguf(self):
        """The file of SmolLM2-135M-Instruct, Q4_1."""
        files = list((self.peers / "smollm2").glob("lib/python*/site-packages/**/*.gguf"))
        if self.asked.size == "tiny" or not files:
            raise RuntimeError("there are no weights for it; run benches/peers/setup.sh smollm2")
        return files[0]

    def gguf_in(self, dtype, python):
        """The same weights in a dtype."""
        if dtype == "q4_1":
            return self.gguf()
        file = self.work / f"smollm2-{dtype}.gguf"
        if not file.exists():
            self.call(f"gguf {dtype}", [python, HERE / "llamacpp_weights.py", self.gguf(), dtype, file])
        return file

    def system(self, case, system, place, output):
        """One round of one system; gives what it measured."""
        if system["peer"] is None:
            command = [self.program, "bench", case["kind"], "--model", place / "model", "--device", "cpu", "--threads", self.threads,
                       "--dtype", system["dtype"], "--output", output]
            if case["kind"] == "train":
                command += ["--data", place / "samples.jsonl", "--steps", self.asked.steps, "--warm-up", self.asked.warm_up, "--batch", self.asked.batch]
            else:
                command += ["--prompts", place / "requests.jsonl"]
            self.call(f"{case['name']} ours", command)
            return json.loads(output.read_text())
        python = self.python(system["peer"])
        if not python.exists():
            raise RuntimeError(f"is not installed: benches/peers/setup.sh {system['peer']}")
        env = {**system["env"], "OMP_NUM_THREADS": self.threads, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        name = f"{case['name']} {system['name']}"
        if system["peer"] == "llamafactory":
            return self.llamafactory(case, place, python, env, name)
        script = {"transformers": f"transformers_{case['kind']}.py", "vllm": "vllm_generate.py", "llamacpp": "llamacpp_generate.py"}[system["peer"]]
        if system["peer"] == "llamacpp":
            flags = [self.gguf_in(system["weights"], python)]
        else:
            flags = system["flags"]
        command = [python, HERE / script, place, output, *flags, "--threads", self.threads]
        if case["kind"] == "train":
            command += ["--steps", self.asked.steps, "--warm-up", self.asked.warm_up, "--batch", self.asked.batch]
        self.call(name, command, env)
        return json.loads(output.read_text())

    def llamafactory(self, case, place, python, env, name):
        """Its own trainer, template and collator on the same conversations; the seconds are those of its training loop."""
        output = self.work / "llamafactory"
        shutil.rmtree(output, ignore_errors=True)
        micro = min(4, self.asked.batch)
        settings = {
            "model_name_or_path": str(place / "model"), "stage": "sft", "do_train": True, "finetuning_type": "full", "dataset": "bench",
            "dataset_dir": str(place), "media_dir": str(place), "template": "llava_next_llama3", "cutoff_len": 8192, "output_dir": str(output),
            "per_device_train_batch_size": micro, "gradient_accumulation_steps": max(1, self.asked.batch // 4), "learning_rate": 1e-4,
            "max_steps": self.asked.steps, "logging_steps": 1, "save_strategy": "no", "report_to": "none", "use_cpu": True,
            "freeze_vision_tower": False, "freeze_multi_modal_projector": False, "trust_remote_code": False, "seed": 0,
        }
        file = self.work / "llamafactory.json"
        file.write_text(json.dumps(settings))
        start = time.monotonic()
        self.call(name, [python, HERE / "llamafactory_train.py", file, self.work / "llamafactory-usage.json"], {**env, "DISABLE_VERSION_CHECK": "1"})
        whole = time.monotonic() - start
        used = json.loads((self.work / "llamafactory-usage.json").read_text())
        seconds = json.loads((output / "train_results.json").read_text())["train_runtime"]
        rows = [json.loads(line) for line in (output / "trainer_log.jsonl").read_text().splitlines()]
        samples = json.loads((place / "samples.json").read_text())["samples"]
        tokens = sum(len(sample["ids"]) for sample in samples[:self.asked.steps * self.asked.batch])
        return {"seconds": seconds, "all_seconds": whole, "tokens": tokens, "tokens_per_second": tokens / seconds,
                "losses": [row["loss"] for row in rows if "loss" in row], **used}

    def case(self, case):
        place = self.inputs(case)
        found = {system["name"]: {"rounds": []} for system in case["systems"]}
        for number in range(self.asked.rounds):
            for system in case["systems"]:
                own = found[system["name"]]
                if "not_measured" in own:
                    continue
                output = self.work / "round.json"
                output.unlink(missing_ok=True)
                try:
                    measured = self.system(case, system, place, output)
                except (RuntimeError, subprocess.TimeoutExpired, OSError, ValueError, KeyError) as problem:
                    own["not_measured"] = str(problem)
                    print(f"  {number + 1} {system['name']}: {problem}", flush=True)
                    continue
                own["rounds"].append(measured)
                print(f"  {number + 1} {system['name']}: {rate_of(case, measured):.1f} tokens a second, {measured['seconds']:.1f} s", flush=True)
        for own in found.values():
            if own["rounds"]:
                own["median"] = medians(case, own["rounds"])
        self.write(case, found)

    def write(self, case, found):
        compare(case, found)
        for own in found.values():
            for measured in own["rounds"]:
                measured.pop("answers", None)
        commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True).stdout.strip()
        date = datetime.date.today().isoformat()
        machine = self.asked.machine or re.sub(r"[^a-z0-9]+", "-", processor().lower()).strip("-")
        document = {
            "case": case["name"], "kind": case["kind"], "family": case["family"], "date": date, "commit": commit,
            "machine": {"name": machine, "processor": processor(), "cores": os.cpu_count(), "threads": self.asked.threads, "system": platform.platform()},
            "settings": {"rounds": self.asked.rounds, "steps": self.asked.steps, "warm_up": self.asked.warm_up, "batch": self.asked.batch, "size": self.asked.size},
            "versions": versions({system["peer"] for system in case["systems"]}),
            "command": "benches/peers/run.sh " + shlex.join(sys.argv[1:]), "systems": found,
        }
        folder = pathlib.Path(self.asked.results)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{date}-{machine}-{case['name']}.json"
        text = json.dumps(document, indent=1) + "\n"
        # Where this checkout and its environments lie is nobody's business.
        for place, name in [(self.work, "WORK"), (self.peers, "PEERS"), (ROOT, ".")]:
            text = text.replace(str(place), name)
        path.write_text(text)
        print(f"  {path}", flush=True)


def rate_of(case, measured):
    return measured["tokens_per_second" if case["kind"] == "train" else "new_tokens_per_second"]


def medians(case, rounds):
    """Median, least and most of each number that the table shows."""
    keys = ["seconds", "peak_rss_bytes", "tokens_per_second" if case["kind"] == "train" else "new_tokens_per_second", "page_faults", "page_faults_per_step"]
    spread = {}
    for key in keys:
        values = [one[key] for one in rounds if one.get(key) is not None]
        if values:
            spread[key] = [statistics.median(values), min(values), max(values)]
    return spread


def compare(case, found):
    """Losses of a training beside ours. Only where both took the samples in the file's order are they the same numbers."""
    own = found["ours"]["rounds"]
    if not own:
        return
    for name, other in found.items():
        if name == "ours" or not other["rounds"]:
            continue
        theirs = other["rounds"][0]
        if case["kind"] == "train" and len(theirs.get("losses", [])) == len(own[0]["losses"]):
            pairs = list(zip(own[0]["losses"], theirs["losses"]))
            other["loss_differences"] = [abs(a - b) / abs(b) for a, b in pairs]


def versions(peers):
    """What versions.txt has of these peers."""
    lines = [line.split() for line in (HERE / "versions.txt").read_text().splitlines() if line and line[0] != "#"]
    return {peer: [package for of, package in lines if of == peer] for peer in sorted(filter(None, peers))}


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", help="a case, or how the names of several begin; repeatable")
    parser.add_argument("--system", action="append", help="how the names of peers begin that are measured; repeatable; this program always is")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5, help="steps of a training, the left out ones among them")
    parser.add_argument("--warm-up", type=int, default=1)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--requests", type=int, help="requests of a generation; default: the program's")
    parser.add_argument("--size", default="60m", help="tiny shows that everything runs")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--program", default=ROOT / "target/release/adamllm")
    parser.add_argument("--peers", default="/tmp/peers", help="folder of the environments; PEER_TRANSFORMERS and so on name one elsewhere")
    parser.add_argument("--work", default="/tmp/peers-work", help="folder for weights, inputs and logs")
    parser.add_argument("--results", default=RESULTS)
    parser.add_argument("--machine", help="name of the machine in the results' names; default: its processor")
    asked = parser.parse_args()
    cases = [case for case in CASES if not asked.only or any(case["name"].startswith(name) for name in asked.only)]
    if asked.system:
        wanted = ("ours", *asked.system)
        cases = [{**case, "systems": [system for system in case["systems"] if system["name"].startswith(wanted)]} for case in cases]
    if not cases:
        parser.error(f"no case begins with {' or '.join(asked.only)}; --list shows all")
    if asked.list:
        for case in cases:
            print(case["name"] + ": " + "; ".join(system["name"] for system in case["systems"]))
        return 0
    if not pathlib.Path(asked.program).exists():
        parser.error(f"`{asked.program}` is missing: cargo build --release -p adamllm")
    bench, failed = Bench(asked), 0
    for case in cases:
        print(case["name"], flush=True)
        try:
            bench.case(case)
        except RuntimeError as problem:
            print(f"  not measured: {problem}", flush=True)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Measures the client of endpoints against a server on the same machine.

    cargo build --release -p adamllm-endpoint --example rate
    cargo build --release -p adamllm-faults
    python3 benches/endpoint/run.py > benches/results/DATE-MACHINE-endpoint.json

What it does: 10,000 requests of 1 kB, 64 at once, to a server that answers at once, without and with ledger and cache; the server's own ceiling;
a server of 300 ms +- 200 ms that refuses more than 32 at once, for a minute; 2,000 requests with a fifth of faults. Everything runs on
this machine and stops by itself.
"""

import json
import pathlib
import platform
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASE = ROOT / "target" / "release"
MODEL = "model"


def measure(count, size, at_once, books, *server):
    """Asks a server of these arguments; gives what the client and the server say."""
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder, "log.jsonl")
        arguments = [RELEASE / "faulty-endpoint", "--model", MODEL, "--log", log, *server]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            try:
                url = process.stdout.readline().strip()
                ask = [RELEASE / "examples" / "rate", url, MODEL, count, size, at_once, 16]
                if books:
                    ask.append(pathlib.Path(folder, "books"))
                told = subprocess.run([str(a) for a in ask], capture_output=True, text=True, timeout=300, check=True)
            finally:
                process.kill()
        arrivals = [json.loads(line) for line in log.read_text().splitlines()]
        return json.loads(told.stdout), [a for a in arrivals if a["path"].endswith("/chat/completions")]


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    overhead = {}
    for name, books in [("without books", False), ("ledger and cache", True)]:
        overhead[name] = [measure(10_000, 1000, 64, books)[0] for _ in range(3)]
    told, arrivals = measure(6000, 200, 256, False, "--latency", "300ms", "--jitter", "200ms", "--at-once", "32")
    begin = min(a["came"] for a in arrivals)
    late = [a for a in arrivals if a["came"] - begin >= 30]
    span = max(a["came"] for a in late) - begin - 30
    # The last requests leave the server with less to do than it can.
    full = [a for a in late if a["came"] - begin < 30 + span - 1]
    refused = sum(a["status"] == 429 for a in arrivals)
    limit = {
        "client": told,
        "possible_per_second": round(32 / 0.3, 1),
        "per_second_after_30_s": round(sum(a["status"] == 200 for a in full) / (span - 1), 1),
        "refused_share": round(refused / len(arrivals), 4),
        "most_at_once": max(a["at_once"] for a in arrivals),
    }
    told, arrivals = measure(2000, 200, 32, True, "--latency", "10ms", "--jitter", "8ms", "--faults", "0.2")
    faults = {"client": told, "arrivals": len(arrivals), "faults": sum(a["fault"] is not None for a in arrivals)}
    json.dump(
        {
            "command": "python3 benches/endpoint/run.py",
            "machine": processor(),
            "overhead, 10,000 requests of 1 kB, 64 at once": overhead,
            "limit of 32 at once, 300 ms +- 200 ms": limit,
            "a fifth of faults, 2,000 requests": faults,
        },
        sys.stdout,
        indent=1,
    )
    print()


if __name__ == "__main__":
    main()

#!/usr/bin/env bash
# Training, synthesis and filter on one big GPU in bf16 with random weights, beside a loop of `transformers` on the same weights
# and samples: the share of the measured matrix rate, pictures and items a second. At most 4 minutes on a GPU of 80 GB or more,
# environments apart. Not run by us yet: it needs a GPU that we had none of when it was written.
# usage: benches/gpu/04-speed.sh ADAMLLM FOLDER of an environment with torch 2.11.0 (CUDA), torchvision and transformers 5.17.0
set -euo pipefail
adamllm=$(realpath "$1")
python=$(realpath "$2")/bin/python
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export ADAMLLM_TORCH_LIB=${ADAMLLM_TORCH_LIB:-$("$python" -c 'import os, torch; print(os.path.join(os.path.dirname(torch.__file__), "lib"))')}
# An own limit for each part, so that a slow one leaves time for the others.
limited() { timeout --signal=INT "$@" || echo "ended early or failed: ${*:2}"; }

"$python" - <<'PYTHON'
import json, time, torch

a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
b = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
for _ in range(3):
    a @ b
torch.cuda.synchronize()
start = time.perf_counter()
for _ in range(20):
    a @ b
torch.cuda.synchronize()
rate = 20 * 2 * 8192**3 / (time.perf_counter() - start)
json.dump({"matrix_rate": rate}, open("rate.json", "w"))
print("matrix rate %.0f TFLOP/s" % (rate / 1e12))
PYTHON

# All of Qwen2-VL-2B; of LLaVA-8B eight of 32 layers, with which masters and moments fit. The share of the rate is that of
# the layers that run.
cuda=(--device cuda --dtype bf16 --quiet)
limited 15 "$adamllm" bench train --family qwen2-vl --size published --steps 4 --write-inputs qwen "${cuda[@]}"
limited 35 "$adamllm" bench train --model qwen/model --data qwen/samples.jsonl --steps 4 --micro-tokens 16384 "${cuda[@]}" --output qwen-ours.json
limited 30 "$python" "$here/speed_transformers.py" qwen qwen-theirs.json --steps 4
limited 20 "$adamllm" bench train --family llava-next --size published --layers 8 --steps 4 --write-inputs llava "${cuda[@]}"
limited 30 "$adamllm" bench train --model llava/model --data llava/samples.jsonl --steps 4 --micro-tokens 16384 "${cuda[@]}" --output llava-ours.json
limited 30 "$python" "$here/speed_transformers.py" llava llava-theirs.json --steps 4

# Synthesis is an answer of up to 160 tokens about a picture. The filter's requests share a long beginning.
limited 25 "$adamllm" bench generate --model llava/model --requests 256 --block 256 "${cuda[@]}" --output synthesis.json
"$python" - <<'PYTHON'
import json

shared = "Is the short answer what the long one says? " + "The answer says that a bowl stands on the table and the short one that it is red. " * 90
with open("filter.jsonl", "w") as file:
    for index in range(256):
        text = shared + "Item %d: the plate holds bread and soup, with two spoons near the window." % index
        file.write(json.dumps({"id": str(index), "turns": [{"role": "user", "text": text}], "decoding": {"max_new_tokens": 4}}) + "\n")
PYTHON
limited 25 "$adamllm" bench generate --model llava/model --prompts filter.jsonl --block 256 "${cuda[@]}" --output filter.json

"$python" "$here/speed_shares.py"

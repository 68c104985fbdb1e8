#!/usr/bin/env bash
# The quick demo's trainings on one GPU and on two over NCCL, in both ways of keeping the optimizer's state: losses and seconds a step. It
# needs two GPUs and libadamllm_nccl.so beside the program (`cargo xtask nccl`). At most 4 minutes. Not run by us yet: it needs GPUs
# that we had none of when it was written.
# usage: benches/gpu/02-nccl.sh ADAMLLM FOLDER of an environment with torch 2.11.0 (CUDA)
set -euo pipefail
adamllm=$(realpath "$1")
python=$(realpath "$2")/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ADAMLLM_TORCH_LIB=${ADAMLLM_TORCH_LIB:-$("$python" -c 'import os, torch; print(os.path.join(os.path.dirname(torch.__file__), "lib"))')}

demo=("$adamllm" demo --quick --quiet --device cuda --set model.dtype=f32)
timeout 60 "${demo[@]}" --run-dir "$work/one"
for sharding in none optimizer; do
  timeout 60 "${demo[@]}" --run-dir "$work/$sharding" --processes 2 \
    --set train.sharding=$sharding --set synthesizer.train.sharding=$sharding
done
"$python" - "$work" <<'PYTHON'
import json, statistics, sys

for stage in ("tune-synthesizer", "train"):
    steps = {way: [json.loads(line) for line in open(f"{sys.argv[1]}/{way}/{stage}/metrics.jsonl")] for way in ("one", "none", "optimizer")}
    for way, own in steps.items():
        apart = max(abs(a["loss"] - b["loss"]) / abs(b["loss"]) for a, b in zip(own, steps["one"]))
        seconds = statistics.median(step["seconds"] for step in own)
        print(f"{stage}, {way}: {len(own)} steps, {seconds:.3f} s a step, losses at most {apart:.1e} apart from one GPU's")
PYTHON

#!/usr/bin/env bash
# The wheel on a machine with a GPU, beside torch's CUDA libraries: doctor, an answer, and twenty steps of training on the
# processor and on the GPU, whose losses must agree within what bf16 rounds. At most 4 minutes, torch's installation apart.
# usage: benches/gpu/03-wheel.sh WHEEL [FOLDER of an environment that has torch 2.11.0]
set -euo pipefail
wheel=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
environment=${2:-$work/venv}
[ -d "$environment" ] || python3 -m venv "$environment"
"$environment/bin/pip" install --quiet "$wheel"
adamllm=$environment/bin/adamllm
cd "$work"

"$adamllm" --version
# The processor may be busy; the line of the GPU is what counts.
"$adamllm" doctor | tee doctor.txt || true
grep -E '^gpu .*models run there' doctor.txt

steps=(--quick --quiet --set model.dtype=bf16 --set synthesizer.train.max_steps=20)
for device in cpu cuda; do
    # The first stage that trains is all that is wanted: the demo is stopped when it has begun the next.
    "$adamllm" demo "${steps[@]}" --device "$device" --run-dir "$device" &
    demo=$!
    until [ -e "$device/tune-synthesizer/manifest.json" ] || ! kill -0 "$demo" 2>/dev/null; do sleep 1; done
    kill "$demo" 2>/dev/null || true
    wait "$demo" || true
done

"$adamllm" generate --model cuda/tune-synthesizer/model --device cuda --prompt "What is this?" --max-new-tokens 8

"$environment/bin/python" - <<'PYTHON'
import json

losses = {}
for device in ("cpu", "cuda"):
    with open(device + "/tune-synthesizer/metrics.jsonl") as file:
        losses[device] = [json.loads(line)["loss"] for line in file]
assert len(losses["cpu"]) == len(losses["cuda"]) == 20, {name: len(of) for name, of in losses.items()}
worst = max(abs(a - b) / a for a, b in zip(losses["cpu"], losses["cuda"]))
print("cpu ", *("%.4f" % loss for loss in losses["cpu"]))
print("cuda", *("%.4f" % loss for loss in losses["cuda"]))
# bf16 has eight bits: one rounding is 2**-9, and the steps of a training carry it on.
print("largest relative difference %.4f (at most 0.02)" % worst)
assert worst <= 0.02
PYTHON

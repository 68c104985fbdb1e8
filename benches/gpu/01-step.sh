#!/usr/bin/env bash
# Two steps of each family on one GPU for every choice of `[train]`: losses and the most memory, beside the losses of the same steps
# on the processor; and attention over runs of several lengths against one run after the other. At most 4 minutes on a GPU of 24 GB
# or more. Not run by us yet: it needs a GPU that we had none of when it was written.
# usage: benches/gpu/01-step.sh ADAMLLM FOLDER of an environment with torch 2.11.0 (CUDA)
set -euo pipefail
adamllm=$(realpath "$1")
python=$(realpath "$2")/bin/python
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export ADAMLLM_TORCH_LIB=${ADAMLLM_TORCH_LIB:-$("$python" -c 'import os, torch; print(os.path.join(os.path.dirname(torch.__file__), "lib"))')}

# The most memory of the GPU while a command runs, in MiB; the command's own numbers go to a file.
measured() {
  local most=0 used pid
  timeout --signal=INT 20 "$adamllm" "${@:2}" --quiet --output "$1" > /dev/null 2> "$1.err" &
  pid=$!
  while kill -0 "$pid" 2> /dev/null; do
    used=$(nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits | head -n 1)
    if ((used > most)); then most=$used; fi
    sleep 0.05
  done
  if wait "$pid"; then echo "$most" > "$1.mib"; else tail -n 1 "$1.err"; fi
}

for family in llava-next qwen2-vl mllama; do
  steps=(bench train --family "$family" --size 60m --steps 2 --warm-up 1 --dtype bf16)
  measured "$family,plain,cpu" "${steps[@]}" --device cpu
  measured "$family,plain" "${steps[@]}" --device cuda
  measured "$family,recompute=cheap" "${steps[@]}" --device cuda --recompute cheap
  measured "$family,recompute=blocks" "${steps[@]}" --device cuda --recompute blocks
  measured "$family,gradients=bf16" "${steps[@]}" --device cuda --gradients bf16
  measured "$family,optimizer_state=8bit" "${steps[@]}" --device cuda --optimizer-state 8bit
  measured "$family,masters=none" "${steps[@]}" --device cuda --masters none
  measured "$family,optimizer_device=cpu" "${steps[@]}" --device cuda --optimizer-device cpu
  measured "$family,lora" "${steps[@]}" --device cuda --lora 16
done

"$python" "$here/step_table.py"
"$python" - <<'PYTHON'
import torch
from torch.nn.functional import scaled_dot_product_attention as attend

# What a library of runs would give against what is used now: one run after the other.
torch.manual_seed(0)
lengths = [37, 512, 130, 700]
tokens = sum(lengths)
q, k, v = (torch.randn(1, heads, tokens, 64, device="cuda", dtype=torch.bfloat16, requires_grad=True) for heads in (8, 2, 2))
ends = torch.tensor([0, *torch.tensor(lengths).cumsum(0)], device="cuda", dtype=torch.int32)
parts = [attend(*(x.narrow(2, int(a), int(b - a)) for x in (q, k, v)), is_causal=True, enable_gqa=True) for a, b in zip(ends[:-1], ends[1:])]
one_by_one = torch.cat(parts, 2)
flat = [x.squeeze(0).transpose(0, 1).contiguous() for x in (q, k.repeat_interleave(4, 1), v.repeat_interleave(4, 1))]
runs = torch.ops.aten._flash_attention_forward(*flat, ends, ends, max(lengths), max(lengths), 0.0, True, False)[0]
apart = (runs.transpose(0, 1).unsqueeze(0) - one_by_one).abs().max().item()
gradient = torch.randn_like(one_by_one)
ours = torch.autograd.grad(one_by_one, (q, k, v), gradient, retain_graph=True)
theirs = torch.autograd.grad(runs, (q, k, v), gradient.squeeze(0).transpose(0, 1), retain_graph=True)
print("attention over runs, largest difference: forward %.2g, gradients %s" % (apart, ["%.2g" % (a - b).abs().max().item() for a, b in zip(ours, theirs)]))
PYTHON

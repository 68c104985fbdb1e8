#!/usr/bin/env bash
# Twenty steps in processes that train together over NCCL, beside the same twenty of one process that knows of no other: losses and
# seconds. One process on one GPU makes a group of one; where there are two GPUs, two processes with both ways of keeping the
# optimizer's state as well. At most 4 minutes. Not run by us yet: it needs a GPU that we had none of when it was written.
# usage: benches/gpu/02-nccl.sh TOGETHER FOLDER of an environment with torch 2.11.0 (CUDA)
# TOGETHER is the example `together` of crates/train (`cargo build --release -p adamllm-train --example together`), and
# `cargo xtask nccl` builds libadamllm_nccl.so, which has to lie beside it.
set -euo pipefail
together=$(realpath "$1")
python=$(realpath "$2")/bin/python
export ADAMLLM_TORCH_LIB=${ADAMLLM_TORCH_LIB:-$("$python" -c 'import os, torch; print(os.path.join(os.path.dirname(torch.__file__), "lib"))')}
gpus=$(nvidia-smi --query-gpu=index --format=csv,noheader | wc -l)

# Starts so many processes and prints what the first one says.
processes() {
  local size=$1 port=$((20000 + RANDOM % 20000)) rank
  shift
  for ((rank = 1; rank < size; rank++)); do
    RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=$size MASTER_ADDR=127.0.0.1 MASTER_PORT=$port timeout 60 "$together" "$@" > /dev/null &
  done
  RANK=0 LOCAL_RANK=0 WORLD_SIZE=$size MASTER_ADDR=127.0.0.1 MASTER_PORT=$port timeout 60 "$together" "$@"
  wait
}

steps=(--device cuda --steps 20)
echo "alone:" && timeout 60 "$together" "${steps[@]}"
echo "a group of one:" && processes 1 "${steps[@]}" --group
if ((gpus >= 2)); then
  for sharding in none optimizer; do
    echo "two, $sharding:" && processes 2 "${steps[@]}" --sharding "$sharding"
  done
fi

#!/usr/bin/env bash
# A run under torchrun. On each machine, with the name of the first one:
#
#   HEAD=node-0 NODES=2 GPUS=8 RECIPE=my.toml RUN=/shared/runs/my bash torchrun.sh
#
# On one machine HEAD and NODES may be left out. NODES=1:4 goes on with what is there, between one and four machines.
set -euo pipefail

# SIGUSR1 is none of the signals that torchrun passes on by itself.
exec torchrun --no-python \
    --nnodes="${NODES:-1}" \
    --nproc-per-node="${GPUS:-1}" \
    --max-restarts="${RESTARTS:-3}" \
    --rdzv-backend=c10d \
    --rdzv-endpoint="${HEAD:-localhost}:${PORT:-29400}" \
    --rdzv-id="${ID:-adamllm}" \
    --signals-to-handle=SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1 \
    adamllm run "${RECIPE:-my.toml}" --run-dir "${RUN:-runs/my}" "$@"

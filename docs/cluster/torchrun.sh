#!/usr/bin/env bash
# A run under torchrun. On each machine, with the name of the first one:
#
#   HEAD=node-0 NODES=2 GPUS=8 RECIPE=my.toml RUN=/shared/runs/my bash torchrun.sh
#
# On one machine HEAD and NODES may be left out. NODES=1:4 goes on with what is there, between one and four machines.
set -euo pipefail

# torchrun stops all its processes with these; SIGUSR1 is not among those that it knows by itself.
export TORCHELASTIC_SIGNALS_TO_HANDLE=SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1

exec torchrun --no-python \
    --nnodes="${NODES:-1}" \
    --nproc-per-node="${GPUS:-1}" \
    --max-restarts="${RESTARTS:-3}" \
    --rdzv-backend=c10d \
    --rdzv-endpoint="${HEAD:-localhost}:${PORT:-29400}" \
    --rdzv-id="${ID:-adamllm}" \
    adamllm run "${RECIPE:-my.toml}" --run-dir "${RUN:-runs/my}" "$@"

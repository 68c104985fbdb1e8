#!/usr/bin/env bash
# A run under Open MPI or MPICH. The program uses the MPI to be started and for nothing else.
#
#   HOSTS=node-0:8,node-1:8 PROCESSES=16 RECIPE=my.toml RUN=/shared/runs/my bash mpi.sh
#
# The first of HOSTS has rank 0, and the others come to it. On one machine HOSTS may be left out, and inside
# of a job of Slurm both, for all its machines and tasks.
set -euo pipefail

first=${HOSTS:-}
first=${first%%,*}
address=${MASTER_ADDR:-${first%%:*}}

# Variables go by `env`, since each MPI has its own way of passing them on, and Open MPI passes on only what is named. It also binds
# each process to one core or to a part of the machine where nobody says otherwise.
exec mpirun -np "${PROCESSES:-${SLURM_NTASKS:-1}}" ${HOSTS:+--host "$HOSTS"} --bind-to none \
    env ${address:+MASTER_ADDR="$address"} MASTER_PORT="${MASTER_PORT:-29500}" \
    adamllm run "${RECIPE:-my.toml}" --run-dir "${RUN:-runs/my}" "$@"

#!/usr/bin/env bash
# A run under an MPI. The program uses the MPI to be started and for nothing else, so that any of them will do.
#
#   HOSTS=node-0:8,node-1:8 PROCESSES=16 RECIPE=my.toml RUN=/shared/runs/my bash mpi.sh
#
# The first of HOSTS has rank 0, and the others come to it. On one machine HOSTS may be left out.
set -euo pipefail

first=${HOSTS:-127.0.0.1}
first=${first%%,*}
export MASTER_ADDR=${MASTER_ADDR:-${first%%:*}}
export MASTER_PORT=${MASTER_PORT:-29500}

# Open MPI passes on only those variables that are named, and would bind each process to one core or to a part of the machine.
exec mpirun -np "${PROCESSES:-1}" ${HOSTS:+--host "$HOSTS"} --bind-to none -x MASTER_ADDR -x MASTER_PORT \
    adamllm run "${RECIPE:-my.toml}" --run-dir "${RUN:-runs/my}" "$@"

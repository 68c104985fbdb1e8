//! The variables of each launcher, as it sets them, given to real processes.

use std::process::Stdio;

use crate::parts::placed;
use crate::program::text;

/// What one launcher sets: variables that are the same for all its processes, and those that differ, by process.
struct Table {
    launcher: &'static str,
    all: &'static str,
    each: &'static [&'static str],
    /// What each process then says, parts of it.
    expected: &'static [&'static str],
}

/// A newline in a value is written as `\n`.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text
        .split_whitespace()
        .filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.replace("\\n", "\n")))
        .collect()
}

/// Starts all processes of a launcher side by side.
fn check(table: &Table) {
    let started: Vec<_> = table
        .each
        .iter()
        .map(|each| {
            let mut variables = pairs(table.all);
            variables.extend(pairs(each));
            let mut command = placed(&variables);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().expect("it starts")
        })
        .collect();
    for (rank, (process, own)) in started.into_iter().zip(table.expected).enumerate() {
        let ended = process.wait_with_output().expect("it ends");
        let said = text(&ended.stderr);
        for part in own.split("; ") {
            assert!(
                said.contains(part),
                "{} {rank}: {part}: {said}",
                table.launcher
            );
        }
    }
}

#[test]
fn torchrun() {
    check(&Table {
        launcher: "torchrun --nnodes 2 --nproc-per-node 2",
        all: "WORLD_SIZE=4 LOCAL_WORLD_SIZE=2 GROUP_WORLD_SIZE=2 ROLE_WORLD_SIZE=4 ROLE_NAME=default MASTER_ADDR=node-0 \
              MASTER_PORT=41235 TORCHELASTIC_RUN_ID=my-job TORCHELASTIC_RESTART_COUNT=1 TORCHELASTIC_MAX_RESTARTS=3 \
              TORCHELASTIC_USE_AGENT_STORE=True TORCH_NCCL_ASYNC_ERROR_HANDLING=1 OMP_NUM_THREADS=1",
        each: &[
            "RANK=0 ROLE_RANK=0 LOCAL_RANK=0 GROUP_RANK=0",
            "RANK=1 ROLE_RANK=1 LOCAL_RANK=1 GROUP_RANK=0",
            "RANK=2 ROLE_RANK=2 LOCAL_RANK=0 GROUP_RANK=1",
            "RANK=3 ROLE_RANK=3 LOCAL_RANK=1 GROUP_RANK=1",
        ],
        expected: &[
            "Torchrun; rank: 0, size: 4; local_rank: 0, local_size: 2; address: \"node-0\", port: 41235; serves: false",
            "rank: 1, size: 4; local_rank: 1, local_size: 2; id: \"my-job\", restart: 1",
            "rank: 2, size: 4; local_rank: 0, local_size: 2",
            "rank: 3, size: 4; local_rank: 1, local_size: 2",
        ],
    });
}

#[test]
fn slurm() {
    check(&Table {
        launcher: "srun, 3 tasks on 2 machines",
        all: "SLURM_JOB_ID=200505 SLURM_JOBID=200505 SLURM_NTASKS=3 SLURM_NPROCS=3 SLURM_NNODES=2 SLURM_JOB_NUM_NODES=2 \
              SLURM_STEP_ID=0 SLURM_STEPID=0 SLURM_STEP_NUM_TASKS=3 SLURM_STEP_NUM_NODES=2 SLURM_STEP_TASKS_PER_NODE=2,1 \
              SLURM_TASKS_PER_NODE=2,1 SLURM_STEP_NODELIST=gnode[10,20] SLURM_JOB_NODELIST=gnode[10,20] \
              SLURM_NODELIST=gnode[10,20] SLURM_CPUS_ON_NODE=4 SLURM_LAUNCH_NODE_IPADDR=10.0.0.9 SLURM_RESTART_COUNT=2",
        each: &[
            "SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_GTIDS=0,1",
            "SLURM_PROCID=1 SLURM_LOCALID=1 SLURM_NODEID=0 SLURM_GTIDS=0,1",
            "SLURM_PROCID=2 SLURM_LOCALID=0 SLURM_NODEID=1 SLURM_GTIDS=2",
        ],
        expected: &[
            "Slurm; rank: 0, size: 3; local_rank: 0, local_size: 2; address: \"gnode10\", port: 23535; serves: true",
            "rank: 1, size: 3; local_rank: 1, local_size: 2; port: 23535; id: \"200505.0\", restart: 2",
            "rank: 2, size: 3; local_rank: 0, local_size: 1; address: \"gnode10\", port: 23535",
        ],
    });
}

#[test]
fn slurm_s_own_script() {
    check(&Table {
        launcher: "sbatch without srun",
        all: "SLURM_JOB_ID=200505 SLURM_JOBID=200505 SLURM_NTASKS=4 SLURM_NPROCS=4 SLURM_NNODES=4 SLURM_NTASKS_PER_NODE=4 \
              SLURM_TASKS_PER_NODE=1(x4) SLURM_JOB_NODELIST=gnode[10,20,25,37] SLURM_PROCID=0 SLURM_LOCALID=0 \
              SLURM_NODEID=0 SLURM_GTIDS=0 SLURM_TASK_PID=16360 SLURM_CPUS_ON_NODE=4",
        each: &[
            "",
            "SLURM_ARRAY_JOB_ID=200504 SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=8",
        ],
        expected: &["User; rank: 0, size: 1", "User; rank: 0, size: 1"],
    });
}

#[test]
fn open_mpi() {
    check(&Table {
        launcher: "mpirun -np 2 on one machine",
        all: "OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_SIZE=2 OMPI_UNIVERSE_SIZE=2 PMIX_NAMESPACE=prterun-host-99@1",
        each: &[
            "OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_LOCAL_RANK=0 PMIX_RANK=0",
            "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_LOCAL_RANK=1 PMIX_RANK=1",
        ],
        expected: &[
            "Mpi; rank: 0, size: 2; local_rank: 0, local_size: 2; address: \"127.0.0.1\"",
            "Mpi; rank: 1, size: 2; local_rank: 1, local_size: 2; id: \"prterun-host-99@1\"",
        ],
    });
}

#[test]
fn mpich() {
    check(&Table {
        launcher: "mpiexec -n 2 on two machines, MASTER_ADDR exported",
        all: "PMI_SIZE=2 MPI_LOCALNRANKS=1 MPI_LOCALRANKID=0 MASTER_ADDR=node-a MASTER_PORT=29500",
        each: &["PMI_RANK=0", "PMI_RANK=1"],
        expected: &[
            "Mpi; rank: 0, size: 2; local_rank: 0, local_size: 1; address: \"node-a\", port: 29500",
            "Mpi; rank: 1, size: 2; local_rank: 0, local_size: 1; address: \"node-a\", port: 29500",
        ],
    });
}

#[test]
fn kubernetes() {
    // As docs/cluster/jobset.yaml and trainjob.yaml come to where a pod has one process.
    check(&Table {
        launcher: "JobSet, a process a pod",
        all: "PET_NNODES=2 PET_NPROC_PER_NODE=1 PET_MASTER_ADDR=my-workers-0-0.my PET_MASTER_PORT=29400 ADAMLLM_RUN_ID=my \
              ADAMLLM_RESTART=1",
        each: &[
            "PET_NODE_RANK=0 JOB_COMPLETION_INDEX=0",
            "PET_NODE_RANK=1 JOB_COMPLETION_INDEX=1",
        ],
        expected: &[
            "Variables; rank: 0, size: 2; local_rank: 0, local_size: 1; address: \"my-workers-0-0.my\", port: 29400",
            "rank: 1, size: 2; serves: true; id: \"my\", restart: 1",
        ],
    });
    check(&Table {
        launcher: "variables in a JobSet's pods, by hand",
        all: "WORLD_SIZE=2 MASTER_ADDR=my-workers-0-0.my MASTER_PORT=3389",
        each: &[
            "RANK=0 JOB_COMPLETION_INDEX=0",
            "RANK=1 JOB_COMPLETION_INDEX=1",
        ],
        expected: &[
            "Variables; rank: 0, size: 2; local_rank: 0, local_size: 1; port: 3389",
            "Variables; rank: 1, size: 2; local_rank: 0, local_size: 1",
        ],
    });
}

#[test]
fn skypilot() {
    check(&Table {
        launcher: "a task of two machines without GPUs",
        all: "SKYPILOT_NODE_IPS=10.0.0.1\\n10.0.0.2 SKYPILOT_NUM_NODES=2 SKYPILOT_NUM_GPUS_PER_NODE=0 \
              SKYPILOT_TASK_ID=sky-managed-1",
        each: &["SKYPILOT_NODE_RANK=0", "SKYPILOT_NODE_RANK=1"],
        expected: &[
            "Variables; rank: 0, size: 2; local_rank: 0, local_size: 1; address: \"10.0.0.1\"",
            "rank: 1, size: 2; id: \"sky-managed-1\"; address: \"10.0.0.1\"",
        ],
    });
}

#[test]
fn what_no_launcher_sets_is_refused() {
    check(&Table {
        launcher: "half of it",
        all: "",
        each: &[
            "RANK=1",
            "RANK=4 WORLD_SIZE=4",
            "SKYPILOT_NODE_RANK=2 SKYPILOT_NODE_IPS=a\\nb",
        ],
        expected: &[
            "error: `RANK` is set, but `WORLD_SIZE` is not",
            "error: `RANK` is 4, but `WORLD_SIZE` is 4",
            "error: `SKYPILOT_NODE_RANK` is 2",
        ],
    });
}

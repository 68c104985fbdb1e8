//! The files for launchers, with stand-ins for the launchers: what they are started with, and what they pass on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::program::text;
use crate::published::root;

/// A program of this name in the folder's `bin`.
fn stand_in(folder: &Path, name: &str, script: &str) {
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).expect("folder");
    let file = bin.join(name);
    std::fs::write(&file, format!("#!/usr/bin/env bash\n{script}\n")).expect("write");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("mode");
}

/// A file of docs/cluster, where those stand-ins come first.
fn file(folder: &Path, name: &str, variables: &[(&str, &str)]) -> Command {
    let path = std::env::var("PATH").expect("PATH");
    let mut command = Command::new("bash");
    command
        .current_dir(folder)
        .arg(root().join("docs/cluster").join(name))
        .args(["--set", "train.save_steps=100"])
        .env("PATH", format!("{}:{path}", folder.join("bin").display()))
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    command
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn torchrun_is_given_the_program_and_its_arguments() {
    let folder = tempfile::tempdir().expect("folder");
    stand_in(folder.path(), "torchrun", "echo \"$@\"");
    let variables = [("HEAD", "node-0"), ("NODES", "1:4"), ("GPUS", "8")];
    let output = file(folder.path(), "torchrun.sh", &variables).output();
    let told = succeeded(&output.expect("bash"));
    assert_eq!(
        told,
        "--no-python --nnodes=1:4 --nproc-per-node=8 --max-restarts=3 \
         --rdzv-backend=c10d --rdzv-endpoint=node-0:29400 --rdzv-id=adamllm \
         --signals-to-handle=SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1 adamllm run my.toml --run-dir runs/my --set \
         train.save_steps=100\n"
    );
}

#[test]
fn mpirun_is_told_where_rank_0_is() {
    let folder = tempfile::tempdir().expect("folder");
    stand_in(folder.path(), "mpirun", "echo \"$@\"");
    let run = |variables: &[(&str, &str)]| {
        let mut command = file(folder.path(), "mpi.sh", variables);
        let output = command.env_remove("MASTER_ADDR").env_remove("MASTER_PORT");
        succeeded(&output.output().expect("bash"))
    };
    let program = "adamllm run my.toml --run-dir runs/my --set train.save_steps=100\n";
    // By no option of one MPI alone: MPICH knows no `-x`.
    assert_eq!(
        run(&[("HOSTS", "node-0:8,node-1:8"), ("PROCESSES", "16")]),
        format!(
            "-np 16 --host node-0:8,node-1:8 --bind-to none env MASTER_ADDR=node-0 MASTER_PORT=29500 {program}"
        )
    );
    // The program finds out whether all are here.
    assert_eq!(
        run(&[("PROCESSES", "2")]),
        format!("-np 2 --bind-to none env MASTER_PORT=29500 {program}")
    );
}

/// `srun` on one machine: two tasks, whose variables are those of a step, and to which a signal is passed on.
const SRUN: &str = r#"
while [ "${1#--}" != "$1" ]; do shift; done
pids=
trap 'kill -USR1 $pids' USR1
for rank in 0 1; do
    SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 SLURM_STEP_TASKS_PER_NODE=2 SLURM_NODEID=0 \
        SLURM_PROCID=$rank SLURM_LOCALID=$rank "$@" &
    pids="$pids $!"
done
code=0
for pid in $pids; do
    while kill -0 "$pid" 2>/dev/null; do wait "$pid"; code=$?; done
done
exit $code
"#;

/// What is started: notes how, and waits for a signal, or fails.
const PROGRAM: &str = r#"
trap 'echo stopped >> "told-$SLURM_PROCID"; exit 0' USR1
echo "$SLURM_PROCID of $SLURM_STEP_NUM_TASKS: $*" > "told-$SLURM_PROCID"
[ -z "${FAIL:-}" ] || exit 1
while :; do sleep 0.05; done
"#;

fn signalled(child: Child, name: &str) -> Output {
    let signal = Command::new("bash")
        .arg("-c")
        .arg(format!("kill -{name} {}", child.id()))
        .status();
    assert!(signal.expect("bash").success());
    child.wait_with_output().expect("it ends")
}

#[test]
fn tasks_of_a_job_are_stopped_and_the_job_is_queued_again() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    stand_in(folder, "srun", SRUN);
    stand_in(folder, "adamllm", PROGRAM);
    stand_in(folder, "scontrol", "echo \"$@\" >> queued");
    let job = [("SLURM_JOB_ID", "7"), ("SLURM_CPUS_PER_TASK", "1")];
    let mut command = file(folder, "several.sbatch", &job);
    let started = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let started = started.expect("bash");
    let told = |rank| read(&folder.join(format!("told-{rank}")));
    let since = Instant::now();
    while [0, 1].iter().any(|rank| told(*rank).is_empty()) {
        assert!(since.elapsed() < Duration::from_mins(1), "no task began");
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = signalled(started, "USR1");
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    for rank in [0, 1] {
        assert_eq!(
            told(rank),
            format!(
                "{rank} of 2: run my.toml --run-dir runs/my --set train.save_steps=100\nstopped\n"
            )
        );
    }
    assert_eq!(read(&folder.join("queued")), "requeue 7\n");
    // What fails fails again, and is not queued.
    let failing = [job[0], job[1], ("FAIL", "1")];
    let output = file(folder, "several.sbatch", &failing).output();
    assert_eq!(output.expect("bash").status.code(), Some(1));
    assert_eq!(read(&folder.join("queued")), "requeue 7\n");
}

#[test]
fn the_page_links_every_file() {
    let page = read(&root().join("docs/cluster.md"));
    for entry in std::fs::read_dir(root().join("docs/cluster")).expect("folder") {
        let name = entry.expect("entry").file_name();
        let link = format!("(cluster/{})", name.display());
        assert!(page.contains(&link), "{link}");
    }
}

//! The job file for Slurm, without Slurm: stopped before its time is up, queued again, finished.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::text;
use crate::published::root;
use crate::worlds;

/// The job as Slurm would start it. `scontrol` notes that it was called.
fn job(folder: &Path, more: &[&str]) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_adamllm"))
        .parent()
        .expect("folder");
    let path = std::env::var("PATH").expect("PATH");
    let mut command = Command::new("bash");
    command
        .current_dir(folder)
        .arg(root().join("docs/cluster/adamllm.sbatch"))
        .args(more)
        .env(
            "PATH",
            format!(
                "{}:{}:{path}",
                folder.join("bin").display(),
                programs.display()
            ),
        )
        .env("SLURM_JOB_ID", "7")
        .env("SLURM_CPUS_PER_TASK", "1")
        .stdin(Stdio::null());
    command
}

#[test]
fn a_job_is_queued_again_until_its_run_is_finished() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    worlds::own_pairs(folder);
    std::fs::create_dir(folder.join("bin")).expect("folder");
    let scontrol = folder.join("bin/scontrol");
    std::fs::write(&scontrol, "#!/bin/sh\necho \"$@\" >> queued\n").expect("write");
    std::fs::set_permissions(&scontrol, std::fs::Permissions::from_mode(0o755)).expect("mode");

    // Captions alone, in steps enough that there is time to stop it.
    let run = [
        "--set",
        "mix.synthetic=false",
        "--set",
        "train.max_steps=60",
    ];
    let started = job(folder, &run).stderr(Stdio::piped()).spawn();
    let started = started.expect("bash");
    let metrics = folder.join("runs/my/train/metrics.jsonl");
    let since = Instant::now();
    while !std::fs::read_to_string(&metrics).is_ok_and(|text| text.lines().count() > 2) {
        assert!(since.elapsed() < Duration::from_mins(5), "no step was made");
        std::thread::sleep(Duration::from_millis(50));
    }
    let signal = Command::new("bash")
        .arg("-c")
        .arg(format!("kill -USR1 {}", started.id()))
        .status();
    assert!(signal.expect("bash").success());
    let ended = started.wait_with_output().expect("it ends");
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(said.contains("stopped by SIGUSR1"), "{said}");
    let queued = || std::fs::read_to_string(folder.join("queued")).unwrap_or_default();
    assert_eq!(queued(), "requeue 7\n");

    let steps = || {
        let text = std::fs::read_to_string(&metrics).unwrap_or_default();
        text.lines().count()
    };
    assert!((2..60).contains(&steps()), "{} steps", steps());

    // As Slurm would start it again.
    let output = job(folder, &run).output().expect("bash");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(folder.join("runs/my/report/index.html").is_file());
    assert_eq!(steps(), 60, "each step was made once");
    // What fails fails again, and is not queued.
    let output = job(folder, &["--set", "train.max_stepz=4"])
        .output()
        .expect("bash");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(queued(), "requeue 7\n");
}

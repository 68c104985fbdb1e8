//! What scenarios have in common.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// After a process was killed or stopped, all of them have to be gone within this time, or torchrun has to have ended.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// Saved often enough that a run gets on.
pub const SAVED: [&str; 4] = [
    "--set",
    "train.save_steps=3",
    "--set",
    "synthesizer.train.save_steps=3",
];

/// What a scenario works with.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// Python with torch.
    pub python: &'a Path,
    /// `adamllm`.
    pub program: &'a Path,
    /// A folder of its own, empty.
    pub work: &'a Path,
}

impl Tools<'_> {
    /// torchrun on this machine, to which what it starts is still to be given. Several may run at once.
    pub fn torchrun(&self, processes: usize, restarts: usize) -> Command {
        let mut command = Command::new(self.python);
        command.args(["-m", "torch.distributed.run", "--standalone", "--no-python"]);
        command.arg(format!("--nproc-per-node={processes}"));
        command.arg(format!("--max-restarts={restarts}"));
        command.arg("--signals-to-handle=SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1");
        command.stdin(Stdio::null()).current_dir(self.work);
        command
    }

    /// The quick demo in this folder.
    pub fn demo(&self, run: &Path) -> Vec<String> {
        let words = ["demo", "--quick", "--quiet", "--threads", "1", "--run-dir"];
        let program = self.program.display().to_string();
        let run = run.display().to_string();
        let words = words.map(str::to_owned);
        [program].into_iter().chain(words).chain([run]).collect()
    }
}

/// Runs to the end; what was said is told if that is not well.
pub fn succeed(command: &mut Command) -> Result<()> {
    let ended = command.output().context("it cannot be started")?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "{}: {said}", ended.status);
    Ok(())
}

/// The losses of all trainings of a run.
pub fn losses(run: &Path) -> Result<Vec<f64>> {
    let mut found = Vec::new();
    let folders = std::fs::read_dir(run)
        .with_context(|| format!("cannot read `{}`", run.display()))?
        .flatten();
    let files = folders.map(|folder| folder.path().join("metrics.jsonl"));
    let mut files: Vec<PathBuf> = files.filter(|file| file.is_file()).collect();
    files.sort();
    ensure!(!files.is_empty(), "`{}` has no training", run.display());
    for file in files {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read `{}`", file.display()))?;
        for line in text.lines() {
            let step: Value = serde_json::from_str(line)?;
            found.push(step["loss"].as_f64().context("a step without a loss")?);
        }
    }
    Ok(found)
}

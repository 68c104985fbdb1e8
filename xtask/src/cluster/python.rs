//! An environment with torch for Python, of the version that the program is built with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process;

/// With what it needs: its libraries for GPUs are loaded with it, be there a GPU or not.
const TORCH: &str = "torch==2.11.0";

/// The interpreter of the environment, which is made where it is not there.
pub fn install(environment: &Path) -> Result<PathBuf> {
    let python = environment.join("bin/python");
    if !process::succeeds(Command::new(&python).args(["-c", "import torch.distributed.run"])) {
        eprintln!("{TORCH} is installed into `{}`", environment.display());
        let mut venv = Command::new("python3");
        process::output(venv.args(["-m", "venv"]).arg(environment))?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--no-cache-dir", TORCH]);
        let status = pip.status().context("cannot start pip")?;
        ensure!(
            status.success(),
            "torch could not be installed into `{}`",
            environment.display()
        );
    }
    let version = "import torch; print(torch.__version__)";
    let told = process::output(Command::new(&python).args(["-c", version]))?;
    eprintln!("torch {}", told.trim());
    Ok(python)
}

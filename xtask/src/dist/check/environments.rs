//! The wheel in environments of Python: pip's own, and those of uv and pipx.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::programs::{Looked, clean, ended, timed, whole};

/// The most seconds that the wheel's own installation may take, with torch there.
const MOST: f64 = 15.0;

fn environment(folder: &Path) -> Result<PathBuf> {
    let mut make = Command::new("python3");
    timed(make.args(["-m", "venv"]).arg(folder))?;
    Ok(folder.join("bin"))
}

/// Installs with pip, which may ask its index.
fn install(bin: &Path, words: &[&str], what: &Path) -> Result<f64> {
    let mut pip = Command::new(bin.join("pip"));
    pip.arg("install").args(words).arg(what).env("PATH", bin);
    Ok(timed(&mut pip)?.1)
}

/// With pip, beside torch; then what is said where torch is missing or another.
pub fn pip(looked: &Looked<'_>, wheel: &Path, expected: &mut Option<Value>) -> Result<()> {
    let alone = environment(&looked.work.join("alone"))?;
    install(&alone, &["--no-deps"], wheel)?;
    let program = alone.join("adamllm");
    let packages = packages(&alone)?;
    let said = refused(&program)?;
    ensure!(
        said.contains("`pip install torch==2.11.0`"),
        "without torch: {said}"
    );
    looked.passed(&format!("without torch: {said}"));
    let lib = packages.join("torch/lib");
    std::fs::create_dir_all(&lib)?;
    for name in ["libtorch_cpu.so", "libc10.so"] {
        std::fs::write(lib.join(name), "")?;
    }
    std::fs::write(
        packages.join("torch/version.py"),
        "__version__ = '2.10.0+cu128'\n",
    )?;
    let said = refused(&program)?;
    ensure!(said.contains("2.10.0+cu128"), "with another torch: {said}");
    looked.passed(&format!("with another torch: {said}"));

    let bin = environment(&looked.work.join("beside torch"))?;
    let seconds = install(&bin, &["--quiet"], Path::new("torch==2.11.0"))?;
    looked.passed(&format!("torch itself in {seconds:.0} s"));
    let seconds = install(&bin, &["--quiet"], wheel)?;
    looked.passed(&format!("pip install in {seconds:.1} s (at most {MOST} s)"));
    ensure!(
        seconds <= MOST,
        "pip took {seconds:.1} s to install the wheel"
    );
    let python = bin.join("python");
    let (said, _) = timed(clean(&python).args(["-m", "adamllm", "--version"]))?;
    ensure!(
        said.starts_with("adamllm "),
        "`python -m adamllm` says `{said}`"
    );
    let program = bin.join("adamllm");
    whole(looked, &|| clean(&program), looked.work, expected)
}

/// The folder of packages of an environment.
fn packages(bin: &Path) -> Result<PathBuf> {
    let ask = "import sysconfig; print(sysconfig.get_path('platlib'))";
    let (said, _) = timed(Command::new(bin.join("python")).args(["-c", ask]))?;
    Ok(PathBuf::from(said.trim()))
}

/// The one sentence with which a command that needs libtorch ends.
fn refused(program: &Path) -> Result<String> {
    let mut command = clean(program);
    let (said, is_success) = ended(command.args(["generate", "--model", "demo", "--prompt", "x"]))?;
    ensure!(
        !is_success && said.lines().count() == 1,
        "not one sentence: {said}"
    );
    Ok(said.trim().to_owned())
}

/// As a tool of uv.
pub fn uv(looked: &Looked<'_>, wheel: &Path, expected: &mut Option<Value>) -> Result<()> {
    let bin = environment(&looked.work.join("uv"))?;
    install(&bin, &["--quiet"], Path::new("uv"))?;
    let tools = looked.work.join("tools");
    let mut uv = Command::new(bin.join("uv"));
    uv.args([
        "tool",
        "install",
        "--quiet",
        "--no-cache",
        "--python",
        "python3",
    ])
    .arg(wheel);
    uv.env("UV_TOOL_DIR", &tools)
        .env("UV_TOOL_BIN_DIR", tools.join("bin"));
    let seconds = timed(&mut uv).context("`uv tool install`")?.1;
    looked.passed(&format!("uv tool install, torch too, in {seconds:.0} s"));
    let program = tools.join("bin/adamllm");
    whole(looked, &|| clean(&program), looked.work, expected)
}

/// As an application of pipx.
pub fn pipx(looked: &Looked<'_>, wheel: &Path, expected: &mut Option<Value>) -> Result<()> {
    let bin = environment(&looked.work.join("pipx"))?;
    install(&bin, &["--quiet"], Path::new("pipx"))?;
    let home = looked.work.join("home");
    let mut pipx = Command::new(bin.join("pipx"));
    pipx.arg("install").arg(wheel);
    pipx.env("PIPX_HOME", &home)
        .env("PIPX_BIN_DIR", home.join("bin"));
    let seconds = timed(&mut pipx).context("`pipx install`")?.1;
    looked.passed(&format!("pipx install, torch too, in {seconds:.0} s"));
    let program = home.join("bin/adamllm");
    whole(looked, &|| clean(&program), looked.work, expected)
}

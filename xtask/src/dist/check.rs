//! `cargo xtask dist --check`: the packages on this machine, in fresh environments where nothing but the package is on the
//! path, with what each takes in seconds.

mod environments;
mod programs;
mod roots;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};

use super::archive;
use crate::digest;
use programs::Looked;

/// What can be checked.
pub const PARTS: [&str; 7] = [
    "sums", "wheel", "uv", "pipx", "archive", "bookworm", "trixie",
];

/// What is checked and where.
pub struct Asked<'a> {
    pub output: &'a Path,
    pub version: &'a str,
    /// Of [`PARTS`]; all where it is empty.
    pub parts: &'a [String],
    pub work: &'a Path,
    /// A program built from source, to compare with.
    pub source: Option<&'a Path>,
}

/// Checks, one part after the other; fails at the end if one did.
pub fn run(asked: &Asked<'_>) -> Result<ExitCode> {
    let archive = asked
        .output
        .join(format!("{}.tar.xz", archive::folder(asked.version)));
    let wheel = wheel(asked)?;
    if asked.work.exists() {
        std::fs::remove_dir_all(asked.work)?;
    }
    std::fs::create_dir_all(asked.work)?;
    let mut expected = None;
    if let Some(program) = asked.source {
        eprintln!("check: the quick demo of `{}`", program.display());
        expected = Some(programs::demo(&|| programs::clean(program), asked.work)?);
    }
    let all = PARTS.map(str::to_owned);
    let parts = if asked.parts.is_empty() {
        &all[..]
    } else {
        asked.parts
    };
    let mut failed = Vec::new();
    for part in parts {
        let work = asked.work.join(part);
        std::fs::create_dir_all(&work)?;
        let looked = Looked {
            part,
            version: asked.version,
            work: &work,
        };
        let result = match part.as_str() {
            "sums" => sums(&looked, asked.output),
            "wheel" => environments::pip(&looked, &wheel, &mut expected),
            "uv" => environments::uv(&looked, &wheel, &mut expected),
            "pipx" => environments::pipx(&looked, &wheel, &mut expected),
            "archive" => roots::here(&looked, &archive, &mut expected),
            suite => roots::debian(&looked, suite, &archive, &mut expected),
        };
        if let Err(error) = result {
            eprintln!("check: {part}: failed: {error:#}");
            failed.push(part.clone());
        }
        // Several gigabytes each.
        std::fs::remove_dir_all(&work)?;
    }
    std::fs::remove_dir_all(asked.work)?;
    ensure!(failed.is_empty(), "{} failed", failed.join(", "));
    Ok(ExitCode::SUCCESS)
}

/// The wheel in the folder of packages.
fn wheel(asked: &Asked<'_>) -> Result<std::path::PathBuf> {
    let start = format!("adamllm-{}-", asked.version);
    let entries = std::fs::read_dir(asked.output).with_context(|| {
        format!(
            "no packages in `{}`: `cargo xtask dist`",
            asked.output.display()
        )
    })?;
    let mut found = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let name = path.file_name()?.to_str()?;
        let is_wheel = path.extension().is_some_and(|ending| ending == "whl");
        (name.starts_with(&start) && is_wheel).then(|| path.clone())
    });
    found
        .next()
        .context("there is no wheel: `cargo xtask dist`")
}

fn sums(looked: &Looked<'_>, output: &Path) -> Result<()> {
    let text = std::fs::read_to_string(output.join("SHA256SUMS"))?;
    for line in text.lines() {
        let (sum, name) = line.split_once("  ").context("a line of SHA256SUMS")?;
        let found = digest::hex(&digest::of_path(&output.join(name))?);
        ensure!(found == sum, "`{name}` is not what SHA256SUMS says");
    }
    looked.passed(&format!(
        "{} files are what SHA256SUMS says",
        text.lines().count()
    ));
    Ok(())
}

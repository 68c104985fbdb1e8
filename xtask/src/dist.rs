//! `cargo xtask dist`: a wheel and an archive of one commit, with licences, bill of materials and checksums; the same commit
//! gives the same bytes. Compressing and packing are left to programs that a machine with a compiler and Python has, so that
//! the chores stay quick to build.

mod archive;
mod check;
mod compile;
mod elf;
mod libtorch;
mod licences;
mod notices;
mod parts;
mod sbom;
mod source;
mod stage;
mod wheel;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};

use crate::{digest, setup};

const HELP: &str = "\
usage: cargo xtask dist [FLAGS]

Builds the program for other machines and packs it: a wheel that depends on torch, an archive with
libtorch for the CPU, a bill of materials, and SHA256SUMS. One commit gives one set of bytes, in
whatever folder (with the same compiler, binutils, tar, xz and Python).

  --output D        where packages go (default: target/dist)
  --build-dir D     where cargo builds them (default: target/dist-build)
  --programs D      takes the programs that such a build has left in D
  --allow-dirty     packs a tree with changes too
  --check [PART…]   instead checks the packages in D on this machine, in fresh environments:
                    sums, wheel, uv, pipx, archive, bookworm, trixie (default: all); about 10 GB
  --work D          where --check works (default: target/dist-check), emptied first and last
  --source P        a program built from source, whose quick demo --check compares with
";

struct Options {
    output: PathBuf,
    build: PathBuf,
    programs: Option<PathBuf>,
    allow_dirty: bool,
    /// The parts to check; none where packages are to be made.
    check: Option<Vec<String>>,
    work: PathBuf,
    source: Option<PathBuf>,
}

/// Makes packages, or checks those that were made.
pub fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    if args.iter().any(|arg| arg == "--help") {
        eprint!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = parse(root, args)?;
    let version = version(root)?;
    match &options.check {
        Some(parts) => check::run(&check::Asked {
            output: &options.output,
            version: &version,
            parts,
            work: &options.work,
            source: options.source.as_deref(),
        }),
        None => make(root, &options, &version),
    }
}

fn parse(root: &Path, args: &[String]) -> Result<Options> {
    let mut options = Options {
        output: root.join("target/dist"),
        build: root.join("target/dist-build"),
        programs: None,
        allow_dirty: false,
        check: None,
        work: root.join("target/dist-check"),
        source: None,
    };
    let mut args = args.iter().peekable();
    while let Some(arg) = args.next() {
        let mut folder = || -> Result<PathBuf> {
            let value = args
                .next()
                .with_context(|| format!("`{arg}` wants a folder"))?;
            Ok(std::path::absolute(value)?)
        };
        match arg.as_str() {
            "--output" => options.output = folder()?,
            "--build-dir" => options.build = folder()?,
            "--programs" => options.programs = Some(folder()?),
            "--work" => options.work = folder()?,
            "--source" => options.source = Some(folder()?),
            "--allow-dirty" => options.allow_dirty = true,
            "--check" => {
                let mut parts = Vec::new();
                while let Some(part) = args.next_if(|part| !part.starts_with("--")) {
                    ensure!(
                        check::PARTS.contains(&part.as_str()),
                        "`{part}` cannot be checked; there are {}",
                        check::PARTS.join(", ")
                    );
                    parts.push(part.clone());
                }
                options.check = Some(parts);
            }
            _ => bail!("`{arg}` is not known here; see `cargo xtask dist --help`"),
        }
    }
    Ok(options)
}

/// The version of the workspace.
fn version(root: &Path) -> Result<String> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml"))?;
    let of_package = manifest.split("[workspace.package]").nth(1);
    let line = of_package.and_then(|text| text.lines().find(|line| line.starts_with("version = ")));
    let version = line.and_then(|line| line.split('"').nth(1));
    version
        .map(str::to_owned)
        .context("Cargo.toml has no version of the workspace")
}

fn make(root: &Path, options: &Options, version: &str) -> Result<ExitCode> {
    let commit = source::commit(root, options.allow_dirty)?;
    let own = setup::own()?;
    let licences_of_libtorch = setup::licences()?;
    let programs = match &options.programs {
        Some(folder) => folder.clone(),
        None => compile::build(root, &options.build, &own.join("torch"), commit.seconds)?,
    };
    let tag = fit(root, &programs, &own, options)?;

    let crates = parts::crates(root)?;
    let of_libtorch = libtorch::parts(root, &licences_of_libtorch)?;
    let rustc = compile::rustc(root)?;
    let work = options.output.join(".work");
    std::fs::create_dir_all(&options.output)?;
    // A wheel holds no libtorch, but says that it depends on it.
    let torch = parts::Part {
        depends_on: Vec::new(),
        ..of_libtorch[0].clone()
    };
    let in_wheel = [crates.clone(), vec![torch]].concat();
    let in_archive = [crates.clone(), of_libtorch].concat();
    let sbom = |parts: &[parts::Part]| sbom::document(version, &commit.name, &rustc, parts);
    let wheel = wheel::pack(
        &wheel::Wheel {
            root,
            programs: &programs,
            version,
            tag: &tag,
            licences: &licences::text(root, &crates)?,
            sbom: &sbom(&in_wheel),
            seconds: commit.seconds,
        },
        &work,
        &options.output,
    )?;
    let archive = archive::pack(
        &archive::Archive {
            root,
            programs: &programs,
            libtorch: &own,
            version,
            licences: &licences::text(root, &in_archive)?,
            sbom: &sbom(&in_archive),
            seconds: commit.seconds,
        },
        &work,
        &options.output,
    )?;
    let bill = options.output.join(format!("adamllm-{version}.cdx.json"));
    std::fs::write(&bill, sbom(&in_archive))?;
    std::fs::remove_dir_all(&work)?;

    let mut sums = String::new();
    let mut made = [archive, bill, wheel];
    made.sort();
    for path in &made {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let sum = digest::hex(&digest::of_path(path)?);
        let _ = writeln!(sums, "{sum}  {name}");
        eprintln!(
            "dist: {name}, {:.1} MB",
            std::fs::metadata(path)?.len() as f64 / 1e6
        );
    }
    std::fs::write(options.output.join("SHA256SUMS"), sums)?;
    eprintln!(
        "dist: commit {}, in `{}`",
        commit.name,
        options.output.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// The wheel's tag, if both programs can go to other machines.
fn fit(root: &Path, programs: &Path, libtorch: &Path, options: &Options) -> Result<String> {
    let cargo_home = compile::cargo_home()?;
    let mut all = Vec::new();
    for program in compile::PROGRAMS {
        let path = programs.join(program);
        let needs = elf::needs(&path)?;
        let of_torch = needs
            .libraries
            .iter()
            .any(|name| name.starts_with("libtorch"));
        ensure!(
            !of_torch || needs.run_path == compile::RUN_PATH,
            "`{}` looks for libtorch in `{}` and not in `{}`: it was not built by `cargo xtask dist`",
            path.display(),
            needs.run_path,
            compile::RUN_PATH
        );
        let folders = [
            root,
            libtorch,
            options.build.as_path(),
            cargo_home.as_path(),
        ];
        if let Some(folder) = compile::named_folders(&path, &folders)?.first() {
            let said = format!(
                "`{}` names `{}`, so its bytes are those of this machine",
                path.display(),
                folder.display()
            );
            ensure!(
                options.programs.is_some(),
                "{said}: this is a bug to report"
            );
            eprintln!("warning: {said}");
        }
        all.push((program, needs));
    }
    let all: Vec<_> = all.iter().map(|(name, needs)| (*name, needs)).collect();
    elf::tag(&all)
}

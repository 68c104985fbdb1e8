//! The build whose bytes do not tell where it was made: no path of this machine, no time, no name of a build.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::{cargo, process, program};

/// Where the engine looks for libtorch, from where it lies: in the archive, then in a wheel's folder of packages. The
/// archive's comes first, since a folder `torch` may lie beside an unpacked archive for reasons of its own.
pub const RUN_PATH: &str = "$ORIGIN/../torch/lib:$ORIGIN/../../torch/lib";

/// The programs that a package holds.
pub const PROGRAMS: [&str; 2] = ["adamllm", "adamllm-engine"];

/// Folders of this machine that would show in messages and symbols, with what stands for each.
struct Folders {
    root: PathBuf,
    cargo_home: PathBuf,
    build: PathBuf,
    libtorch: PathBuf,
}

impl Folders {
    /// From the widest to the narrowest: both compilers take the last that fits.
    fn renamed(&self) -> Result<Vec<String>> {
        let pairs = [
            (&self.cargo_home, "/cargo"),
            (&self.root, "/adamllm"),
            (&self.build, "/build"),
            (&self.libtorch, "/libtorch"),
        ];
        let pairs = pairs.iter().map(|(from, to)| {
            let from = from.to_str().context("a folder's name is not UTF-8")?;
            // The build of jemalloc takes flags apart at blanks.
            ensure!(
                !from.contains([' ', '=', '\'']),
                "the build cannot take `{from}` out of the programs, for the signs in its name: work in a folder without them"
            );
            Ok(format!("{from}={to}"))
        });
        pairs.collect()
    }
}

/// Builds both programs into `build` with the libtorch in `libtorch`, and gives the folder where they lie.
pub fn build(root: &Path, build: &Path, libtorch: &Path, seconds: u64) -> Result<PathBuf> {
    std::fs::create_dir_all(build)?;
    let folders = Folders {
        root: root.canonicalize()?,
        cargo_home: cargo_home()?,
        build: build.canonicalize()?,
        libtorch: libtorch.canonicalize()?,
    };
    let mut command = command(root, &folders, seconds)?;
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.context("cannot start cargo")?;
    ensure!(output.status.success(), "the programs do not build");
    let program = program::executable(&String::from_utf8_lossy(&output.stdout))
        .context("cargo built no program `adamllm`")?;
    let folder = program.parent().context("a program lies in a folder")?;
    Ok(folder.to_path_buf())
}

fn command(root: &Path, folders: &Folders, seconds: u64) -> Result<Command> {
    let args = [
        "build",
        "--release",
        "--locked",
        "--package",
        "adamllm",
        "--message-format=json-render-diagnostics",
        "--target-dir",
    ];
    let renamed = folders.renamed()?;
    let mut rust: Vec<String> = renamed
        .iter()
        .map(|pair| format!("--remap-path-prefix={pair}"))
        .collect();
    // A digest over sections that are stripped afterwards would tell builds of one commit apart.
    rust.push("-Clink-arg=-Wl,--build-id=none".to_owned());
    let c: Vec<String> = renamed
        .iter()
        .map(|pair| format!("-ffile-prefix-map={pair}"))
        .collect();

    let mut command = cargo::command(root, &args);
    command
        .arg(&folders.build)
        .env("LIBTORCH", &folders.libtorch)
        .env("ADAMLLM_RUN_PATH", RUN_PATH)
        .env("SOURCE_DATE_EPOCH", seconds.to_string())
        .env("CARGO_ENCODED_RUSTFLAGS", rust.join("\x1f"))
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        .env("CFLAGS", c.join(" "))
        .env("CXXFLAGS", c.join(" "));
    // Each of these would give other bytes, or another libtorch.
    for name in [
        "CARGO_TARGET_DIR",
        "LIBTORCH_USE_PYTORCH",
        "LIBTORCH_BYPASS_VERSION_CHECK",
        "RUSTFLAGS",
        "CARGO_BUILD_TARGET",
    ] {
        command.env_remove(name);
    }
    Ok(command)
}

/// Where cargo keeps the sources of crates.
pub fn cargo_home() -> Result<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").filter(|path: &OsString| !path.is_empty());
    let home = named.map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(PathBuf::from(home).join(".cargo"))
    });
    let home = home.context("no cargo folder is known: set CARGO_HOME")?;
    home.canonicalize()
        .with_context(|| format!("`{}` cannot be read", home.display()))
}

/// Folders of this machine that a program still names, which would make its bytes those of this machine.
pub fn named_folders(program: &Path, folders: &[&Path]) -> Result<Vec<PathBuf>> {
    let bytes = std::fs::read(program)?;
    let mut found = Vec::new();
    for folder in folders {
        let name = folder.as_os_str().as_encoded_bytes();
        if name.len() > 1 && bytes.windows(name.len()).any(|window| window == name) {
            found.push(folder.to_path_buf());
        }
    }
    Ok(found)
}

/// The compiler, as it names itself; packages of one commit are equal where this is.
pub fn rustc(root: &Path) -> Result<String> {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let text = process::output(command.current_dir(root).arg("--version"))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(root: &str) -> Folders {
        Folders {
            root: root.into(),
            cargo_home: "/h/.cargo".into(),
            build: format!("{root}/target/dist-build").into(),
            libtorch: "/h/.cache/libtorch/torch".into(),
        }
    }

    #[test]
    fn tells_both_compilers_to_name_no_folder_of_the_machine() {
        let command = command(Path::new("/w/clone"), &folders("/w/clone"), 1_700_000_000).unwrap();
        let variable = |name: &str| {
            let found = command.get_envs().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.map(|v| v.to_string_lossy().into_owned()))
        };
        let rust = variable("CARGO_ENCODED_RUSTFLAGS").flatten().unwrap();
        let flags: Vec<&str> = rust.split('\x1f').collect();
        assert_eq!(
            flags,
            [
                "--remap-path-prefix=/h/.cargo=/cargo",
                "--remap-path-prefix=/w/clone=/adamllm",
                "--remap-path-prefix=/w/clone/target/dist-build=/build",
                "--remap-path-prefix=/h/.cache/libtorch/torch=/libtorch",
                "-Clink-arg=-Wl,--build-id=none",
            ]
        );
        let c = variable("CXXFLAGS").flatten().unwrap();
        assert!(c.contains("-ffile-prefix-map=/w/clone=/adamllm "), "{c}");
        assert_eq!(variable("RUSTFLAGS"), Some(None));
        let epoch = variable("SOURCE_DATE_EPOCH").flatten();
        assert_eq!(epoch.as_deref(), Some("1700000000"));
        assert!(
            command_of_blanks().is_err(),
            "a blank would take a flag apart"
        );
    }

    fn command_of_blanks() -> Result<Command> {
        command(Path::new("/w/my clone"), &folders("/w/my clone"), 0)
    }

    #[test]
    fn finds_a_folder_that_a_program_names() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("p");
        std::fs::write(&program, b"\x7fELF\0/home/me/clone/src/a.rs\0/cargo/x").unwrap();
        let named = |folders: &[&str]| {
            let folders: Vec<&Path> = folders.iter().map(Path::new).collect();
            named_folders(&program, &folders).unwrap()
        };
        assert_eq!(
            named(&["/home/me/clone", "/h"]),
            [Path::new("/home/me/clone"), Path::new("/h")]
        );
        assert!(named(&["/home/you", "/"]).is_empty());
    }
}

//! The archive: both programs with libtorch for the CPU, which runs from any folder of a machine that has no more than glibc
//! and the compiler's two libraries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::compile::PROGRAMS;
use super::notices;
use super::stage::{Stage, set_mode};
use crate::process;

/// PyTorch's own libraries: without the symbols that only a linker or a debugger asks for they are a fifth smaller.
const STRIPPED: [&str; 2] = ["torch/lib/libtorch_cpu.so", "torch/lib/libc10.so"];

/// What goes in byte by byte: NVIDIA asks for it, and the compiler's library has no symbols left.
const UNCHANGED: [&str; 3] = [
    "torch/lib/libgomp.so.1",
    "nvidia/cu13/lib/libcupti.so.13",
    "nvidia/cu13/lib/libcudart.so.13",
];

/// The most bytes that the archive may have.
pub const LIMIT: u64 = 110_000_000;

/// What goes into an archive.
pub struct Archive<'a> {
    pub root: &'a Path,
    /// The folder of both programs.
    pub programs: &'a Path,
    /// The folder with `torch/` and `nvidia/`.
    pub libtorch: &'a Path,
    pub version: &'a str,
    pub licences: &'a str,
    pub sbom: &'a str,
    /// The time of every file.
    pub seconds: u64,
}

/// The folder that the archive unpacks to.
pub fn folder(version: &str) -> String {
    format!("adamllm-{version}-linux-x86_64")
}

/// Packs it into `output`, by way of the folder `work`, and gives its path.
pub fn pack(archive: &Archive<'_>, work: &Path, output: &Path) -> Result<PathBuf> {
    let name = folder(archive.version);
    let above = work.join("archive");
    let stage = Stage::new(&above.join(&name))?;
    for program in PROGRAMS {
        let place = format!("bin/{program}");
        stage.copy_program(&archive.programs.join(program), &place)?;
    }
    for library in STRIPPED {
        let place = stage.place(library)?;
        let mut strip = Command::new("strip");
        strip.args(["--strip-unneeded", "-o"]).arg(&place);
        process::output(strip.arg(archive.libtorch.join(library)))
            .context("`strip` comes with the compiler")?;
        set_mode(&place, 0o755)?;
    }
    for library in UNCHANGED {
        stage.copy_program(&archive.libtorch.join(library), library)?;
    }
    // By this the program knows which libtorch lies there.
    stage.copy(
        &archive.libtorch.join("torch/build-version"),
        "torch/build-version",
    )?;
    stage.copy(&archive.root.join("README.md"), "README.md")?;
    notices::lay(archive.root, &stage, "", archive.licences)?;
    stage.write("adamllm.cdx.json", archive.sbom)?;

    let path = output.join(format!("{name}.tar.xz"));
    tar(&above, &name, archive.seconds, &path)?;
    let size = fs::metadata(&path)?.len();
    ensure!(
        size <= LIMIT,
        "`{}` has {size} bytes, the most is {LIMIT}",
        path.display()
    );
    Ok(path)
}

/// A folder in `above` as a compressed archive that depends on names, modes and contents alone.
fn tar(above: &Path, name: &str, seconds: u64, path: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args([
        "--create",
        "--format=ustar",
        "--sort=name",
        "--numeric-owner",
        "--owner=0",
        "--group=0",
    ])
    .args(["--mode=u=rwX,go=rX", &format!("--mtime=@{seconds}")])
    .arg("--directory")
    .arg(above)
    .arg(name)
    .env("LC_ALL", "C")
    .stdout(Stdio::piped());
    let mut tar = tar.spawn().context("cannot start `tar`")?;
    let from = tar.stdout.take().context("`tar` has an output")?;
    let to =
        fs::File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
    // `gzip` is on more machines, but gives 142 MB where this gives less than 100. In blocks, whose number of workers changes
    // nothing.
    let xz = Command::new("xz")
        .args(["-6", "--threads=2", "--stdout"])
        .stdin(from)
        .stdout(to)
        .status()
        .context("cannot start `xz`")?;
    ensure!(
        tar.wait()?.success() && xz.success(),
        "the archive could not be packed"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_owner_mode_and_time_are_not_those_of_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let pack = |name: &str, order: [&str; 3], mode: u32| {
            let stage = Stage::new(&folder.path().join(name).join("a")).unwrap();
            for file in order {
                stage.write(file, file).unwrap();
            }
            // What another mask gives.
            set_mode(&stage.folder.join("b"), mode).unwrap();
            set_mode(&stage.folder, mode | 0o110).unwrap();
            let path = folder.path().join(format!("{name}.tar.xz"));
            tar(&folder.path().join(name), "a", 1_700_000_000, &path).unwrap();
            path
        };
        let one = pack("one", ["b", "a-c", "a/d"], 0o644);
        let other = pack("other", ["a/d", "b", "a-c"], 0o600);
        let read = |path: &Path| fs::read(path).unwrap();
        assert_eq!(read(&one), read(&other));
        let mut list = Command::new("tar");
        list.args(["-tvJf"])
            .arg(&one)
            .env("TZ", "UTC")
            .env("LC_ALL", "C");
        let list = process::output(&mut list).unwrap();
        let names: Vec<&str> = list
            .lines()
            .filter_map(|line| line.split(' ').next_back())
            .collect();
        assert_eq!(names, ["a/", "a/a/", "a/a/d", "a/a-c", "a/b"]);
        assert!(
            list.contains("-rw-r--r-- 0/0") && list.contains("2023-11-14"),
            "{list}"
        );
    }
}

//! The archive on this machine, and in roots of Debian that hold its smallest set of packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::programs::{FOLDER, Looked, clean, table, timed, whole};
use crate::process;

/// The most seconds from the archive to the end of `doctor`.
const MOST: f64 = 10.0;

/// Unpacks it below `folder`, and gives the program and the seconds.
fn unpack(archive: &Path, folder: &Path) -> Result<(PathBuf, f64)> {
    std::fs::create_dir_all(folder)?;
    let mut tar = Command::new("tar");
    let (_, seconds) = timed(tar.arg("-xf").arg(archive).arg("-C").arg(folder))?;
    let entry = std::fs::read_dir(folder)?
        .next()
        .context("an empty archive")??;
    Ok((entry.path().join("bin/adamllm"), seconds))
}

/// In a folder with blanks and umlauts, and through a link, as one lies in `/usr/local/bin`.
pub fn here(looked: &Looked<'_>, archive: &Path, expected: &mut Option<Value>) -> Result<()> {
    let (program, unpacked) = unpack(archive, &looked.work.join(FOLDER))?;
    let (said, seconds) = timed(clean(&program).arg("doctor"))?;
    ensure!(said.contains("\nready"), "doctor says:\n{said}");
    let all = unpacked + seconds;
    looked.passed(&format!(
        "unpacked in {unpacked:.1} s, doctor in {seconds:.1} s, together {all:.1} s (at most {MOST} s)"
    ));
    let link = looked.work.join("adamllm");
    std::os::unix::fs::symlink(&program, &link)?;
    whole(looked, &|| clean(&link), looked.work, expected)?;
    ensure!(all <= MOST, "unpacking and doctor took {all:.1} s");
    Ok(())
}

/// In a root of Debian with the smallest set of packages and `xz`, which unpacks the archive.
pub fn debian(
    looked: &Looked<'_>,
    suite: &str,
    archive: &Path,
    expected: &mut Option<Value>,
) -> Result<()> {
    if !process::succeeds(Command::new("debootstrap").arg("--version")) {
        bail!(
            "`debootstrap` is not there, or not allowed here: `apt-get install debootstrap`, as root"
        );
    }
    let root = looked.work.join("root");
    let mut make = Command::new("debootstrap");
    make.args(["--variant=minbase", "--include=xz-utils", suite]);
    let seconds = timed(make.arg(&root))?.1;
    looked.passed(&format!("a root of {suite} in {seconds:.0} s"));
    for program in ["python3", "cc", "gcc", "cargo"] {
        ensure!(
            !root.join("usr/bin").join(program).exists(),
            "the root has `{program}`"
        );
    }
    let processes = Mounted::processes(&root)?;
    let inside = format!("/opt/{FOLDER}");
    let at = |path: &str| root.join(path.trim_start_matches('/'));
    std::fs::create_dir_all(at(&inside))?;
    std::fs::copy(archive, at("/opt/archive"))?;
    let mut tar = within(&root, "/usr/bin/tar");
    let unpacked = timed(tar.args(["-xf", "/opt/archive", "-C", &inside]))?.1;
    std::fs::remove_file(at("/opt/archive"))?;
    let entry = std::fs::read_dir(at(&inside))?
        .next()
        .context("an empty archive")??;
    let name = entry.file_name();
    let program = format!("{inside}/{}/bin/adamllm", name.to_string_lossy());
    let (said, seconds) = timed(within(&root, &program).arg("doctor"))?;
    ensure!(said.contains("\nready"), "doctor says:\n{said}");
    looked.passed(&format!(
        "unpacked in {unpacked:.1} s, doctor in {seconds:.1} s"
    ));
    let run = format!("{inside}/run");
    let found = table(&at(&run), &|| within(&root, &program), Path::new(&run))?;
    looked.passed("demo --quick gave its table");
    drop(processes);
    match expected {
        Some(expected) => ensure!(*expected == found, "its demo gave another table"),
        None => *expected = Some(found),
    }
    Ok(())
}

/// A program of a root, started within it.
fn within(root: &Path, program: &str) -> Command {
    let mut command = clean(Path::new("/usr/sbin/chroot"));
    command.env("PATH", "/usr/bin:/bin").arg(root).arg(program);
    command
}

/// `/proc` in a root, taken away when this goes.
struct Mounted(PathBuf);

impl Mounted {
    fn processes(root: &Path) -> Result<Mounted> {
        let place = root.join("proc");
        timed(
            Command::new("mount")
                .args(["-t", "proc", "proc"])
                .arg(&place),
        )?;
        Ok(Mounted(place))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Else the root could not be removed.
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

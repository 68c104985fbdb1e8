//! Our own copy of libtorch: three pinned wheels from the Python package index, of which the
//! few files that a CPU needs are kept. Complete or absent, never partial.
//!
//! Everything is made in a staging folder beside the target, under a lock, and renamed at the end.

mod disk;
mod pip;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{digest, process};
use disk::{disk, full_disk};

/// Names and sizes of what must be there; written last.
const MANIFEST: &str = "manifest";

/// The script that takes the kept names out of the wheels: OUT, then names, then `--`, then wheels.
const UNPACK: &str = "\
import sys, zipfile
out, rest = sys.argv[1], sys.argv[2:]
cut = rest.index('--')
keep, wheels = rest[:cut], rest[cut + 1:]
for wheel in wheels:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if any(name == k or (k.endswith('/') and name.startswith(k)) for k in keep):
                archive.extract(name, out)
";

/// One wheel, pinned.
pub struct Wheel {
    /// What pip is asked for.
    requirement: String,
    /// The file that pip must give.
    file: String,
    /// Its SHA-256 in lower-case hex.
    sha256: String,
}

/// What is fetched and what is kept of it.
pub struct Bundle {
    /// The folder's name in the cache.
    name: &'static str,
    /// What is fetched, in words.
    title: &'static str,
    wheels: Vec<Wheel>,
    /// Files that must be there in the end.
    libraries: &'static [&'static str],
    /// A folder that must be there in the end.
    headers: &'static str,
    /// Small files that we write ourselves.
    written: &'static [(&'static str, &'static str)],
}

impl Bundle {
    /// libtorch 2.11.0, the version that `tch` 0.24 is made for.
    pub fn pinned() -> Self {
        let wheel = |requirement: &str, file: &str, sha256: &str| Wheel {
            requirement: requirement.into(),
            file: file.into(),
            sha256: sha256.into(),
        };
        Bundle {
            name: "libtorch-2.11.0",
            title: "libtorch 2.11.0 (a download of 544 MB, of which 498 MB stay)",
            wheels: vec![
                wheel(
                    "torch==2.11.0",
                    "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl",
                    "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
                ),
                // Without a GPU nothing in these two is called, but libtorch_cpu imports names from both.
                wheel(
                    "nvidia-cuda-cupti==13.0.85",
                    "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
                    "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
                ),
                wheel(
                    "nvidia-cuda-runtime==13.0.96",
                    "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
                    "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
                ),
            ],
            // libtorch_cpu looks for the last two in ../../nvidia/cu13/lib, so the layout of the wheels stays.
            libraries: &[
                "torch/lib/libtorch_cpu.so",
                "torch/lib/libc10.so",
                "torch/lib/libgomp.so.1",
                "nvidia/cu13/lib/libcupti.so.13",
                "nvidia/cu13/lib/libcudart.so.13",
            ],
            headers: "torch/include/",
            written: &[
                // torch-sys always links `-ltorch`; the wheel's needs the 456 MB of libtorch_cuda,
                // so the linker gets a script that names the two libraries that matter.
                (
                    "torch/lib/libtorch.so",
                    "INPUT(AS_NEEDED(-ltorch_cpu -lc10))\n",
                ),
                // torch-sys compares this with the version that it expects.
                ("torch/build-version", "2.11.0\n"),
            ],
        }
    }

    /// The licences of libtorch, out of the same wheels: for packages that hand it on, and for nobody else.
    pub fn licences() -> Self {
        Bundle {
            name: "libtorch-2.11.0-licences",
            title: "libtorch's licences (a download of 544 MB, of which less than 1 MB stays)",
            libraries: &[
                "nvidia_cuda_cupti-13.0.85.dist-info/licenses/License.txt",
                "nvidia_cuda_runtime-13.0.96.dist-info/licenses/License.txt",
            ],
            headers: "torch-2.11.0.dist-info/licenses/",
            written: &[],
            ..Bundle::pinned()
        }
    }

    /// Where it lies in the cache.
    pub fn folder(&self, cache: &Path) -> PathBuf {
        cache.join(self.name)
    }

    /// Files whose sizes the manifest holds.
    fn files(&self) -> impl Iterator<Item = &'static str> {
        self.libraries
            .iter()
            .copied()
            .chain(self.written.iter().map(|(path, _)| *path))
    }

    /// The manifest of what lies in `folder`; an error where a file is missing.
    fn manifest(&self, folder: &Path) -> io::Result<String> {
        let mut text = String::new();
        for path in self.files() {
            let size = fs::metadata(folder.join(path))?.len();
            let _ = writeln!(text, "{path} {size}");
        }
        fs::metadata(folder.join(self.headers))?;
        Ok(text)
    }

    /// Whether all of it lies in `folder`.
    pub fn is_complete(&self, folder: &Path) -> bool {
        let recorded = fs::read_to_string(folder.join(MANIFEST));
        matches!((recorded, self.manifest(folder)), (Ok(recorded), Ok(found)) if recorded == found)
    }
}

/// The programs that fetch and unpack.
pub struct Tools {
    /// Ways to call pip, the first that works is taken.
    pip: Vec<Vec<OsString>>,
    /// Ways to call Python, the first that works is taken.
    python: Vec<Vec<OsString>>,
}

impl Tools {
    /// Those on the user's path.
    pub fn from_path() -> Self {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect();
        Tools {
            pip: vec![
                words(&["python3", "-m", "pip"]),
                words(&["pip3"]),
                words(&["pip"]),
            ],
            python: vec![words(&["python3"]), words(&["python"])],
        }
    }
}

/// Gives the folder of the complete bundle below `cache`, fetching it if it is not there.
pub fn install(bundle: &Bundle, cache: &Path, tools: &Tools) -> Result<PathBuf> {
    let target = bundle.folder(cache);
    if bundle.is_complete(&target) {
        return Ok(target);
    }
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "the pinned libtorch is for Linux on x86-64: set LIBTORCH to a libtorch 2.11.0 for this machine, or LIBTORCH_USE_PYTORCH=1"
    );
    fs::create_dir_all(cache).map_err(|error| disk(&error, cache))?;
    let _lock = lock(&cache.join(format!("{}.lock", bundle.name)))?;
    // Another process may have made it while we waited.
    if bundle.is_complete(&target) {
        return Ok(target);
    }
    sweep(bundle, cache)?;
    // Its own name each time: the pip of a set-up that was killed may still be writing into the last one.
    let staging = cache.join(format!("{}.partial-{}", bundle.name, std::process::id()));
    let made = make(bundle, &staging, &target, tools);
    // A failed download must not keep the disk full.
    let cleaned = remove(&staging);
    made?;
    cleaned?;
    Ok(target)
}

/// Waits for the lock; it is let go when the file is closed, also by a crash.
fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).map_err(|error| disk(&error, path))?;
    if file.try_lock().is_err() {
        eprintln!("setup: waiting for another set-up that is under way");
        file.lock()
            .with_context(|| format!("cannot lock `{}`", path.display()))?;
    }
    Ok(file)
}

fn make(bundle: &Bundle, staging: &Path, target: &Path, tools: &Tools) -> Result<()> {
    let wheels = staging.join("wheels");
    let unpacked = staging.join("unpacked");
    for folder in [&wheels, &unpacked] {
        fs::create_dir_all(folder).map_err(|error| disk(&error, folder))?;
    }
    let pip = first_working(&tools.pip)
        .context("Python's pip was not found: install it (Debian: `apt install python3-pip`), or set LIBTORCH to a libtorch 2.11.0 of your own")?;
    let python = first_working(&tools.python)
        .context("Python was not found: install it (Debian: `apt install python3`), or set LIBTORCH to a libtorch 2.11.0 of your own")?;

    eprintln!("setup: fetching {}", bundle.title);
    let requirements: Vec<&str> = bundle
        .wheels
        .iter()
        .map(|wheel| wheel.requirement.as_str())
        .collect();
    pip::download(&requirements, &wheels, pip)?;
    for wheel in &bundle.wheels {
        verify(wheel, &wheels.join(&wheel.file))?;
    }
    unpack(bundle, &wheels, &unpacked, python)?;
    for (path, text) in bundle.written {
        let path = unpacked.join(path);
        fs::write(&path, text).map_err(|error| disk(&error, &path))?;
    }
    let manifest = bundle
        .manifest(&unpacked)
        .context("the wheels lack a file that was expected")?;
    let path = unpacked.join(MANIFEST);
    fs::write(&path, manifest).map_err(|error| disk(&error, &path))?;

    if target.symlink_metadata().is_ok() {
        // A copy that someone has damaged.
        fs::rename(target, staging.join("damaged")).map_err(|error| disk(&error, target))?;
    }
    fs::rename(&unpacked, target).map_err(|error| disk(&error, target))?;
    eprintln!("setup: libtorch is in `{}`", target.display());
    Ok(())
}

fn first_working(candidates: &[Vec<OsString>]) -> Option<&[OsString]> {
    candidates
        .iter()
        .map(Vec::as_slice)
        .find(|words| process::succeeds(process::of_words(words).arg("--version")))
}

fn verify(wheel: &Wheel, path: &Path) -> Result<()> {
    let file = File::open(path).with_context(|| {
        format!(
            "pip did not give `{}`: set pip's index back to the public one and run it again",
            wheel.file
        )
    })?;
    let found = digest::hex(&digest::of_file(file, path)?);
    ensure!(
        found == wheel.sha256,
        "`{}` has the wrong checksum (SHA-256 {found}, expected {}): it was not used; run it again, and check which index pip uses if that does not help",
        wheel.file,
        wheel.sha256
    );
    Ok(())
}

fn unpack(bundle: &Bundle, wheels: &Path, unpacked: &Path, python: &[OsString]) -> Result<()> {
    let run = process::of_words(python)
        .arg("-c")
        .arg(UNPACK)
        .arg(unpacked)
        .args(bundle.libraries)
        .args([bundle.headers, "--"])
        .args(bundle.wheels.iter().map(|wheel| wheels.join(&wheel.file)))
        .output()
        .context("cannot start Python")?;
    if !run.status.success() {
        let stderr = String::from_utf8_lossy(&run.stderr);
        if stderr.contains("No space left on device") {
            bail!("{}", full_disk(unpacked));
        }
        bail!(
            "the wheels of libtorch could not be unpacked, Python says `{}`",
            stderr.trim().lines().next_back().unwrap_or("nothing")
        );
    }
    Ok(())
}

/// Removes what set-ups that were killed have left; only the holder of the lock may.
fn sweep(bundle: &Bundle, cache: &Path) -> Result<()> {
    let prefix = format!("{}.partial-", bundle.name);
    for entry in fs::read_dir(cache).map_err(|error| disk(&error, cache))? {
        let entry = entry.map_err(|error| disk(&error, cache))?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            // What an orphan still fills goes with the next sweep.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(disk(&error, folder)),
    }
}

#[cfg(test)]
mod tests;

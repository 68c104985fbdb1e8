//! The run folder: one folder a stage, a manifest written last, and a lock against two runs at once.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The stages in order.
pub const STAGES: [&str; 7] = [
    "tune-synthesizer",
    "synthesize",
    "filter",
    "mix",
    "train",
    "evaluate",
    "report",
];

/// What a finished stage leaves behind: what it was made from and what it made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The stage.
    pub stage: String,
    /// Digest of everything that the stage depends on.
    pub key: String,
    /// Version of the program.
    pub version: String,
    /// The recipe keys that the stage reads.
    pub recipe: Value,
    /// Content digests of the files that it read.
    pub inputs: BTreeMap<String, String>,
    /// What it counted.
    pub counts: BTreeMap<String, u64>,
    /// Wall time of the attempt that finished the stage.
    pub seconds: f64,
}

/// An open run folder.
#[derive(Debug)]
pub struct RunFolder {
    /// The folder.
    pub path: PathBuf,
    // Held for the life of the run; the system gives it back however the program ends.
    _lock: File,
}

impl RunFolder {
    /// Opens or makes the folder and locks it.
    pub fn open(path: &Path) -> Result<Self> {
        fs::create_dir_all(path)
            .with_context(|| format!("cannot make the run folder `{}`", path.display()))?;
        let path = path.canonicalize()?;
        let lock = File::create(path.join(".lock"))
            .with_context(|| format!("cannot write in the run folder `{}`", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!(
                "another run works in `{}`; wait for it, or choose another --run-dir",
                path.display()
            ),
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock the run folder"),
        }
    }

    /// The folder of a stage.
    pub fn stage(&self, stage: &str) -> PathBuf {
        self.path.join(stage)
    }

    /// The manifest of a finished stage.
    pub fn manifest(&self, stage: &str) -> Option<Manifest> {
        let text = fs::read_to_string(self.stage(stage).join("manifest.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Whether the stage is finished with this key.
    pub fn is_done(&self, stage: &str, key: &str) -> bool {
        self.manifest(stage).is_some_and(|m| m.key == key)
    }

    /// Makes the stage's folder ready: what an attempt with the same key left is kept, anything else is cleared.
    pub fn begin(&self, stage: &str, key: &str) -> Result<PathBuf> {
        let folder = self.stage(stage);
        let mark = folder.join("key");
        let same = fs::read_to_string(&mark).is_ok_and(|text| text == key);
        if folder.exists() && !same {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot clear `{}`", folder.display()))?;
        }
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
        if !same {
            fs::write(&mark, key).with_context(|| format!("cannot write `{}`", mark.display()))?;
        }
        Ok(folder)
    }

    /// Writes the manifest, which makes the stage count as done.
    pub fn finish(&self, manifest: &Manifest) -> Result<()> {
        let path = self.stage(&manifest.stage).join("manifest.json");
        write_json(&path, manifest)
    }
}

/// Writes pretty JSON aside and renames it into place.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let aside = path.with_extension("json.part");
    let text = serde_json::to_string_pretty(value)?;
    fs::write(&aside, text + "\n")
        .with_context(|| format!("cannot write `{}`", aside.display()))?;
    File::open(&aside)?.sync_all()?;
    fs::rename(&aside, path).with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_second_run_in_the_same_folder() {
        let folder = tempfile::tempdir().expect("temp folder");
        let _first = RunFolder::open(folder.path()).expect("first");
        let error = RunFolder::open(folder.path())
            .expect_err("second")
            .to_string();
        assert!(error.contains("another run works in"), "{error}");
    }

    #[test]
    fn keeps_the_work_of_the_same_key_and_clears_another() {
        let folder = tempfile::tempdir().expect("temp folder");
        let run = RunFolder::open(folder.path()).expect("run");
        let stage = run.begin("mix", "a").expect("begin");
        fs::write(stage.join("half"), "done").expect("write");
        run.begin("mix", "a").expect("again");
        assert!(stage.join("half").exists());
        run.begin("mix", "b").expect("changed");
        assert!(!stage.join("half").exists());
    }
}

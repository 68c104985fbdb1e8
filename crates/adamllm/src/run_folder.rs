//! The run folder: one folder a stage, a manifest written last, and a lock against two runs at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use corpus::digests::{Digests, together};
use corpus::sealed::{changed_keys, read_sealed, write_sealed};

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

/// Everything that a stage depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// Digest of the rest, and of the basis of the stages before.
    pub key: String,
    /// Version of the program.
    pub version: String,
    /// The recipe keys that the stage reads.
    pub recipe: Value,
    /// Content digests of the files that it reads from outside of the stages, by their role.
    pub inputs: BTreeMap<String, String>,
    /// At most so many records.
    pub limit: Option<usize>,
}

/// A basis as it is noted down when a stage begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Begun {
    #[serde(flatten)]
    basis: Basis,
    /// Digest of what the stages before gave.
    before: String,
}

/// What a finished stage leaves behind: what it was made from and what it made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The stage.
    pub stage: String,
    /// What it depends on.
    #[serde(flatten)]
    pub basis: Basis,
    /// Digest of what the stages before gave.
    pub before: String,
    /// Content digests of the files that it wrote.
    pub outputs: BTreeMap<String, String>,
    /// What it counted.
    pub counts: BTreeMap<String, u64>,
    /// Wall time of the attempt that finished the stage, to the millisecond.
    pub seconds: f64,
}

impl Manifest {
    /// Digest of what this stage and those before it gave. Timings are left out: they differ from run to run.
    pub fn given(&self) -> String {
        let tells_times = |name: &str| {
            let times = ["metrics.jsonl", "trained.json"];
            times.iter().any(|end| Path::new(name).ends_with(end)) || is_a(name, "sums")
        };
        let outputs = self.outputs.iter();
        let lasting = outputs
            .filter(|(name, _)| !tells_times(name))
            .map(|(name, digest)| (name.as_str(), digest.clone()));
        together(lasting.chain(std::iter::once(("before", self.before.clone()))))
    }
}

/// Where a stage stands.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Finished, and everything it wrote is as it was.
    Done(Box<Manifest>),
    /// Nothing is there.
    New,
    /// An attempt with the same basis was stopped.
    HalfDone,
    /// It was begun or finished on another basis: the differences.
    Changed(Vec<String>),
    /// It was finished, but these files are not what it wrote.
    Damaged(Vec<String>),
}

impl State {
    /// Why the stage has to be done, as an addition to its name.
    pub fn why(&self) -> String {
        match self {
            Self::Done(_) => "done before, skipped".to_owned(),
            Self::New => String::new(),
            Self::HalfDone => "goes on where it was stopped".to_owned(),
            Self::Changed(differences) => format!("done again, since {}", differences.join("; ")),
            Self::Damaged(files) => format!(
                "done again, since what it wrote was changed or damaged: {}",
                files.join(", ")
            ),
        }
    }
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

    /// Where content digests are remembered.
    pub fn digests(&self) -> PathBuf {
        self.path.join(".digests.json")
    }

    /// The manifest of a finished stage.
    pub fn manifest(&self, stage: &str) -> Option<Manifest> {
        read_sealed(&self.stage(stage).join(MANIFEST))
    }

    fn begun(&self, stage: &str) -> Option<Begun> {
        read_sealed(&self.stage(stage).join(BEGUN))
    }

    /// Where the stage stands. `before` is what the stages before gave.
    pub fn state(
        &self,
        stage: &str,
        basis: &Basis,
        before: &str,
        digests: &mut Digests,
    ) -> Result<State> {
        let Some(begun) = self.begun(stage) else {
            // A note that is there and cannot be read was written by this program and is no longer what it wrote.
            let is_there = self.stage(stage).join(BEGUN).exists();
            return Ok(if is_there {
                State::Damaged(vec![format!("`{BEGUN}`")])
            } else {
                State::New
            });
        };
        if begun.basis.key != basis.key || begun.before != before {
            return Ok(State::Changed(differences(&begun.basis, basis)));
        }
        let Some(manifest) = self.manifest(stage).filter(|m| m.basis.key == basis.key) else {
            let is_there = self.stage(stage).join(MANIFEST).exists();
            return Ok(if is_there {
                State::Damaged(vec![format!("`{MANIFEST}`")])
            } else {
                State::HalfDone
            });
        };
        let found = self.outputs(stage, digests)?;
        let damaged: Vec<String> = manifest
            .outputs
            .iter()
            .filter(|(name, digest)| found.get(*name) != Some(digest))
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        Ok(if damaged.is_empty() {
            State::Done(Box::new(manifest))
        } else {
            State::Damaged(damaged)
        })
    }

    /// Content digests of what lies in a stage's folder, checkpoints and unfinished files aside.
    pub fn outputs(&self, stage: &str, digests: &mut Digests) -> Result<BTreeMap<String, String>> {
        let folder = self.stage(stage);
        let mut names = Vec::new();
        list(&folder, "", &mut names)
            .with_context(|| format!("cannot read `{}`", folder.display()))?;
        names.sort();
        let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
        Ok(names.into_iter().zip(digests.files(&paths)?).collect())
    }

    /// Makes the stage's folder ready: what an attempt on the same basis left is kept, anything else is cleared.
    pub fn begin(&self, stage: &str, basis: &Basis, before: &str) -> Result<PathBuf> {
        let folder = self.stage(stage);
        let same = self
            .begun(stage)
            .is_some_and(|b| b.basis.key == basis.key && b.before == before);
        if !same {
            self.clear(stage)?;
        }
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
        if same {
            // While it is worked on, it is not finished.
            remove_file(&folder.join(MANIFEST))?;
        } else {
            let begun = Begun {
                basis: basis.clone(),
                before: before.to_owned(),
            };
            write_sealed(&folder.join(BEGUN), &begun)?;
        }
        Ok(folder)
    }

    /// Removes all that a stage wrote, first what makes it count as done.
    pub fn clear(&self, stage: &str) -> Result<()> {
        let folder = self.stage(stage);
        remove_file(&folder.join(MANIFEST))?;
        remove_file(&folder.join(BEGUN))?;
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot clear `{}`", folder.display()))?;
        }
        Ok(())
    }

    /// Writes the manifest, which makes the stage count as done.
    pub fn finish(&self, manifest: &Manifest) -> Result<()> {
        Ok(write_sealed(
            &self.stage(&manifest.stage).join(MANIFEST),
            manifest,
        )?)
    }
}

const MANIFEST: &str = "manifest.json";
const BEGUN: &str = "begun.json";

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

fn is_a(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e == ending)
}

/// Names of the files in a folder and the folders in it, relative to where the listing began.
fn list(folder: &Path, prefix: &str, out: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let passing =
            name.starts_with('.') || name.starts_with("checkpoint-") || is_a(&name, "part");
        if passing || prefix.is_empty() && [MANIFEST, BEGUN].contains(&name.as_str()) {
            continue;
        }
        let name = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{name}/"), out)?;
        } else {
            out.push(name);
        }
    }
    Ok(())
}

/// What is different, in words; at least one.
fn differences(old: &Basis, new: &Basis) -> Vec<String> {
    let mut out = changed_keys(&old.recipe, &new.recipe);
    let roles: BTreeSet<&String> = old.inputs.keys().chain(new.inputs.keys()).collect();
    for role in roles {
        match (old.inputs.get(role), new.inputs.get(role)) {
            (Some(was), Some(is)) if was == is => {}
            (Some(_), Some(_)) => out.push(format!("{role} changed")),
            (None, _) => out.push(format!("{role} came in")),
            (_, None) => out.push(format!("{role} fell away")),
        }
    }
    if old.limit != new.limit {
        let shown =
            |limit: Option<usize>| limit.map_or_else(|| "none".to_owned(), |n| n.to_string());
        out.push(format!(
            "`--limit` was {}, is {}",
            shown(old.limit),
            shown(new.limit)
        ));
    }
    if old.version != new.version {
        out.push(format!(
            "the program was {}, is {}",
            old.version, new.version
        ));
    }
    if out.is_empty() {
        out.push("a stage before it changed".to_owned());
    }
    out
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

    fn basis(key: &str, recipe: Value) -> Basis {
        Basis {
            key: key.to_owned(),
            version: "1".to_owned(),
            recipe,
            inputs: BTreeMap::from([("pairs".to_owned(), key.to_owned())]),
            limit: None,
        }
    }

    #[test]
    fn keeps_the_work_of_the_same_basis_and_clears_another() {
        let folder = tempfile::tempdir().expect("temp folder");
        let run = RunFolder::open(folder.path()).expect("run");
        let (one, other) = (basis("a", Value::Null), basis("b", Value::Null));
        let stage = run.begin("mix", &one, "x").expect("begin");
        fs::write(stage.join("half"), "done").expect("write");
        run.begin("mix", &one, "x").expect("again");
        assert!(stage.join("half").exists());
        for (basis, before) in [(&other, "x"), (&other, "y")] {
            fs::write(stage.join("half"), "done").expect("write");
            run.begin("mix", basis, before).expect("changed");
            assert!(!stage.join("half").exists());
        }
    }

    #[test]
    fn says_where_a_stage_stands() {
        let folder = tempfile::tempdir().expect("temp folder");
        let run = RunFolder::open(folder.path()).expect("run");
        let mut digests = Digests::default();
        let one = basis("a", serde_json::json!({"train.keep": 1, "train.eps": 2}));
        let mut state = |basis: &Basis, before: &str| {
            run.state("mix", basis, before, &mut digests)
                .expect("state")
        };
        assert_eq!(state(&one, "x"), State::New);
        let mix = run.begin("mix", &one, "x").expect("begin");
        fs::create_dir(mix.join("model")).expect("folder");
        fs::write(mix.join("model/weights"), "right").expect("write");
        fs::write(mix.join("model/.weights.partial"), "half").expect("write");
        assert_eq!(state(&one, "x"), State::HalfDone);
        let outputs = run.outputs("mix", &mut Digests::default()).expect("list");
        assert_eq!(outputs.keys().collect::<Vec<_>>(), ["model/weights"]);
        let manifest = Manifest {
            stage: "mix".to_owned(),
            basis: one.clone(),
            before: "x".to_owned(),
            outputs,
            counts: BTreeMap::new(),
            seconds: 0.0,
        };
        run.finish(&manifest).expect("finish");
        assert_eq!(state(&one, "x"), State::Done(Box::new(manifest)));
        let other = basis("b", serde_json::json!({"train.keep": 3, "train.eps": 2}));
        assert_eq!(
            state(&other, "x").why(),
            "done again, since `train.keep` was 1, is 3; pairs changed"
        );
        assert!(state(&one, "y").why().contains("a stage before it changed"));
        fs::write(mix.join("model/weights"), "wrong").expect("write");
        assert_eq!(
            state(&one, "x"),
            State::Damaged(vec!["`model/weights`".to_owned()])
        );
    }
}

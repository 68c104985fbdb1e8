//! The folder of a stage, with a manifest that is written last.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use corpus::digests::Digests;
use corpus::sealed::{read_sealed, write_sealed};

use crate::error::Error;
use crate::identity::{Basis, Begun, FORMAT, Manifest};

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
    /// What lies there is of this other stage.
    Misplaced(String),
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
            Self::Misplaced(other) => {
                format!("done again, since what lies in its folder was made by stage `{other}`")
            }
        }
    }
}

/// The folder of one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageFolder {
    /// The stage's name in its graph.
    pub stage: String,
    /// The folder.
    pub path: PathBuf,
    /// Folders of other stages in it, which are not its own.
    pub inner: Vec<PathBuf>,
}

impl StageFolder {
    /// The manifest of the finished stage.
    pub fn manifest(&self) -> Option<Manifest> {
        read_sealed(&self.path.join(MANIFEST))
    }

    fn begun(&self) -> Option<Begun> {
        read_sealed(&self.path.join(BEGUN))
    }

    /// Where the stage stands. `given` is what its inputs have given. Gives what [`StageFolder::outputs`] gives.
    pub fn state(
        &self,
        basis: &Basis,
        given: &BTreeMap<String, String>,
        digests: &mut Digests,
    ) -> Result<State, Error> {
        let Some(begun) = self.begun() else {
            // A note that is there and cannot be read was written by this program and is no longer what it wrote.
            let is_there = self.path.join(BEGUN).exists();
            return Ok(if is_there {
                State::Damaged(vec![format!("`{BEGUN}`")])
            } else {
                State::New
            });
        };
        if begun.stage != self.stage {
            return Ok(State::Misplaced(begun.stage));
        }
        if begun.basis.key != basis.key || begun.given != *given {
            return Ok(State::Changed(begun.basis.differences(basis)));
        }
        let Some(manifest) = self.manifest() else {
            let is_there = self.path.join(MANIFEST).exists();
            return Ok(if is_there {
                State::Damaged(vec![format!("`{MANIFEST}`")])
            } else {
                State::HalfDone
            });
        };
        if manifest.stage != self.stage {
            return Ok(State::Misplaced(manifest.stage));
        }
        if manifest.basis.key != basis.key {
            return Ok(State::Damaged(vec![format!("`{MANIFEST}`")]));
        }
        let found = self.outputs(digests)?;
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

    /// Content digests of what lies in the folder, checkpoints and unfinished files aside. Gives [`Error::Io`] and
    /// [`Error::Corpus`].
    pub fn outputs(&self, digests: &mut Digests) -> Result<BTreeMap<String, String>, Error> {
        let mut names = Vec::new();
        self.list(&self.path, "", &mut names)
            .map_err(Error::io("read", &self.path))?;
        names.sort();
        let paths: Vec<PathBuf> = names.iter().map(|name| self.path.join(name)).collect();
        Ok(names.into_iter().zip(digests.files(&paths)?).collect())
    }

    /// Makes the folder ready: what an attempt on the same basis left is kept, anything else is cleared. Gives
    /// [`Error::Io`] and [`Error::Corpus`].
    pub fn begin(&self, basis: &Basis, given: &BTreeMap<String, String>) -> Result<(), Error> {
        let now = Begun {
            format: FORMAT,
            stage: self.stage.clone(),
            basis: basis.clone(),
            given: given.clone(),
        };
        let same = self.begun().is_some_and(|begun| {
            begun.stage == now.stage && begun.basis.key == basis.key && begun.given == *given
        });
        if !same {
            self.clear()?;
        }
        fs::create_dir_all(&self.path).map_err(Error::io("make", &self.path))?;
        if same {
            // While it is worked on, it is not finished.
            remove_file(&self.path.join(MANIFEST))?;
        } else {
            write_sealed(&self.path.join(BEGUN), &now)?;
        }
        Ok(())
    }

    /// Whether a folder is that of a stage that was begun.
    pub fn is_one(folder: &Path) -> bool {
        folder.join(BEGUN).is_file()
    }

    /// Whether the stage was begun. Its folder may also be there for another stage's inside.
    pub fn is_begun(&self) -> bool {
        self.path.join(BEGUN).exists()
    }

    /// Whether it was begun with this key, so that what lies in it is of the same stage with the same settings.
    pub fn is_begun_on(&self, key: &str) -> bool {
        self.begun().is_some_and(|begun| begun.basis.key == key)
    }

    /// Whether there is anything to lose: more than the note that the stage was begun, and the list of what it refused.
    pub fn has_work(&self) -> bool {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let own = entries.filter(|entry| !self.inner.iter().any(|i| i.starts_with(entry.path())));
        own.map(|entry| entry.file_name())
            .any(|name| name != BEGUN && name != REJECTED)
    }

    /// Removes all that the stage wrote, first what makes it count as done. Gives [`Error::Io`].
    pub fn clear(&self) -> Result<(), Error> {
        remove_file(&self.path.join(MANIFEST))?;
        remove_file(&self.path.join(BEGUN))?;
        self.clear_below(&self.path)
            .map_err(Error::io("clear", &self.path))
    }

    fn clear_below(&self, folder: &Path) -> std::io::Result<()> {
        if self.inner.iter().any(|inner| inner == folder) || !folder.exists() {
            return Ok(());
        }
        if !self.inner.iter().any(|inner| inner.starts_with(folder)) {
            return fs::remove_dir_all(folder);
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                self.clear_below(&entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Writes the manifest, which makes the stage count as done.
    pub fn finish(&self, manifest: &Manifest) -> Result<(), corpus::Error> {
        write_sealed(&self.path.join(MANIFEST), manifest)
    }

    /// Names of the files in a folder and the folders in it, relative to where the listing began.
    fn list(&self, folder: &Path, prefix: &str, out: &mut Vec<String>) -> std::io::Result<()> {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_part = Path::new(&name).extension().is_some_and(|e| e == "part");
            let passing = name.starts_with('.') || name.starts_with("checkpoint-") || is_part;
            if passing || prefix.is_empty() && [MANIFEST, BEGUN].contains(&name.as_str()) {
                continue;
            }
            let name = format!("{prefix}{name}");
            if !entry.file_type()?.is_dir() {
                out.push(name);
            } else if !self.inner.contains(&entry.path()) {
                self.list(&entry.path(), &format!("{name}/"), out)?;
            }
        }
        Ok(())
    }
}

/// The manifest of a finished stage.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The note that a stage was begun.
pub(crate) const BEGUN: &str = "begun.json";
/// What a stage could not use, each with its reason.
pub const REJECTED: &str = "rejected.jsonl";

fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::identity::Reads;

    #[test]
    fn what_the_system_refuses_in_a_stages_folder_is_told() {
        let folder = tempfile::tempdir().expect("temp folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("write");
        let action = |error: Error| match error {
            Error::Io { action, .. } => action,
            other => panic!("{other:?}"),
        };
        let at = |path: &Path| StageFolder {
            path: path.to_owned(),
            inner: Vec::new(),
            ..stage(folder.path())
        };
        // A link to nothing is in the way of a folder.
        let link = |name: &str, to: &Path| {
            let path = folder.path().join(name);
            std::os::unix::fs::symlink(to, &path).expect("link");
            path
        };
        let made = at(&link("nowhere", &folder.path().join("none")));
        let made = made.begin(&basis("a"), &given("x"));
        assert_eq!(action(made.expect_err("no folder")), "make");
        let own = folder.path().join("mix");
        fs::create_dir_all(own.join(MANIFEST)).expect("folder");
        let remove = at(&own).clear().expect_err("no file");
        assert_eq!(action(remove), "remove");
        let below = at(&file.join("mix"));
        let begun = below.begin(&basis("a"), &given("x"));
        assert_eq!(action(begun.expect_err("below a file")), "remove");
        link("mix/model", &folder.path().join("none"));
        let error = at(&own).outputs(&mut Digests::default());
        assert!(
            matches!(error, Err(Error::Corpus(corpus::Error::Io { .. }))),
            "{error:?}"
        );
    }

    fn basis(text: &str) -> Basis {
        let mut reads = Reads::default();
        reads.recipe.insert("mix.joiner".to_owned(), text.into());
        Basis::new("mix", 1, reads, BTreeMap::new())
    }

    fn given(text: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("pairs".to_owned(), text.to_owned())])
    }

    fn stage(run: &Path) -> StageFolder {
        StageFolder {
            stage: "mix".to_owned(),
            path: run.join("mix"),
            inner: vec![run.join("mix/inner")],
        }
    }

    #[test]
    fn keeps_the_work_of_the_same_basis_and_clears_another() {
        let folder = tempfile::tempdir().expect("temp folder");
        let stage = stage(folder.path());
        stage.begin(&basis("a"), &given("x")).expect("begin");
        fs::write(stage.path.join("half"), "done").expect("write");
        stage.begin(&basis("a"), &given("x")).expect("again");
        assert!(stage.path.join("half").exists());
        for (text, before) in [("b", "x"), ("b", "y")] {
            fs::write(stage.path.join("half"), "done").expect("write");
            stage.begin(&basis(text), &given(before)).expect("changed");
            assert!(!stage.path.join("half").exists());
        }
    }

    #[test]
    fn the_folder_of_another_stage_inside_is_left_alone() {
        let folder = tempfile::tempdir().expect("temp folder");
        let stage = stage(folder.path());
        fs::create_dir_all(stage.path.join("inner/deep")).expect("folder");
        fs::create_dir_all(stage.path.join("own")).expect("folder");
        fs::write(stage.path.join("inner/deep/file"), "1").expect("write");
        fs::write(stage.path.join("own/file"), "2").expect("write");
        let outputs = stage.outputs(&mut Digests::default()).expect("outputs");
        assert_eq!(outputs.keys().collect::<Vec<_>>(), ["own/file"]);
        stage.clear().expect("clear");
        assert!(stage.path.join("inner/deep/file").exists());
        assert!(!stage.path.join("own").exists());
    }

    #[test]
    fn says_where_a_stage_stands() {
        let folder = tempfile::tempdir().expect("temp folder");
        let mix = stage(folder.path());
        let mut digests = Digests::default();
        let one = basis("a");
        let mut state = |basis: &Basis, before: &str| {
            mix.state(basis, &given(before), &mut digests)
                .expect("state")
        };
        assert_eq!(state(&one, "x"), State::New);
        mix.begin(&one, &given("x")).expect("begin");
        fs::create_dir(mix.path.join("model")).expect("folder");
        fs::write(mix.path.join("model/weights"), "right").expect("write");
        fs::write(mix.path.join("model/.weights.partial"), "half").expect("write");
        assert_eq!(state(&one, "x"), State::HalfDone);
        let outputs = mix.outputs(&mut Digests::default()).expect("list");
        assert_eq!(outputs.keys().collect::<Vec<_>>(), ["model/weights"]);
        let manifest = Manifest {
            format: FORMAT,
            stage: "mix".to_owned(),
            basis: one.clone(),
            given: given("x"),
            outputs,
            counts: Value::Null,
            seconds: 0.0,
            machine: Value::Null,
        };
        mix.finish(&manifest).expect("finish");
        assert_eq!(state(&one, "x"), State::Done(Box::new(manifest.clone())));
        assert_eq!(
            state(&basis("b"), "x").why(),
            "done again, since `mix.joiner` was \"a\", is \"b\""
        );
        assert!(state(&one, "y").why().contains("a stage before it changed"));
        fs::write(mix.path.join("model/weights"), "wrong").expect("write");
        assert_eq!(
            state(&one, "x"),
            State::Damaged(vec!["`model/weights`".to_owned()])
        );
        let moved = Manifest {
            stage: "train".to_owned(),
            ..manifest
        };
        mix.finish(&moved).expect("finish");
        assert_eq!(state(&one, "x"), State::Misplaced("train".to_owned()));
    }
}

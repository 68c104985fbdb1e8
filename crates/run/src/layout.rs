//! Where results of stages lie: in the folder of one run, or in a store that many graphs share.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use corpus::sealed::{read_sealed, write_sealed};

use crate::error::Error;
use crate::events;
use crate::folder::StageFolder;
use crate::graph::{Graph, Node};
use crate::identity::{Basis, FORMAT};

/// Where the results of a graph's stages lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// A run folder: each stage in the folder that its node names.
    #[default]
    Run,
    /// A store: each stage in `<kind>-<key>`, so that stages of several graphs with one key are one.
    Store,
}

/// Digits of a key in the name of a folder.
const DIGITS: usize = 16;

impl Layout {
    /// The folder of a stage of this kind; `root` is the run folder or the store. In a store a stage that is not asked for,
    /// and so has no basis, lies nowhere.
    pub fn folder(
        self,
        root: &Path,
        graph: &Graph,
        node: &Node,
        kind: &str,
        basis: Option<&Basis>,
    ) -> StageFolder {
        match self {
            Self::Run => graph.stage_folder(root, node),
            Self::Store => {
                let key = basis.map_or("", |basis| &basis.key);
                StageFolder {
                    // Graphs may have other names for a stage that they share.
                    stage: kind.to_owned(),
                    path: root.join(stored(kind, key)),
                    inner: Vec::new(),
                }
            }
        }
    }

    /// Where what a stage tells is kept. A stage that is done anew clears its own folder, so it is not in there.
    pub fn events(self, root: &Path, folder: &StageFolder) -> PathBuf {
        match self {
            Self::Run => root.join(events::FOLDER),
            Self::Store => beside(root, ".events", &folder.path),
        }
    }
}

/// What the folder of a stage in a store is called.
pub fn stored(kind: &str, key: &str) -> String {
    format!("{kind}-{}", &key[..DIGITS.min(key.len())])
}

fn beside(root: &Path, what: &str, folder: &Path) -> PathBuf {
    root.join(what).join(folder.file_name().unwrap_or_default())
}

/// A store of stage results that several processes may work in.
#[derive(Debug)]
pub struct Store {
    /// The folder.
    pub path: PathBuf,
    // Held for the life of the process; whoever clears the store needs it alone.
    _lock: File,
}

/// The right to work on a stage of a store; the system gives it back however the process ends.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "held for as long as the stage is worked on")] File);

impl Store {
    /// Opens or makes a store, beside other processes that work in it.
    ///
    /// Gives [`Error::MakeRun`], [`Error::WriteInRun`], [`Error::Lock`], [`Error::StoreInUse`] while somebody clears it, and
    /// [`Error::EarlierStore`] for the store of another version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::locked(path, File::try_lock_shared)
    }

    /// Opens a store to clear it: nobody else may work in it. Gives what [`Store::open`] gives.
    pub fn alone(path: &Path) -> Result<Self, Error> {
        Self::locked(path, File::try_lock)
    }

    fn locked(path: &Path, lock: fn(&File) -> Result<(), TryLockError>) -> Result<Self, Error> {
        let made = fs::create_dir_all(path).and_then(|()| path.canonicalize());
        let path = made.map_err(|source| Error::MakeRun {
            path: path.to_owned(),
            source,
        })?;
        let file = match File::create(path.join(".lock")) {
            Ok(file) => file,
            Err(source) => return Err(Error::WriteInRun { path, source }),
        };
        match lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::StoreInUse { path }),
            Err(TryLockError::Error(source)) => return Err(Error::Lock { path, source }),
        }
        let store = Self { path, _lock: file };
        store.check_version()?;
        Ok(store)
    }

    /// Notes the version in a new store, and refuses that of another one.
    fn check_version(&self) -> Result<(), Error> {
        let _alone = self.wait()?;
        let note = self.path.join(NOTE);
        match read_sealed::<Value>(&note) {
            Some(found) if found["format"] == FORMAT => Ok(()),
            Some(_) => Err(Error::EarlierStore {
                path: self.path.clone(),
            }),
            None => {
                let text = json!({"format": FORMAT, "program": env!("CARGO_PKG_VERSION")});
                write_sealed(&note, &text).map_err(|source| Error::Note { source })
            }
        }
    }

    /// Claims a stage by its folder; none while another process works on it. Gives [`Error::Io`] and [`Error::Lock`].
    pub fn claim(&self, folder: &Path) -> Result<Option<Claim>, Error> {
        let (file, path) = self.lock_of(folder)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(Error::Lock { path, source }),
        }
    }

    /// Waits until no other process looks at what all of them share, such as the links of pictures. Gives [`Error::Io`] and
    /// [`Error::Lock`].
    pub fn wait(&self) -> Result<Claim, Error> {
        let (file, path) = self.lock_of(Path::new("all"))?;
        match file.lock() {
            Ok(()) => Ok(Claim(file)),
            Err(source) => Err(Error::Lock { path, source }),
        }
    }

    fn lock_of(&self, folder: &Path) -> Result<(File, PathBuf), Error> {
        let path = beside(&self.path, ".locks", folder);
        let parent = path.parent().unwrap_or(&self.path);
        fs::create_dir_all(parent).map_err(Error::io("make", parent))?;
        let file = File::create(&path).map_err(Error::io("write", &path))?;
        Ok((file, path))
    }

    /// Where it is noted that a stage failed, and why.
    pub fn failure(&self, folder: &Path) -> PathBuf {
        let mut name = folder.file_name().unwrap_or_default().to_owned();
        name.push(".json");
        self.path.join(".failed").join(name)
    }

    /// The folders of stages that lie in the store.
    pub fn folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| StageFolder::is_one(path))
            .collect();
        found.sort();
        found
    }

    /// Removes what a stage left, and what it told. Gives [`Error::Io`].
    pub fn remove(&self, folder: &Path) -> Result<(), Error> {
        let stage = StageFolder {
            stage: String::new(),
            path: folder.to_owned(),
            inner: Vec::new(),
        };
        stage.clear()?;
        for path in [
            beside(&self.path, ".events", folder),
            beside(&self.path, ".locks", folder),
            self.failure(folder),
        ] {
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What tells a store's version.
const NOTE: &str = "store.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_claimed_once_and_given_back() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path()).expect("store");
        let other = Store::open(folder.path()).expect("two processes may work in it");
        let stage = folder.path().join("mix-0123");
        let claim = store.claim(&stage).expect("claim").expect("free");
        assert!(
            other.claim(&stage).expect("look").is_none(),
            "it is claimed"
        );
        let another = folder.path().join("mix-4567");
        assert!(other.claim(&another).expect("look").is_some());
        drop(claim);
        assert!(other.claim(&stage).expect("look").is_some());
        let error = Store::alone(folder.path()).expect_err("others work in it");
        assert!(matches!(error, Error::StoreInUse { .. }), "{error:?}");
        drop((store, other));
        Store::alone(folder.path()).expect("nobody is there");
    }

    #[test]
    fn the_store_of_another_version_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        drop(Store::open(folder.path()).expect("store"));
        write_sealed(&folder.path().join(NOTE), &json!({"format": 1})).expect("write");
        let error = Store::open(folder.path()).expect_err("of another version");
        assert!(matches!(error, Error::EarlierStore { .. }), "{error:?}");
    }

    #[test]
    fn stages_of_a_store_are_called_by_kind_and_key() {
        assert_eq!(
            stored("mix", "0123456789abcdef0123"),
            "mix-0123456789abcdef"
        );
    }
}

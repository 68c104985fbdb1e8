//! Where results of stages lie: in the folder of one run, or in a store that many graphs share.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use corpus::sealed::{read_sealed, write_sealed};

use crate::error::Error;
use crate::events;
use crate::folder::StageFolder;
use crate::graph::{Graph, Node};
use crate::identity::{Basis, FORMAT};
use crate::lease::{Lease, Losses, Lost, Refusal, Terms, Wait, Waiting, Watch};
use crate::lock::{self, Folder};
use crate::process::{Process, unique};

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
///
/// The system's locks (`.lock`, `.locks/`) guard it among the processes of one kernel, at once and in containers too. Leases
/// (`.leases/`) guard it among machines, whose file system may have no locks or keep them to one machine.
#[derive(Debug)]
pub struct Store {
    /// The folder.
    pub path: PathBuf,
    terms: Terms,
    losses: Arc<Losses>,
    // What was seen of claims that others hold.
    watches: Mutex<HashMap<PathBuf, Watch>>,
    // Held for the life of the process, and given back in this order; whoever clears the store needs it alone.
    _presence: Presence,
    _lock: File,
}

/// That a process works in a store; the system or the next one finds it gone however the process ends.
#[derive(Debug)]
struct Presence {
    lease: Option<Lease>,
    // The lease's own folder, which goes with it.
    folder: Option<PathBuf>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        drop(self.lease.take());
        if let Some(folder) = &self.folder {
            // What is left of it is removed by whoever clears the store.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// The right to work on a stage of a store. However the process ends, the next one gets it, on another machine after a
/// minute in which nobody renewed it.
#[derive(Debug)]
pub struct Claim {
    // Given back in this order.
    lease: Lease,
    _lock: File,
}

impl Claim {
    /// Whether it is still this process's. Gives [`Error::TakenOver`].
    pub fn check(&self) -> Result<(), Error> {
        self.lease.check().map_err(taken_over)
    }
}

impl Store {
    /// Opens or makes a store, beside other processes that work in it. If it seems to be cleared by a process of another
    /// machine, this waits for up to a minute; [`Store::open_with`] tells so.
    ///
    /// Gives [`Error::MakeRun`], [`Error::WriteInRun`], [`Error::StoreInUse`] while somebody clears it, and
    /// [`Error::EarlierStore`] for the store of another version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_with(path, &Terms::default(), &mut |_| ())
    }

    /// As [`Store::open`]; `told` hears of a wait, which `terms.stop` ends with [`Error::Stopped`].
    pub fn open_with(
        path: &Path,
        terms: &Terms,
        told: &mut dyn FnMut(&Waiting),
    ) -> Result<Self, Error> {
        let (path, lock) = locked(path, File::try_lock_shared)?;
        let losses = terms.losses();
        // Whoever clears the store first says so and then looks for others, and this one the other way round: at least one of
        // the two sees the other.
        let presence = path.join(LEASES).join(USERS).join(unique());
        let lease = Lease::take(&path, &presence, terms, &losses, told);
        let presence = Presence {
            lease: Some(lease.map_err(|refusal| refused(&path, refusal))?),
            folder: Some(presence),
        };
        until_free(&path, &path.join(LEASES).join(ALONE), terms, told)?;
        Self::ready(path, terms, losses, presence, lock)
    }

    /// Opens a store to clear it: nobody else may work in it. Gives what [`Store::open`] gives.
    pub fn alone(path: &Path) -> Result<Self, Error> {
        Self::alone_with(path, &Terms::default(), &mut |_| ())
    }

    /// As [`Store::alone`]; `told` hears of a wait for a process that seems to work in it, which `terms.stop` ends with
    /// [`Error::Stopped`].
    pub fn alone_with(
        path: &Path,
        terms: &Terms,
        told: &mut dyn FnMut(&Waiting),
    ) -> Result<Self, Error> {
        let (path, lock) = locked(path, File::try_lock)?;
        let losses = terms.losses();
        let lease = Lease::take(&path, &path.join(LEASES).join(ALONE), terms, &losses, told);
        let presence = Presence {
            lease: Some(lease.map_err(|refusal| refused(&path, refusal))?),
            folder: None,
        };
        let users = path.join(LEASES).join(USERS);
        for user in fs::read_dir(&users).into_iter().flatten().flatten() {
            until_free(&path, &user.path(), terms, told)?;
            // One that appears only now finds the lease above, and has nothing to lose here.
            let _ = fs::remove_dir_all(user.path());
        }
        Self::ready(path, terms, losses, presence, lock)
    }

    fn ready(
        path: PathBuf,
        terms: &Terms,
        losses: Arc<Losses>,
        presence: Presence,
        lock: File,
    ) -> Result<Self, Error> {
        let store = Self {
            path,
            terms: terms.clone(),
            losses,
            watches: Mutex::default(),
            _presence: presence,
            _lock: lock,
        };
        store.check_version()?;
        Ok(store)
    }

    /// Whether all that this process has claimed is still its own. One that was stopped for minutes may have lost it to another,
    /// and must end. Gives [`Error::TakenOver`].
    pub fn check(&self) -> Result<(), Error> {
        match self.losses.first.get() {
            None => Ok(()),
            Some(lost) => Err(taken_over(lost.clone())),
        }
    }

    /// Notes the version in a new store, and refuses that of another one.
    fn check_version(&self) -> Result<(), Error> {
        let _writing = self.wait()?;
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

    /// Claims a stage by its folder; none while another process works on it. Gives [`Error::Io`].
    pub fn claim(&self, folder: &Path) -> Result<Option<Claim>, Error> {
        let lock = self.lock_of(folder)?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Ok(None);
        }
        let lease = self.lease_of(folder)?;
        Ok(lease.map(|lease| Claim { lease, _lock: lock }))
    }

    /// Waits until no other process looks at what all of them share, such as the links of pictures. Gives [`Error::Io`].
    pub fn wait(&self) -> Result<Claim, Error> {
        let all = Path::new(ALL);
        let lock = self.lock_of(all)?;
        // Where there are no locks, the lease alone is asked for, again and again.
        let _ = lock.lock();
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(lease) = self.lease_of(all)? {
                return Ok(Claim { lease, _lock: lock });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// The lease of a stage; none while another process holds it, or may hold it.
    fn lease_of(&self, folder: &Path) -> Result<Option<Lease>, Error> {
        let folder = beside(&self.path, LEASES, folder);
        let watches = || self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut watch = watches().remove(&folder).unwrap_or_default();
        let taken = Lease::try_take(&folder, &self.terms, &self.losses, &mut watch);
        if let Ok(lease) = taken.map_err(Error::io("write", &folder))? {
            return Ok(Some(lease));
        }
        watches().insert(folder, watch);
        Ok(None)
    }

    fn lock_of(&self, folder: &Path) -> Result<File, Error> {
        let path = beside(&self.path, ".locks", folder);
        let parent = path.parent().unwrap_or(&self.path);
        fs::create_dir_all(parent).map_err(Error::io("make", parent))?;
        File::create(&path).map_err(Error::io("write", &path))
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
            beside(&self.path, LEASES, folder),
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
/// What is claimed to look at what all processes share.
const ALL: &str = "all";
/// The leases, each in a folder of its own: those of stages, of the processes that work in the store, and of the one that
/// clears it.
const LEASES: &str = ".leases";
const USERS: &str = ".users";
const ALONE: &str = ".alone";

/// Makes a store's folder and locks it in one of two ways.
fn locked(
    path: &Path,
    lock: fn(&File) -> Result<(), TryLockError>,
) -> Result<(PathBuf, File), Error> {
    let Folder { path, lock } = lock::folder(path, lock)?;
    match lock {
        Some(lock) => Ok((path, lock)),
        None => Err(in_use(&path, None)),
    }
}

/// Waits until nobody holds a lease, unless whoever holds it works.
fn until_free(
    store: &Path,
    folder: &Path,
    terms: &Terms,
    told: &mut dyn FnMut(&Waiting),
) -> Result<(), Error> {
    let mut watch = Watch::default();
    let mut wait = Wait::new(terms, told);
    loop {
        match Lease::holder(folder, terms, &mut watch) {
            Ok(None) => return Ok(()),
            Ok(Some(holder)) => wait
                .once(folder, holder)
                .map_err(|refusal| refused(store, refusal))?,
            Err(source) => return Err(refused(store, Refusal::Io(source))),
        }
    }
}

fn refused(store: &Path, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Held(by) => in_use(store, by),
        Refusal::Stopped(stopped) => stopped.into(),
        Refusal::Io(source) => Error::WriteInRun {
            path: store.to_owned(),
            source,
        },
    }
}

/// A lease is called as the stage is.
fn taken_over(lost: Lost) -> Error {
    let store = lost.folder.ancestors().nth(2).unwrap_or(&lost.folder);
    Error::TakenOver {
        path: store.join(lost.folder.file_name().unwrap_or_default()),
        by: lost.by.map(Box::new),
    }
}

fn in_use(store: &Path, by: Option<Process>) -> Error {
    Error::StoreInUse {
        path: store.to_owned(),
        by: by.map(Box::new),
    }
}

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

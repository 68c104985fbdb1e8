//! The run folder: where one run works at a time, and its own notes.

use std::fs::File;
use std::path::{Path, PathBuf};

use corpus::sealed::read_sealed;
use serde_json::Value;

use crate::error::Error;
use crate::folder::{BEGUN, MANIFEST};
use crate::identity::FORMAT;
use crate::lease::{Lease, Lost, Refusal, Terms, Waiting, Watch};
use crate::lock::{self, Folder};

/// An open run folder.
#[derive(Debug)]
pub struct RunFolder {
    /// The folder.
    pub path: PathBuf,
    // Given back in this order: who gets the lock finds a lease that is free.
    lease: Lease,
    // Held for the life of the run; the system gives it back however the program ends.
    _lock: File,
}

/// The folder of the lease.
const LEASE: &str = ".lease";

impl RunFolder {
    /// Opens or makes the folder, and holds it against every other process. If a process of another machine seems to hold it,
    /// this waits for up to a minute; [`RunFolder::open_with`] tells so.
    ///
    /// Gives [`Error::MakeRun`], [`Error::WriteInRun`] and [`Error::Locked`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_with(path, &Terms::default(), &mut |_| ())
    }

    /// As [`RunFolder::open`]; `told` hears of a wait, which `terms.stop` ends with [`Error::Stopped`].
    pub fn open_with(
        path: &Path,
        terms: &Terms,
        told: &mut dyn FnMut(&Waiting),
    ) -> Result<Self, Error> {
        // The system's lock refuses a second run at once, in containers on one kernel too, of which processes know nothing.
        let Folder { path, lock } = lock::folder(path, File::try_lock)?;
        let folder = path.join(LEASE);
        let Some(lock) = lock else {
            let holder = Lease::holder(&folder, terms, &mut Watch::default());
            let process = holder.ok().flatten().and_then(|holder| holder.process);
            let by = process.map(Box::new);
            return Err(Error::Locked { path, by });
        };
        match Lease::take(&path, &folder, terms, &terms.losses(), told) {
            Ok(lease) => Ok(Self {
                path,
                lease,
                _lock: lock,
            }),
            Err(Refusal::Held(by)) => Err(Error::Locked {
                path,
                by: by.map(Box::new),
            }),
            Err(Refusal::Stopped(stopped)) => Err(stopped.into()),
            Err(Refusal::Io(source)) => Err(Error::WriteInRun { path, source }),
        }
    }

    /// Whether the folder is still this process's. One that was stopped for minutes may find another one in it, and must
    /// end. Gives [`Error::TakenOver`].
    pub fn check(&self) -> Result<(), Error> {
        self.lease
            .check()
            .map_err(|Lost { by, .. }| Error::TakenOver {
                path: self.path.clone(),
                by: by.map(Box::new),
            })
    }

    /// Refuses a run folder whose stages an earlier program made: they have other keys, and would all be done again. Gives
    /// [`Error::EarlierLayout`].
    pub fn refuse_earlier_layout<'a>(
        run: &Path,
        folders: impl Iterator<Item = &'a Path>,
    ) -> Result<(), Error> {
        for folder in folders {
            let notes = [BEGUN, MANIFEST].map(|name| run.join(folder).join(name));
            let found = notes.iter().find_map(|path| read_sealed::<Value>(path));
            if found.is_some_and(|note| note["format"] != FORMAT) {
                return Err(Error::EarlierLayout {
                    path: run.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Where content digests are remembered.
    pub fn digests(&self) -> PathBuf {
        Self::digests_of(&self.path)
    }

    /// As [`RunFolder::digests`], of a folder that another process holds.
    pub fn digests_of(run: &Path) -> PathBuf {
        run.join(".digests.json")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use corpus::sealed::write_sealed;

    use super::*;

    #[test]
    fn refuses_a_second_run_in_the_same_folder() {
        let folder = tempfile::tempdir().expect("temp folder");
        let _first = RunFolder::open(folder.path()).expect("first");
        let error = RunFolder::open(folder.path()).expect_err("second");
        assert!(matches!(error, Error::Locked { .. }), "{error:?}");
        let told = error.to_string();
        assert!(told.contains("another run works in"), "{told}");
    }

    #[test]
    fn a_folder_that_cannot_be_a_run_folder_is_told() {
        let folder = tempfile::tempdir().expect("temp folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("write");
        let error = RunFolder::open(&file.join("run")).expect_err("below a file");
        assert!(
            matches!(&error, Error::MakeRun { path, .. } if *path == file.join("run")),
            "{error:?}"
        );
        fs::create_dir(folder.path().join(".lock")).expect("folder");
        let error = RunFolder::open(folder.path()).expect_err("no file for the lock");
        assert!(matches!(error, Error::WriteInRun { .. }), "{error:?}");
    }

    #[test]
    fn refuses_the_folder_of_another_version() {
        let folder = tempfile::tempdir().expect("temp folder");
        let run = RunFolder::open(folder.path()).expect("run");
        let folders = || ["mix", "train"].map(Path::new).into_iter();
        let check = || RunFolder::refuse_earlier_layout(&run.path, folders());
        check().expect("nothing is there");
        fs::create_dir(run.path.join("train")).expect("folder");
        let old = serde_json::json!({"key": "a", "before": "b"});
        write_sealed(&run.path.join("train/begun.json"), &old).expect("write");
        let error = check().expect_err("of another version");
        assert!(matches!(error, Error::EarlierLayout { .. }), "{error:?}");
        let told = error.to_string();
        assert!(told.contains("another version of adamllm"), "{told}");
    }
}

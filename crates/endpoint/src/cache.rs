//! Answers by content: who asks the same once more gets what was answered then, and pays nothing.
//!
//! A cache is a folder of append-only files. The index over them is small and in memory, the answers are read when they are
//! asked for. A damaged line costs one request and not the run.

mod error;
mod folder;
mod line;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

pub use error::CacheError;

use folder::{Extent, Writing};

/// Answers by content: those of this run, and those that several runs share.
#[derive(Debug)]
pub struct Cache {
    shelves: Mutex<Shelves>,
    /// Something was written since the last sync.
    unsynced: AtomicBool,
}

#[derive(Debug)]
struct Shelves {
    own: Shelf,
    shared: Option<Shelf>,
    /// All files that are read from.
    files: Vec<Source>,
    /// Where answers lie, by the first half of their keys.
    index: HashMap<u128, Slot>,
    /// The file that was read from last.
    last: Option<(u32, File)>,
    damaged: u64,
}

/// A folder, and the file of this process in it once something was put.
#[derive(Debug)]
struct Shelf {
    folder: PathBuf,
    writing: Option<(u32, Writing)>,
    /// The folder takes no new files; what lies in it is used all the same.
    closed: bool,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    is_own: bool,
}

/// Which file, and where in it. There is one for each answer, so it is flat.
#[derive(Clone, Copy, Debug)]
struct Slot {
    start: u64,
    length: u32,
    file: u32,
}

impl Slot {
    fn new(file: u32, extent: Extent) -> Self {
        Self {
            start: extent.start,
            length: extent.length,
            file,
        }
    }
}

impl Cache {
    /// Opens the folder of a run, and one that runs share, making what is not there. A shared folder that cannot be written is
    /// read all the same. What others put there later is not seen before the next opening.
    pub fn open(own: &Path, shared: Option<&Path>) -> Result<Self, CacheError> {
        let mut shelves = Shelves {
            own: Shelf::new(own),
            shared: None,
            files: Vec::new(),
            index: HashMap::new(),
            last: None,
            damaged: 0,
        };
        let own_files = folder::files(own)?;
        // What is found later stands for what was found before: a copy of one's own needs no other folder.
        if let Some(shared) = shared {
            let files = folder::files(shared)?;
            let same = own.canonicalize().ok() == shared.canonicalize().ok();
            if !same {
                shelves.shared = Some(Shelf::new(shared));
                files
                    .into_iter()
                    .try_for_each(|path| shelves.add(path, false))?;
            }
        }
        own_files
            .into_iter()
            .try_for_each(|path| shelves.add(path, true))?;
        Ok(Self {
            shelves: Mutex::new(shelves),
            unsynced: AtomicBool::new(false),
        })
    }

    /// The answer of a key, if there is one that is whole. One from the shared folder is copied to the run's own.
    pub fn get(&self, key: &str) -> Result<Option<Value>, CacheError> {
        let short = short(key)?;
        let mut shelves = self.shelves();
        let Some(slot) = shelves.index.get(&short).copied() else {
            return Ok(None);
        };
        let line = shelves.read(slot);
        let read = line.as_ref().ok().and_then(|line| {
            let answer = line::answer(line, key)?;
            serde_json::from_slice(answer).ok()
        });
        let (Ok(line), Some(value)) = (line, read) else {
            shelves.index.remove(&short);
            shelves.damaged += 1;
            return Ok(None);
        };
        if !shelves.files[slot.file as usize].is_own {
            let slot = shelves.append_own(&line)?;
            shelves.index.insert(short, slot);
            self.unsynced.store(true, Ordering::Release);
        }
        Ok(Some(value))
    }

    /// Keeps an answer, in the run's own folder and in the shared one. It outlives the program when this returns, and a
    /// machine that fails after [`Cache::sync`].
    ///
    /// Gives the answer as [`Cache::get`] will give it: a decimal fraction read from text need not be the one that was
    /// written to it, to the last bit, and a run shall go on with what a later one will find.
    pub fn put(&self, key: &str, answer: &Value) -> Result<Value, CacheError> {
        let short = short(key)?;
        let text = answer.to_string();
        let line = line::write(key, text.as_bytes());
        let mut shelves = self.shelves();
        let slot = shelves.append_own(&line)?;
        shelves.append_shared(&line)?;
        self.unsynced.store(true, Ordering::Release);
        shelves.index.insert(short, slot);
        drop(shelves);
        Ok(serde_json::from_str(&text).unwrap_or_else(|_| answer.clone()))
    }

    /// Waits until all that was put is on the disk.
    pub fn sync(&self) -> Result<(), CacheError> {
        if !self.unsynced.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        // The files are synced without holding up who looks for answers.
        let files = self.shelves().written();
        let synced = files.iter().try_for_each(|(path, file)| {
            let synced = file.sync_data();
            synced.map_err(CacheError::writing(path))
        });
        if synced.is_err() {
            self.unsynced.store(true, Ordering::Release);
        }
        synced
    }

    /// How many answers there are.
    pub fn len(&self) -> usize {
        self.shelves().index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many lines were passed over because they are damaged.
    pub fn damaged(&self) -> u64 {
        self.shelves().damaged
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        // A panic between two changes leaves at most a line that is in no index.
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    /// Reads a file into the index.
    fn add(&mut self, path: PathBuf, is_own: bool) -> Result<(), CacheError> {
        let file = self.files.len() as u32;
        let index = &mut self.index;
        self.damaged += folder::scan(&path, |key, extent| {
            index.insert(key, Slot::new(file, extent));
        })?;
        self.files.push(Source { path, is_own });
        Ok(())
    }

    fn read(&mut self, slot: Slot) -> io::Result<Vec<u8>> {
        let file = match &mut self.last {
            Some((number, file)) if *number == slot.file => file,
            last => {
                let file = File::open(&self.files[slot.file as usize].path)?;
                &mut last.insert((slot.file, file)).1
            }
        };
        let mut line = vec![0; slot.length as usize];
        file.seek(SeekFrom::Start(slot.start))?;
        file.read_exact(&mut line)?;
        Ok(line)
    }

    fn append_own(&mut self, line: &[u8]) -> Result<Slot, CacheError> {
        let (file, extent) = self.own.append(line, &mut self.files, true)?;
        Ok(Slot::new(file, extent))
    }

    fn append_shared(&mut self, line: &[u8]) -> Result<(), CacheError> {
        let Some(shared) = self.shared.as_mut().filter(|shared| !shared.closed) else {
            return Ok(());
        };
        match shared.append(line, &mut self.files, false) {
            Err(error) if shared.writing.is_none() && error.is_closed_to_writing() => {
                shared.closed = true;
                Ok(())
            }
            done => done.map(|_| ()),
        }
    }

    /// The files that this process writes.
    fn written(&self) -> Vec<(PathBuf, Arc<File>)> {
        let shelves = [Some(&self.own), self.shared.as_ref()];
        let written = shelves
            .into_iter()
            .flatten()
            .filter_map(|shelf| shelf.writing.as_ref());
        written
            .map(|(_, writing)| (writing.path.clone(), Arc::clone(&writing.file)))
            .collect()
    }
}

impl Shelf {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            writing: None,
            closed: false,
        }
    }

    fn append(
        &mut self,
        line: &[u8],
        files: &mut Vec<Source>,
        is_own: bool,
    ) -> Result<(u32, Extent), CacheError> {
        let (number, writing) = match &mut self.writing {
            Some(writing) => writing,
            none => {
                let writing = Writing::begin(&self.folder)?;
                files.push(Source {
                    path: writing.path.clone(),
                    is_own,
                });
                none.insert((files.len() as u32 - 1, writing))
            }
        };
        Ok((*number, writing.append(line)?))
    }
}

fn short(key: &str) -> Result<u128, CacheError> {
    line::short(key).ok_or_else(|| CacheError::Key {
        key: key.to_owned(),
    })
}

#[cfg(test)]
mod tests;

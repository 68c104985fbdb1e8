//! Prepared pictures, kept while there is room: several samples of a pair show the same one.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::ImageInput;

/// Room for pixel values, in bytes.
const ROOM: usize = 256 << 20;

/// The least recently used picture goes first.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    state: Mutex<State>,
    /// A picture is not in the works any more.
    made: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pictures: HashMap<PathBuf, Kept>,
    /// Those that some thread prepares.
    in_works: HashSet<PathBuf>,
    clock: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    input: ImageInput,
    version: Version,
    used: u64,
}

/// Size and time of a file: another one means another picture.
pub(crate) type Version = Option<(u64, SystemTime)>;

/// The version of a file as it is now.
pub(crate) fn version(path: &Path) -> Version {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

impl Shelf {
    /// The picture that lies here, or else the one that is made now. Where another thread is at it, its picture is waited
    /// for and not made a second time.
    pub fn get_or_make<E>(
        &self,
        path: &Path,
        version: Version,
        make: impl FnOnce() -> Result<ImageInput, E>,
    ) -> Result<ImageInput, E> {
        let mut state = self.state();
        loop {
            if let Some(found) = state.get(path, version) {
                return Ok(found);
            }
            if !state.in_works.contains(path) {
                break;
            }
            let woken = self.made.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        state.in_works.insert(path.to_owned());
        drop(state);
        let _at_work = AtWork { shelf: self, path };
        let input = make()?;
        self.state().put(path, version, &input);
        Ok(input)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a picture is not in the works any more, however the work ends.
struct AtWork<'a> {
    shelf: &'a Shelf,
    path: &'a Path,
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.shelf.state().in_works.remove(self.path);
        self.shelf.made.notify_all();
    }
}

impl State {
    fn get(&mut self, path: &Path, version: Version) -> Option<ImageInput> {
        self.clock += 1;
        let clock = self.clock;
        let kept = self
            .pictures
            .get_mut(path)
            .filter(|kept| version.is_some() && kept.version == version)?;
        kept.used = clock;
        Some(kept.input.clone())
    }

    fn put(&mut self, path: &Path, version: Version, input: &ImageInput) {
        let bytes = size(input);
        while self.bytes + bytes > ROOM {
            let oldest = self
                .pictures
                .iter()
                .min_by_key(|(_, kept)| kept.used)
                .map(|(path, _)| path.clone());
            let Some(dropped) = oldest.and_then(|path| self.pictures.remove(&path)) else {
                break;
            };
            self.bytes -= size(&dropped.input);
        }
        self.clock += 1;
        let kept = Kept {
            input: input.clone(),
            version,
            used: self.clock,
        };
        if let Some(replaced) = self.pictures.insert(path.to_owned(), kept) {
            self.bytes -= size(&replaced.input);
        }
        self.bytes += bytes;
    }
}

fn size(input: &ImageInput) -> usize {
    input.pixels.len() * size_of::<f32>()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::ImageGrid;

    fn picture(bytes: usize) -> ImageInput {
        let grid = ImageGrid::Tiles {
            original: (1, 1),
            tiles: (1, 1),
        };
        ImageInput {
            pixels: Arc::new(vec![0.0; bytes / 4]),
            shape: Vec::new(),
            grid,
            num_tokens: 0,
        }
    }

    const NOW: Version = Some((1, SystemTime::UNIX_EPOCH));

    /// Whether the picture had to be made.
    fn makes(shelf: &Shelf, path: &str, version: Version, bytes: usize) -> bool {
        let mut made = false;
        let found = shelf.get_or_make(Path::new(path), version, || {
            made = true;
            Ok::<_, ()>(picture(bytes))
        });
        assert!(found.is_ok());
        made
    }

    #[test]
    fn the_least_recently_used_picture_makes_room() {
        let shelf = Shelf::default();
        assert!(makes(&shelf, "a", NOW, ROOM / 2));
        assert!(makes(&shelf, "b", NOW, ROOM / 2));
        assert!(!makes(&shelf, "a", NOW, ROOM / 2));
        assert!(makes(&shelf, "c", NOW, ROOM / 4));
        assert!(!makes(&shelf, "a", NOW, ROOM / 2));
        assert!(!makes(&shelf, "c", NOW, ROOM / 4));
        assert!(makes(&shelf, "b", NOW, ROOM / 2));
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let shelf = Shelf::default();
        assert!(makes(&shelf, "a", NOW, 4));
        assert!(makes(&shelf, "a", Some((2, SystemTime::UNIX_EPOCH)), 4));
        assert!(makes(&shelf, "a", None, 4));
    }

    #[test]
    fn threads_that_want_the_same_picture_wait_for_one() {
        let shelf = Shelf::default();
        let count = AtomicUsize::new(0);
        let come = AtomicUsize::new(0);
        let make = || {
            count.fetch_add(1, Ordering::Relaxed);
            // All others are about to ask, and then have some time to do so.
            while come.load(Ordering::Relaxed) < 5 {
                std::thread::yield_now();
            }
            (0..1000).for_each(|_| std::thread::yield_now());
            Ok::<_, ()>(picture(4))
        };
        std::thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| {
                    come.fetch_add(1, Ordering::Relaxed);
                    shelf.get_or_make(Path::new("a"), NOW, make)
                });
            }
        });
        assert_eq!(count.into_inner(), 1);
    }

    #[test]
    fn a_picture_that_cannot_be_made_is_tried_by_the_next() {
        let shelf = Shelf::default();
        let found = shelf.get_or_make(Path::new("a"), NOW, || Err("broken"));
        assert_eq!(found, Err("broken"));
        assert!(makes(&shelf, "a", NOW, 4));
    }
}

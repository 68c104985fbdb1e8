//! Prepared pictures, kept while there is room: several samples of a pair show the same one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use crate::ImageInput;

/// Room for pixel values, in bytes.
const ROOM: usize = 256 << 20;

/// The least recently used picture goes first.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pictures: HashMap<PathBuf, Kept>,
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
    pub fn get(&self, path: &Path, version: Version) -> Option<ImageInput> {
        let mut state = self.state.lock().ok()?;
        state.clock += 1;
        let clock = state.clock;
        let kept = state
            .pictures
            .get_mut(path)
            .filter(|kept| version.is_some() && kept.version == version)?;
        kept.used = clock;
        Some(kept.input.clone())
    }

    pub fn put(&self, path: &Path, version: Version, input: &ImageInput) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        let bytes = size(input);
        while state.bytes + bytes > ROOM {
            let oldest = state
                .pictures
                .iter()
                .min_by_key(|(_, kept)| kept.used)
                .map(|(path, _)| path.clone());
            let Some(dropped) = oldest.and_then(|path| state.pictures.remove(&path)) else {
                break;
            };
            state.bytes -= size(&dropped.input);
        }
        state.clock += 1;
        let kept = Kept {
            input: input.clone(),
            version,
            used: state.clock,
        };
        if let Some(replaced) = state.pictures.insert(path.to_owned(), kept) {
            state.bytes -= size(&replaced.input);
        }
        state.bytes += bytes;
    }
}

fn size(input: &ImageInput) -> usize {
    input.pixels.len() * size_of::<f32>()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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

    #[test]
    fn the_least_recently_used_picture_makes_room() {
        let shelf = Shelf::default();
        let now = Some((1, SystemTime::UNIX_EPOCH));
        let (a, b, c) = (Path::new("a"), Path::new("b"), Path::new("c"));
        shelf.put(a, now, &picture(ROOM / 2));
        shelf.put(b, now, &picture(ROOM / 2));
        assert!(shelf.get(a, now).is_some());
        shelf.put(c, now, &picture(ROOM / 4));
        assert!(
            shelf.get(a, now).is_some()
                && shelf.get(b, now).is_none()
                && shelf.get(c, now).is_some()
        );
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let shelf = Shelf::default();
        shelf.put(
            Path::new("a"),
            Some((1, SystemTime::UNIX_EPOCH)),
            &picture(4),
        );
        assert!(
            shelf
                .get(Path::new("a"), Some((2, SystemTime::UNIX_EPOCH)))
                .is_none()
        );
        assert!(shelf.get(Path::new("a"), None).is_none());
    }
}

//! Pictures are looked at once: what they look like is kept by the content of their files, in a file beside the results.
//!
//! Takes files of pictures or their contents, gives a [`Look`]. A file that was left alone since it was read (as
//! [`digests`](crate::digests) has it) is not read again, and no content is decoded twice, by this program or a later one.
//!
//! ```
//! use corpus::looks::Looks;
//! let mut png = std::io::Cursor::new(Vec::new());
//! image::RgbImage::from_pixel(9, 9, image::Rgb([1, 2, 3])).write_to(&mut png, image::ImageFormat::Png)?;
//! let looks = Looks::default();
//! let first = looks.of_content(png.get_ref(), "a.png".as_ref())?;
//! let again = looks.of_content(png.get_ref(), "b.png".as_ref())?;
//! assert!(first == again && looks.num_decoded() == 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod file;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::digest;
use crate::fingerprint::Fingerprint;
use crate::images::{self, ImageError};
use crate::shards;
use crate::stamp::{Stamp, now};

use file::LooksFile;

/// The file that is kept in a run folder, or beside scores.
pub const FILE: &str = ".looks";

/// A picture's file and what it shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The content of its file: the first 128 bits of its SHA-256.
    pub name: u128,
    /// What it shows.
    pub fingerprint: Arc<Fingerprint>,
}

impl Look {
    /// The look of a picture from its file's content and the fingerprint of what it shows.
    pub fn new(content: &[u8], fingerprint: Fingerprint) -> Self {
        Self {
            name: digest::short(content),
            fingerprint: Arc::new(fingerprint),
        }
    }
}

/// What is known of pictures. It can be asked by many threads at once.
#[derive(Debug, Default)]
pub struct Looks {
    /// Where what is found is kept.
    own: Option<LooksFile>,
    /// What others have kept.
    beside: Vec<LooksFile>,
    /// Of contents that are kept in no file: those that could not be, or all where there is none.
    unkept: Mutex<HashMap<u128, Arc<Fingerprint>>>,
    /// Contents that are being decoded, so that no other thread begins with the same.
    begun: Mutex<HashMap<u128, Arc<Mutex<()>>>>,
    decoded: AtomicUsize,
}

impl Looks {
    /// What a file holds; it is made if it is not there. What is damaged of it is looked at anew, and where it cannot be
    /// written looks last as long as the program.
    pub fn open(path: &Path) -> Self {
        Self {
            own: LooksFile::open(path),
            ..Self::default()
        }
    }

    /// With what another file holds, which stays as it is.
    #[must_use]
    pub fn and(mut self, path: &Path) -> Self {
        self.beside.extend(LooksFile::read(path));
        self
    }

    /// The look of a file.
    pub fn of_file(&self, path: &Path) -> Result<Look, ImageError> {
        let stamp = Stamp::of(path).ok();
        let known = stamp.and_then(|stamp| {
            let name = self.files().find_map(|file| file.name_of(&stamp))?;
            Some(Look {
                name,
                fingerprint: self.known(name)?,
            })
        });
        if let Some(look) = known {
            return Ok(look);
        }
        if stamp.is_none()
            && let Ok(Some(sha256)) = shards::digest_of(path)
            && let Ok(name) = u128::from_str_radix(&sha256[..32], 16)
            && let Some(fingerprint) = self.known(name)
        {
            return Ok(Look { name, fingerprint });
        }
        let content = images::read(path)?;
        let look = self.of_content(&content, path)?;
        if let (Some(own), Some(stamp)) = (&self.own, stamp)
            && stamp.is_settled(now())
            && Stamp::of(path).is_ok_and(|after| after == stamp)
        {
            own.keep_name(&stamp, look.name);
        }
        Ok(look)
    }

    /// The look of a file's content; `path` is for messages only.
    pub fn of_content(&self, content: &[u8], path: &Path) -> Result<Look, ImageError> {
        let name = digest::short(content);
        let look = |fingerprint| Look { name, fingerprint };
        if let Some(fingerprint) = self.known(name) {
            return Ok(look(fingerprint));
        }
        let turn = locked(&self.begun).entry(name).or_default().clone();
        let mine = locked(&turn);
        // Whoever had the turn before may have found it.
        let found = match self.known(name) {
            Some(fingerprint) => Ok(fingerprint),
            None => self.decoded(name, content, path),
        };
        drop(mine);
        locked(&self.begun).remove(&name);
        found.map(look)
    }

    fn decoded(
        &self,
        name: u128,
        content: &[u8],
        path: &Path,
    ) -> Result<Arc<Fingerprint>, ImageError> {
        self.decoded.fetch_add(1, Ordering::Relaxed);
        let fingerprint = Fingerprint::new(&images::decode_bytes(content, path)?);
        let fingerprint = Arc::new(fingerprint);
        let is_kept = (self.own.as_ref()).is_some_and(|own| own.keep(name, &fingerprint));
        if !is_kept {
            locked(&self.unkept).insert(name, Arc::clone(&fingerprint));
        }
        Ok(fingerprint)
    }

    /// How many pictures were decoded for want of a look.
    pub fn num_decoded(&self) -> usize {
        self.decoded.load(Ordering::Relaxed)
    }

    fn known(&self, name: u128) -> Option<Arc<Fingerprint>> {
        let unkept = locked(&self.unkept).get(&name).cloned();
        unkept.or_else(|| self.files().find_map(|file| file.look(name)).map(Arc::new))
    }

    fn files(&self) -> impl Iterator<Item = &LooksFile> {
        self.own.iter().chain(&self.beside)
    }
}

fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done by a thread that panics.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

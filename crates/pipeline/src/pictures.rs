//! Pictures by content: a run's records name `pictures/<digest>.<ending>` in the run folder, a link to where the picture
//! lies on this machine. A run that was moved, or whose data were, lays its links anew at its next start.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use corpus::digests::Digests;

use crate::error::{Error, Result};
use crate::records::{Pictured, joined};

/// The folder of a run's pictures.
#[derive(Clone, Debug)]
pub struct PictureStore {
    folder: PathBuf,
}

/// Places that have their link, of rows that come part by part.
#[derive(Debug, Default)]
pub struct Laid(HashSet<u128>);

/// Digits of a digest in a name.
const DIGITS: usize = 32;

impl PictureStore {
    /// Of the run folder `run`, a full path.
    pub fn of(run: &Path) -> Self {
        Self {
            folder: run.join("pictures"),
        }
    }

    /// Where pictures that lie inside of data files are unpacked to.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Content digests of the rows' pictures by path; one that is not there has none.
    pub fn digests<T: Pictured>(
        &self,
        rows: &[T],
        digests: &mut Digests,
    ) -> Result<BTreeMap<PathBuf, String>, corpus::Error> {
        let mut images: Vec<PathBuf> = rows.iter().flat_map(|r| r.images().to_vec()).collect();
        images.sort();
        images.dedup();
        // One that is not there is a reject of the stage that reads it; when it comes, the digest changes.
        images.retain(|image| corpus::shards::is_there(image));
        let found = digests.files(&images)?;
        Ok(images.into_iter().zip(found).collect())
    }

    /// Gives the rows' pictures their names in the store and lays the links.
    ///
    /// Gives [`Error::Corpus`] and [`Error::Io`].
    pub fn take_in<T: Pictured>(&self, rows: &mut [T], digests: &mut Digests) -> Result<()> {
        self.take_in_part(rows, digests, &mut Laid::default())
    }

    /// As [`PictureStore::take_in`], of rows that come part by part.
    ///
    /// Gives [`Error::Corpus`] and [`Error::Io`].
    pub fn take_in_part<T: Pictured>(
        &self,
        rows: &mut [T],
        digests: &mut Digests,
        laid: &mut Laid,
    ) -> Result<()> {
        let known = self.digests(rows, digests)?;
        self.lay(&known, laid)?;
        for row in rows {
            for image in row.images_mut() {
                if let Some(digest) = known.get(image) {
                    *image = self.place(image, digest);
                }
            }
        }
        Ok(())
    }

    /// Takes in a picture that a stage made, by its content, and gives its place.
    ///
    /// Gives [`Error::Io`].
    pub fn keep(&self, png: &[u8]) -> Result<PathBuf> {
        let place = self.place(Path::new("made.png"), &corpus::digest::bytes(png));
        // What lies there under this name is this picture, unless it was cut off.
        let is_there = fs::read(&place).is_ok_and(|found| found == png);
        if !is_there {
            fs::create_dir_all(&self.folder).map_err(Error::io("make", &self.folder))?;
            let aside = corpus::sealed::aside(&place);
            fs::write(&aside, png)
                .and_then(|()| fs::rename(&aside, &place))
                .map_err(Error::io("write", &place))?;
        }
        Ok(place)
    }

    /// Where a picture of this content lies in the store.
    fn place(&self, image: &Path, digest: &str) -> PathBuf {
        let ending = image.extension().unwrap_or_default().to_string_lossy();
        let ending = match ending.to_lowercase().as_str() {
            "jpeg" => "jpg".to_owned(),
            "tiff" => "tif".to_owned(),
            other => other.to_owned(),
        };
        let name = &digest[..DIGITS.min(digest.len())];
        self.folder.join(if ending.is_empty() {
            name.to_owned()
        } else {
            format!("{name}.{ending}")
        })
    }

    /// Makes each picture findable under its name in the store, but for those of which an earlier part of the rows had one.
    ///
    /// Gives [`Error::Io`].
    pub fn lay(&self, pictures: &BTreeMap<PathBuf, String>, laid: &mut Laid) -> Result<()> {
        if pictures.is_empty() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder).map_err(Error::io("make", &self.folder))?;
        // Of several files of one content the first will do.
        let mut places: BTreeMap<PathBuf, &PathBuf> = BTreeMap::new();
        for (image, digest) in pictures {
            places.entry(self.place(image, digest)).or_insert(image);
        }
        for (place, image) in places {
            if !laid
                .0
                .insert(corpus::digest::short(place.as_os_str().as_encoded_bytes()))
            {
                continue;
            }
            // A record of another stage names it by way of that one's folder.
            let image = std::path::absolute(image).map_err(Error::io("find", image))?;
            let image = joined(Path::new("/"), &image);
            // A picture that was unpacked here lies where it should.
            if image == place {
                continue;
            }
            let wanted = self.target(&image);
            if let Ok(target) = fs::read_link(&place) {
                if target == wanted {
                    continue;
                }
            } else if place.is_file() {
                continue;
            }
            // Several processes may lay one link. A file system without links gets a copy.
            let aside = corpus::sealed::aside(&place);
            std::os::unix::fs::symlink(&wanted, &aside)
                .or_else(|_| fs::copy(&image, &aside).map(drop))
                .and_then(|()| fs::rename(&aside, &place))
                .map_err(Error::io("write", &place))?;
        }
        Ok(())
    }

    /// What the link of a picture says: one inside of the run folder is named from here, so that it moves along.
    fn target(&self, image: &Path) -> PathBuf {
        let run = self.folder.parent().unwrap_or(Path::new("/"));
        match image.strip_prefix(run) {
            Ok(inside) => Path::new("..").join(inside),
            Err(_) => image.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corpus::Pair;

    fn pair(image: PathBuf) -> Pair {
        Pair {
            id: "a".to_owned(),
            images: vec![image],
            caption: String::new(),
            request: None,
            group: None,
            source: None,
            meta: serde_json::Map::new(),
        }
    }

    #[test]
    fn a_picture_that_lies_here_is_no_link_to_itself() {
        let folder = tempfile::tempdir().expect("folder");
        let elsewhere = folder.path().join("elsewhere.png");
        fs::write(&elsewhere, b"content").expect("written");
        let store = PictureStore::of(folder.path());
        let mut digests = Digests::open(folder.path().join(".digests"));
        let mut rows = [pair(elsewhere)];
        store.take_in(&mut rows, &mut digests).expect("laid");
        let name = rows[0].images[0].file_name().expect("a name").to_owned();
        fs::create_dir(folder.path().join("pairs")).expect("folder");
        let around = folder.path().join("pairs/../pictures").join(name);
        let mut rows = [pair(around)];
        store.take_in(&mut rows, &mut digests).expect("laid");
        assert_eq!(fs::read(&rows[0].images[0]).expect("read"), b"content");
    }

    #[test]
    fn a_made_picture_is_kept_under_its_content_and_written_whole() {
        let folder = tempfile::tempdir().expect("folder");
        let store = PictureStore::of(folder.path());
        let place = store.keep(b"content").expect("kept");
        let digest = corpus::digest::bytes(b"content");
        let name = format!("pictures/{}.png", &digest[..32]);
        assert_eq!(place, folder.path().join(name));
        // What a kill cut off is written again.
        fs::write(&place, "cont").expect("write");
        assert_eq!(store.keep(b"content").expect("kept"), place);
        assert_eq!(fs::read(&place).expect("read"), b"content");
    }

    #[test]
    fn pictures_are_named_by_content_and_links_mended() {
        let folder = tempfile::tempdir().expect("folder");
        let (run, data) = (folder.path().join("run"), folder.path().join("data"));
        fs::create_dir_all(&data).expect("folder");
        fs::write(data.join("x.JPEG"), "content").expect("write");
        let store = PictureStore::of(&run);
        let mut rows = [pair(data.join("x.JPEG"))];
        store
            .take_in(&mut rows, &mut Digests::default())
            .expect("take in");
        let digest = corpus::digest::bytes(b"content");
        let place = run.join(format!("pictures/{}.jpg", &digest[..32]));
        assert_eq!(rows[0].images, std::slice::from_ref(&place));
        assert_eq!(fs::read(&place).expect("read"), b"content");
        // The data move: the next start finds them again.
        let moved = folder.path().join("moved");
        fs::rename(&data, &moved).expect("move");
        assert!(!place.exists());
        let mut rows = [pair(moved.join("x.JPEG"))];
        store
            .take_in(&mut rows, &mut Digests::default())
            .expect("take in");
        assert_eq!(fs::read(&place).expect("read"), b"content");
    }
}

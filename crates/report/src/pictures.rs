//! Pictures for pages: small copies as `data:` addresses, and links to files.

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use image::{ImageFormat, RgbImage};

/// Embedded thumbnails of one page.
pub(crate) const MOST_THUMBNAILS: usize = 5000;
/// Side of a thumbnail, px.
const THUMBNAIL: u32 = 96;
/// Side of a picture on a card of a run's page, px.
const CARD: u32 = 144;

/// Where the rows' pictures are.
#[derive(Debug, Default)]
pub struct Pictures {
    /// Folders that relative paths may start from.
    roots: Vec<PathBuf>,
    /// The pages' folder, from which links start.
    pages: PathBuf,
    /// Thumbnails of pictures that lie in tables, by their name there.
    thumbnails: BTreeMap<String, String>,
    known: HashMap<String, Option<String>>,
}

impl Pictures {
    /// Pictures that pages in a folder link to.
    pub fn new(roots: Vec<PathBuf>, pages: &Path) -> Self {
        Self {
            roots,
            pages: pages.to_owned(),
            ..Self::default()
        }
    }

    /// Takes a thumbnail of a picture of a table; pictures that cannot be decoded have none.
    pub fn embed(&mut self, name: &Path, content: &[u8]) {
        let name = name.to_string_lossy().into_owned();
        if self.are_full() || self.thumbnails.contains_key(&name) {
            return;
        }
        if let Some(small) = thumbnail(content, &name) {
            self.thumbnails.insert(name, small);
        }
    }

    /// A small copy of a picture as a `data:` address, whether it lies in a table or in a file.
    pub fn thumbnail(&self, image: &str) -> Option<String> {
        if let Some(known) = self.thumbnails.get(image) {
            return Some(known.clone());
        }
        let content = corpus::images::read(&self.file(image)?).ok()?;
        thumbnail(&content, image)
    }

    /// The file of a picture, if there is one.
    fn file(&self, image: &str) -> Option<PathBuf> {
        let bare = Path::new(image);
        std::iter::once(bare.to_owned())
            .chain(self.roots.iter().map(|root| root.join(bare)))
            .find(|path| path.is_file())
    }

    /// The thumbnail of a picture of a table.
    pub(crate) fn embedded(&self, name: &str) -> Option<&String> {
        self.thumbnails.get(name)
    }

    /// Whether there is no room for more thumbnails of tables.
    pub(crate) fn are_full(&self) -> bool {
        self.thumbnails.len() >= MOST_THUMBNAILS
    }

    /// The address of a row's picture: a link to the file, `#name` for an embedded one, nothing if it is not found.
    pub(crate) fn address(&mut self, image: &str) -> Option<String> {
        if self.thumbnails.contains_key(image) {
            return Some(format!("#{image}"));
        }
        if let Some(known) = self.known.get(image) {
            return known.clone();
        }
        let file = self.file(image);
        let found = file.and_then(|path| link(&self.pages, &path));
        self.known.insert(image.to_owned(), found.clone());
        found
    }
}

/// A relative link from a folder to a file.
fn link(from: &Path, to: &Path) -> Option<String> {
    let (from, to) = (from.canonicalize().ok()?, to.canonicalize().ok()?);
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = "../".repeat(from.components().count() - shared);
    let down: Vec<String> = to
        .components()
        .skip(shared)
        .map(|part| {
            // Characters that end a path in an address.
            let part = part.as_os_str().to_string_lossy();
            part.replace('%', "%25")
                .replace('#', "%23")
                .replace('?', "%3F")
        })
        .collect();
    Some(up + &down.join("/"))
}

/// A small JPEG as a `data:` address; none of a picture that cannot be decoded.
fn thumbnail(content: &[u8], name: &str) -> Option<String> {
    let picture = corpus::images::decode_bytes(content, Path::new(name)).ok()?;
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 70);
    small(&picture, THUMBNAIL)
        .write_with_encoder(encoder)
        .ok()?;
    Some(address("jpeg", &bytes))
}

/// A picture file as a `data:` address for the page.
pub fn embedded_picture(path: &Path) -> Option<String> {
    let picture = corpus::images::decode(path).ok()?;
    let mut bytes = Cursor::new(Vec::new());
    small(&picture, CARD)
        .write_to(&mut bytes, ImageFormat::Png)
        .ok()?;
    Some(address("png", &bytes.into_inner()))
}

/// A copy with these longest sides; small pictures stay as they are.
fn small(picture: &RgbImage, side: u32) -> RgbImage {
    let at_most = |length: u32| side.min(length);
    image::imageops::thumbnail(picture, at_most(picture.width()), at_most(picture.height()))
}

fn address(kind: &str, bytes: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("data:image/{kind};base64,{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_linked_from_the_pages_and_shown_small() {
        let folder = tempfile::tempdir().expect("folder");
        let (pages, data) = (folder.path().join("out/pages"), folder.path().join("data"));
        std::fs::create_dir_all(&pages).expect("folder");
        std::fs::create_dir_all(&data).expect("folder");
        let picture = RgbImage::from_pixel(300, 20, image::Rgb([200, 30, 30]));
        picture.save(data.join("a#1.png")).expect("picture");
        let mut pictures = Pictures::new(vec![data.clone()], &pages);
        assert_eq!(
            pictures.address("a#1.png").as_deref(),
            Some("../../data/a%231.png")
        );
        assert_eq!(pictures.address("none.png"), None);
        let starts = |found: Option<String>, with: &str| {
            found.is_some_and(|address| address.starts_with(with))
        };
        assert!(starts(
            pictures.thumbnail("a#1.png"),
            "data:image/jpeg;base64,"
        ));
        assert!(starts(
            embedded_picture(&data.join("a#1.png")),
            "data:image/png;base64,"
        ));
        let content = std::fs::read(data.join("a#1.png")).expect("picture");
        pictures.embed(Path::new("inside"), &content);
        pictures.embed(Path::new("torn"), b"no picture");
        assert_eq!(pictures.address("inside").as_deref(), Some("#inside"));
        assert_eq!(pictures.embedded("torn"), None);
    }
}

//! Small copies of a sample's pictures, each once, that fit a page together.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use image::RgbImage;
use quality::Item;

/// Longest side and quality, from the best that is worth its bytes to the worst that shows anything.
const STEPS: [(u32, u8); 13] = [
    (896, 82),
    (768, 80),
    (640, 78),
    (512, 76),
    (448, 74),
    (384, 72),
    (336, 70),
    (288, 66),
    (240, 62),
    (192, 60),
    (144, 55),
    (96, 50),
    (64, 40),
];
/// A step is tried if so much of what the one before lets expect would fit: lower quality takes less a pixel.
const HOPE: f64 = 0.5;
/// Letters of base64 that a picture may take, however few there are.
const MOST: usize = 200_000;
/// Around a picture's letters on the page.
const FRAME: usize = 64;

/// The pictures of a sample.
#[derive(Debug, Default)]
pub struct Shelf {
    /// By path: its place among those that differ.
    places: HashMap<PathBuf, usize>,
    /// A path of each that differs in content.
    distinct: Vec<PathBuf>,
    /// Those that cannot be decoded.
    pub unreadable: Vec<PathBuf>,
}

impl Shelf {
    /// Looks through all pictures; equal files of several names are one.
    pub fn of(items: &[&Item]) -> Self {
        let mut shelf = Self::default();
        let mut seen: HashMap<u128, usize> = HashMap::new();
        for path in items.iter().flat_map(|item| &item.images) {
            if shelf.places.contains_key(path) || shelf.unreadable.contains(path) {
                continue;
            }
            let Ok(content) = corpus::images::read(path) else {
                shelf.unreadable.push(path.clone());
                continue;
            };
            let digest = corpus::digest::short(&content);
            let place = match seen.get(&digest) {
                Some(&place) => place,
                // Decoded only to see that it can be: all decoded at once would not fit memory.
                None if corpus::images::decode_bytes(&content, path).is_ok() => {
                    seen.insert(digest, shelf.distinct.len());
                    shelf.distinct.push(path.clone());
                    shelf.distinct.len() - 1
                }
                None => {
                    shelf.unreadable.push(path.clone());
                    continue;
                }
            };
            shelf.places.insert(path.clone(), place);
        }
        shelf
    }

    /// Where a picture stands; nowhere if it cannot be read.
    pub fn place(&self, path: &Path) -> Option<usize> {
        self.places.get(path).copied()
    }

    /// JPEG copies in base64, in the order of places, so small that they fit the bytes that are left together.
    pub fn small(&mut self, bytes: usize) -> Vec<String> {
        let mut left = bytes;
        let mut copies = Vec::with_capacity(self.distinct.len());
        for (place, path) in self.distinct.iter().enumerate() {
            // What small pictures leave is for those that follow.
            let share = (left / (self.distinct.len() - place)).saturating_sub(FRAME);
            let copy = corpus::images::decode(path)
                .map(|picture| fitting(&picture, share.min(MOST)))
                .unwrap_or_default();
            left = left.saturating_sub(copy.len() + FRAME);
            copies.push(copy);
        }
        copies
    }
}

/// The best copy of at most so many letters, or the worst.
fn fitting(picture: &RgbImage, letters: usize) -> String {
    let longest = picture.width().max(picture.height());
    let mut smallest = Vec::new();
    // Size goes with area, so that what a step came to says which of the next are worth a try.
    let mut letters_a_pixel = 0.0;
    for (place, (side, quality)) in STEPS.into_iter().enumerate() {
        let pixels = f64::from(side.min(longest)).powi(2);
        let is_last = place + 1 == STEPS.len();
        if pixels * letters_a_pixel * HOPE > letters as f64 && !is_last {
            continue;
        }
        smallest = jpeg(picture, side, quality);
        let size = smallest.len().div_ceil(3) * 4;
        if size <= letters {
            break;
        }
        letters_a_pixel = size as f64 / pixels;
    }
    base64::engine::general_purpose::STANDARD.encode(&smallest)
}

fn jpeg(picture: &RgbImage, side: u32, quality: u8) -> Vec<u8> {
    let longest = picture.width().max(picture.height()).max(1);
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
    let written = if longest <= side {
        picture.write_with_encoder(encoder)
    } else {
        let scaled =
            |length: u32| (u64::from(length) * u64::from(side) / u64::from(longest)).max(1) as u32;
        let (width, height) = (scaled(picture.width()), scaled(picture.height()));
        image::imageops::thumbnail(picture, width, height).write_with_encoder(encoder)
    };
    // Writing to memory fails for no picture that was decoded.
    written.map(|()| bytes).unwrap_or_default()
}

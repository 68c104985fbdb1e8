//! Leaks planted among the embedded pictograms.

use std::io::Cursor;

use corpus::fingerprint::Fingerprint;
use corpus::pictograms;
use evaluation::contamination::{Likeness, Look, PictureIndex};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, crop_imm, resize};
use image::{ImageFormat, RgbImage};

/// What a leaked picture went through.
pub type Change = Box<dyn Fn(&RgbImage, usize) -> Vec<u8>>;

/// The pictograms as a test set.
pub struct World {
    /// Id, concept and picture.
    pub pictures: Vec<(String, String, RgbImage)>,
    step: usize,
    index: PictureIndex,
}

impl World {
    /// All pictograms in a square of `side` px; every `step`-th is planted.
    pub fn new(side: u32, step: usize) -> Self {
        let pictures: Vec<(String, String, RgbImage)> = pictograms::load()
            .expect("data")
            .into_iter()
            .map(|pictogram| {
                let picture = pictogram.render(side).expect("picture");
                let concept = pictogram.concept.id.clone();
                (format!("{concept} {}", pictogram.style), concept, picture)
            })
            .collect();
        let mut index = PictureIndex::default();
        for (id, _, picture) in &pictures {
            index.add(id, look(&png(picture)));
        }
        Self {
            pictures,
            step,
            index,
        }
    }

    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    pub fn planted(&self) -> usize {
        self.pictures.len().div_ceil(self.step)
    }

    /// Percent of planted pictures that are found as what they are.
    pub fn found(&self, change: &Change, crops: bool) -> f64 {
        let planted: Vec<_> = self
            .pictures
            .iter()
            .enumerate()
            .step_by(self.step)
            .collect();
        let found = planted
            .iter()
            .filter(|(at, (id, _, picture))| {
                let look = look(&change(picture, *at));
                let matches = self.index.matches("leak", &look, crops);
                matches.iter().any(|m| m.item == *id)
            })
            .count();
        100.0 * found as f64 / planted.len() as f64
    }

    /// Percent of pictures, and of pairs, that are taken for a picture of another concept, with some of these. Pictures
    /// whose files are the same are left out: they are one drawing under two names.
    pub fn false_alarms(&self, crops: bool) -> (f64, f64, Vec<String>) {
        let (mut pictures, mut pairs, mut examples) = (0, 0, Vec::new());
        let mut looked = 0;
        for (id, concept, picture) in self.pictures.iter().step_by(self.step) {
            looked += 1;
            let wrong: Vec<_> = self
                .index
                .matches(id, &look(&png(picture)), crops)
                .into_iter()
                .filter(|m| m.likeness != Likeness::SameFile)
                .filter(|m| !m.item.starts_with(&format!("{concept} ")))
                .collect();
            pairs += wrong.len();
            pictures += usize::from(!wrong.is_empty());
            examples.extend(
                wrong
                    .first()
                    .map(|m| format!("{id} = {} ({:.1})", m.item, m.difference)),
            );
        }
        examples.truncate(12);
        let of = |count: usize, all: usize| 100.0 * count as f64 / all as f64;
        (
            of(pictures, looked),
            of(pairs, looked * (self.len() - 1)),
            examples,
        )
    }
}

/// The kinds of leaks with their names.
pub fn changes() -> Vec<(&'static str, Change)> {
    let scaled = |picture: &RgbImage, factor: f32| {
        let side = |length: u32| (length as f32 * factor).round() as u32;
        resize(
            picture,
            side(picture.width()),
            side(picture.height()),
            FilterType::Triangle,
        )
    };
    vec![
        ("the same file", Box::new(|p, _| png(p))),
        (
            "resized to 50 %",
            Box::new(move |p, _| png(&scaled(p, 0.5))),
        ),
        (
            "resized to 150 %",
            Box::new(move |p, _| png(&scaled(p, 1.5))),
        ),
        ("JPEG of quality 50", Box::new(|p, _| jpeg(p, 50))),
        (
            "70 %, then JPEG of quality 50",
            Box::new(move |p, _| jpeg(&scaled(p, 0.7), 50)),
        ),
        ("10 % cropped off", Box::new(|p, at| png(&cropped(p, at)))),
        (
            "10 % cropped off, JPEG 75",
            Box::new(|p, at| jpeg(&cropped(p, at), 75)),
        ),
    ]
}

/// Nine tenths of each side, at a place that depends on the picture.
fn cropped(picture: &RgbImage, at: usize) -> RgbImage {
    let (width, height) = picture.dimensions();
    let (w, h) = (width * 9 / 10, height * 9 / 10);
    let (x, y) = (
        at as u32 * 7 % (width - w + 1),
        at as u32 * 11 % (height - h + 1),
    );
    crop_imm(picture, x, y, w, h).to_image()
}

pub fn look(file: &[u8]) -> Look {
    let picture = image::load_from_memory(file).expect("picture").to_rgb8();
    Look::new(file, Fingerprint::new(&picture))
}

pub fn png(picture: &RgbImage) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture
        .write_to(&mut out, ImageFormat::Png)
        .expect("encode");
    out.into_inner()
}

pub fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, quality)
        .encode_image(picture)
        .expect("encode");
    out
}

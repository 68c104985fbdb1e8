//! Inputs that are drawn: photographs of noise, conversations about them, and requests.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use corpus::seed::{Rng, hash};
use corpus::{Request, Role, Sample, Turn};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

/// Shortest and longest side of a picture in pixels.
const SIDES: (usize, usize) = (200, 640);
/// How the pictures are compressed, as cameras do.
const QUALITY: u8 = 90;
/// Points along a side between which colours run smoothly.
const POINTS: usize = 12;
/// How far a pixel's level is from the smooth one at most.
const GRAIN: usize = 12;

/// The words that texts are drawn from.
const WORDS: [&str; 48] = [
    "a", "the", "of", "in", "on", "with", "and", "near", "small", "large", "red", "green", "white",
    "dark", "round", "plate", "bowl", "table", "window", "leaf", "bone", "lung", "stone", "river",
    "street", "roof", "field", "shadow", "line", "edge", "left", "right", "above", "below", "two",
    "three", "several", "shows", "lies", "stands", "contains", "covers", "bread", "soup", "apple",
    "knife", "cup", "spoon",
];

/// So many numbers from `from` to `to`, both among them.
fn between(rng: &mut Rng, (from, to): (usize, usize)) -> usize {
    from + rng.below(to - from + 1)
}

fn text(rng: &mut Rng, lengths: (usize, usize), end: char) -> String {
    let number = between(rng, lengths);
    let words: Vec<&str> = (0..number).map(|_| *rng.choose(&WORDS)).collect();
    format!("{}{end}", words.join(" "))
}

/// Colours that run smoothly, with grain: a JPEG of it is about as large, and takes about as long, as one of a photograph.
fn picture(rng: &mut Rng) -> RgbImage {
    let (width, height) = (between(rng, SIDES), between(rng, SIDES));
    let points: Vec<[f64; 3]> = (0..POINTS * POINTS)
        .map(|_| std::array::from_fn(|_| 40.0 + 175.0 * rng.unit()))
        .collect();
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let place = |at: u32, side: usize| {
            let place = f64::from(at) / side as f64 * (POINTS - 1) as f64;
            (place as usize, place.fract())
        };
        let ((column, right), (row, down)) = (place(x, width), place(y, height));
        let grain = rng.below(2 * GRAIN + 1) as f64 - GRAIN as f64;
        Rgb(std::array::from_fn(|channel| {
            let at = |row: usize, column: usize| points[row * POINTS + column][channel];
            let upper = at(row, column) * (1.0 - right) + at(row, column + 1) * right;
            let lower = at(row + 1, column) * (1.0 - right) + at(row + 1, column + 1) * right;
            (upper * (1.0 - down) + lower * down + grain).clamp(0.0, 255.0) as u8
        }))
    })
}

/// Writes so many pictures into a folder.
pub fn pictures(folder: &Path, number: usize, seed: u64) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let draw = |at: usize| -> Result<PathBuf> {
        let path = folder.join(format!("{at:04}.jpg"));
        let mut rng = Rng::new(hash(seed, &format!("picture {at}")));
        let file =
            File::create(&path).with_context(|| format!("cannot write `{}`", path.display()))?;
        JpegEncoder::new_with_quality(BufWriter::new(file), QUALITY)
            .encode_image(&picture(&mut rng))
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(path)
    };
    (0..number).map(draw).collect()
}

/// So many conversations: a caption and one question more, about one of the pictures each where there are any.
pub fn samples(pictures: &[PathBuf], number: usize, seed: u64) -> Vec<Sample> {
    let sample = |at: usize| {
        let mut rng = Rng::new(hash(seed, &format!("sample {at}")));
        let own = pictures.get(at % pictures.len().max(1)).cloned();
        let caption = text(&mut rng, (30, 200), '.');
        let mut sample = Sample::exchange(
            format!("{at:04}"),
            own.into_iter().collect(),
            "Describe the image.",
            &caption,
        );
        let question = text(&mut rng, (5, 15), '?');
        let answer = text(&mut rng, (5, 60), '.');
        sample.turns.push(Turn::new(Role::User, question));
        sample
            .turns
            .push(Turn::new(Role::Assistant, answer).learned());
        sample
    };
    (0..number).map(sample).collect()
}

/// So many requests of 16 to 160 new tokens, about one of the pictures each where there are any.
pub fn requests(pictures: &[PathBuf], number: usize, seed: u64) -> Vec<Request> {
    let request = |at: usize| {
        let mut rng = Rng::new(hash(seed, &format!("request {at}")));
        let own = pictures.get(at % pictures.len().max(1)).cloned();
        let question = text(&mut rng, (5, 60), '?');
        let mut request =
            Request::question(format!("{at:04}"), own.into_iter().collect(), &question);
        request.decoding.max_new_tokens = between(&mut rng, (16, 160));
        request
    };
    (0..number).map(request).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_another_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let bytes = |name: &str, seed: u64| {
            let drawn = pictures(&folder.path().join(name), 2, seed).expect("written");
            drawn
                .iter()
                .map(|path| std::fs::read(path).expect("a picture"))
                .collect::<Vec<_>>()
        };
        let first = bytes("a", 1);
        assert_eq!(first, bytes("b", 1));
        assert_ne!(first, bytes("c", 2));
        assert_ne!(first[0], first[1]);
        assert_eq!(samples(&[], 3, 1), samples(&[], 3, 1));
        assert_ne!(samples(&[], 3, 1), samples(&[], 3, 2));
    }

    #[test]
    fn pictures_and_texts_are_of_the_sizes_that_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in pictures(folder.path(), 8, 3).expect("written") {
            let picture = corpus::images::decode(&path).expect("a picture");
            for side in [picture.width(), picture.height()] {
                assert!((200..=640).contains(&side), "{side}");
            }
        }
        for request in requests(&[], 64, 1) {
            assert!((16..=160).contains(&request.decoding.max_new_tokens));
        }
        for sample in samples(&["a.jpg".into()], 64, 1) {
            let words = sample.turns[1].text.split(' ').count();
            assert!((30..=200).contains(&words), "{words}");
            assert_eq!((sample.images.len(), sample.turns.len()), (1, 4));
        }
    }
}

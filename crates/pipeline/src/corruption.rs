//! Pairs as a synthesizer is to see them where a recipe corrupts them: with other pictures or another caption. What is trained
//! is made of the pairs themselves.

use corpus::seed::Rng;
use corpus::{Pair, Rejected};
use image::{ImageFormat, RgbImage, imageops};
use rayon::prelude::*;
use synthesis::Corruption;
use synthesis::corruption::without_text;

use crate::bad_records::{broken, problem_of};
use crate::error::Result;
use crate::stage::Site;

/// Pairs whose pictures are in memory together.
const BLOCK: usize = 64;

/// The pairs with corrupted pictures, which are named by their content in the run's `pictures/`, or with corrupted captions.
/// How is drawn by the pair's id. A pair with a picture that can no longer be decoded is left out.
///
/// Gives [`Error::Stopped`](crate::Error::Stopped), [`Error::Io`](crate::Error::Io) and [`Error::Record`](crate::Error::Record).
pub(crate) fn corrupted(
    site: &Site<'_>,
    pairs: &[Pair],
    corruption: Corruption,
    seed: u64,
) -> Result<(Vec<Pair>, Vec<Rejected>)> {
    let (mut out, mut rejected) = (Vec::new(), Vec::new());
    if !corruption.is_of_pictures() {
        out.extend_from_slice(pairs);
        if corruption == Corruption::Caption {
            for pair in &mut out {
                let mut rng = Corruption::rng(seed, &pair.id);
                pair.caption = without_text(&pair.caption, &mut rng);
            }
        }
        return Ok((out, rejected));
    }
    for block in pairs.chunks(BLOCK) {
        site.stop.check()?;
        let made = block.par_iter().map(|pair| made(pair, corruption, seed));
        let made: Vec<Result<Vec<Vec<u8>>, String>> = made.collect::<Result<_>>()?;
        for (pair, made) in block.iter().zip(made) {
            match made {
                Ok(pngs) => {
                    let mut pair = pair.clone();
                    let kept = pngs.iter().map(|png| site.pictures.keep(png));
                    pair.images = kept.collect::<Result<_>>()?;
                    out.push(pair);
                }
                Err(problem) => rejected.push(Rejected {
                    stage: site.stage().to_owned(),
                    ..broken(&pair.id, problem)
                }),
            }
        }
        let done = out.len() + rejected.len();
        let (done, all) = (done as u64, pairs.len() as u64);
        site.report.progress("corrupted pictures", done, all);
    }
    Ok((out, rejected))
}

/// Bytes of so many pixels once they are corrupted: what noise is made of cannot be compressed, and of a crop a quarter is left,
/// which is at most as large as it is uncompressed.
pub(crate) fn bytes_of(corruption: Corruption, pixels: f64) -> u64 {
    let values = 3.0 * pixels;
    match corruption {
        Corruption::None | Corruption::Caption => 0,
        Corruption::PictureNoise => values as u64,
        Corruption::PictureCrop => (values / 4.0) as u64,
    }
}

/// The pair's corrupted pictures as PNG; in words what is wrong with one that cannot be decoded.
fn made(pair: &Pair, corruption: Corruption, seed: u64) -> Result<Result<Vec<Vec<u8>>, String>> {
    let mut rng = Corruption::rng(seed, &pair.id);
    let mut pngs = Vec::new();
    for path in &pair.images {
        let picture = match problem_of(&pair.id, corpus::images::decode(path))? {
            Ok(picture) => picture,
            Err(problem) => return Ok(Err(problem)),
        };
        let picture = match corruption {
            Corruption::PictureNoise => with_noise(picture, &mut rng),
            Corruption::PictureCrop => cropped(&picture, &mut rng),
            Corruption::None | Corruption::Caption => picture,
        };
        let mut png = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut png, ImageFormat::Png)?;
        pngs.push(png.into_inner());
    }
    Ok(Ok(pngs))
}

/// Every value with a drawn number added, about normal with a standard deviation of 65 of 255.
fn with_noise(mut picture: RgbImage, rng: &mut Rng) -> RgbImage {
    for values in picture.chunks_mut(2) {
        let drawn = rng.next_u64().to_le_bytes();
        for (value, bytes) in values.iter_mut().zip(drawn.chunks(4)) {
            // The sum of four even bytes has the mean 510 and a deviation of 148.
            let sum: i32 = bytes.iter().map(|&byte| i32::from(byte)).sum();
            let noise = (sum - 510) * 7 / 16;
            *value = (i32::from(*value) + noise).clamp(0, 255) as u8;
        }
    }
    picture
}

/// A drawn part of half the width and half the height.
fn cropped(picture: &RgbImage, rng: &mut Rng) -> RgbImage {
    let mut part = |side: u32| {
        let kept = side.div_ceil(2);
        let from = rng.below((side - kept + 1) as usize) as u32;
        (from, kept)
    };
    let ((x, width), (y, height)) = (part(picture.width()), part(picture.height()));
    imageops::crop_imm(picture, x, y, width, height).to_image()
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn noise_has_the_mean_and_deviation_that_are_told() {
        let grey = RgbImage::from_pixel(101, 99, Rgb([128; 3]));
        let noisy = with_noise(grey, &mut Rng::new(1));
        let values: Vec<f64> = noisy
            .iter()
            .map(|&value| f64::from(value) - 128.0)
            .collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| value * value).sum::<f64>() / count;
        // 7/16 of a sum of four, with what lies beyond black and white cut off (about one value in twenty).
        assert!(mean.abs() < 2.0, "{mean}");
        assert!((60.0..66.0).contains(&variance.sqrt()), "{variance}");
        // Of a black picture half of the values cannot become darker.
        let black = with_noise(RgbImage::new(100, 100), &mut Rng::new(2));
        let lighter = black.iter().filter(|&&value| value > 0).count();
        assert!((14_000..16_000).contains(&lighter), "{lighter}");
    }

    /// What a plan counts is what lies on the disk then, of noise to a few percent and of a crop of a photograph at most.
    #[test]
    fn a_plan_counts_what_is_written() {
        let mut drawn = Rng::new(5);
        let mut photograph = RgbImage::from_fn(320, 200, |x, y| {
            Rgb([(x / 2) as u8, (y + x / 3) as u8, (255 - y) as u8])
        });
        for value in photograph.iter_mut() {
            *value = value.saturating_add((drawn.next_u64() % 12) as u8);
        }
        let bytes = |picture: &RgbImage| {
            let mut png = std::io::Cursor::new(Vec::new());
            picture.write_to(&mut png, ImageFormat::Png).expect("a PNG");
            png.into_inner().len() as f64
        };
        let planned = |corruption| bytes_of(corruption, 320.0 * 200.0) as f64;
        let noisy = bytes(&with_noise(photograph.clone(), &mut Rng::new(1)));
        let share = noisy / planned(Corruption::PictureNoise);
        assert!((0.9..1.05).contains(&share), "{share}");
        let crop = bytes(&cropped(&photograph, &mut Rng::new(1)));
        let share = crop / planned(Corruption::PictureCrop);
        assert!((0.4..1.0).contains(&share), "{share}");
        assert_eq!(bytes_of(Corruption::Caption, 1e6), 0);
    }

    #[test]
    fn a_crop_is_a_quarter_of_the_picture_as_it_was() {
        let picture = RgbImage::from_fn(9, 6, |x, y| Rgb([x as u8, y as u8, 7]));
        let mut corners = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let part = cropped(&picture, &mut Rng::new(seed));
            assert_eq!(part.dimensions(), (5, 3));
            let corner = part.get_pixel(0, 0).0;
            corners.insert(corner);
            for (x, y, pixel) in part.enumerate_pixels() {
                let expected = [corner[0] + x as u8, corner[1] + y as u8, 7];
                assert_eq!(pixel.0, expected);
            }
        }
        // Five places across, four down, all of them drawn.
        assert_eq!(corners.len(), 20);
        let dot = RgbImage::new(1, 1);
        assert_eq!(cropped(&dot, &mut Rng::new(0)), dot);
    }
}

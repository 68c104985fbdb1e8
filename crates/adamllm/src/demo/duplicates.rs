//! Pictures that are drawn alike on both sides of a split: whoever trained on one has seen the other.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::Picture;

/// Side of the thumbnails that are compared, in pixels.
const SIDE: u32 = 24;
/// The mean difference, 0 to 1, below which two drawings are the same one, by colour or by darkness. Copies in another
/// colour lie at 0 by darkness; among food pictures the nearest of different sets lie at 0.026 by colour (a glass of milk
/// that two sets share) and then from 0.033 on.
const ALIKE: f32 = 0.03;

/// A picture for evaluation and the training picture that it repeats.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Duplicate {
    /// The picture that is left out.
    pub id: String,
    /// The training picture.
    pub of: String,
    /// Mean difference of colour or of darkness, whichever is smaller, 0 to 1.
    pub difference: f32,
}

/// Takes the pictures out that repeat a training picture, and names them.
pub fn remove(pictures: &mut Vec<Picture>, training: &[&Picture]) -> Result<Vec<Duplicate>> {
    let mut known = Vec::with_capacity(training.len());
    for picture in training {
        known.push((&picture.id, Looks::of(&picture.path)?));
    }
    let (mut found, mut kept) = (Vec::new(), Vec::with_capacity(pictures.len()));
    for picture in pictures.drain(..) {
        let own = Looks::of(&picture.path)?;
        let nearest = known
            .iter()
            .map(|(id, other)| (own.difference(other), id))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        match nearest {
            Some((difference, of)) if difference < ALIKE => found.push(Duplicate {
                id: picture.id,
                of: (*of).clone(),
                difference,
            }),
            _ => kept.push(picture),
        }
    }
    *pictures = kept;
    Ok(found)
}

/// A thumbnail, every value 0 to 1.
struct Looks {
    colours: Vec<f32>,
    /// How dark each pixel is, 1 for the darkest: what is left of a drawing without its tint.
    darkness: Vec<f32>,
}

impl Looks {
    fn of(path: &Path) -> Result<Self> {
        let picture = corpus::images::decode(path)?;
        let small = image::imageops::thumbnail(&picture, SIDE, SIDE);
        let colours: Vec<f32> = small.iter().map(|&c| f32::from(c) / 255.0).collect();
        let mut darkness: Vec<f32> = colours
            .chunks(3)
            .map(|pixel| 1.0 - pixel.iter().sum::<f32>() / 3.0)
            .collect();
        let darkest = darkness.iter().copied().fold(1.0 / 255.0, f32::max);
        for value in &mut darkness {
            *value /= darkest;
        }
        Ok(Self { colours, darkness })
    }

    fn difference(&self, other: &Self) -> f32 {
        let mean = |a: &[f32], b: &[f32]| {
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
        };
        mean(&self.colours, &other.colours).min(mean(&self.darkness, &other.darkness))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::world::Thing;

    fn picture(folder: &Path, id: &str, colour: [u8; 3], left: u32) -> Picture {
        let path = folder.join(format!("{id}.png"));
        let drawn = image::RgbImage::from_fn(72, 72, |x, y| {
            let inside = (left..left + 30).contains(&x) && (20..50).contains(&y);
            image::Rgb(if inside { colour } else { [255; 3] })
        });
        corpus::images::encode_png(&drawn, &path).expect("a picture");
        Picture {
            id: id.to_owned(),
            concept: id.to_owned(),
            subgroup: String::new(),
            style: "noto",
            path,
            thing: Thing {
                name: id.to_owned(),
                kind: String::new(),
                colour: String::new(),
                keywords: Vec::new(),
                gloss: None,
            },
        }
    }

    #[test]
    fn finds_a_drawing_in_another_colour_and_keeps_another_drawing() {
        let folder = tempfile::tempdir().expect("folder");
        let known = picture(folder.path(), "known", [200, 30, 30], 10);
        let mut new = vec![
            picture(folder.path(), "recoloured", [30, 30, 200], 10),
            picture(folder.path(), "moved", [200, 30, 30], 30),
        ];
        let found = remove(&mut new, &[&known]).expect("pictures");
        assert_eq!((found.len(), found[0].id.as_str()), (1, "recoloured"));
        assert_eq!(new[0].id, "moved");
    }
}

//! Pictures that are drawn alike on both sides of a split: whoever trained on one has seen the other.

use std::path::Path;

use corpus::fingerprint::{Fingerprint, Window};
use corpus::images::ImageError;
use serde::Serialize;

use crate::pictures::Picture;

/// The mean difference, in levels of 0 to 255, below which two drawings are the same one, by looks or by shape. Copies in
/// another colour lie near 0 by shape; among food pictures the nearest of different sets lie at 4.5 (a glass of milk that
/// two sets share) and then from 6.9 on.
const ALIKE: f32 = 6.0;

/// A picture for evaluation and the training picture that it repeats.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Duplicate {
    /// The picture that is left out.
    pub id: String,
    /// The training picture.
    pub of: String,
    /// Mean difference of looks or of shape, whichever is smaller, in levels of 0 to 255.
    pub difference: f32,
}

/// Takes the pictures out that repeat a training picture, and names them.
pub fn remove(
    pictures: &mut Vec<Picture>,
    training: &[&Picture],
) -> Result<Vec<Duplicate>, ImageError> {
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

/// What two drawings are compared by.
struct Looks {
    drawn: Fingerprint,
    /// The drawing in grey, black where it is darkest: what is left of it without its tint.
    shape: Fingerprint,
}

impl Looks {
    fn of(path: &Path) -> Result<Self, ImageError> {
        let picture = corpus::images::decode(path)?;
        let darkness = |pixel: &image::Rgb<u8>| {
            let [red, green, blue] = pixel.0.map(u32::from);
            255 - (red + green + blue) / 3
        };
        let darkest = picture.pixels().map(darkness).max().unwrap_or(0).max(1);
        let shape = image::RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
            let level = 255 - 255 * darkness(picture.get_pixel(x, y)) / darkest;
            image::Rgb([level as u8; 3])
        });
        Ok(Self {
            drawn: Fingerprint::new(&picture),
            shape: Fingerprint::new(&shape),
        })
    }

    fn difference(&self, other: &Self) -> f32 {
        let drawn = self.drawn.difference(Window::WHOLE, &other.drawn);
        let shape = self.shape.difference(Window::WHOLE, &other.shape);
        drawn.mean.max(drawn.colour).min(shape.mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Thing;

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

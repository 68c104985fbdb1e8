//! Pictograms as pictures on disk, with what is true of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpus::images::ImageError;
use corpus::pictograms::{self, Concept, Pictogram};
use corpus::sealed::{read_sealed, write_sealed};
use image::RgbImage;
use rayon::prelude::*;

use crate::error::Error;
use crate::world::Thing;

/// Side of the demo's pictures in pixels; the size that its vision tower takes.
pub const SIDE: u32 = 72;

/// Digests of the pictures that [`draw_once`] drew; a file beside them.
pub const DRAWN: &str = "drawn.json";

/// A pictogram on disk with what is true of it.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Unique: concept and style.
    pub id: String,
    /// The concept's id.
    pub concept: String,
    /// Its subgroup.
    pub subgroup: String,
    /// The drawing style.
    pub style: &'static str,
    /// A PNG file.
    pub path: PathBuf,
    /// What is true of it.
    pub thing: Thing,
}

/// Renders pictograms as PNG files of the folder, on all cores, and gives them in their order. Gives [`Error::Io`] and
/// [`Error::Picture`].
pub fn render(pictograms: &[&Pictogram], folder: &Path) -> Result<Vec<Picture>, Error> {
    make(folder)?;
    let pictures = described(pictograms, folder);
    let both = pictograms.par_iter().zip(&pictures);
    both.try_for_each(|(pictogram, picture)| -> Result<(), Error> {
        let drawn = pictogram.render(SIDE)?;
        Ok(corpus::images::encode_png(&drawn, &picture.path)?)
    })?;
    Ok(pictures)
}

/// Draws `<id>.png` of the folder with `draw` for each id, on all cores. Pictures that lie there as they were drawn before
/// are left alone; [`DRAWN`] has their digests. Gives [`Error::Io`], [`Error::Picture`], [`Error::Corpus`], and as
/// [`Error::Pictograms`] what `draw` gives.
pub fn draw_once(
    ids: &[String],
    folder: &Path,
    draw: impl Fn(usize) -> Result<RgbImage, pictograms::Error> + Sync,
) -> Result<(), Error> {
    make(folder)?;
    let note = folder.join(DRAWN);
    // Without the note, or with a damaged one, all are drawn.
    let known: BTreeMap<String, String> = read_sealed(&note).unwrap_or_default();
    let digest = |(at, id): (usize, &String)| {
        let path = folder.join(format!("{id}.png"));
        let before = known.get(id);
        if let Some(before) = before
            && corpus::digest::file(&path).is_ok_and(|there| there == *before)
        {
            return Ok((id.clone(), before.clone()));
        }
        corpus::images::encode_png(&draw(at)?, &path)?;
        let drawn = corpus::digest::file(&path).map_err(Error::io("read", &path))?;
        Ok((id.clone(), drawn))
    };
    let drawn: Result<BTreeMap<String, String>, Error> =
        ids.par_iter().enumerate().map(digest).collect();
    let drawn = drawn?;
    if drawn != known {
        write_sealed(&note, &drawn)?;
    }
    Ok(())
}

/// Writes a white picture for what has nothing to show.
pub fn write_blank(path: &Path) -> Result<(), ImageError> {
    let white = RgbImage::from_pixel(SIDE, SIDE, image::Rgb([255; 3]));
    corpus::images::encode_png(&white, path)
}

/// The pictograms as pictures of the folder, which need not be drawn yet.
pub fn described(pictograms: &[&Pictogram], folder: &Path) -> Vec<Picture> {
    let picture = |pictogram: &&Pictogram| {
        let concept = &pictogram.concept;
        let id = format!("{}_{}", concept.id, pictogram.style);
        Picture {
            path: folder.join(format!("{id}.png")),
            id,
            concept: concept.id.clone(),
            subgroup: concept.subgroup.clone(),
            style: pictogram.style,
            thing: thing(concept, pictogram.main_colour),
        }
    };
    pictograms.iter().map(picture).collect()
}

fn make(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(Error::io("make", folder))
}

/// What is true of a concept drawn in this colour.
pub fn thing(concept: &Concept, colour: &str) -> Thing {
    Thing {
        name: concept.name.clone(),
        kind: concept.kind.clone(),
        colour: colour.to_owned(),
        keywords: concept.keywords.clone(),
        gloss: concept.gloss.clone(),
    }
}

/// The kinds of the pictures, each once, sorted.
pub fn kinds(pictures: &[Picture]) -> Vec<String> {
    let mut kinds: Vec<String> = pictures.iter().map(|p| p.thing.kind.clone()).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

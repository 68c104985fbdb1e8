//! The embedded demo: a little world of pictograms, the shipped base model, and how that model was made.

pub mod data;
pub mod duplicates;
pub mod gates;
pub mod pretraining;
pub mod tower;
pub mod world;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use corpus::pictograms::{Concept, Pictogram};
use rayon::prelude::*;

use world::Thing;

/// Side of the demo's pictures in pixels; the size that its vision tower takes.
pub const SIDE: u32 = 72;

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

/// Renders pictograms as PNG files of the folder, on all cores, and gives them in their order.
pub fn render(pictograms: &[&Pictogram], folder: &Path) -> Result<Vec<Picture>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make `{}`", folder.display()))?;
    pictograms.par_iter().map(|p| picture(p, folder)).collect()
}

fn picture(pictogram: &Pictogram, folder: &Path) -> Result<Picture> {
    let rendered = pictogram.render(SIDE)?;
    let concept = &pictogram.concept;
    let id = format!("{}_{}", concept.id, pictogram.style);
    let path = folder.join(format!("{id}.png"));
    corpus::images::encode_png(&rendered.picture, &path)?;
    let thing = thing(concept, rendered.colour);
    Ok(Picture {
        id,
        concept: concept.id.clone(),
        subgroup: concept.subgroup.clone(),
        style: pictogram.style,
        path,
        thing,
    })
}

/// What is true of a concept drawn in this colour.
fn thing(concept: &Concept, colour: &str) -> Thing {
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

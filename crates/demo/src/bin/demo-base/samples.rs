//! Training samples that are made on the fly.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use corpus::seed::{Rng, hash};
use corpus::{Sample, Turn};
use demo::redrawing::warped;
use processor::{Encoded, ImageInput, Options, Processor};
use serde_json::Value;
use train::SampleSource;

/// A kind of samples, drawn anew for every index.
pub trait SampleKind: Sync {
    fn sample(&self, rng: &mut Rng) -> Sample;
}

/// Samples of a kind: the same index gives the same sample.
pub struct Drawn<K> {
    kind: K,
    seed: u64,
    len: usize,
    processor: Box<dyn Processor>,
}

impl<K> Drawn<K> {
    pub fn new(folder: &Path, seed: u64, kind: K, len: usize) -> Result<Self> {
        Ok(Self {
            kind,
            seed,
            len,
            processor: processor::load(folder, &Options::default())?,
        })
    }
}

impl<K: SampleKind> SampleSource for Drawn<K> {
    fn len(&self) -> usize {
        self.len
    }

    fn id(&self, _: usize) -> &'static str {
        "made"
    }

    fn encode(&self, index: usize) -> Result<Encoded, String> {
        let sample = self
            .kind
            .sample(&mut Rng::new(hash(self.seed, &index.to_string())));
        let mut encoded = self.processor.sample(&sample).map_err(|e| e.to_string())?;
        let mut rng = Rng::new(hash(self.seed + 1000, &index.to_string()));
        for image in &mut encoded.images {
            *image = varied(image, &mut rng);
        }
        Ok(encoded)
    }
}

/// A sample that is no more than its turns.
pub fn plain(turns: Vec<Turn>, images: Vec<PathBuf>) -> Sample {
    Sample {
        id: "made".to_owned(),
        images,
        turns,
        end: false,
        origin: Value::Null,
    }
}

/// A picture of the demo as the processor gives it, [`warped`]. Both copies (overview and tile) get the same change, so
/// that the tower sees one picture. White is 0 after the demo's normalisation.
pub fn varied(input: &ImageInput, rng: &mut Rng) -> ImageInput {
    let (copies, side) = (input.shape[0], input.shape[3]);
    let picture = warped(&input.pixels[..3 * side * side], side, rng);
    ImageInput {
        pixels: Arc::new(picture.repeat(copies)),
        ..input.clone()
    }
}

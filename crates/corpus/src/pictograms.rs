//! The embedded pictograms: named concepts in several drawing styles, rendered on white.
//!
//! The data and their licences are in `assets/pictograms`. What is true of a picture (name, kind, colours) is known, so
//! that answers about it can be checked. Nothing here knows a question or a model.
//!
//! ```
//! let catalogue = corpus::pictograms::Catalogue::load()?;
//! let apple = catalogue.concepts().iter().find(|c| c.id == "red-apple").expect("an apple");
//! let drawn = &catalogue.pictograms(apple)[0];
//! assert_eq!((drawn.style, drawn.main_colour), ("noto", "red"));
//! assert_eq!(drawn.render(48)?.dimensions(), (48, 48));
//! # Ok::<(), corpus::pictograms::Error>(())
//! ```

mod concept;
mod drawing;
mod error;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;

pub use concept::{COLOURS, Concept, DOMAINS, Domain, Pictogram, Share};
pub use drawing::STYLES;
pub use error::Error;

/// All concepts and their pictures. Drawings are unpacked style by style, when one is first rendered.
#[derive(Clone, Debug)]
pub struct Catalogue {
    concepts: Vec<Arc<Concept>>,
    pictograms: Vec<Pictogram>,
    of_concept: BTreeMap<String, Range<usize>>,
}

const CONCEPTS: &str = include_str!("../../../assets/pictograms/concepts.jsonl");

#[derive(Deserialize)]
struct Row {
    concept: String,
    name: String,
    code: String,
    group: String,
    subgroup: String,
    kind: String,
    keywords: Vec<String>,
    gloss: Option<String>,
    pictures: BTreeMap<String, Vec<(String, u8)>>,
}

impl Catalogue {
    /// Reads the embedded data.
    pub fn load() -> Result<Self, Error> {
        Self::read(CONCEPTS)
    }

    fn read(text: &str) -> Result<Self, Error> {
        let mut out = Self {
            concepts: Vec::new(),
            pictograms: Vec::new(),
            of_concept: BTreeMap::new(),
        };
        for (at, line) in text.lines().enumerate() {
            out.push(line).map_err(|detail| Error::Data {
                place: format!("line {} of `concepts.jsonl`", at + 1),
                detail,
            })?;
        }
        Ok(out)
    }

    fn push(&mut self, line: &str) -> Result<(), String> {
        let row: Row = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let mut pictures = Vec::with_capacity(STYLES.len());
        for style in STYLES {
            if let Some(shares) = row.pictures.get(style) {
                pictures.push((style, shares_of(shares)?));
            }
        }
        let Some((_, reference)) = pictures.first() else {
            return Err(format!("`{}` has no picture", row.concept));
        };
        let concept = Arc::new(Concept {
            id: row.concept,
            name: row.name,
            code: row.code,
            group: row.group,
            subgroup: row.subgroup,
            kind: row.kind,
            keywords: row.keywords,
            gloss: row.gloss,
            main_colour: reference[0].colour,
            colours: reference.iter().map(|share| share.colour).collect(),
        });
        let start = self.pictograms.len();
        let pictograms = pictures.into_iter().map(|(style, colours)| Pictogram {
            concept: Arc::clone(&concept),
            style,
            main_colour: colours[0].colour,
            colours,
        });
        self.pictograms.extend(pictograms);
        let range = start..self.pictograms.len();
        if self.of_concept.insert(concept.id.clone(), range).is_some() {
            return Err(format!("a second concept `{}`", concept.id));
        }
        self.concepts.push(concept);
        Ok(())
    }

    /// Every concept in Unicode's order.
    pub fn concepts(&self) -> &[Arc<Concept>] {
        &self.concepts
    }

    /// The pictures of a concept in the order of [`STYLES`]; none when the concept is not of this catalogue.
    pub fn pictograms(&self, concept: &Concept) -> &[Pictogram] {
        let range = self.of_concept.get(&concept.id).cloned();
        &self.pictograms[range.unwrap_or_default()]
    }
}

/// Every pictogram, sorted by concept in Unicode's order and then as in [`STYLES`].
pub fn load() -> Result<Vec<Pictogram>, Error> {
    Catalogue::load().map(|catalogue| catalogue.pictograms)
}

fn shares_of(pairs: &[(String, u8)]) -> Result<Vec<Share>, String> {
    if pairs.is_empty() {
        return Err("a picture without a colour".to_owned());
    }
    let share = |(name, percent): &(String, u8)| {
        let known = COLOURS.into_iter().find(|colour| colour == name);
        let colour = known.ok_or_else(|| format!("`{name}` is not one of the colours"))?;
        Ok(Share {
            colour,
            percent: *percent,
        })
    };
    pairs.iter().map(share).collect()
}

#[cfg(test)]
mod tests;

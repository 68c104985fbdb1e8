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

mod drawing;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;

pub use drawing::STYLES;

/// What a general model is adapted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    /// What it is asked for by.
    pub name: &'static str,
    /// The group of its concepts.
    pub group: &'static str,
    /// The styles that are kept for evaluation.
    pub unseen_styles: [&'static str; 2],
}

/// Every domain; what is in none of them is general.
pub const DOMAINS: [Domain; 2] = [
    Domain {
        name: "food",
        group: "food-drink",
        unseen_styles: ["noto-v1", "fxemoji"],
    },
    Domain {
        name: "medical",
        group: "medical",
        unseen_styles: ["healthicons-outline", "healthicons-outline-24px"],
    },
];

/// The names of the colours. `assets/pictograms/README.md` tells which shade has which.
pub const COLOURS: [&str; 11] = [
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "gray", "white",
];

/// What a pictogram stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concept {
    /// Kebab case, unique.
    pub id: String,
    /// English name in lower case.
    pub name: String,
    /// Code points in hexadecimal, joined by `-`: what other packages know the concept by.
    pub code: String,
    /// One of Unicode's groups, such as `food-drink`.
    pub group: String,
    /// Finer than the group, such as `food-fruit`.
    pub subgroup: String,
    /// A plain noun such as `fruit` that is true of the concept.
    pub kind: String,
    /// Words that go with it; those shared with its neighbours come first.
    pub keywords: Vec<String>,
    /// A short definition without a full stop; food and drink have one.
    pub gloss: Option<String>,
    /// Main colour of the reference drawing, which is Noto's where there is one.
    pub main_colour: &'static str,
    /// Colours of the reference drawing, the main one first.
    pub colours: Vec<&'static str>,
}

impl Concept {
    /// Whether the concept belongs to none of the [`DOMAINS`].
    pub fn is_general(&self) -> bool {
        DOMAINS.iter().all(|domain| domain.group != self.group)
    }
}

/// A colour of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// One of [`COLOURS`].
    pub colour: &'static str,
    /// Percent of the opaque pixels.
    pub percent: u8,
}

/// One picture of a concept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictogram {
    /// What it shows.
    pub concept: Arc<Concept>,
    /// One of [`STYLES`].
    pub style: &'static str,
    /// The most visible colour of this very picture; one of [`COLOURS`].
    pub main_colour: &'static str,
    /// All colours of at least 4 percent, ranked; white and gray rank by a third of their share, since they are mostly
    /// light, shade and plates.
    pub colours: Vec<Share>,
}

/// All concepts and their pictures. Drawings are unpacked style by style, when one is first rendered.
#[derive(Clone, Debug)]
pub struct Catalogue {
    concepts: Vec<Arc<Concept>>,
    pictograms: Vec<Pictogram>,
    of_concept: BTreeMap<String, Range<usize>>,
}

/// The embedded data are broken, or a picture cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of `assets/pictograms` does not hold what the program expects.
    #[error(
        "embedded pictograms, {place}: {detail}; build from a clean checkout, or make the files again as \
         `assets/pictograms/README.md` says"
    )]
    Data {
        /// File and line, or concept and file.
        place: String,
        /// What was found.
        detail: String,
    },
    /// No picture is of this size.
    #[error("cannot render a pictogram at {side} pixels; the side has to be 1 to 4096")]
    Side {
        /// Pixels.
        side: u32,
    },
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

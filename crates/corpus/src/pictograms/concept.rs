//! Concepts, their domains, and their pictures.

use std::sync::Arc;

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
    /// One of [`STYLES`](super::STYLES).
    pub style: &'static str,
    /// The most visible colour of this very picture; one of [`COLOURS`].
    pub main_colour: &'static str,
    /// All colours of at least 4 percent, ranked; white and gray rank by a third of their share, since they are mostly
    /// light, shade and plates.
    pub colours: Vec<Share>,
}

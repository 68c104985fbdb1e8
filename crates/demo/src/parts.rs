//! What general pictograms are used for: the base is trained on most of them and measured on the others.

use corpus::pictograms::Pictogram;
use corpus::seed::{Rng, hash};

/// A twentieth of the general concepts is never shown, and a twentieth of the other pictures, so that general skill can
/// be measured.
const HELD_OUT: f64 = 0.05;

/// What a general pictogram is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Training.
    Shown,
    /// Measuring: other pictures of the concept are shown.
    HeldPicture,
    /// Measuring: no picture of the concept is shown.
    HeldConcept,
}

/// What a general pictogram is used for; the same for every run.
pub fn part(pictogram: &Pictogram) -> Part {
    let concept = &pictogram.concept.id;
    if Rng::new(hash(2024, concept)).chance(HELD_OUT) {
        Part::HeldConcept
    } else if Rng::new(hash(2025, &format!("{concept} {}", pictogram.style))).chance(HELD_OUT) {
        Part::HeldPicture
    } else {
        Part::Shown
    }
}

/// The general pictograms of one part, in their order.
pub fn general(all: &[Pictogram], of: Part) -> Vec<&Pictogram> {
    let chosen = all
        .iter()
        .filter(|p| p.concept.is_general() && part(p) == of);
    chosen.collect()
}

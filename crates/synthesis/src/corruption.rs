//! What the synthesizer is shown, made worse on purpose: the paper's test of whether blank pictures in tuning make it read
//! both picture and caption (table 12). Captions lose text here; what becomes of pixels is the caller's.

use corpus::seed::{Rng, hash};
use serde::{Deserialize, Serialize};

use crate::opening::Input;

/// What is corrupted for the synthesizer; training sees everything as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corruption {
    /// Nothing.
    #[default]
    None,
    /// Noise lies over each picture.
    PictureNoise,
    /// Of each picture only a part is left.
    PictureCrop,
    /// Text is missing from each caption.
    Caption,
}

corpus::words!(Corruption {
    None = "none",
    PictureNoise = "picture-noise",
    PictureCrop = "picture-crop",
    Caption = "caption",
});

impl Corruption {
    /// Whether pictures are corrupted.
    pub fn is_of_pictures(self) -> bool {
        matches!(self, Self::PictureNoise | Self::PictureCrop)
    }

    /// What is left of it for a synthesizer that is shown this: nothing where what it corrupts is not shown.
    ///
    /// ```
    /// use synthesis::{Corruption, Input};
    /// assert_eq!(Corruption::PictureCrop.shown_by(Input::Both), Corruption::PictureCrop);
    /// assert_eq!(Corruption::PictureCrop.shown_by(Input::Caption), Corruption::None);
    /// ```
    #[must_use]
    pub fn shown_by(self, input: Input) -> Self {
        let is_shown = match self {
            Self::None => true,
            Self::PictureNoise | Self::PictureCrop => input.has_image(),
            Self::Caption => input.has_caption(),
        };
        if is_shown { self } else { Self::None }
    }

    /// What draws how a pair is corrupted: the same in every run with this seed, whatever the other pairs are.
    pub fn rng(seed: u64, pair: &str) -> Rng {
        Rng::new(hash(seed, &format!("corrupt {pair}")))
    }
}

/// A caption without half of its words (rounded down), which stood beside one another at a drawn place. Of a text that is
/// written without spaces these are characters. What is left stands as it stood.
///
/// ```
/// use synthesis::{Corruption, corruption::without_text};
/// let left = without_text("A red\nstew of beans.", &mut Corruption::rng(0, "dish-1"));
/// assert_eq!(left.split_whitespace().count(), 3);
/// ```
pub fn without_text(caption: &str, rng: &mut Rng) -> String {
    let caption = caption.trim();
    let mut starts = word_starts(caption);
    if starts.len() < 2 {
        starts = caption.char_indices().map(|(at, _)| at).collect();
    }
    let missing = starts.len() / 2;
    if missing == 0 {
        return caption.to_owned();
    }
    let first = rng.below(starts.len() - missing + 1);
    let rest = starts
        .get(first + missing)
        .map_or("", |&from| &caption[from..]);
    format!("{}{rest}", &caption[..starts[first]])
        .trim()
        .to_owned()
}

/// Where the words of a text begin.
fn word_starts(text: &str) -> Vec<usize> {
    let mut is_between = true;
    let mut starts = Vec::new();
    for (at, character) in text.char_indices() {
        let is_space = character.is_whitespace();
        if is_between && !is_space {
            starts.push(at);
        }
        is_between = is_space;
    }
    starts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn half_of_the_words_are_missing_and_all_places_are_drawn() {
        let found: BTreeSet<String> = (0..100)
            .map(|nth| without_text("one two\nthree  four five", &mut Rng::new(nth)))
            .collect();
        // Two of five words, at one of four places; what stands between the others stays.
        let expected = [
            "three  four five",
            "one four five",
            "one two\nfive",
            "one two\nthree",
        ];
        assert_eq!(found, expected.map(str::to_owned).into());
    }

    #[test]
    fn a_text_without_spaces_loses_characters_and_a_single_one_nothing() {
        let found = without_text("一碗红汤", &mut Rng::new(1));
        assert_eq!(found.chars().count(), 2, "{found}");
        for short in ["", " ", "x"] {
            assert_eq!(without_text(short, &mut Rng::new(1)), short.trim());
        }
    }

    #[test]
    fn a_pair_is_corrupted_alike_each_time_and_others_otherwise() {
        let text: Vec<String> = (0..50).map(|nth| nth.to_string()).collect();
        let text = text.join(" ");
        let left = |seed, pair: &str| without_text(&text, &mut Corruption::rng(seed, pair));
        assert_eq!(left(1, "a"), left(1, "a"));
        assert_ne!(left(1, "a"), left(1, "b"));
        assert_ne!(left(1, "a"), left(2, "a"));
    }
}

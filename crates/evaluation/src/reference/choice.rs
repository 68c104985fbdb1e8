//! Multiple choice as the published parser reads it.

use crate::mersenne::Mersenne;

/// The option that was read or drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its position.
    pub option: usize,
    /// Whether nothing could be read, so that it was drawn by lot.
    pub drawn: bool,
}

/// The option that an answer gives.
///
/// Marks are taken off both ends, then the first of these that finds something counts: a key in round brackets; a
/// free-standing key; for padded answers of more than five characters an option's text anywhere, letters inside words
/// too. Of several, the one whose last occurrence is furthest right. If nothing is found an option is drawn, seeded by
/// the item's position in the published order. `options` are key and text, in order; there must be one.
///
/// ```
/// use evaluation::reference::choice;
/// let options = [("A", "CT"), ("B", "MRI")];
/// assert_eq!(choice("I think it is an MRI", &options, 0).option, 1);
/// assert!(choice("MRI", &options, 0).drawn);
/// ```
pub fn choice<K: AsRef<str>, T: AsRef<str>>(
    answer: &str,
    options: &[(K, T)],
    index: usize,
) -> Chosen {
    let mut answer = answer;
    for mark in [',', '.', '!', '?', ';', ':', '\''] {
        answer = answer.trim_matches(mark);
    }
    let padded = format!(" {answer} ");
    let last_of = |form: fn(&str) -> String| {
        let places = options
            .iter()
            .map(|(key, _)| padded.rfind(&form(key.as_ref())));
        furthest_right(places.enumerate())
    };
    let by_text = || {
        let lower = padded.to_lowercase();
        let places = options
            .iter()
            .map(|(_, text)| lower.rfind(&text.as_ref().to_lowercase()));
        if padded.chars().count() > 5 {
            furthest_right(places.enumerate())
        } else {
            None
        }
    };
    let read = last_of(|key| format!("({key})"))
        .or_else(|| last_of(|key| format!(" {key} ")))
        .or_else(by_text);
    match read {
        Some(option) => Chosen {
            option,
            drawn: false,
        },
        None => Chosen {
            option: Mersenne::new(index as u64).below(options.len()),
            drawn: true,
        },
    }
}

/// The option found furthest right; the first of equals.
fn furthest_right(places: impl Iterator<Item = (usize, Option<usize>)>) -> Option<usize> {
    let mut best: Option<(usize, usize)> = None;
    for (option, place) in places {
        if let Some(place) = place.filter(|&place| best.is_none_or(|(_, other)| place > other)) {
            best = Some((option, place));
        }
    }
    best.map(|(option, _)| option)
}

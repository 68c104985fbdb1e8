//! Yes or no.

use super::normalise::words;
use super::score::Score;

/// Reads yes (true) or no (false) from an answer.
///
/// The first word counts; if it is neither, then the one of both words that occurs anywhere as a word. An answer with
/// neither, or with both and another first word, cannot be read. The reference looks for the letters anywhere, so that
/// `normal` and `know` say no.
///
/// ```
/// use evaluation::metrics::read_yes_no;
/// assert_eq!(read_yes_no("No, the heart looks normal."), Some(false));
/// assert_eq!(read_yes_no("The heart looks normal."), None);
/// ```
pub fn read_yes_no(answer: &str) -> Option<bool> {
    let words = words(answer);
    let is = |word: &str| words.iter().any(|w| w == word);
    match (words.first().map(String::as_str), is("yes"), is("no")) {
        (Some("yes"), ..) | (_, true, false) => Some(true),
        (Some("no"), ..) | (_, false, true) => Some(false),
        _ => None,
    }
}

/// Right if the answer reads as the label; unreadable is wrong. `None` if the label is neither yes nor no.
///
/// ```
/// assert_eq!(evaluation::metrics::yes_no("Yes.", "yes").map(|s| s.value), Some(100.0));
/// assert!(evaluation::metrics::yes_no("Yes.", "left").is_none());
/// ```
pub fn yes_no(prediction: &str, label: &str) -> Option<Score> {
    let truth = match words(label).as_slice() {
        [word] if word == "yes" => true,
        [word] if word == "no" => false,
        _ => return None,
    };
    Some(Score::read(read_yes_no(prediction), &truth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_not_letters() {
        for (answer, expected) in [
            ("yes", Some(true)),
            ("NO!", Some(false)),
            ("normal", None),
            ("I do not know", None),
            ("another one", None),
            ("eyes", None),
            ("There is no mass", Some(false)),
            ("I think yes", Some(true)),
            ("No, yes would be wrong", Some(false)),
            ("Well, yes and no", None),
            ("**Yes**, it is", Some(true)),
            ("", None),
        ] {
            assert_eq!(read_yes_no(answer), expected, "{answer}");
        }
    }
}

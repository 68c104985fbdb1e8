//! Tokens of a model that there is not: pieces of text, how many they count as, how likely they are.

use crate::chance;

/// What a picture counts as.
pub const PICTURE_TOKENS: u64 = 85;

/// Most bytes of a piece.
const PIECE: usize = 4;

/// How many tokens a text of so many bytes counts as: a quarter of them, rounded up.
pub fn count(bytes: usize) -> u64 {
    bytes.div_ceil(PIECE) as u64
}

/// The pieces that log-probabilities are given for: up to four bytes of one kind each (white space, letters and digits,
/// others), so that a text cut between kinds has the pieces of its parts. There may be more of them than [`count`] says.
pub fn pieces(text: &str) -> Vec<&str> {
    let kind = |character: char| {
        (
            character.is_whitespace(),
            character.is_whitespace() || character.is_alphanumeric(),
        )
    };
    let mut pieces = Vec::new();
    let mut begin = 0;
    let mut before = None;
    for (at, character) in text.char_indices() {
        let is_full = at + character.len_utf8() - begin > PIECE;
        if before.is_some_and(|before| before != kind(character) || is_full) {
            pieces.push(&text[begin..at]);
            begin = at;
        }
        before = Some(kind(character));
    }
    if begin < text.len() {
        pieces.push(&text[begin..]);
    }
    pieces
}

/// How likely a piece is after a text, as a closure of the user's: the text before, the piece, its log-probability.
pub(crate) type Likely = dyn Fn(&str, &str) -> f64 + Send + Sync;

/// A piece with its log-probability.
pub(crate) struct Scored {
    pub text: String,
    /// Where it begins, in bytes.
    pub offset: usize,
    pub logprob: f64,
    /// Pieces that might have stood there, with their log-probabilities, the likeliest first.
    pub others: Vec<(String, f64)>,
    /// A number for it, as a vocabulary would have one.
    pub id: u64,
}

/// The pieces of a text that comes after another one, with as many other pieces each as asked for.
pub(crate) fn scored(
    before: &str,
    text: &str,
    others: usize,
    likely: Option<&Likely>,
) -> Vec<Scored> {
    let number = |piece: &str| chance::after(chance::START, piece.as_bytes()) % 32_000;
    let pieces = pieces(text).into_iter().map(|piece| (piece, number(piece)));
    scored_pieces(before, pieces, others, likely)
}

/// The same for pieces with numbers of their own.
pub(crate) fn scored_pieces<'a>(
    before: &str,
    pieces: impl Iterator<Item = (&'a str, u64)>,
    others: usize,
    likely: Option<&Likely>,
) -> Vec<Scored> {
    let mut read = before.to_owned();
    let mut state = chance::after(chance::START, before.as_bytes());
    let score = |(text, id): (&str, u64)| {
        let from_hash = || {
            let drawn = chance::mixed(chance::after(state, text.as_bytes()));
            -0.001 - (drawn % 8_000) as f64 / 1_000.0
        };
        let other = |rank: usize| {
            let logprob = -0.5 - rank as f64 - (state % 100) as f64 / 1_000.0;
            (format!("~{rank}"), logprob)
        };
        let scored = Scored {
            text: text.to_owned(),
            offset: read.len(),
            logprob: likely.map_or_else(from_hash, |likely| likely(&read, text)),
            others: (0..others).map(other).collect(),
            id,
        };
        read.push_str(text);
        state = chance::after(state, text.as_bytes());
        scored
    };
    pieces.map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cut_between_kinds_has_the_pieces_of_its_parts() {
        assert_eq!(
            pieces("Answer: Yes, naïve"),
            ["Answ", "er", ":", " ", "Yes", ",", " ", "naï", "ve"]
        );
        assert_eq!(pieces(""), [""; 0]);
        assert_eq!(pieces("日本"), ["日", "本"]);
        assert_eq!((count(0), count(1), count(4), count(5)), (0, 1, 1, 2));
    }

    #[test]
    fn a_piece_is_as_likely_after_the_same_text_however_it_is_cut() {
        let whole = scored("", "Answer: Yes", 0, None);
        let part = scored("Answer: ", "Yes", 2, None);
        let last = whole.last().unwrap();
        assert_eq!((&*last.text, last.offset), ("Yes", 8));
        assert_eq!(last.logprob.to_bits(), part[0].logprob.to_bits());
        assert_eq!(part[0].offset, 8);
        assert_eq!(part[0].others.len(), 2);
        assert!(last.logprob < 0.0);
        let closed = scored(
            "a ",
            "b c",
            0,
            Some(&|before, piece| -((before.len() + piece.len()) as f64)),
        );
        let logprobs: Vec<f64> = closed.iter().map(|scored| scored.logprob).collect();
        assert_eq!(logprobs, [-3.0, -4.0, -5.0]);
    }
}

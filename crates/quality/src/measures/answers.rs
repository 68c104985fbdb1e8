//! What kind of text an answer is, by its form.

use serde::{Deserialize, Serialize};
use synthesis::text::normal_answer;

use super::percent::percent;

/// The form of an answer; the first that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerType {
    /// `yes` or `no` alone.
    YesNo,
    /// A letter alone, in brackets or not, or with a sign and up to ten words of its option on one line: `B`, `(B)`, `B. A lung`.
    Choice,
    /// A number in digits or a word up to twenty, and at most one word more, such as a unit.
    Number,
    /// Two lines or more that begin with a bullet or a number.
    List,
    /// Up to five words on one line.
    ShortPhrase,
    /// One sentence.
    Sentence,
    /// Several sentences or lines.
    Paragraph,
    /// No letter or digit.
    Wordless,
}

corpus::words!(AnswerType {
    YesNo = "yes-no",
    Choice = "choice",
    Number = "number",
    List = "list",
    ShortPhrase = "short-phrase",
    Sentence = "sentence",
    Paragraph = "paragraph",
    Wordless = "wordless",
});

/// How many answers have a form.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerShare {
    /// The form.
    pub answers: AnswerType,
    /// How many.
    pub count: usize,
    /// In percent.
    pub percent: f64,
}

const NUMBERS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// Words of a short phrase at most.
const SHORT: usize = 5;
/// Words of an option beside its letter at most.
const OPTION: usize = 10;

/// The form of an answer.
///
/// ```
/// use quality::measures::{AnswerType, answer_type};
/// assert_eq!(answer_type("No."), AnswerType::YesNo);
/// assert_eq!(answer_type("(B)"), AnswerType::Choice);
/// assert_eq!(answer_type("12 cm"), AnswerType::Number);
/// assert_eq!(answer_type("It is a soup. It is hot."), AnswerType::Paragraph);
/// ```
pub fn answer_type(text: &str) -> AnswerType {
    let text = text.trim();
    let normal = normal_answer(text);
    let words = text.split_whitespace().count();
    if normal.is_empty() {
        AnswerType::Wordless
    } else if normal == "yes" || normal == "no" {
        AnswerType::YesNo
    } else if is_choice(text, words) {
        AnswerType::Choice
    } else if !text.contains('\n') && is_number(&normal) {
        AnswerType::Number
    } else if text.lines().filter(|line| is_point(line)).count() >= 2 {
        AnswerType::List
    } else if text.contains('\n') {
        AnswerType::Paragraph
    } else if words <= SHORT {
        AnswerType::ShortPhrase
    } else if num_sentences(text) > 1 {
        AnswerType::Paragraph
    } else {
        AnswerType::Sentence
    }
}

fn is_choice(text: &str, words: usize) -> bool {
    if text.contains('\n') || words > OPTION + 1 {
        return false;
    }
    let inside = text.strip_prefix('(').unwrap_or(text);
    let mut characters = inside.chars();
    let Some(letter @ ('A'..='J' | 'a'..='j')) = characters.next() else {
        return false;
    };
    let rest = characters.as_str();
    match rest.chars().next() {
        // An article is no choice, but nobody answers with an article alone.
        None | Some(')') => true,
        Some('.' | ':') => {
            letter.is_ascii_uppercase() && rest[1..].chars().next().is_none_or(char::is_whitespace)
        }
        Some(_) => false,
    }
}

fn is_number(normal: &str) -> bool {
    let mut words = normal.split(' ');
    let first = words.next().unwrap_or_default();
    let digits = first.trim_start_matches(['-', '+', '$', '€', '£']);
    let begins = digits.starts_with(|c: char| c.is_ascii_digit());
    // A unit may follow a number at once, as in `3.5kg`; a date or a name such as `3d-print` is none.
    let numeral = digits
        .trim_end_matches(char::is_alphabetic)
        .trim_end_matches(['%', '°']);
    let is_numeral = begins
        && numeral
            .chars()
            .all(|c| c.is_ascii_digit() || ".,/".contains(c));
    (is_numeral || NUMBERS.contains(&first)) && words.count() <= 1
}

/// Whether a line begins with a bullet or a number and a sign.
fn is_point(line: &str) -> bool {
    let line = line.trim_start();
    let after = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_numbered = after.len() < line.len() && after.starts_with(['.', ')']);
    is_numbered
        || ["- ", "* ", "• ", "– "]
            .iter()
            .any(|bullet| line.starts_with(bullet))
}

/// Sentences by their ends: a full stop, a question or exclamation mark, before white space and what is no small letter.
fn num_sentences(text: &str) -> usize {
    let mut count = 1;
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let ends = ".?!。！？".contains(before) && character.is_whitespace();
        if ends
            && characters
                .peek()
                .is_some_and(|next| !next.is_lowercase() && !next.is_whitespace())
        {
            count += 1;
        }
        before = character;
    }
    count
}

#[derive(Default)]
pub(super) struct Answers {
    counts: [usize; AnswerType::ALL.len()],
}

impl Answers {
    pub(super) fn add(&mut self, text: &str) {
        self.counts[answer_type(text) as usize] += 1;
    }

    /// Every form; nothing where nothing was counted.
    pub(super) fn shares(&self) -> Vec<AnswerShare> {
        let total: usize = self.counts.iter().sum();
        if total == 0 {
            return Vec::new();
        }
        let share = |(answers, &count): (AnswerType, &usize)| AnswerShare {
            answers,
            count,
            percent: percent(count, total),
        };
        AnswerType::ALL
            .into_iter()
            .zip(&self.counts)
            .map(share)
            .collect()
    }
}

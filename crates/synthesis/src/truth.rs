//! What is true of a pair, where somebody knows it: short answers to questions that are known beforehand. A filter is
//! measured against them ([`crate::measure`]).
//!
//! As data it is JSONL, one line a pair. A question is told by its words, in which one `{}` stands for anything:
//!
//! ```
//! let line = r#"{"id": "plate-1", "answers": [
//!     {"kind": "dish", "question": "What is shown?", "answer": "lentil soup"},
//!     {"kind": "yes-no", "question": "Is it a kind of {}?", "yes": ["soup", "starter"]},
//!     {"kind": "choice", "question": "Is it {}?", "one_of": ["soup"]}]}"#;
//! let truth: synthesis::truth::Truth = serde_json::from_str(line).expect("a line");
//! assert_eq!(truth.answer("What is shown?"), Some(("dish", "lentil soup".to_owned())));
//! assert_eq!(truth.answer("Is it a kind of cake?"), Some(("yes-no", "no".to_owned())));
//! assert_eq!(truth.answer("Is it cake, soup or tea?"), Some(("choice", "soup".to_owned())));
//! assert_eq!(truth.answer("Who cooked it?"), None);
//! ```

use corpus::{Consistency, Triplet};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::judge::extraction;
use crate::text;

/// What stands for anything in the words of a question.
const PLACE: &str = "{}";

/// What is known of one pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The pair.
    pub id: String,
    /// Questions with their answers. Where two fit the same words, the first one that has an answer counts.
    pub answers: Vec<TrueAnswer>,
}

/// A question about a pair and what is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Row")]
pub struct TrueAnswer {
    /// What the question asks for; tables count by it.
    pub kind: String,
    /// The words of the question.
    pub question: String,
    /// What is right.
    #[serde(flatten)]
    pub right: Right,
}

/// What answers a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// The short answer, whatever stands for `{}`.
    Answer(String),
    /// `yes` if one of these stands for `{}`, else `no`.
    Yes(Vec<String>),
    /// Options stand for `{}`, as in `red, green or blue`; the right one is the first that is one of these. Without a right
    /// one there is no answer.
    OneOf(Vec<String>),
}

/// Why an entry cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TruthError {
    /// Nothing says what is right, or several things do.
    #[error("question `{question}` has {found} of `answer`, `yes` and `one_of`; expected one")]
    Ambiguous {
        /// The words of the question.
        question: String,
        /// How many of the keys are there.
        found: usize,
    },
    /// The answer depends on what stands for `{}`, and there is no such place, or more than one.
    #[error("question `{question}` has `{key}` and {found} places `{{}}`; expected one")]
    Places {
        /// The words of the question.
        question: String,
        /// `yes`, `one_of` or `answer`.
        key: &'static str,
        /// How many places it has.
        found: usize,
    },
}

impl Truth {
    /// The kind of an instruction and its short answer, if it is one of the known questions; white space around it counts
    /// for nothing.
    pub fn answer(&self, instruction: &str) -> Option<(&str, String)> {
        let text = instruction.trim();
        self.answers
            .iter()
            .find_map(|known| Some((known.kind.as_str(), known.answer(text)?)))
    }
}

/// What is known of a triplet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedTriplet {
    /// The kind of its question.
    pub kind: String,
    /// The right short answer.
    pub answer: String,
    /// Whether the precise answer is the right one.
    pub precise: bool,
    /// Whether the informative answer holds the right one.
    pub informative: bool,
    /// Whether the informative answer holds what the precise one says, be it right or wrong.
    pub follows: bool,
}

impl CheckedTriplet {
    /// Whether both answers are true.
    pub fn both(&self) -> bool {
        self.precise && self.informative
    }
}

impl Truth {
    /// What is known of a triplet of this pair, if its question is known.
    pub fn check(&self, triplet: &Triplet) -> Option<CheckedTriplet> {
        let (kind, answer) = self.answer(&triplet.instruction)?;
        Some(CheckedTriplet {
            kind: kind.to_owned(),
            precise: extraction(&triplet.precise, &answer) == Consistency::Yes,
            informative: text::holds(&triplet.informative, &answer),
            follows: text::holds(&triplet.informative, &text::normal_answer(&triplet.precise)),
            answer,
        })
    }
}

/// Whether a text of whatever length gives a short answer: its words stand there in a row, and where the answer is `yes` or
/// `no` the other word does not.
///
/// ```
/// use synthesis::truth::gives;
/// assert!(gives("It is yellow. Therefore, the answer is lemon", "lemon"));
/// assert!(!gives("Yes or no?", "yes"));
/// ```
pub fn gives(text: &str, answer: &str) -> bool {
    let other = match answer {
        "yes" => Some("no"),
        "no" => Some("yes"),
        _ => None,
    };
    let is_both = other.is_some_and(|other| text::holds(text, other));
    text::holds(text, answer) && !is_both
}

impl TrueAnswer {
    fn answer(&self, text: &str) -> Option<String> {
        let inside = standing_for_place(&self.question, text)?;
        match &self.right {
            Right::Answer(answer) => Some(answer.clone()),
            Right::Yes(right) => {
                let word = if right.iter().any(|r| r == inside) {
                    "yes"
                } else {
                    "no"
                };
                Some(word.to_owned())
            }
            Right::OneOf(right) => {
                let (head, last) = inside.rsplit_once(" or ")?;
                let mut options = head.split(", ").chain([last]);
                options
                    .find(|option| right.iter().any(|r| r == option))
                    .map(str::to_owned)
            }
        }
    }
}

/// What stands for the place of a question in a text; nothing (an empty text) where the question has no place, and `None`
/// if the text is another question.
fn standing_for_place<'a>(question: &str, text: &'a str) -> Option<&'a str> {
    match question.split_once(PLACE) {
        Some((before, after)) => text.strip_prefix(before)?.strip_suffix(after),
        None => (question == text).then_some(""),
    }
}

/// An entry as it is written, before it is known to be sound.
#[derive(Deserialize)]
struct Row {
    kind: String,
    question: String,
    answer: Option<String>,
    yes: Option<Vec<String>>,
    one_of: Option<Vec<String>>,
}

impl TryFrom<Row> for TrueAnswer {
    type Error = TruthError;

    fn try_from(row: Row) -> Result<Self, TruthError> {
        let Row { kind, question, .. } = row;
        let known = [
            row.answer.map(Right::Answer),
            row.yes.map(Right::Yes),
            row.one_of.map(Right::OneOf),
        ];
        let mut known: Vec<Right> = known.into_iter().flatten().collect();
        let found = known.len();
        let (Some(right), 1) = (known.pop(), found) else {
            return Err(TruthError::Ambiguous { question, found });
        };
        let found = question.matches(PLACE).count();
        let (key, fits) = match right {
            Right::Answer(_) => ("answer", found <= 1),
            Right::Yes(_) => ("yes", found == 1),
            Right::OneOf(_) => ("one_of", found == 1),
        };
        if !fits {
            return Err(TruthError::Places {
                question,
                key,
                found,
            });
        }
        Ok(Self {
            kind,
            question,
            right,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(answers: &str) -> Result<Truth, String> {
        let line = format!(r#"{{"id": "p", "answers": {answers}}}"#);
        serde_json::from_str(&line).map_err(|e| e.to_string())
    }

    fn check(answers: &str, expected: &[(&str, Option<(&str, &str)>)]) {
        let truth = truth(answers).expect("a sound line");
        for (instruction, expected) in expected {
            let expected = expected.map(|(kind, answer)| (kind, answer.to_owned()));
            assert_eq!(truth.answer(instruction), expected, "{instruction}");
        }
        let written = serde_json::to_string(&truth).expect("JSON");
        let read: Truth = serde_json::from_str(&written).expect("what was written");
        assert_eq!(read, truth);
    }

    #[test]
    fn a_question_is_known_by_its_words() {
        check(
            r#"[{"kind": "colour", "question": "What colour is it?", "answer": "red"},
                {"kind": "place", "question": "Where is {}?", "answer": "here"}]"#,
            &[
                ("What colour is it?", Some(("colour", "red"))),
                (" What colour is it?\n", Some(("colour", "red"))),
                ("what colour is it?", None),
                ("What colour is it", None),
                ("Where is the spoon?", Some(("place", "here"))),
                ("Where is ?", Some(("place", "here"))),
                ("Where is it", None),
                ("", None),
            ],
        );
    }

    #[test]
    fn yes_is_what_the_list_holds_and_all_else_is_no() {
        check(
            r#"[{"kind": "yes-no", "question": "Is it a kind of {}?", "yes": ["soup", "starter"]}]"#,
            &[
                ("Is it a kind of starter?", Some(("yes-no", "yes"))),
                ("Is it a kind of soup or starter?", Some(("yes-no", "no"))),
                ("Is it a kind of Soup?", Some(("yes-no", "no"))),
                ("Is it a kind of ?", Some(("yes-no", "no"))),
                ("Is it soup?", None),
            ],
        );
    }

    #[test]
    fn the_right_option_is_the_one_in_the_list() {
        check(
            r#"[{"kind": "choice", "question": "Is it {}?", "one_of": ["soup", "sweet or sour"]}]"#,
            &[
                ("Is it cake, soup or tea?", Some(("choice", "soup"))),
                ("Is it cake or soup?", Some(("choice", "soup"))),
                ("Is it cake or tea?", None),
                ("Is it soup?", None),
                // The last `or` parts two options, so that an option with an `or` in it is found in no last place.
                ("Is it cake or sweet or sour?", None),
                (
                    "Is it sweet or sour, cake or tea?",
                    Some(("choice", "sweet or sour")),
                ),
            ],
        );
    }

    #[test]
    fn the_first_entry_that_has_an_answer_counts() {
        check(
            r#"[{"kind": "choice", "question": "Is it {}?", "one_of": ["soup"]},
                {"kind": "yes-no", "question": "Is it {}?", "yes": ["soup"]}]"#,
            &[
                ("Is it tea or soup?", Some(("choice", "soup"))),
                ("Is it soup?", Some(("yes-no", "yes"))),
                ("Is it tea or cake?", Some(("yes-no", "no"))),
            ],
        );
    }

    #[test]
    fn an_entry_says_one_thing_in_one_place() {
        let refused = |entry: &str, expected: &str| {
            let found = truth(&format!("[{entry}]")).expect_err("an unsound entry");
            assert!(found.contains(expected), "{found}");
        };
        refused(
            r#"{"kind": "k", "question": "Q?"}"#,
            "`Q?` has 0 of `answer`, `yes` and `one_of`",
        );
        refused(
            r#"{"kind": "k", "question": "Q {}?", "answer": "a", "yes": ["a"]}"#,
            "`Q {}?` has 2 of",
        );
        refused(
            r#"{"kind": "k", "question": "Q {}?", "answer": "a", "yes": ["a"], "one_of": ["a"]}"#,
            "`Q {}?` has 3 of",
        );
        refused(
            r#"{"kind": "k", "question": "Q?", "yes": ["a"]}"#,
            "`Q?` has `yes` and 0 places `{}`; expected one",
        );
        refused(
            r#"{"kind": "k", "question": "{} or {}?", "one_of": ["a"]}"#,
            "`{} or {}?` has `one_of` and 2 places",
        );
        refused(r#"{"question": "Q?", "answer": "a"}"#, "`kind`");
    }
}

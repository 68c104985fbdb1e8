//! Multiple choice: which option does an answer name?

use serde_json::{Map, Value};

use super::names::Names;
use super::normalise::words;
use super::score::Score;

/// Why options cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoicesError {
    /// Fewer than two options.
    #[error("a choice needs at least two options, found {0}")]
    TooFew(usize),
    /// An option is not a text.
    #[error("option `{0}` is not a text")]
    NotText(String),
    /// Two options have the same letter.
    #[error("option `{0}` occurs twice")]
    Twice(String),
}

/// The options of a question, each with its letter.
#[derive(Clone, Debug)]
pub struct Choices {
    letters: Vec<String>,
    texts: Names,
}

impl Choices {
    /// Options with the letters A, B, C … (up to 26).
    ///
    /// ```
    /// let choices = evaluation::metrics::Choices::lettered(&["CT", "MRI"]).expect("two options");
    /// assert_eq!(choices.read("The answer is B."), Some(1));
    /// assert_eq!(choices.read("A CT scan"), Some(0));
    /// ```
    pub fn lettered<S: AsRef<str>>(texts: &[S]) -> Result<Self, ChoicesError> {
        let letters = ('A'..='Z').map(String::from);
        Self::new(
            letters
                .zip(texts.iter().map(|t| t.as_ref().to_owned()))
                .collect(),
        )
    }

    /// Options of a prediction record, letter to text.
    pub fn from_record(choices: &Map<String, Value>) -> Result<Self, ChoicesError> {
        let option = |(letter, text): (&String, &Value)| match text.as_str() {
            Some(text) => Ok((letter.trim().to_owned(), text.to_owned())),
            None => Err(ChoicesError::NotText(letter.clone())),
        };
        Self::new(choices.iter().map(option).collect::<Result<_, _>>()?)
    }

    fn new(options: Vec<(String, String)>) -> Result<Self, ChoicesError> {
        if options.len() < 2 {
            return Err(ChoicesError::TooFew(options.len()));
        }
        let (letters, texts): (Vec<String>, Vec<String>) = options.into_iter().unzip();
        match letters
            .iter()
            .enumerate()
            .find(|(at, letter)| letters[..*at].contains(letter))
        {
            Some((_, letter)) => Err(ChoicesError::Twice(letter.clone())),
            None => Ok(Self {
                letters,
                texts: Names::new(&texts),
            }),
        }
    }

    /// How many options there are.
    pub fn count(&self) -> usize {
        self.letters.len()
    }

    /// The letter of an option.
    pub fn letter(&self, option: usize) -> &str {
        &self.letters[option]
    }

    /// The option that a label gives, by letter or by text.
    pub fn find_label(&self, label: &str) -> Option<usize> {
        let label = label.trim();
        let letter = label.trim_matches(['(', ')', '.', ':', ' ']);
        self.letters
            .iter()
            .position(|l| l == letter)
            .or_else(|| self.texts.position(label))
    }

    /// The option that an answer names; `None` if it names none or several.
    ///
    /// Read in this order: the whole answer is a letter or an option's text; it begins with a letter and a mark
    /// (`B.`, `(B)`, `B: MRI`); it ends its reasoning with `answer is B`, `option B` and the like (the last one
    /// counts); it holds one letter in brackets; it holds one option's text as whole words. A letter inside running
    /// text must be upper case, and `A` and `I` alone are words. The reference takes any free-standing letter,
    /// articles too, the last of several, and draws a random option for the rest.
    pub fn read(&self, answer: &str) -> Option<usize> {
        let answer = answer.trim();
        self.whole(answer)
            .or_else(|| self.texts.position(answer))
            .or_else(|| self.head(answer))
            .or_else(|| self.announced(answer))
            .or_else(|| self.bracketed(answer))
            .or_else(|| self.texts.read(answer))
    }

    fn of_letter(&self, letter: &str) -> Option<usize> {
        self.letters.iter().position(|l| l == letter)
    }

    /// Nothing but a letter and marks; here lower case will do.
    fn whole(&self, answer: &str) -> Option<usize> {
        let bare = answer.trim_matches(|c: char| !c.is_alphanumeric());
        self.of_letter(bare)
            .or_else(|| self.of_letter(&bare.to_uppercase()))
    }

    /// A letter at the start, with a mark after it or brackets around it.
    fn head(&self, answer: &str) -> Option<usize> {
        let answer = answer.trim_start_matches(['*', '"', '\'', '`', ' ']);
        let bracket = answer.starts_with(['(', '[']);
        let answer = answer.trim_start_matches(['(', '[']);
        self.letters.iter().position(|letter| {
            let after = answer.strip_prefix(letter.as_str()).unwrap_or("x");
            let marks = if bracket {
                &[')', ']'][..]
            } else {
                &['.', ':', ')', '*', '\n'][..]
            };
            // `A.B` or `C:D` would be something else.
            let mut rest = after.chars();
            rest.next().is_some_and(|c| marks.contains(&c))
                && !rest.next().is_some_and(|c| bracket && c == '(')
        })
    }

    /// The last letter that `answer is`, `option` … announce or that `is correct` follows.
    fn announced(&self, answer: &str) -> Option<usize> {
        const CUES: [&str; 8] = [
            "answer", "option", "choice", "letter", "choose", "select", "pick", "chose",
        ];
        let words: Vec<&str> = answer.split_whitespace().collect();
        let bare = |at: Option<usize>| {
            let word = at.and_then(|at| words.get(at)).copied().unwrap_or_default();
            word.trim_matches(|c: char| !c.is_alphanumeric())
        };
        let lower = |at: Option<usize>| bare(at).to_lowercase();
        (0..words.len()).rev().find_map(|at| {
            let option = self.of_letter(bare(Some(at)))?;
            let (before, earlier) = (lower(at.checked_sub(1)), lower(at.checked_sub(2)));
            let (next, after) = (lower(Some(at + 1)), lower(Some(at + 2)));
            // `B or C` offers two letters and announces none.
            if matches!(next.as_str(), "or" | "and") && self.of_letter(bare(Some(at + 2))).is_some()
            {
                return None;
            }
            let judged = next == "is" && matches!(after.as_str(), "correct" | "right");
            // `answer is A lesion` announces no letter.
            let ends = at + 1 == words.len() || words[at].ends_with(|c: char| !c.is_alphanumeric());
            if matches!(self.letter(option), "A" | "I") && !ends && !judged {
                return None;
            }
            let linked = matches!(before.as_str(), "is" | "be" | "was")
                && (CUES.contains(&earlier.as_str()) || ends);
            let short = matches!(before.as_str(), "it's" | "it’s") && ends;
            (judged || CUES.contains(&before.as_str()) || linked || short).then_some(option)
        })
    }

    /// The only letter in round brackets.
    fn bracketed(&self, answer: &str) -> Option<usize> {
        let mut found =
            (0..self.count()).filter(|&o| answer.contains(&format!("({})", self.letters[o])));
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }
}

/// Right if the answer names the labelled option; unreadable is wrong. `None` if the label names no option.
///
/// ```
/// use evaluation::metrics::{Choices, choice};
/// let choices = Choices::lettered(&["CT", "MRI"]).expect("two options");
/// assert_eq!(choice("B: MRI", &choices, "B").map(|s| s.value), Some(100.0));
/// assert!(choice("Either (A) or (B)", &choices, "B").is_some_and(|s| s.unreadable));
/// ```
pub fn choice(prediction: &str, choices: &Choices, label: &str) -> Option<Score> {
    let truth = choices.find_label(label)?;
    let read = if words(prediction).is_empty() {
        None
    } else {
        choices.read(prediction)
    };
    Some(Score::read(read, &truth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_letters_and_texts_as_declared() {
        let choices = Choices::lettered(&["CT", "MRI", "X-ray", "Ultrasound"]).expect("options");
        for (answer, expected) in [
            ("(B)", Some(1)),
            ("B", Some(1)),
            ("b", Some(1)),
            ("**C**", Some(2)),
            ("The answer is B.", Some(1)),
            ("B: MRI", Some(1)),
            ("B. MRI, because (A) shows bone", Some(1)),
            ("A CT scan", Some(0)),
            ("A mass", None),
            ("I think it is an MRI", Some(1)),
            ("MRI", Some(1)),
            ("Either (A) or (C)", None),
            ("mri scan not ct", None),
            ("First I thought option A, but the answer is D", Some(3)),
            ("It's B.", Some(1)),
            ("The correct option is (C), an X-ray", Some(2)),
            ("Answer: D", Some(3)),
            ("The answer is A lesion", None),
            ("I would pick (C)", Some(2)),
            ("an x ray", Some(2)),
            ("Looking at the picture, A is correct", Some(0)),
            ("The answer is B or C", None),
            ("Option C: none of these", Some(2)),
            ("{\"answer\": \"D\"}", Some(3)),
            ("The answer is not B", None),
            ("mriscan", None),
            ("E", None),
            ("", None),
        ] {
            assert_eq!(choices.read(answer), expected, "{answer}");
        }
    }

    #[test]
    fn a_label_is_a_letter_or_a_text() {
        let choices = Choices::lettered(&["fruit", "drink"]).expect("options");
        assert_eq!(
            (choices.find_label("B"), choices.find_label("Drink")),
            (Some(1), Some(1))
        );
        assert_eq!(choice("drink", &choices, "meat"), None);
        assert_eq!(
            Choices::lettered(&["one"]).err(),
            Some(ChoicesError::TooFew(1))
        );
    }
}

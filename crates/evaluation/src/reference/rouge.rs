//! ROUGE-L as the `rouge` package 1.0.1 computes it, summary level with sets of words.

use std::collections::{BTreeMap, BTreeSet};

use crate::python::split;

/// The most steps from the end of two sentences to the start of one: then CPython 3.10 meets its recursion limit of
/// 1,000, called as the published evaluation script calls it. Measured; each later Python allows one step more.
const STEPS: usize = 987;

/// F-measure between 0 and 1; `None` where the package fails, which the published code scores 0.
///
/// Sentences end at every full stop, words at white space; case and other marks count. White space alone between two
/// full stops is a sentence of one empty word. Shared are the different words that lie on a longest common subsequence
/// of any two sentences; precision and recall divide by the different words of each text. It fails if a text is empty
/// or only full stops, or if a pair of sentences is longer than Python can follow.
///
/// ```
/// let f = evaluation::reference::rouge_l("a b c", "A b c").expect("two texts");
/// assert!((f - 0.6666666617).abs() < 1e-10);
/// ```
pub fn rouge_l(prediction: &str, label: &str) -> Option<f64> {
    let (mut found, mut truth) = (Sentences::new(prediction), Sentences::new(label));
    if found.of_words.is_empty() || truth.of_words.is_empty() {
        return None;
    }
    let mut numbers = BTreeMap::new();
    let (hypotheses, references) = (found.numbered(&mut numbers), truth.numbered(&mut numbers));
    let mut shared = BTreeSet::new();
    for reference in &references {
        for hypothesis in &hypotheses {
            add_common_words(reference, hypothesis, &mut shared)?;
        }
    }
    let share = |sentences: &[Vec<usize>]| {
        let different: BTreeSet<usize> = sentences.iter().flatten().copied().collect();
        shared.len() as f64 / different.len() as f64
    };
    let (precision, recall) = (share(&hypotheses), share(&references));
    Some(2.0 * ((precision * recall) / (precision + recall + 1e-8)))
}

/// A text's sentences in words.
struct Sentences<'a> {
    of_words: Vec<Vec<&'a str>>,
}

impl<'a> Sentences<'a> {
    fn new(text: &'a str) -> Self {
        let words = |sentence: &'a str| {
            let words: Vec<&str> = split(sentence).collect();
            if words.is_empty() { vec![""] } else { words }
        };
        Self {
            of_words: text
                .split('.')
                .filter(|s| !s.is_empty())
                .map(words)
                .collect(),
        }
    }

    /// Words as numbers, which compare faster.
    fn numbered(&mut self, numbers: &mut BTreeMap<&'a str, usize>) -> Vec<Vec<usize>> {
        let number = |word: &'a str| {
            let next = numbers.len();
            *numbers.entry(word).or_insert(next)
        };
        let mut number = number;
        self.of_words
            .iter()
            .map(|sentence| sentence.iter().map(|&word| number(word)).collect())
            .collect()
    }
}

/// Adds the words of the longest common subsequence that the package walks back along; `None` if the way is too long.
fn add_common_words(
    reference: &[usize],
    hypothesis: &[usize],
    shared: &mut BTreeSet<usize>,
) -> Option<()> {
    // Each step shortens one of both by at most one, so the way is no shorter than the shorter sentence.
    if reference.len().min(hypothesis.len()) > STEPS {
        return None;
    }
    let columns = hypothesis.len();
    // Whether the table's cell above is larger than the one to the left: there the walk goes up.
    let mut up = vec![false; reference.len() * columns];
    let mut row = vec![0_u32; columns + 1];
    for (i, word) in reference.iter().enumerate() {
        let mut diagonal = 0;
        for (j, other) in hypothesis.iter().enumerate() {
            let (above, left) = (row[j + 1], row[j]);
            up[i * columns + j] = above > left;
            row[j + 1] = if word == other {
                diagonal + 1
            } else {
                above.max(left)
            };
            diagonal = above;
        }
    }
    let (mut i, mut j, mut steps) = (reference.len(), columns, 0);
    while i > 0 && j > 0 {
        steps += 1;
        if steps > STEPS {
            return None;
        }
        if reference[i - 1] == hypothesis[j - 1] {
            shared.insert(reference[i - 1]);
            (i, j) = (i - 1, j - 1);
        } else if up[(i - 1) * columns + j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    Some(())
}

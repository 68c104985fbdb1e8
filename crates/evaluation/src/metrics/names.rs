//! Names from a closed list, found in free text at word boundaries.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::normalise::{normalise, words};
use super::overlap::{Overlap, from_counts};
use super::score::Score;

/// A closed list of names: classes, ingredients, options.
#[derive(Clone, Debug)]
pub struct Names {
    /// Each name after normalisation.
    exact: Vec<String>,
    /// Positions by the names' letters without spaces.
    by_letters: HashMap<String, usize>,
    /// The first words of all names, in their singular form.
    first_words: HashSet<String>,
    /// Names by their normalised singular form, in the order of the list.
    by_form: HashMap<String, Vec<usize>>,
    /// Lengths of names in words, longest first.
    lengths: Vec<usize>,
}

impl Names {
    /// Names in their published order; a name that occurs again is the first one.
    ///
    /// ```
    /// let trees = evaluation::metrics::Names::new(&["oak", "cork oak", "ash"]);
    /// assert_eq!(trees.find("Cork oaks in a washed-out bed"), [1]);
    /// ```
    pub fn new<S: AsRef<str>>(names: &[S]) -> Self {
        let exact: Vec<String> = names.iter().map(|name| normalise(name.as_ref())).collect();
        let mut by_form: HashMap<String, Vec<usize>> = HashMap::new();
        let mut lengths = Vec::new();
        for (id, name) in exact
            .iter()
            .enumerate()
            .filter(|(_, name)| !name.is_empty())
        {
            let ids = by_form.entry(singular(name)).or_default();
            if !ids.iter().any(|&other| exact[other] == *name) {
                ids.push(id);
            }
            lengths.push(name.split(' ').count());
        }
        lengths.sort_unstable_by_key(|&n| Reverse(n));
        lengths.dedup();
        let mut by_letters = HashMap::new();
        for (id, name) in exact.iter().enumerate() {
            by_letters.entry(name.replace(' ', "")).or_insert(id);
        }
        let first = |form: &String| form.split(' ').next().map(str::to_owned);
        Self {
            by_letters,
            first_words: by_form.keys().filter_map(first).collect(),
            exact,
            by_form,
            lengths,
        }
    }

    /// The position of a name; of the first one where it occurs twice. A name written in one word (`tenniscourt`) is
    /// found too.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.of_words(&words(name))
    }

    /// The name that these normalised words are, together or each for itself.
    fn of_words(&self, words: &[String]) -> Option<usize> {
        let letters = words.concat();
        if letters.is_empty() {
            return None;
        }
        self.of_form(&words.join(" "))
            .or_else(|| self.by_letters.get(&letters).copied())
    }

    /// The names after normalisation.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.exact.iter().map(String::as_str)
    }

    /// The names in a text, in the order of the list.
    ///
    /// Longer names are found first and use up their words, so that a `cork oak` is not also an `oak`. Names match whole
    /// words, singular or plural; the reference matches letters, so that `ash` is in `washed`.
    pub fn find(&self, text: &str) -> Vec<usize> {
        self.among(&words(text))
    }

    /// The names among normalised words.
    fn among(&self, words: &[String]) -> Vec<usize> {
        let may_begin: Vec<bool> = words
            .iter()
            .map(|word| self.first_words.contains(&singular_word(word)))
            .collect();
        let mut used = vec![false; words.len()];
        let mut found = Vec::new();
        for &length in self.lengths.iter().filter(|&&n| n <= words.len()) {
            for at in 0..=words.len() - length {
                if !may_begin[at] || used[at..at + length].iter().any(|&u| u) {
                    continue;
                }
                if let Some(id) = self.of_form(&words[at..at + length].join(" ")) {
                    used[at..at + length].fill(true);
                    found.push(id);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The one name that an answer gives: the whole answer, else the only name in it.
    pub fn read(&self, answer: &str) -> Option<usize> {
        let words = words(answer);
        self.of_words(&words)
            .or_else(|| match self.among(&words).as_slice() {
                [one] => Some(*one),
                _ => None,
            })
    }

    /// The name with this normalised text, else the first one that differs only in number.
    fn of_form(&self, normalised: &str) -> Option<usize> {
        let ids = self.by_form.get(&singular(normalised))?;
        ids.iter()
            .copied()
            .find(|&id| self.exact[id] == normalised)
            .or_else(|| ids.first().copied())
    }
}

/// Right if the answer names the labelled class and no other; `None` if the label is not in the list.
///
/// ```
/// use evaluation::metrics::{Names, top1};
/// let classes = Names::new(&["apple_pie", "baby back ribs"]);
/// assert_eq!(top1("This is an apple pie.", &classes, "apple_pie").map(|s| s.value), Some(100.0));
/// ```
pub fn top1(prediction: &str, classes: &Names, label: &str) -> Option<Score> {
    Some(Score::read(
        classes.read(prediction),
        &classes.position(label)?,
    ))
}

/// How far the names in an answer are the labelled ones; `None` if a label is not in the list.
///
/// Nothing labelled and nothing named agree; if only one of both is empty, everything is 0. The reference gives a recall
/// of 1 where nothing is labelled, whatever was answered.
///
/// ```
/// use evaluation::metrics::{Names, list_overlap};
/// let trees = Names::new(&["oak", "elm", "ash"]);
/// assert_eq!(list_overlap("an ash and an elm", &trees, &["oak", "elm"]).map(|o| o.f1), Some(0.5));
/// ```
pub fn list_overlap<S: AsRef<str>>(
    prediction: &str,
    names: &Names,
    labels: &[S],
) -> Option<Overlap> {
    let mut truth = labels
        .iter()
        .map(|label| names.position(label.as_ref()))
        .collect::<Option<Vec<_>>>()?;
    truth.sort_unstable();
    truth.dedup();
    let found = names.find(prediction);
    if truth.is_empty() && found.is_empty() {
        return Some(Overlap {
            precision: 1.0,
            recall: 1.0,
            f1: 1.0,
        });
    }
    let shared = found.iter().filter(|id| truth.contains(id)).count();
    Some(from_counts(shared, found.len(), truth.len()))
}

/// Every word in its regular singular form; only good for comparing.
fn singular(normalised: &str) -> String {
    let words: Vec<String> = normalised.split(' ').map(singular_word).collect();
    words.join(" ")
}

fn singular_word(word: &str) -> String {
    let long = |ending: &str| word.len() > ending.len() + 2;
    if let Some(stem) = word.strip_suffix("ies").filter(|_| long("ies")) {
        return format!("{stem}y");
    }
    for ending in ["sses", "shes", "ches", "xes", "zes", "oes"] {
        if word.ends_with(ending) && long("es") {
            return word[..word.len() - 2].to_owned();
        }
    }
    let keeps = ["ss", "us", "is"]
        .iter()
        .any(|ending| word.ends_with(ending));
    match word.strip_suffix('s') {
        Some(stem) if !keeps && long("s") => stem.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_whole_words_longest_first() {
        let trees = Names::new(&[
            "oak",
            "cork oak",
            "beech",
            "copper beech",
            "ash",
            "berries",
            "unknown",
            "unknown",
        ]);
        for (text, expected) in [
            ("A cork oak beside oaks.", vec![0, 1]),
            ("copper beech", vec![3]),
            ("Beeches", vec![2]),
            ("washed by the soaking rain", vec![]),
            ("One berry", vec![5]),
            ("unknown, unknown", vec![6]),
            ("", vec![]),
        ] {
            assert_eq!(trees.find(text), expected, "{text}");
        }
    }

    #[test]
    fn two_names_are_not_one_answer() {
        let classes = Names::new(&["dense residential", "residential", "river"]);
        assert_eq!(classes.read("A dense residential area"), Some(0));
        assert_eq!(classes.read("residential or river"), None);
        assert_eq!(top1("forest", &classes, "river"), Some(Score::UNREADABLE));
        assert_eq!(top1("Rivers", &classes, "river"), Some(Score::hit(true)));
        assert_eq!(top1("river", &classes, "forest"), None);
    }

    #[test]
    fn a_name_in_its_own_number_comes_first() {
        let names = Names::new(&["pea", "peas"]);
        assert_eq!(
            (names.position("peas"), names.position("pea")),
            (Some(1), Some(0))
        );
        assert_eq!(
            Names::new(&["glasses", "asparagus", "tomatoes"]).find("asparagus, tomato"),
            [1, 2]
        );
    }
}

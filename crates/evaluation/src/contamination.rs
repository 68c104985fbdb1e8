//! Was the test set trained on? Overlap of texts, likeness of pictures.
//!
//! Takes the texts of test items and, one by one, the texts that were trained on; gives every match with its two ids.
//! A match is a reason to look and to report scores without the item, not a proof.

mod pictures;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use corpus::seed;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::metrics::normalise;
use crate::scoring::Scored;
use crate::statistics::{Error, Group, breakdown};

pub use pictures::{Likeness, Look, PictureIndex, PictureMatch};

/// Words of an n-gram that two texts hardly share by chance (as GPT-3's and Llama's audits use 8 to 13).
const WORDS: usize = 8;
/// N-grams in more than this share of the items belong to the benchmark's wording, not to an item.
const COMMON: f64 = 0.01;
/// … but only in more than so many items.
const FEW_ITEMS: usize = 5;
/// So many matches of an item are told. A short answer to a benchmark's one question may stand in the training data thousands
/// of times, for hundreds of items.
pub const TOLD: usize = 10;
/// Training texts that are looked at together.
const BLOCK: usize = 512;

/// A text with what it answers: a test item or a training turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where it comes from.
    pub id: String,
    /// The question, without the benchmark's own prompt; empty for a caption.
    pub question: String,
    /// The answer or caption.
    pub answer: String,
}

/// What two texts have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// The same question with the same answer, after normalisation. With another picture it may be chance.
    QuestionAndAnswer,
    /// The same answer of at least eight words, after normalisation.
    Answer,
    /// At least one run of eight words.
    Words,
}

/// A test item and a training text that have something in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// The test item.
    pub item: String,
    /// What was trained on.
    pub trained: String,
    /// What they have in common.
    pub overlap: Overlap,
    /// Share of the item's runs of eight words that the training text has, 0 to 100; 100 for whole answers.
    pub share: f64,
    /// The first common words.
    pub words: String,
}

/// What a test set and the training data have in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextMatches {
    /// The first [`TOLD`] matches of each item, in the order of the training data.
    pub told: Vec<Match>,
    /// How many there are in all.
    pub count: usize,
}

/// The texts of a test set, ready to be looked for.
///
/// ```
/// use evaluation::contamination::{Overlap, Text, TextIndex};
/// let text = |id: &str, question: &str, answer: &str| Text { id: id.into(), question: question.into(), answer: answer.into() };
/// let index = TextIndex::new(&[text("test 1", "What is it?", "An old oak.")]);
/// let found = index.matches(&text("train 7", "what is it", "old oak"));
/// assert_eq!((found[0].item.as_str(), found[0].overlap), ("test 1", Overlap::QuestionAndAnswer));
/// ```
#[derive(Clone, Debug)]
pub struct TextIndex {
    ids: Vec<String>,
    /// How many different runs of words each item has.
    runs: Vec<usize>,
    by_run: HashMap<u64, Vec<usize>>,
    by_answer: HashMap<String, Vec<usize>>,
    by_pair: HashMap<(String, String), Vec<usize>>,
}

impl TextIndex {
    /// Indexes test items.
    ///
    /// Runs that more than 1 % of the items (and more than five) have in common are the benchmark's wording and are not
    /// looked for.
    pub fn new(items: &[Text]) -> Self {
        let (mut by_run, mut by_answer, mut by_pair) =
            (HashMap::new(), HashMap::new(), HashMap::new());
        for (item, text) in items.iter().enumerate() {
            let (question, answer) = (normalise(&text.question), normalise(&text.answer));
            let runs: HashSet<u64> = [&question, &answer]
                .into_iter()
                .flat_map(|text| runs(text))
                .map(|(hash, _)| hash)
                .collect();
            for run in runs {
                by_run.entry(run).or_insert_with(Vec::new).push(item);
            }
            if answer.split(' ').count() >= WORDS {
                by_answer
                    .entry(answer.clone())
                    .or_insert_with(Vec::new)
                    .push(item);
            }
            if !question.is_empty() && !answer.is_empty() {
                by_pair
                    .entry((question, answer))
                    .or_insert_with(Vec::new)
                    .push(item);
            }
        }
        let most = FEW_ITEMS.max((COMMON * items.len() as f64) as usize);
        by_run.retain(|_, items: &mut Vec<usize>| items.len() <= most);
        let mut runs = vec![0; items.len()];
        by_run.values().flatten().for_each(|&item| runs[item] += 1);
        Self {
            ids: items.iter().map(|text| text.id.clone()).collect(),
            runs,
            by_run,
            by_answer,
            by_pair,
        }
    }

    /// What the items have in common with all texts that were trained on, on all threads.
    pub fn search(&self, trained: &[Text]) -> TextMatches {
        let mut of_item = vec![0; self.ids.len()];
        let mut found = TextMatches::default();
        for block in trained.chunks(BLOCK) {
            // Of items that have enough matches from earlier blocks none is written out.
            let wanted = |item: usize| of_item[item] < TOLD;
            let matches: Vec<_> = block
                .par_iter()
                .map(|text| self.among(text, wanted))
                .collect();
            for (item, matched) in matches.into_iter().flatten() {
                found.count += 1;
                if let Some(matched) = matched.filter(|_| of_item[item] < TOLD) {
                    of_item[item] += 1;
                    found.told.push(matched);
                }
            }
        }
        found
    }

    /// The items that have something in common with a text that was trained on, each with its strongest overlap.
    pub fn matches(&self, trained: &Text) -> Vec<Match> {
        let found = self.among(trained, |_| true);
        found.into_values().flatten().collect()
    }

    /// The items, by number, that have something in common with a text, and of those that are wanted what that is.
    fn among(
        &self,
        trained: &Text,
        wanted: impl Fn(usize) -> bool,
    ) -> BTreeMap<usize, Option<Match>> {
        let (question, answer) = (normalise(&trained.question), normalise(&trained.answer));
        let told = |item: usize, overlap, share: f64, words: &str| {
            wanted(item).then(|| self.found(item, trained, overlap, share, words))
        };
        let mut found: BTreeMap<usize, Option<Match>> = BTreeMap::new();
        let mut whole = |items: Option<&Vec<usize>>, overlap| {
            for &item in items.into_iter().flatten() {
                found
                    .entry(item)
                    .or_insert_with(|| told(item, overlap, 100.0, &answer));
            }
        };
        let pair = (question, answer.clone());
        whole(self.by_pair.get(&pair), Overlap::QuestionAndAnswer);
        whole(self.by_answer.get(&answer), Overlap::Answer);
        let mut shared: BTreeMap<usize, (BTreeSet<u64>, &str)> = BTreeMap::new();
        for (hash, words) in [&pair.0, &answer].into_iter().flat_map(|text| runs(text)) {
            for &item in self.by_run.get(&hash).into_iter().flatten() {
                shared
                    .entry(item)
                    .or_insert_with(|| (BTreeSet::new(), words))
                    .0
                    .insert(hash);
            }
        }
        for (item, (hashes, words)) in shared {
            let share = 100.0 * hashes.len() as f64 / self.runs[item] as f64;
            found
                .entry(item)
                .or_insert_with(|| told(item, Overlap::Words, share, words));
        }
        found
    }

    fn found(
        &self,
        item: usize,
        trained: &Text,
        overlap: Overlap,
        share: f64,
        words: &str,
    ) -> Match {
        let words = words.split(' ').take(WORDS).collect::<Vec<_>>().join(" ");
        Match {
            item: self.ids[item].clone(),
            trained: trained.id.clone(),
            overlap,
            share,
            words,
        }
    }
}

/// Every run of eight words of a normalised text, as hash and text.
fn runs(normalised: &str) -> impl Iterator<Item = (u64, &str)> {
    let mut starts: Vec<usize> = vec![0];
    starts.extend(normalised.match_indices(' ').map(|(at, _)| at + 1));
    let count = if normalised.is_empty() {
        0
    } else {
        starts.len()
    };
    (0..(count + 1).saturating_sub(WORDS)).map(move |first| {
        let end = starts
            .get(first + WORDS)
            .map_or(normalised.len(), |next| next - 1);
        let words = &normalised[starts[first]..end];
        (seed::hash(0, words), words)
    })
}

/// A metric with and without the items that were found in the training data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WithAndWithout {
    /// The metric.
    pub metric: String,
    /// Over all items.
    pub all: Group,
    /// Over the items that were not found; null if all were.
    pub clean: Option<Group>,
    /// Over the items that were found; null if none was.
    pub found: Option<Group>,
}

/// Every metric of a task over all items, over those not in `found`, and over those in it.
pub fn with_and_without(
    scored: &Scored,
    found: &BTreeSet<String>,
    seed: u64,
) -> Result<Vec<WithAndWithout>, Error> {
    let metrics: BTreeSet<&str> = scored.rows.iter().map(|row| row.metric.as_str()).collect();
    metrics
        .into_iter()
        .map(|metric| {
            let rows: Vec<_> = scored
                .rows
                .iter()
                .filter(|row| row.metric == metric)
                .collect();
            let points: Vec<f64> = rows.iter().map(|row| row.score).collect();
            let clusters: Vec<&str> = rows.iter().map(|row| row.cluster.as_str()).collect();
            let group = |value: &dyn Fn(&str) -> Option<&'static str>| {
                let values: Vec<Option<&str>> = rows.iter().map(|row| value(&row.id)).collect();
                breakdown(&points, &values, &clusters, seed).map(|groups| groups.into_iter().next())
            };
            let all = group(&|_| Some("all"))?.ok_or(Error::Empty)?;
            Ok(WithAndWithout {
                metric: metric.to_owned(),
                all,
                clean: group(&|id| (!found.contains(id)).then_some("clean"))?,
                found: group(&|id| found.contains(id).then_some("found"))?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(id: &str, question: &str, answer: &str) -> Text {
        Text {
            id: id.to_owned(),
            question: question.to_owned(),
            answer: answer.to_owned(),
        }
    }

    const RECIPE: &str =
        "Mix the flour with warm water, add two eggs, stir well and bake for an hour.";

    #[test]
    fn finds_copies_whatever_their_marks_and_case() {
        let index = TextIndex::new(&[
            text("recipe", "", RECIPE),
            text("short", "Is it red?", "Yes"),
        ]);
        let kinds = |found: Vec<Match>| {
            found
                .into_iter()
                .map(|m| (m.item, m.overlap))
                .collect::<Vec<_>>()
        };
        let copy = RECIPE.to_uppercase().replace(',', " ");
        assert_eq!(
            kinds(index.matches(&text("x", "Recipe?", &copy))),
            [("recipe".to_owned(), Overlap::Answer)]
        );
        let within = format!("First wash your hands. {RECIPE} Then wait.");
        assert_eq!(
            kinds(index.matches(&text("x", "", &within))),
            [("recipe".to_owned(), Overlap::Words)]
        );
        assert_eq!(
            kinds(index.matches(&text("x", "is it red", "yes."))),
            [("short".to_owned(), Overlap::QuestionAndAnswer)]
        );
        assert!(index.matches(&text("x", "Is it red?", "No")).is_empty());
        assert!(
            index
                .matches(&text("x", "", "Mix the flour with warm water and stir."))
                .is_empty()
        );
    }

    #[test]
    fn says_how_much_is_shared() {
        let index = TextIndex::new(&[text("recipe", "", RECIPE)]);
        // 14 words after normalisation without articles have 7 runs of eight; half the text has one of them.
        let words: Vec<&str> = RECIPE.split(' ').take(9).collect();
        let found = index.matches(&text("x", "", &words.join(" ")));
        assert!((found[0].share - 100.0 / 7.0).abs() < 1e-9, "{found:?}");
        assert_eq!(found[0].words, "mix flour with warm water add 2 eggs");
    }

    #[test]
    fn wording_that_all_items_share_is_no_leak() {
        let question = "Which one of the following organs can be seen in this picture?";
        let items: Vec<Text> = (0..600)
            .map(|i| text(&i.to_string(), question, &format!("organ {i}")))
            .collect();
        let index = TextIndex::new(&items);
        assert!(
            index
                .matches(&text("x", question, "none of them"))
                .is_empty()
        );
        assert_eq!(index.matches(&text("x", question, "organ 7")).len(), 1);
    }

    #[test]
    fn an_item_that_many_texts_match_is_told_a_few_times() {
        let items: Vec<Text> = (0..40)
            .map(|i| text(&i.to_string(), "What dish is it?", ["soup", "stew"][i % 2]))
            .collect();
        let index = TextIndex::new(&items);
        let trained: Vec<Text> = (0..3 * BLOCK)
            .map(|i| {
                text(
                    &format!("t{i}"),
                    "what dish is it",
                    ["Soup.", "rice", "bread"][i % 3],
                )
            })
            .collect();
        // A third of the texts names the dish of 20 items.
        let found = index.search(&trained);
        assert_eq!((found.count, found.told.len()), (BLOCK * 20, TOLD * 20));
        let of_first: Vec<&str> = found
            .told
            .iter()
            .filter(|m| m.item == "0")
            .map(|m| m.trained.as_str())
            .collect();
        let expected: Vec<String> = (0..TOLD).map(|i| format!("t{}", 3 * i)).collect();
        assert_eq!(of_first, expected);
        // Below the limit it is what each text gives for itself.
        let few = index.search(&trained[..6]);
        let each: Vec<Match> = trained[..6]
            .iter()
            .flat_map(|text| index.matches(text))
            .collect();
        assert_eq!((few.count, few.told), (each.len(), each));
    }

    #[test]
    fn nothing_has_no_runs() {
        assert_eq!(runs("").count() + runs("a b c d e f g").count(), 0);
        assert_eq!(
            runs("a b c d e f g h i")
                .map(|(_, words)| words)
                .collect::<Vec<_>>(),
            ["a b c d e f g h", "b c d e f g h i"]
        );
        let index = TextIndex::new(&[text("empty", "", "")]);
        assert!(index.matches(&text("x", "", "")).is_empty());
    }
}

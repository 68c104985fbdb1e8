//! The quality of synthetic data where the truth is known: the measures that the paper has people judge (its tables 6 to 8), from
//! 0 to 100 and by rules.
//!
//! - **Accuracy**: whether an answer is true.
//! - **Consistency**: whether a triplet's precise answer follows from its informative one.
//! - **Complexity**: the share of an answer's words that do not stand in the caption.
//! - **Knowledge**: what a model that has the picture gains over the same model with a blank one. It is the only measure that may
//!   be below 0, where the blank picture does better; nothing is clipped.
//! - **Diversity**: of the kinds of question that the truth knows, how many occur. It is a number of the whole.
//!
//! A question that the truth does not know has a complexity and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use corpus::Triplet;
use corpus::seed::hash;
use serde::{Deserialize, Serialize};

use crate::mix::{Answers, SyntheticTask};
use crate::text::words;
use crate::truth::{Truth, gives};

/// One answered question, or a conversation, with what was measured of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Of the triplet or conversation.
    pub id: String,
    /// The pair: what is about one picture is right or wrong together.
    pub cluster: String,
    /// The kind of question; of a conversation that of the first question that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// 100 if the answer is true; of a conversation the share of its known questions that are answered right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// 100 if the precise answer follows from the informative one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency: Option<f64>,
    /// 100, 0 or -100; none where the model was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<f64>,
    /// Share of words that are not the caption's; none of an answer without words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complexity: Option<f64>,
}

/// A mean over the items that have the measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// How many items it is of.
    pub count: usize,
}

/// The measures of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Items.
    pub items: usize,
    /// Of these, how many ask what the truth knows.
    pub known: usize,
    /// Share of true answers.
    pub accuracy: Option<Mean>,
    /// Share of precise answers that follow; none of conversations.
    pub consistency: Option<Mean>,
    /// What the picture is needed for, -100 to 100.
    pub knowledge: Option<Mean>,
    /// Share of words that are not copied.
    pub complexity: Option<Mean>,
    /// Kinds of question that occur, in percent of those that the truth knows.
    pub diversity: Option<f64>,
    /// How often each kind of question that the truth knows occurs.
    pub kinds: BTreeMap<String, usize>,
}

/// The measures of a run's synthetic data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataQuality {
    /// Of what is trained on: after the filter, with the answers that the recipe trains.
    #[serde(flatten)]
    pub data: Quality,
    /// Of all triplets before the filter, by the answer that is measured; empty where there are none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unfiltered: BTreeMap<String, Quality>,
}

/// A question that a model is asked with the picture and without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Of the item.
    pub id: String,
    /// The pair.
    pub pair: String,
    /// The question.
    pub instruction: String,
    /// The right answer.
    pub answer: String,
}

/// Measures a triplet by one of its answers, or by both. Words that a template puts between both are nobody's.
pub fn of_triplet(
    triplet: &Triplet,
    answers: Answers,
    caption: &str,
    truth: Option<&Truth>,
) -> Item {
    let checked = truth.and_then(|truth| truth.check(triplet));
    let is_true = checked.as_ref().map(|checked| match answers {
        Answers::Joined => checked.both(),
        Answers::Precise => checked.precise,
        Answers::Informative => checked.informative,
    });
    let (informative, precise) = (triplet.informative.as_str(), triplet.precise.as_str());
    let written: &[&str] = match answers {
        Answers::Joined => &[informative, precise],
        Answers::Precise => &[precise],
        Answers::Informative => &[informative],
    };
    Item {
        id: triplet.id.clone(),
        cluster: triplet.pair.clone(),
        accuracy: is_true.map(points),
        consistency: checked.as_ref().map(|checked| points(checked.follows)),
        knowledge: None,
        complexity: complexity(written, caption),
        kind: checked.map(|checked| checked.kind),
    }
}

/// Measures a conversation.
pub fn of_task(task: &SyntheticTask, caption: &str, truth: Option<&Truth>) -> Item {
    let known = task.exchanges.iter().filter_map(|[question, written]| {
        let (kind, answer) = truth?.answer(question)?;
        Some((kind.to_owned(), gives(written, &answer)))
    });
    let known: Vec<(String, bool)> = known.collect();
    let right = known.iter().filter(|(_, is_right)| *is_right).count();
    let written: Vec<&str> = task
        .exchanges
        .iter()
        .map(|[_, text]| text.as_str())
        .collect();
    Item {
        id: task.id.clone(),
        cluster: task.pair.clone(),
        accuracy: share(right, known.len()),
        consistency: None,
        knowledge: None,
        complexity: complexity(&written, caption),
        kind: known.into_iter().next().map(|(kind, _)| kind),
    }
}

/// The share of the texts' words that do not stand in the caption, 0 to 100; none where there are no words.
///
/// ```
/// let found = synthesis::quality::complexity(&["A red bowl of soup"], "Soup in a red bowl.");
/// assert_eq!(found, Some(20.0)); // `of` alone
/// ```
pub fn complexity(texts: &[&str], caption: &str) -> Option<f64> {
    let known: BTreeSet<String> = words(caption).into_iter().collect();
    let written: Vec<String> = texts.iter().flat_map(|text| words(text)).collect();
    let own = written.iter().filter(|word| !known.contains(*word)).count();
    share(own, written.len())
}

/// At most `limit` of the questions whose answer is known, drawn by the seed and the items' ids and in the order of the items: of
/// a conversation the first such question.
pub fn probes<'a>(
    questions: impl IntoIterator<Item = Question<'a>>,
    truth: &BTreeMap<String, Truth>,
    limit: usize,
    seed: u64,
) -> Vec<Probe> {
    let known = questions.into_iter().filter_map(|question| {
        let truth = truth.get(question.pair)?;
        let mut asked = question.instructions.iter();
        let (instruction, answer) = asked.find_map(|text| Some((*text, truth.answer(text)?.1)))?;
        Some(Probe {
            id: question.id.to_owned(),
            pair: question.pair.to_owned(),
            instruction: instruction.trim().to_owned(),
            answer,
        })
    });
    let known: Vec<Probe> = known.collect();
    let mut drawn: Vec<usize> = (0..known.len()).collect();
    drawn.sort_by_key(|&at| hash(seed, &format!("knowledge {}", known[at].id)));
    let drawn: BTreeSet<usize> = drawn.into_iter().take(limit).collect();
    let kept = known.into_iter().enumerate();
    kept.filter(|(at, _)| drawn.contains(at))
        .map(|(_, one)| one)
        .collect()
}

/// What an item asks.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Of the item.
    pub id: &'a str,
    /// The pair.
    pub pair: &'a str,
    /// What is asked, in order.
    pub instructions: Vec<&'a str>,
}

impl<'a> From<&'a Triplet> for Question<'a> {
    fn from(triplet: &'a Triplet) -> Self {
        Self {
            id: &triplet.id,
            pair: &triplet.pair,
            instructions: vec![&triplet.instruction],
        }
    }
}

impl<'a> From<&'a SyntheticTask> for Question<'a> {
    fn from(task: &'a SyntheticTask) -> Self {
        Self {
            id: &task.id,
            pair: &task.pair,
            instructions: task
                .exchanges
                .iter()
                .map(|[question, _]| question.as_str())
                .collect(),
        }
    }
}

/// What the picture was needed for: 100 if the answer is right with it alone, 0 if both or none is right, -100 if the one on the
/// blank picture alone is.
///
/// ```
/// use synthesis::quality::knowledge;
/// assert_eq!(knowledge("A lemon.", "An apple.", "lemon"), 100.0);
/// assert_eq!(knowledge("An apple.", "A lemon.", "lemon"), -100.0);
/// ```
pub fn knowledge(on_picture: &str, on_blank: &str, answer: &str) -> f64 {
    points(gives(on_picture, answer)) - points(gives(on_blank, answer))
}

/// The kinds of question that the truth of any pair knows.
pub fn kinds<'a>(truth: impl IntoIterator<Item = &'a Truth>) -> BTreeSet<String> {
    let answers = truth.into_iter().flat_map(|truth| &truth.answers);
    answers.map(|known| known.kind.clone()).collect()
}

/// The measures of a set; `kinds` are those that the truth knows.
pub fn measure(items: &[Item], kinds: &BTreeSet<String>) -> Quality {
    let mean = |of: fn(&Item) -> Option<f64>| {
        let found: Vec<f64> = items.iter().filter_map(of).collect();
        (!found.is_empty()).then(|| Mean {
            mean: found.iter().sum::<f64>() / found.len() as f64,
            count: found.len(),
        })
    };
    let mut counts: BTreeMap<String, usize> = kinds.iter().map(|k| (k.clone(), 0)).collect();
    for kind in items.iter().filter_map(|item| item.kind.as_ref()) {
        *counts.entry(kind.clone()).or_default() += 1;
    }
    let present = counts.values().filter(|&&count| count > 0).count();
    Quality {
        items: items.len(),
        known: items.iter().filter(|item| item.kind.is_some()).count(),
        accuracy: mean(|item| item.accuracy),
        consistency: mean(|item| item.consistency),
        knowledge: mean(|item| item.knowledge),
        complexity: mean(|item| item.complexity),
        diversity: share(present, counts.len()),
        kinds: counts,
    }
}

fn points(is_right: bool) -> f64 {
    if is_right { 100.0 } else { 0.0 }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::show;

    /// A red apple, which is a fruit.
    fn truth() -> Truth {
        let line = r#"{"id": "apple", "answers": [
            {"kind": "name", "question": "What is shown?", "answer": "red apple"},
            {"kind": "kind", "question": "What kind is it?", "answer": "fruit"},
            {"kind": "colour", "question": "Which colour?", "answer": "red"},
            {"kind": "yes-no", "question": "Is it a kind of {}?", "yes": ["fruit"]}]}"#;
        serde_json::from_str(line).expect("a sound line")
    }

    const CAPTION: &str = "A red apple lies on a table.";

    fn triplet(texts: [&str; 3]) -> Triplet {
        show::triplet("apple", texts)
    }

    /// Accuracy of joined, precise and informative answers, and the consistency.
    fn check(texts: [&str; 3], expected: [f64; 4]) {
        let (triplet, truth) = (triplet(texts), truth());
        let items = [Answers::Joined, Answers::Precise, Answers::Informative]
            .map(|answers| of_triplet(&triplet, answers, CAPTION, Some(&truth)));
        let [joined, precise, informative] = items.each_ref().map(|item| item.accuracy);
        let found = [joined, precise, informative, items[0].consistency];
        assert_eq!(found, expected.map(Some), "{texts:?}");
        assert!(items.iter().all(|item| item.cluster == "apple"));
    }

    #[test]
    fn answers_are_held_against_the_truth_each_apart() {
        let kind = "What kind is it?";
        check(
            [kind, "It is a fruit.", "fruit"],
            [100.0, 100.0, 100.0, 100.0],
        );
        // Wrong twice, and yet one follows from the other.
        check([kind, "It is a tool.", "tool"], [0.0, 0.0, 0.0, 100.0]);
        check([kind, "It is a fruit.", "tool"], [0.0, 0.0, 100.0, 0.0]);
        check([kind, "It is a tool.", "A Fruit."], [0.0, 100.0, 0.0, 0.0]);
        // A precise answer is exact; a part of it is not enough.
        check(
            ["What is shown?", "It shows a red apple.", "apple"],
            [0.0, 0.0, 100.0, 100.0],
        );
    }

    #[test]
    fn an_unknown_question_has_a_complexity_alone() {
        let unknown = triplet(["Who ate it?", "A red dog.", "dog"]);
        let item = of_triplet(&unknown, Answers::Precise, CAPTION, Some(&truth()));
        let expected = Item {
            id: "apple/1".to_owned(),
            cluster: "apple".to_owned(),
            complexity: Some(100.0),
            ..Item::default()
        };
        assert_eq!(item, expected);
        assert_eq!(
            of_triplet(&unknown, Answers::Precise, CAPTION, None),
            expected
        );
    }

    #[test]
    fn copied_words_are_counted_by_the_answer_that_is_measured() {
        let copied = triplet(["What?", "A red apple lies on a table.", "Red-apple"]);
        let own = triplet(["What?", "It hangs on a tree.", "apple"]);
        let of = |triplet, answers| of_triplet(triplet, answers, CAPTION, None).complexity;
        assert_eq!(of(&copied, Answers::Joined), Some(0.0));
        assert_eq!(of(&copied, Answers::Precise), Some(0.0));
        // it, hangs, tree of it, hangs, on, a, tree.
        assert_eq!(of(&own, Answers::Informative), Some(60.0));
        assert_eq!(of(&own, Answers::Joined), Some(50.0));
        assert_eq!(complexity(&["…", ""], CAPTION), None);
        assert_eq!(complexity(&["red"], ""), Some(100.0));
    }

    fn task(exchanges: &[[&str; 2]]) -> SyntheticTask {
        SyntheticTask {
            id: "c".to_owned(),
            pair: "apple".to_owned(),
            exchanges: exchanges.iter().map(|e| e.map(str::to_owned)).collect(),
            template: "rules".to_owned(),
            origin: Value::Null,
        }
    }

    #[test]
    fn a_conversation_is_right_by_the_share_of_its_known_questions() {
        let talk = task(&[
            ["Hello?", "It is a red apple."],
            ["Which colour?", "The colour is red."],
            ["Is it a kind of fruit?", "No, it is not."],
        ]);
        let item = of_task(&talk, CAPTION, Some(&truth()));
        assert_eq!(item.kind.as_deref(), Some("colour"));
        assert_eq!((item.accuracy, item.consistency), (Some(50.0), None));
        // Own words: it, is | the, colour, is | no, it, is, not, of 5 + 4 + 4.
        assert_eq!(item.complexity, Some(900.0 / 13.0));
        let nothing = of_task(&task(&[]), CAPTION, Some(&truth()));
        assert_eq!((nothing.accuracy, nothing.complexity), (None, None));
    }

    #[test]
    fn one_kind_alone_is_a_part_of_what_the_world_knows() {
        let truth = truth();
        let kinds = kinds([&truth]);
        let of = |texts| of_triplet(&triplet(texts), Answers::Joined, CAPTION, Some(&truth));
        let right = of(["Which colour?", "It is red.", "red"]);
        let wrong = of(["Which colour?", "It is red.", "blue"]);
        let unknown = of(["Who?", "A red apple", "nobody"]);
        let mut asked = right.clone();
        asked.knowledge = Some(-100.0);
        let found = measure(&[right.clone(), wrong, unknown, asked], &kinds);
        assert_eq!((found.items, found.known), (4, 3));
        let mean = |mean: f64, count| Some(Mean { mean, count });
        assert_eq!(found.accuracy, mean(200.0 / 3.0, 3));
        assert_eq!(found.consistency, mean(200.0 / 3.0, 3));
        assert_eq!(found.knowledge, mean(-100.0, 1));
        assert_eq!(found.diversity, Some(25.0));
        assert_eq!((found.kinds["colour"], found.kinds["name"]), (3, 0));

        let whole = measure(&[right, of(["What kind is it?", "Fruit", "fruit"])], &kinds);
        assert_eq!(whole.diversity, Some(50.0));
        let nothing = measure(&[], &kinds);
        assert_eq!((nothing.accuracy, nothing.diversity), (None, Some(0.0)));
    }

    #[test]
    fn questions_are_drawn_by_the_seed_from_those_that_are_known() {
        let truth = BTreeMap::from([("apple".to_owned(), truth())]);
        let triplets: Vec<Triplet> = (0..40)
            .map(|at| Triplet {
                id: format!("{at:02}"),
                ..triplet([
                    if at % 4 == 0 {
                        "Who?"
                    } else {
                        " Which colour?\n"
                    },
                    "Red.",
                    "red",
                ])
            })
            .collect();
        let draw = |limit, seed| probes(triplets.iter().map(Question::from), &truth, limit, seed);
        let all = draw(100, 1);
        assert_eq!(all.len(), 30);
        assert_eq!(
            (&*all[0].instruction, &*all[0].answer),
            ("Which colour?", "red")
        );
        let few = draw(10, 1);
        assert_eq!(few.len(), 10);
        assert!(few.is_sorted_by(|a, b| a.id < b.id));
        assert_eq!(few, draw(10, 1));
        assert_ne!(few, draw(10, 2));
        // Of a conversation what is known is asked.
        let talk = task(&[["Hello?", "Hi."], ["Which colour?", "Blue."]]);
        let asked = probes([Question::from(&talk)], &truth, 5, 1);
        assert_eq!(asked[0].instruction, "Which colour?");
    }

    #[test]
    fn a_blank_picture_may_do_better() {
        assert!(knowledge("It is red.", "Red, too.", "red").abs() < f64::EPSILON);
        assert!(knowledge("", "", "red").abs() < f64::EPSILON);
        assert!((knowledge("no", "Yes.", "yes") + 100.0).abs() < f64::EPSILON);
        // Who says both says neither.
        assert!(knowledge("yes and no", "no", "yes").abs() < f64::EPSILON);
    }
}

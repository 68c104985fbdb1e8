//! The two answers of a triplet become one turn pair for post-training.
//!
//! [`Joiner::Paper`] is figure 2 of the paper. [`Joiner::Varied`] draws from templates of our own under the rule of the
//! reference code, with two deviations: templates only go forward (the reference's lists also hold inverted ones,
//! whose answer is the question), and indicator words count as whole words (the reference finds `so ` in `also `).

use corpus::Triplet;
use corpus::seed::{Rng, hash};
use serde::{Deserialize, Serialize};

use crate::prompts::{JoinTemplate, JoinerPrompts};
use crate::text::{fill, holds};

/// How both answers become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Joiner {
    /// The informative answer, "Therefore, the answer is", the precise answer.
    #[default]
    Paper,
    /// A template drawn by the triplet's id.
    Varied,
}

corpus::words!(Joiner {
    Paper = "paper",
    Varied = "varied",
});

/// A turn pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// What the user says.
    pub user: String,
    /// What the assistant should say.
    pub assistant: String,
    /// `paper`, or list and number of the template.
    pub template: String,
}

/// Joins a triplet's answers.
///
/// ```
/// use synthesis::{Joiner, Prompts, join};
/// let triplet = serde_json::from_value(serde_json::json!({
///     "id": "a", "pair": "a", "instruction": "What is it?", "informative": "It steams.", "precise": "tea",
/// }))?;
/// let joined = join(&triplet, Joiner::Paper, 0, &Prompts::default().joiners);
/// assert_eq!(joined.assistant, "It steams. Therefore, the answer is tea");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn join(triplet: &Triplet, joiner: Joiner, seed: u64, prompts: &JoinerPrompts) -> Joined {
    let instruction = triplet.instruction.trim();
    let (informative, precise) = (closed(triplet.informative.trim()), triplet.precise.trim());
    let answers = [("informative", informative.as_str()), ("precise", precise)];
    if joiner == Joiner::Paper {
        return Joined {
            user: instruction.to_owned(),
            assistant: fill(&prompts.paper, &answers),
            template: "paper".to_owned(),
        };
    }
    let response = if concludes(last_sentence(&informative), &prompts.indicators) {
        Some(triplet.informative.trim().to_owned())
    } else if concludes(precise, &prompts.indicators) {
        Some(format!("{informative} {precise}"))
    } else {
        None
    };
    let (list, templates) = if response.is_some() {
        ("plain", &prompts.plain)
    } else {
        ("reasoned", &prompts.reasoned)
    };
    let (at, JoinTemplate { user, assistant }) = drawn(triplet, seed, templates);
    let [informative, precise] = answers;
    let response = ("response", response.as_deref().unwrap_or_default());
    Joined {
        user: fill(user, &[("instruction", instruction)]),
        assistant: fill(assistant, &[informative, precise, response]),
        template: format!("{list}-{at}"),
    }
}

/// One of a triplet's answers alone, which `name` names: after the instruction as it is, or with [`Joiner::Varied`] in a
/// drawn template of a plain question.
///
/// ```
/// use synthesis::{Joiner, Prompts, alone};
/// let triplet = serde_json::from_value(serde_json::json!({
///     "id": "a", "pair": "a", "instruction": "What is it?", "informative": "It steams.", "precise": "tea",
/// }))?;
/// let prompts = Prompts::default().joiners;
/// let joined = alone(&triplet, "tea", "precise", Joiner::Paper, 0, &prompts);
/// assert_eq!((&*joined.user, &*joined.assistant), ("What is it?", "tea"));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn alone(
    triplet: &Triplet,
    answer: &str,
    name: &str,
    joiner: Joiner,
    seed: u64,
    prompts: &JoinerPrompts,
) -> Joined {
    let (instruction, answer) = (triplet.instruction.trim(), answer.trim());
    if joiner == Joiner::Paper {
        return Joined {
            user: instruction.to_owned(),
            assistant: answer.to_owned(),
            template: name.to_owned(),
        };
    }
    let (at, JoinTemplate { user, assistant }) = drawn(triplet, seed, &prompts.plain);
    Joined {
        user: fill(user, &[("instruction", instruction)]),
        assistant: fill(assistant, &[("response", answer)]),
        template: format!("{name} plain-{at}"),
    }
}

/// A template, drawn by the triplet's id, and its number.
fn drawn<'a>(
    triplet: &Triplet,
    seed: u64,
    templates: &'a [JoinTemplate],
) -> (usize, &'a JoinTemplate) {
    let mut rng = Rng::new(hash(seed, &format!("join {}", triplet.id)));
    let at = rng.below(templates.len());
    (at + 1, &templates[at])
}

/// A full stop after a sentence that has no end of its own, since another one follows.
fn closed(text: &str) -> String {
    if text.ends_with(char::is_alphanumeric) {
        format!("{text}.")
    } else {
        text.to_owned()
    }
}

fn last_sentence(text: &str) -> &str {
    text.rsplit(". ").next().unwrap_or(text)
}

/// Whether the words of one indicator stand in the text.
fn concludes(text: &str, indicators: &[String]) -> bool {
    indicators.iter().any(|indicator| holds(text, indicator))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Prompts;
    use crate::show::triplet;

    fn check(informative: &str, precise: &str, list: &str, contained: &str) {
        let joined = join(
            &triplet("a", ["Which colour?", informative, precise]),
            Joiner::Varied,
            5,
            &Prompts::default().joiners,
        );
        assert!(
            joined.template.starts_with(list),
            "{informative} / {precise}: {}",
            joined.template
        );
        assert!(joined.assistant.contains(contained), "{joined:?}");
        assert!(joined.user.contains("Which colour?"));
    }

    #[test]
    fn an_answer_that_concludes_is_not_concluded_again() {
        // 1. The last sentence of the informative answer has an indicator: it stands alone.
        check(
            "It has a flame. Therefore it is red",
            "red",
            "plain",
            "Therefore it is red",
        );
        check("It could be red.", "red", "plain", "It could be red.");
        // 2. The precise answer has one: both in a row.
        check(
            "It has a flame",
            "so it is red",
            "plain",
            "It has a flame. so it is red",
        );
        // 3. Neither: reasoning and conclusion.
        check("It has a flame.", "red", "reasoned", "It has a flame.");
        // Only the last sentence counts, and only whole words.
        check(
            "So we look. It has a flame.",
            "red",
            "reasoned",
            "So we look.",
        );
        check(
            "It is also soft and finally warm.",
            "red",
            "reasoned",
            "red",
        );
        check("It could well be red.", "red", "reasoned", "red");
    }

    #[test]
    fn paper_form_closes_the_first_sentence() {
        let joined = join(
            &triplet("a", ["Q?", "It steams", "tea"]),
            Joiner::Paper,
            0,
            &Prompts::default().joiners,
        );
        assert_eq!(joined.assistant, "It steams. Therefore, the answer is tea");
        assert_eq!(joined.user, "Q?");
    }

    #[test]
    fn every_template_is_drawn_and_an_id_keeps_its_own() {
        let prompts = Prompts::default().joiners;
        let draw = |i: usize, seed| {
            join(
                &triplet(&i.to_string(), ["Q?", "It steams.", "tea"]),
                Joiner::Varied,
                seed,
                &prompts,
            )
            .template
        };
        let drawn: BTreeSet<String> = (0..400).map(|i| draw(i, 1)).collect();
        assert_eq!(drawn.len(), prompts.reasoned.len());
        assert_eq!(draw(3, 1), draw(3, 1));
        assert!((0..50).any(|i| draw(i, 1) != draw(i, 2)));
    }

    #[test]
    fn every_template_says_both_answers_after_the_question() {
        let prompts = Prompts::default().joiners;
        for template in &prompts.reasoned {
            let (at, end) = (
                template.assistant.find("{informative}"),
                template.assistant.find("{precise}"),
            );
            assert!(at < end, "{template:?}");
        }
    }
}

//! What a judge said.

use std::collections::{BTreeMap, HashMap};

use corpus::{Completion, FinishReason};
use serde::{Deserialize, Serialize};
use synthesis::Prompts;

use super::Question;
use crate::aspect::{Aspect, Scale};
use crate::rating::Rating;

/// Why an answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unread {
    /// There is no completion.
    NoCompletion,
    /// The generator failed.
    GenerationError,
    /// The model or a filter of contents at its endpoint would not answer.
    Refusal,
    /// Something else than what was asked for.
    Prose,
    /// A number that is not on the scale.
    OutOfRange,
    /// Not a line for each task, in their order.
    WrongLines,
}

corpus::words!(Unread {
    NoCompletion = "no-completion",
    GenerationError = "generation-error",
    Refusal = "refusal",
    Prose = "prose",
    OutOfRange = "out-of-range",
    WrongLines = "wrong-lines",
});

/// What a judge said of a sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// One for each item of each question, in their order.
    pub ratings: Vec<Rating>,
    /// How many of these have no value, by aspect and reason.
    pub unread: BTreeMap<Aspect, BTreeMap<Unread, usize>>,
}

/// Reads completions strictly: a number (or yes or no) alone, or a line of that kind for each task in its order. The prompts are those of
/// the requests: they have the lists.
///
/// Nothing is guessed: an answer in prose that holds a number is not read, for the number may be anything.
pub fn read(questions: &[Question], completions: &[Completion], prompts: &Prompts) -> Reading {
    let by_id: HashMap<&str, &Completion> = completions
        .iter()
        .rev()
        .map(|completion| (completion.id.as_str(), completion))
        .collect();
    let mut reading = Reading::default();
    for question in questions {
        let completion = by_id.get(question.id().as_str()).copied();
        let highest = match question.aspect.scale() {
            Scale::Levels => 5,
            Scale::YesNo => 2,
            Scale::Classes => match question.aspect {
                Aspect::ImageDomain => prompts.rubrics.image_domain.options.len(),
                _ => prompts.rubrics.task_type.options.len(),
            },
        };
        let answers = answers(question, completion, highest);
        for (at, key) in question.keys.iter().enumerate() {
            let place = if question.is_shared { 0 } else { at };
            let answer = answers[place];
            if let Err(reason) = answer {
                let of_aspect = reading.unread.entry(question.aspect).or_default();
                *of_aspect.entry(reason).or_default() += 1;
            }
            reading.ratings.push(Rating {
                key: key.clone(),
                aspect: question.aspect,
                value: answer.ok(),
                pass: question.pass,
                position: place,
            });
        }
    }
    reading
}

/// One for each answer that is asked for.
fn answers(
    question: &Question,
    completion: Option<&Completion>,
    highest: usize,
) -> Vec<Result<usize, Unread>> {
    let count = question.answers();
    let all = |reason: Unread| vec![Err(reason); count];
    let Some(completion) = completion else {
        return all(Unread::NoCompletion);
    };
    match completion.finish_reason {
        FinishReason::Stop | FinishReason::Length => {}
        FinishReason::Error => return all(Unread::GenerationError),
        FinishReason::Refusal | FinishReason::ContentFilter => return all(Unread::Refusal),
    }
    let scale = question.aspect.scale();
    let lines = completion.text.lines().map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    if count == 1 {
        return match lines[..] {
            [line] => vec![value(line, scale, highest)],
            _ => all(Unread::Prose),
        };
    }
    let split: Vec<Option<(usize, &str)>> = lines
        .iter()
        .map(|line| {
            let (number, value) = line.split_once(':')?;
            Some((number.trim().parse().ok()?, value.trim()))
        })
        .collect();
    if split.iter().all(Option::is_none) {
        return all(Unread::Prose);
    }
    let is_in_order = split.iter().enumerate();
    let is_in_order = is_in_order
        .clone()
        .all(|(at, line)| line.is_none_or(|(number, _)| number == at + 1));
    if split.len() != count || !is_in_order {
        return all(Unread::WrongLines);
    }
    let read = |line: Option<(usize, &str)>| match line {
        Some((_, text)) => value(text, scale, highest),
        None => Err(Unread::Prose),
    };
    split.into_iter().map(read).collect()
}

/// A number or word alone; a full stop after it is let pass.
fn value(text: &str, scale: Scale, highest: usize) -> Result<usize, Unread> {
    let text = text.strip_suffix('.').unwrap_or(text).trim_end();
    if scale == Scale::YesNo {
        return match text.to_ascii_lowercase().as_str() {
            "no" => Ok(1),
            "yes" => Ok(2),
            _ => Err(Unread::Prose),
        };
    }
    // `parse` takes "+4" too, which nobody asked for.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let is_negative = text
            .strip_prefix('-')
            .is_some_and(|rest| rest.parse::<usize>().is_ok());
        return Err(if is_negative {
            Unread::OutOfRange
        } else {
            Unread::Prose
        });
    }
    let number = text.parse().ok();
    let number = number.filter(|number| (1..=highest).contains(number));
    number.ok_or(Unread::OutOfRange)
}

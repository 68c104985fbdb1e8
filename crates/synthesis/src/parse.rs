//! A synthesizer's raw generation becomes a triplet: the first instruction that stands under both hints, with its two
//! answers. At most one triplet a picture; everything else is a counted reject.
//!
//! The rules are the reference's: the text is split at user headers, a last turn without an end mark is left out, each
//! turn must hold one question and one answer, and the two turns of a triplet may stand in either order. Turns that
//! cannot be used are passed over; they are the reason of the reject only if no triplet is found.

use std::collections::HashMap;

use corpus::{Completion, FinishReason, Rejected, Request, Triplet, TurnMarkers};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::outcome::{Outcome, reject};
use crate::prompts::SynthesizerPrompts;
use crate::text;

/// When two instructions are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SameQuestion {
    /// The same text, as in the reference.
    #[default]
    Exact,
    /// The same text apart from case, white space and the marks at its end.
    Normalised,
}

corpus::words!(SameQuestion {
    Exact = "exact",
    Normalised = "normalised",
});

/// Why a generation gives no triplet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No completion came for the request.
    NoCompletion,
    /// The generator failed.
    GenerationError,
    /// The model would not answer.
    Refusal,
    /// A filter of contents stopped the answer.
    ContentFilter,
    /// Nothing was written.
    NoTurns,
    /// The only turn has no end.
    Unfinished,
    /// A turn does not hold exactly one question and one answer.
    BadTurn,
    /// A question or an answer is empty.
    EmptyPart,
    /// A question begins with neither hint.
    MissingHint,
    /// All questions stand under the same hint.
    MissingMode,
    /// Both hints occur, but over different instructions.
    NoMatchingInstruction,
}

corpus::words!(Reason {
    NoCompletion = "no-completion",
    GenerationError = "generation-error",
    Refusal = "refusal",
    ContentFilter = "content-filter",
    NoTurns = "no-turns",
    Unfinished = "unfinished",
    BadTurn = "bad-turn",
    EmptyPart = "empty-part",
    MissingHint = "missing-hint",
    MissingMode = "missing-mode",
    NoMatchingInstruction = "no-matching-instruction",
});

/// What the parser has to know.
#[derive(Clone, Copy, Debug)]
pub struct ParseOptions<'a> {
    /// Of the synthesizer's chat template.
    pub markers: &'a TurnMarkers,
    /// The hints that it was tuned with.
    pub prompts: &'a SynthesizerPrompts,
    /// When two instructions are the same.
    pub same_question: SameQuestion,
}

/// An instruction and its two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// As it stands in the earlier of the two turns.
    pub instruction: String,
    /// The answer under the hint for a long one.
    pub informative: String,
    /// The answer under the hint for a short one.
    pub precise: String,
}

/// A generation that gives no triplet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unparsed {
    /// Why.
    pub reason: Reason,
    /// The text that it was seen in.
    pub detail: String,
}

/// Finds the first instruction that stands under both hints.
///
/// ```
/// use corpus::TurnMarkers;
/// use synthesis::{ParseOptions, Prompts, SameQuestion, parse};
/// let markers = TurnMarkers {
///     end_of_turn: "<E>".into(), user_header: "<U>".into(), assistant_header: "<A>".into(), end_of_text: "<T>".into(),
/// };
/// let options = ParseOptions {
///     markers: &markers, prompts: &Prompts::default().synthesizer, same_question: SameQuestion::Exact,
/// };
/// let text = "Answer with a precise response.\nWhat is it?<E><A>tea<E>\
///             <U>Answer with an informative response.\nWhat is it?<E><A>It is a cup of tea.<E><T>";
/// assert_eq!(parse(text, options).unwrap().precise, "tea");
/// ```
pub fn parse(text: &str, options: ParseOptions) -> Result<Parsed, Unparsed> {
    let markers = options.markers;
    let text = before_end(text, markers);
    let mut pieces: Vec<&str> = split(text, &markers.user_header)
        .into_iter()
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .collect();
    if pieces.is_empty() {
        return Err(Unparsed {
            reason: Reason::NoTurns,
            detail: text.to_owned(),
        });
    }
    let end = markers.end_of_turn.trim();
    let cut = if pieces.last().is_some_and(|p| p.ends_with(end)) {
        None
    } else {
        pieces.pop()
    };

    let mut problem: Option<Unparsed> = None;
    let mut seen: Vec<Seen> = Vec::new();
    for piece in pieces {
        let turn = match turn(piece, options) {
            Ok(turn) => turn,
            Err(reason) => {
                problem.get_or_insert_with(|| Unparsed {
                    reason,
                    detail: piece.to_owned(),
                });
                continue;
            }
        };
        let key = match options.same_question {
            SameQuestion::Exact => turn.instruction.to_owned(),
            SameQuestion::Normalised => text::one_line(turn.instruction)
                .to_lowercase()
                .trim_end_matches(|c: char| c.is_ascii_punctuation() || c == ' ')
                .to_owned(),
        };
        let at = seen.iter().position(|s| s.key == key).unwrap_or_else(|| {
            seen.push(Seen {
                key,
                instruction: turn.instruction,
                answers: [None, None],
            });
            seen.len() - 1
        });
        // A question that is asked twice under one hint keeps its first answer.
        seen[at].answers[turn.mode as usize].get_or_insert(turn.answer);
        if let [Some(precise), Some(informative)] = seen[at].answers {
            return Ok(Parsed {
                instruction: seen[at].instruction.to_owned(),
                informative: informative.to_owned(),
                precise: precise.to_owned(),
            });
        }
    }

    let under = |mode: Mode| {
        seen.iter()
            .find(|s| s.answers[mode as usize].is_some())
            .map(|s| s.instruction)
    };
    Err(
        match (under(Mode::Precise), under(Mode::Informative), problem, cut) {
            (Some(precise), Some(informative), ..) => Unparsed {
                reason: Reason::NoMatchingInstruction,
                detail: format!("precise: {precise} | informative: {informative}"),
            },
            (_, _, Some(problem), _) => problem,
            (_, _, None, Some(cut)) => Unparsed {
                reason: Reason::Unfinished,
                detail: cut.to_owned(),
            },
            (precise, informative, None, None) => Unparsed {
                reason: Reason::MissingMode,
                detail: precise.or(informative).unwrap_or_default().to_owned(),
            },
        },
    )
}

/// The triplet of each request's completion, or the reason why there is none, in the order of the requests.
///
/// `synthesizer` names the model in each triplet's `origin`, beside the prompt version and the raw generation.
pub fn triplets(
    requests: &[Request],
    completions: &[Completion],
    options: ParseOptions,
    synthesizer: &str,
) -> Outcome<Triplet> {
    let by_id: HashMap<&str, &Completion> = completions
        .iter()
        .rev()
        .map(|c| (c.id.as_str(), c))
        .collect();
    let mut outcome = Outcome::default();
    for Request { id, .. } in requests {
        let found = match by_id.get(id.as_str()) {
            None => Err(Unparsed {
                reason: Reason::NoCompletion,
                detail: String::new(),
            }),
            Some(completion) if completion.failure().is_some() => Err(Unparsed {
                reason: match completion.finish_reason {
                    FinishReason::Refusal => Reason::Refusal,
                    FinishReason::ContentFilter => Reason::ContentFilter,
                    _ => Reason::GenerationError,
                },
                detail: completion.error.clone().unwrap_or_default(),
            }),
            Some(completion) => parse(&completion.text, options).map(|parsed| (parsed, completion)),
        };
        match found {
            Ok((parsed, completion)) => outcome.items.push(Triplet {
                id: format!("{id}/1"),
                pair: id.clone(),
                instruction: parsed.instruction,
                informative: parsed.informative,
                precise: parsed.precise,
                origin: json!({
                    "synthesizer": synthesizer,
                    "prompts": options.prompts.version,
                    "raw": completion.text,
                }),
            }),
            Err(unparsed) => outcome.rejected.push(rejected(id, &unparsed)),
        }
    }
    outcome
}

fn rejected(id: &str, unparsed: &Unparsed) -> Rejected {
    reject(id, unparsed.reason.as_str(), &unparsed.detail)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Precise = 0,
    Informative = 1,
}

struct Turn<'a> {
    mode: Mode,
    instruction: &'a str,
    answer: &'a str,
}

struct Seen<'a> {
    key: String,
    instruction: &'a str,
    /// Precise, informative.
    answers: [Option<&'a str>; 2],
}

fn turn<'a>(piece: &'a str, options: ParseOptions) -> Result<Turn<'a>, Reason> {
    let end = options.markers.end_of_turn.trim();
    let header = options.markers.assistant_header.trim();
    let [question, answer] = split(piece, header)[..] else {
        return Err(Reason::BadTurn);
    };
    let inner = |half: &'a str| {
        let half = half.trim().strip_suffix(end).ok_or(Reason::BadTurn)?.trim();
        if !end.is_empty() && half.contains(end) {
            Err(Reason::BadTurn)
        } else {
            Ok(half)
        }
    };
    let (question, answer) = (inner(question)?, inner(answer)?);
    if question.is_empty() || answer.is_empty() {
        return Err(Reason::EmptyPart);
    }
    let hints = [
        (Mode::Precise, &options.prompts.hint_precise),
        (Mode::Informative, &options.prompts.hint_informative),
    ];
    // One hint may begin like the other, so the longest one counts.
    let (mode, hint) = hints
        .into_iter()
        .filter(|(_, hint)| question.starts_with(hint.as_str()))
        .max_by_key(|(_, hint)| hint.len())
        .ok_or(Reason::MissingHint)?;
    let instruction = question[hint.len()..].trim();
    if instruction.is_empty() {
        Err(Reason::EmptyPart)
    } else {
        Ok(Turn {
            mode,
            instruction,
            answer,
        })
    }
}

/// What stands before the end-of-text marker.
fn before_end<'a>(text: &'a str, markers: &TurnMarkers) -> &'a str {
    let end = markers.end_of_text.trim();
    // Some templates end turns and texts with the same token; then it is a turn's end.
    if end.is_empty() || end == markers.end_of_turn.trim() {
        return text;
    }
    text.split(end).next().unwrap_or(text)
}

/// `str::split` that takes an empty separator as absent.
fn split<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    match separator.trim() {
        "" => vec![text],
        separator => text.split(separator).collect(),
    }
}

#[cfg(test)]
mod tests;

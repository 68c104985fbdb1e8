//! Consistency judges: requests that ask whether a precise answer agrees with its informative one, and what the
//! completions say. Pure text; the judge model is run by the caller and sees no picture.
//!
//! Three ways to ask: the paper's few-shot prompt for a base model, the same question as a chat turn for a judge that
//! was tuned for it, and extraction, where the judge answers the instruction from the informative answer alone and
//! agreement is string equality. The last is what works at toy size; it cannot see an answer that is wrong twice.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use corpus::{
    Completion, Consistency, Decoding, FinishReason, Open, Request, Role, Sample, Triplet, Turn,
    Verdict,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::outcome::{Outcome, reject};
use crate::prompts::{JudgePrompts, Prompts};
use crate::text::{fill, normal_answer, one_line};

/// How the judge is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JudgeKind {
    /// Few-shot prompt without a chat template: task, definitions, examples, item (paper, section 3.2).
    #[default]
    Verdict,
    /// The item as a chat turn, for a judge that was tuned with [`judge_samples`].
    TunedVerdict,
    /// The judge answers the instruction from the informative answer alone.
    Extraction,
}

corpus::words!(JudgeKind {
    Verdict = "verdict",
    TunedVerdict = "tuned-verdict",
    Extraction = "extraction",
});

/// How requests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgeOptions {
    /// How the judge is asked.
    pub kind: JudgeKind,
    /// The most tokens of a verdict or an extracted answer; the paper's verdicts take 2.
    pub max_new_tokens: usize,
    /// Whether the verdicts should carry the probability of what was written.
    pub logprobs: bool,
}

impl JudgeOptions {
    /// The paper's two tokens for a verdict; 32 for a short answer.
    pub fn new(kind: JudgeKind) -> Self {
        let max_new_tokens = if kind == JudgeKind::Extraction { 32 } else { 2 };
        Self {
            kind,
            max_new_tokens,
            logprobs: true,
        }
    }
}

/// What the raw few-shot prompt of [`JudgeKind::Verdict`] goes on with where the verdict is yes.
pub const RAW_YES: &str = " yes";

/// A triplet whose verdict is known, to tune a judge on.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledTriplet {
    /// The triplet.
    pub triplet: Triplet,
    /// What the judge should say.
    pub label: Consistency,
    /// What the informative answer says to the instruction, in the form of a precise answer. Without it, extraction is
    /// tuned on consistent triplets only, whose precise answer is just that.
    pub extracted: Option<String>,
}

/// One request a triplet, with the triplet's id.
pub fn judge_requests(
    triplets: &[Triplet],
    options: JudgeOptions,
    prompts: &Prompts,
) -> Vec<Request> {
    let decoding = Decoding {
        max_new_tokens: options.max_new_tokens,
        // The item's last line ends with the verdict; an extracted answer is one line too.
        stop: vec!["\n".to_owned()],
        logprobs: options.logprobs,
        ..Decoding::default()
    };
    let prefix = few_shot(&prompts.judge);
    let request = |triplet: &Triplet| {
        let turn = judge_turn(options.kind, triplet, prompts);
        let prompt = match turn {
            None => Some(format!("{prefix}{}", item(&prompts.judge, triplet))),
            Some(_) => None,
        };
        Request {
            id: triplet.id.clone(),
            images: Vec::new(),
            turns: turn.into_iter().collect(),
            open: Open::Assistant,
            prompt,
            decoding: decoding.clone(),
        }
    };
    triplets.iter().map(request).collect()
}

/// What the judge said of each triplet, in the order of the triplets; those without an answer are rejects.
///
/// `p_yes` is the probability of the text that was written, where it says yes and the generator gives probabilities.
pub fn verdicts(
    kind: JudgeKind,
    triplets: &[Triplet],
    completions: &[Completion],
) -> Outcome<Verdict> {
    let by_id: HashMap<&str, &Completion> = completions
        .iter()
        .rev()
        .map(|c| (c.id.as_str(), c))
        .collect();
    let mut outcome = Outcome::default();
    for triplet in triplets {
        let Some(completion) = by_id.get(triplet.id.as_str()) else {
            outcome.rejected.push(reject(
                &triplet.id,
                "no-verdict",
                "no completion came for the request",
            ));
            continue;
        };
        if let Some((reason, detail)) = completion.failure() {
            let reason = match completion.finish_reason {
                FinishReason::Error => "judge-error",
                _ => reason,
            };
            outcome.rejected.push(reject(&triplet.id, reason, detail));
            continue;
        }
        let verdict = match kind {
            JudgeKind::Verdict | JudgeKind::TunedVerdict => verdict(&completion.text),
            JudgeKind::Extraction => extraction(&completion.text, &triplet.precise),
        };
        let p_yes = completion
            .logprobs
            .as_ref()
            .filter(|_| verdict == Consistency::Yes)
            .map(|logprobs| logprobs.iter().sum::<f64>().exp());
        outcome.items.push(Verdict {
            id: triplet.id.clone(),
            verdict,
            p_yes,
            raw: completion.text.clone(),
        });
    }
    outcome
}

/// The verdict of a judge that writes one: trimmed and in lower case, exactly `yes`, `no` or `open`.
///
/// ```
/// assert_eq!(synthesis::judge::verdict(" Yes\n"), corpus::Consistency::Yes);
/// assert_eq!(synthesis::judge::verdict("yes, it does"), corpus::Consistency::Other);
/// ```
pub fn verdict(text: &str) -> Consistency {
    match text.trim().to_lowercase().as_str() {
        "yes" => Consistency::Yes,
        "no" => Consistency::No,
        "open" => Consistency::Open,
        _ => Consistency::Other,
    }
}

/// The verdict of an extracted answer: yes if its normal form is that of the precise answer, other if it says nothing.
pub fn extraction(extracted: &str, precise: &str) -> Consistency {
    match normal_answer(extracted) {
        answer if answer.is_empty() => Consistency::Other,
        answer if answer == normal_answer(precise) => Consistency::Yes,
        _ => Consistency::No,
    }
}

/// Samples to tune a small judge: the request as [`JudgeKind::TunedVerdict`] or [`JudgeKind::Extraction`] asks it, and
/// the right answer, learned.
pub fn judge_samples(
    kind: JudgeKind,
    labelled: &[LabelledTriplet],
    prompts: &Prompts,
) -> Outcome<Sample> {
    let kind = if kind == JudgeKind::Extraction {
        kind
    } else {
        JudgeKind::TunedVerdict
    };
    let mut outcome = Outcome::default();
    for LabelledTriplet {
        triplet,
        label,
        extracted,
    } in labelled
    {
        let answer = match (kind, label) {
            (JudgeKind::Extraction, Consistency::Yes) => {
                extracted.as_deref().or(Some(&triplet.precise))
            }
            (JudgeKind::Extraction, _) => extracted.as_deref(),
            (_, Consistency::Yes) => Some("yes"),
            (_, Consistency::No) => Some("no"),
            (_, Consistency::Open) => Some("open"),
            (_, Consistency::Other) => None,
        };
        match answer.map(str::trim).filter(|a| !a.is_empty()) {
            Some(answer) => outcome.items.push(answered(kind, triplet, answer, prompts)),
            None => outcome.rejected.push(reject(
                &triplet.id,
                "no-target",
                "nothing says what the judge should write",
            )),
        }
    }
    outcome
}

/// Samples whose log-probability gives that of *yes*, or of the precise answer for extraction, for every
/// triplet and not only for those where the judge wrote it; see [`with_likelihood`].
///
/// A raw few-shot prompt has no sample form, so there are none for [`JudgeKind::Verdict`]: ask how likely [`RAW_YES`] is after
/// the request itself.
pub fn likelihood_samples(kind: JudgeKind, triplets: &[Triplet], prompts: &Prompts) -> Vec<Sample> {
    let answer = |triplet: &Triplet| match kind {
        JudgeKind::Verdict => None,
        JudgeKind::TunedVerdict => Some(answered(kind, triplet, "yes", prompts)),
        JudgeKind::Extraction => Some(answered(kind, triplet, triplet.precise.trim(), prompts)),
    };
    triplets.iter().filter_map(answer).collect()
}

/// Sets `p_yes` from the log-probability in nats of each triplet's likelihood sample or, for a raw prompt, of [`RAW_YES`].
pub fn with_likelihood(verdicts: &mut [Verdict], log_probabilities: &BTreeMap<String, f64>) {
    for verdict in verdicts {
        if let Some(log_probability) = log_probabilities.get(&verdict.id) {
            verdict.p_yes = Some(log_probability.exp());
        }
    }
}

/// The chat turn of an item; none for the raw prompt.
fn judge_turn(kind: JudgeKind, triplet: &Triplet, prompts: &Prompts) -> Option<Turn> {
    let Triplet {
        instruction,
        informative,
        precise,
        ..
    } = triplet;
    let text = match kind {
        JudgeKind::Verdict => return None,
        JudgeKind::TunedVerdict => fill(
            &prompts.judge.tuned.request,
            &[
                ("instruction", instruction),
                ("informative", informative),
                ("precise", precise),
            ],
        ),
        JudgeKind::Extraction => extraction_request(informative, instruction, prompts),
    };
    Some(Turn::new(Role::User, text))
}

/// What the extraction judge is asked; who trains a base that should be able to serve as judge renders its reading
/// samples with this too.
pub fn extraction_request(text: &str, instruction: &str, prompts: &Prompts) -> String {
    fill(
        &prompts.extraction.request,
        &[("text", text.trim()), ("instruction", instruction.trim())],
    )
}

fn answered(kind: JudgeKind, triplet: &Triplet, answer: &str, prompts: &Prompts) -> Sample {
    let version = match kind {
        JudgeKind::Extraction => &prompts.extraction.version,
        JudgeKind::Verdict | JudgeKind::TunedVerdict => &prompts.judge.version,
    };
    let request = judge_turn(kind, triplet, prompts);
    Sample {
        id: triplet.id.clone(),
        images: Vec::new(),
        turns: request
            .into_iter()
            .chain([Turn::new(Role::Assistant, answer).learned()])
            .collect(),
        end: false,
        origin: json!({ "triplet": triplet.id, "judge": kind, "prompts": version }),
    }
}

/// Everything before the item: the same for all requests, so that a server computes it once.
fn few_shot(prompts: &JudgePrompts) -> String {
    let mut out = format!(
        "{}\n\nyes: {}\nno: {}\nopen: {}\n\n",
        prompts.statement.trim(),
        prompts.yes.trim(),
        prompts.no.trim(),
        prompts.open.trim()
    );
    for example in &prompts.examples {
        let verdict = match example.verdict {
            Consistency::Yes => "yes",
            Consistency::No => "no",
            Consistency::Open => "open",
            Consistency::Other => "other",
        };
        let parts = [&example.instruction, &example.informative, &example.precise];
        let _ = write!(
            out,
            "{} {verdict}\n\n",
            lines(prompts, parts.map(String::as_str))
        );
    }
    out
}

fn item(prompts: &JudgePrompts, triplet: &Triplet) -> String {
    lines(
        prompts,
        [&triplet.instruction, &triplet.informative, &triplet.precise],
    )
}

/// Each part on one line, whatever breaks it has, so that no part can pass for another.
fn lines(prompts: &JudgePrompts, parts: [&str; 3]) -> String {
    let labels = &prompts.labels;
    let [instruction, informative, precise] = parts.map(one_line);
    format!(
        "{}: {instruction}\n{}: {informative}\n{}: {precise}\n{}:",
        labels.instruction, labels.informative, labels.precise, labels.verdict
    )
}

#[cfg(test)]
mod tests;

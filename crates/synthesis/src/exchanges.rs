//! Conversations that an API model wrote as labelled lines become tasks; what the API-made baselines share.

use std::collections::HashMap;

use corpus::seed::hash;
use corpus::{Completion, FinishReason, Rejected, Request};

use crate::mix::SyntheticTask;
use crate::outcome::{Outcome, reject};

/// Words that begin the lines of a conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels<'a> {
    pub question: &'a str,
    pub answer: &'a str,
}

/// Reads exchanges of a question line and an answer line; further lines belong to what they follow.
///
/// Labels may be in any case, in bold or numbered ("**Question 2:**"). Text before the first label is passed over.
pub(crate) fn exchanges(text: &str, labels: Labels) -> Result<Vec<[String; 2]>, &'static str> {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = labelled(line, labels.question) {
            parts.push((true, rest.to_owned()));
        } else if let Some(rest) = labelled(line, labels.answer) {
            parts.push((false, rest.to_owned()));
        } else if let Some((_, part)) = parts.last_mut() {
            part.push('\n');
            part.push_str(line.trim());
        }
    }
    if parts.is_empty() {
        return Err("no-exchange");
    }
    let mut out = Vec::new();
    for pair in parts.chunks(2) {
        match pair {
            [(true, question), (false, answer)] => {
                let exchange = [question, answer].map(|t| t.trim().to_owned());
                if exchange.iter().any(String::is_empty) {
                    return Err("empty-part");
                }
                out.push(exchange);
            }
            _ => return Err("bad-exchange"),
        }
    }
    Ok(out)
}

fn labelled<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    let line = line.trim_start_matches(['*', '#', '-', ' ', '\t']);
    let head = line
        .get(..label.len())
        .filter(|head| head.eq_ignore_ascii_case(label))?;
    let rest =
        line[head.len()..].trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ' || c == '*');
    Some(rest.strip_prefix(':')?.trim_start_matches('*').trim())
}

/// The conversation of each request's completion, cleaned, in the order of the requests.
pub(crate) fn conversations(
    requests: &[Request],
    completions: &[Completion],
    labels: Labels,
    template: &str,
    clean: impl Fn(Vec<[String; 2]>) -> Result<Vec<[String; 2]>, &'static str>,
) -> Outcome<SyntheticTask> {
    let by_id: HashMap<&str, &Completion> = completions
        .iter()
        .rev()
        .map(|c| (c.id.as_str(), c))
        .collect();
    let mut outcome = Outcome::default();
    for Request { id, .. } in requests {
        let Some(completion) = by_id.get(id.as_str()) else {
            outcome.rejected.push(reject(id, "no-completion", ""));
            continue;
        };
        let found = match (completion.failure(), completion.finish_reason) {
            (Some((reason, _)), _) => Err(reason),
            (None, FinishReason::Length) => Err("unfinished"),
            (None, _) => exchanges(&completion.text, labels).and_then(&clean),
        };
        match found {
            Ok(exchanges) => outcome.items.push(SyntheticTask {
                id: format!("{id}/{template}"),
                pair: id.clone(),
                exchanges,
                template: template.to_owned(),
            }),
            Err(reason) => {
                let detail = completion.error.as_deref().unwrap_or(&completion.text);
                outcome.rejected.push(reject(id, reason, detail));
            }
        }
    }
    outcome
}

/// The requests that were rejected, to be tried again: the same text under another seed. LLaVA-Med tries three times.
pub fn retry(requests: &[Request], rejected: &[Rejected], round: usize, seed: u64) -> Vec<Request> {
    let wanted: std::collections::HashSet<&str> = rejected.iter().map(|r| r.id.as_str()).collect();
    let again = |request: &Request| {
        let mut request = request.clone();
        request.decoding.seed = Some(hash(seed, &format!("round {round} {}", request.id)));
        request
    };
    requests
        .iter()
        .filter(|r| wanted.contains(r.id.as_str()))
        .map(again)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[[&str; 2]], &'static str>) {
        let found = exchanges(
            text,
            Labels {
                question: "Question",
                answer: "Answer",
            },
        );
        let expected = expected.map(|list| {
            list.iter()
                .map(|e| e.map(str::to_owned))
                .collect::<Vec<_>>()
        });
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn labels_are_found_however_they_are_dressed() {
        check("Question: What?\nAnswer: Tea.", Ok(&[["What?", "Tea."]]));
        check(
            "Sure!\n**Question 1:** What?\n\n**Answer 1:** Tea,\nhot.\n- question: Why?\n- ANSWER : Thirst.",
            Ok(&[["What?", "Tea,\nhot."], ["Why?", "Thirst."]]),
        );
        check("Questions remain.", Err("no-exchange"));
        check("", Err("no-exchange"));
        check("Question: What?", Err("bad-exchange"));
        check("Answer: Tea.\nQuestion: What?", Err("bad-exchange"));
        check(
            "Question: A?\nQuestion: B?\nAnswer: C.",
            Err("bad-exchange"),
        );
        check("Question: What?\nAnswer: ", Err("empty-part"));
        check("Frage: Wié?", Err("no-exchange"));
    }
}

//! Conversations that an API model wrote as labelled lines become tasks; what the API-made baselines share.

use std::collections::HashMap;

use corpus::seed::hash;
use corpus::{Completion, FinishReason, Rejected, Request};
use serde_json::json;

use crate::mix::SyntheticTask;
use crate::outcome::{Outcome, reject};

/// How a conversation is read, and what is noted of where it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    /// The maker's word.
    pub maker: &'static str,
    /// The model.
    pub author: &'a str,
    /// Of the prompts.
    pub version: &'a str,
    /// What begins the line of a question.
    pub question: &'a str,
    /// What begins the line of an answer.
    pub answer: &'a str,
    /// What begins a last paragraph that belongs to no answer.
    pub closing: &'a [String],
}

/// Reads exchanges of a question line and an answer line; further lines belong to what they follow.
///
/// Labels may be in any case, in bold or numbered ("**Question 2:**"). Text before the first label is passed over.
pub(super) fn exchanges(
    text: &str,
    reading: Reading<'_>,
) -> Result<Vec<[String; 2]>, &'static str> {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for line in without_closing(text, reading.closing).lines() {
        if let Some(rest) = labelled(line, reading.question) {
            parts.push((true, rest.to_owned()));
        } else if let Some(rest) = labelled(line, reading.answer) {
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

/// The text without what a model adds for whoever asked it: last paragraphs that begin as one of the phrases, in any case, and
/// lines of nothing but dashes, stars or the marks of a block of code.
fn without_closing<'a>(text: &'a str, phrases: &[String]) -> &'a str {
    let mut text = text.trim_end();
    loop {
        let line_at = text.rfind('\n').map_or(0, |end| end + 1);
        let line = text[line_at..].trim();
        if !line.is_empty() && line.chars().all(|c| matches!(c, '-' | '*' | '`' | '_')) {
            text = text[..line_at].trim_end();
            continue;
        }
        // A first paragraph is never a last one.
        let Some(at) = last_paragraph(text) else {
            return text;
        };
        let said = text[at..].trim_start_matches(['*', '_', '>', ' ', '\t']);
        let begins_so = |phrase: &String| {
            let head = said.get(..phrase.len());
            !phrase.is_empty() && head.is_some_and(|head| head.eq_ignore_ascii_case(phrase))
        };
        if !phrases.iter().any(begins_so) {
            return text;
        }
        text = text[..at].trim_end();
    }
}

/// Where the paragraph begins that follows the last empty line.
fn last_paragraph(text: &str) -> Option<usize> {
    let mut end = text.len();
    while let Some(at) = text[..end].rfind('\n') {
        let before = text[..at].rfind('\n').map_or(0, |start| start + 1);
        if text[before..at].trim().is_empty() {
            return Some(at + 1);
        }
        end = at;
    }
    None
}

/// The conversation of each request's completion, cleaned, in the order of the requests.
pub(super) fn conversations(
    requests: &[Request],
    completions: &[Completion],
    reading: Reading<'_>,
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
            (None, _) => exchanges(&completion.text, reading).and_then(&clean),
        };
        match found {
            Ok(exchanges) => outcome.items.push(SyntheticTask {
                id: format!("{id}/{}", reading.maker),
                pair: id.clone(),
                exchanges,
                template: reading.maker.to_owned(),
                origin: json!({
                    "maker": reading.maker,
                    "model": reading.author,
                    "prompts": reading.version,
                    "raw": completion.text,
                }),
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
        let closing = ["i hope".to_owned(), "let me know".to_owned()];
        let reading = Reading {
            maker: "text-only",
            author: "",
            version: "1",
            question: "Question",
            answer: "Answer",
            closing: &closing,
        };
        let found = exchanges(text, reading);
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

    #[test]
    fn what_is_said_to_the_asker_belongs_to_no_answer() {
        let tea: Result<&[[&str; 2]], _> = Ok(&[["What?", "Tea."]]);
        for text in [
            "```\nQuestion: What?\nAnswer: Tea.\n```",
            "Question: What?\nAnswer: Tea.\n\n---\n\n*I hope this helps!* Ask again.\n\nLet me know.",
            "Question: What?\r\nAnswer: Tea.\r\n\r\nLET ME KNOW if\r\nyou need more.",
        ] {
            check(text, tea);
        }
        // Where no empty line parts it, or nobody speaks to the asker, it is the answer's.
        check(
            "Question: What?\nAnswer: Tea.\nI hope so.\n\nIt is hot.",
            Ok(&[["What?", "Tea.\nI hope so.\n\nIt is hot."]]),
        );
        check("I hope this helps.", Err("no-exchange"));
    }
}

//! Two engines' greedy answers to one request.

use anyhow::{Context as _, Result};
use serde_json::Value;

/// Below this the likeliest two tokens are as good as equally likely: a thousandth of a logit. The models here have largest
/// logits above one, so this is no more than a thousandth of the largest.
pub const TIE: f64 = 1e-3;

/// How far the log-probabilities of one token may lie apart in f32.
const APART: f64 = 1e-3;

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Of the request.
    pub id: String,
    /// The answer.
    pub text: String,
    /// Why it ended.
    pub ended: String,
    /// Tokens of the prompt, pictures included.
    pub prompt_tokens: u64,
    /// The written tokens.
    pub tokens: Vec<Token>,
}

/// The likeliest token of a place, which a greedy answer takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its text; of a part of a character nobody tells the same.
    pub text: String,
    /// Its log-probability.
    pub logprob: f64,
    /// How much likelier it is than the next one.
    pub ahead: f64,
}

impl Row {
    /// Of a line of `adamllm generate`.
    pub fn read(line: &Value) -> Result<Self> {
        let id = line["id"].as_str().context("an answer without an id")?;
        let read = |place: &Value| {
            let of = |at: usize| place[at]["logprob"].as_f64();
            Some(Token {
                text: place[0]["token"].as_str()?.to_owned(),
                logprob: of(0)?,
                ahead: of(0)? - of(1)?,
            })
        };
        let places = line["top_logprobs"].as_array();
        let tokens: Option<Vec<Token>> = places.into_iter().flatten().map(read).collect();
        if let Some(error) = line["error"].as_str() {
            anyhow::bail!("`{id}` has no answer: {error}");
        }
        Ok(Self {
            id: id.to_owned(),
            text: line["text"].as_str().unwrap_or_default().to_owned(),
            ended: line["finish_reason"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            prompt_tokens: line["prompt_tokens"].as_u64().unwrap_or_default(),
            tokens: tokens.with_context(|| format!("`{id}` has no two likeliest tokens"))?,
        })
    }
}

/// What two answers have in common.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Everything.
    Same,
    /// All up to a place where two tokens are as good as equally likely.
    Tie {
        /// Which token, from 0.
        at: usize,
        /// How much likelier the local engine's is.
        gap: f64,
    },
    /// Less; what is said in words.
    Differs(String),
}

/// Compares a local answer with a remote one.
pub fn compare(local: &Row, remote: &Row) -> Outcome {
    if local.id != remote.id {
        return Outcome::Differs(format!("it was compared with `{}`", remote.id));
    }
    if local.prompt_tokens != remote.prompt_tokens {
        return Outcome::Differs(format!(
            "its prompt has {} tokens here, {} there",
            local.prompt_tokens, remote.prompt_tokens
        ));
    }
    for (at, (own, other)) in local.tokens.iter().zip(&remote.tokens).enumerate() {
        if !same_text(&own.text, &other.text) {
            if own.ahead < TIE {
                return Outcome::Tie { at, gap: own.ahead };
            }
            return Outcome::Differs(format!(
                "token {at} is {:?} here, {:?} there; the next one here is {:.4} behind",
                own.text, other.text, own.ahead
            ));
        }
        let apart = (own.logprob - other.logprob).abs();
        if apart > APART {
            return Outcome::Differs(format!("token {at} is {apart:.4} likelier at one"));
        }
    }
    // Of a character that is cut at the end of an answer this program shows a sign, and vLLM nothing.
    let whole = |row: &Row| row.text.trim_end_matches(PART).to_owned();
    let of = |row: &Row| (row.tokens.len(), row.ended.clone(), whole(row));
    if of(local) == of(remote) {
        Outcome::Same
    } else {
        Outcome::Differs(format!("{:?} here, {:?} there", of(local), of(remote)))
    }
}

/// Stands for bytes that are no whole character.
const PART: char = '\u{fffd}';

/// Whether two tokens may be one. A token that ends a character which others began is shown here by itself, and by vLLM as
/// the character; then only its log-probability tells.
fn same_text(own: &str, other: &str) -> bool {
    own == other || own.is_empty() || own.contains(PART)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(tokens: &[(&str, f64, f64)]) -> Row {
        let places = tokens.iter().map(|(text, first, second)| {
            json!([{"id": 1, "token": text, "logprob": first}, {"id": 2, "token": "?", "logprob": second}])
        });
        let text: String = tokens.iter().map(|token| token.0).collect();
        Row::read(&json!({
            "id": "a", "text": text, "finish_reason": "length", "prompt_tokens": 9, "completion_tokens": 2,
            "top_logprobs": places.collect::<Vec<Value>>(),
        }))
        .expect("row")
    }

    #[test]
    fn answers_may_part_at_near_ties_alone() {
        let own = row(&[
            ("tea", -0.5, -1.0),
            (" cup", -1.0, -1.0004),
            (".", -0.1, -3.0),
        ]);
        assert_eq!(compare(&own, &own), Outcome::Same);
        let at_tie = row(&[
            ("tea", -0.5001, -1.0),
            (" pot", -1.0, -1.0001),
            ("!", -0.1, -3.0),
        ]);
        let Outcome::Tie { at: 1, gap } = compare(&own, &at_tie) else {
            panic!("{:?}", compare(&own, &at_tie));
        };
        assert!((gap - 4e-4).abs() < 1e-9, "{gap}");
        let elsewhere = row(&[("pot", -0.5, -1.0), (" cup", -1.0, -1.0004)]);
        assert!(
            matches!(compare(&own, &elsewhere), Outcome::Differs(how) if how.contains("token 0 is \"tea\" here"))
        );
        let likelier = row(&[
            ("tea", -0.4, -1.0),
            (" cup", -1.0, -1.0004),
            (".", -0.1, -3.0),
        ]);
        assert!(
            matches!(compare(&own, &likelier), Outcome::Differs(how) if how.contains("0.1000 likelier"))
        );
    }

    #[test]
    fn everything_else_has_to_be_the_same() {
        let own = row(&[("tea", -0.5, -1.0)]);
        let changed = |change: &dyn Fn(&mut Row)| {
            let mut other = own.clone();
            change(&mut other);
            matches!(compare(&own, &other), Outcome::Differs(_))
        };
        assert!(changed(&|row| row.prompt_tokens += 1));
        assert!(changed(&|row| row.ended = "stop".to_owned()));
        assert!(changed(&|row| row.text.push(' ')));
        assert!(changed(&|row| row.tokens.clear()));
        assert!(changed(&|row| row.id.push('b')));
    }

    #[test]
    fn parts_of_characters_are_told_by_their_log_probabilities() {
        // Begun and not ended; the last of the texts is what vLLM gives.
        let (own, other) = (
            row(&[("a", -1.0, -2.0), ("\u{fffd}", -0.5, -1.0)]),
            row(&[("a", -1.0, -2.0), ("", -0.5, -1.0)]),
        );
        assert_eq!(compare(&own, &other), Outcome::Same);
        // Ended: the text of both is the character.
        let mut own = row(&[("\u{fffd}", -0.5, -1.0), ("\u{fffd}", -0.25, -1.0)]);
        own.text = "é".to_owned();
        assert_eq!(
            compare(&own, &row(&[("", -0.5, -1.0), ("é", -0.25, -1.0)])),
            Outcome::Same
        );
        let likelier = row(&[("", -0.5, -1.0), ("é", -0.5, -1.0)]);
        assert!(matches!(compare(&own, &likelier), Outcome::Differs(_)));
    }
}

//! Log-probabilities of given continuations.

use corpus::Request;
use serde_json::{Value, json};

use super::Service;
use super::question::{self, Asking};

/// How likely a model goes on with a given text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Likelihood {
    /// The log-probability of its tokens in nats, summed.
    pub log_probability: f64,
    /// Their number.
    pub tokens: usize,
}

/// The body that asks for the log-probability of `answer` after a request: the prompt is given with the answer and echoed.
///
/// After turns an answer is a whole turn and its end of turn counts, as where a model of this program is asked.
pub(crate) fn body(
    request: &Request,
    answer: &str,
    asking: Asking<'_>,
    picture: &mut dyn FnMut(&std::path::Path) -> Result<String, String>,
) -> Result<Value, String> {
    let mut body = serde_json::Map::new();
    body.insert("model".to_owned(), json!(asking.model));
    body.insert("temperature".to_owned(), json!(0.0));
    if let Some(prompt) = &request.prompt {
        body.insert("prompt".to_owned(), json!(format!("{prompt}{answer}")));
        body.insert("max_tokens".to_owned(), json!(1));
        body.insert("echo".to_owned(), json!(true));
        body.insert("logprobs".to_owned(), json!(1));
    } else {
        let whole = question::answered(request, answer);
        let messages = question::messages(&whole, picture)?;
        body.insert("messages".to_owned(), messages);
        body.insert("add_generation_prompt".to_owned(), json!(false));
        body.insert(asking.limit.to_owned(), json!(1));
        body.insert("prompt_logprobs".to_owned(), json!(0));
    }
    Ok(Value::Object(body))
}

/// Reads the log-probability of an answer: of what follows the `before` characters of a raw prompt, or of the last turn, whose
/// prompt an endpoint counted as `before` tokens.
pub(crate) fn read(
    value: &Value,
    service: Service,
    before: Option<usize>,
    answer: &str,
) -> Result<Likelihood, String> {
    match (service, before) {
        (Service::Completions, Some(before)) => of_echo(value, before, answer),
        (Service::Completions, None) => Err("a prompt of unknown length".to_owned()),
        (Service::Chat, before) => of_prompt(value, before, answer),
    }
}

/// An echoed prompt: the tokens that reach beyond its beginning and begin before its end. One that both share belongs to the
/// answer.
fn of_echo(value: &Value, before: usize, answer: &str) -> Result<Likelihood, String> {
    let logprobs = &value["choices"][0]["logprobs"];
    let Some(values) = logprobs["token_logprobs"].as_array() else {
        return Err("no log-probabilities of an echoed prompt, which were asked for".to_owned());
    };
    let offsets = told_offsets(logprobs).or_else(|| counted_offsets(logprobs));
    let offsets = offsets.filter(|offsets| offsets.len() == values.len());
    let Some(offsets) = offsets else {
        return Err("no tokens beside the log-probabilities of an echoed prompt".to_owned());
    };
    let before = before + added(&value["choices"][0]);
    let end = before + answer.chars().count();
    let mut found = Likelihood::default();
    for (at, &start) in offsets.iter().enumerate() {
        let next = offsets.get(at + 1).copied().unwrap_or(usize::MAX);
        if next <= before || start >= end {
            continue;
        }
        let Some(logprob) = values[at].as_f64() else {
            return Err("a token of the answer without its log-probability".to_owned());
        };
        found.log_probability += logprob;
        found.tokens += 1;
    }
    if found.tokens == 0 {
        return Err("no token of the answer among those that were echoed".to_owned());
    }
    Ok(found)
}

/// Characters of a begin-of-text token that the engine put before the prompt, as Llama 3's tokenizer has it: it is counted in all
/// places of tokens and is not in the echoed text.
fn added(choice: &Value) -> usize {
    let first = choice["logprobs"]["tokens"][0].as_str().unwrap_or_default();
    let text = choice["text"].as_str().unwrap_or_default();
    let is_control = first.starts_with('<') && first.ends_with('>');
    if is_control && !text.starts_with(first) {
        first.chars().count()
    } else {
        0
    }
}

/// Where each token begins, in characters.
fn told_offsets(logprobs: &Value) -> Option<Vec<usize>> {
    let offsets = logprobs["text_offset"].as_array()?.iter();
    let read = |offset: &Value| usize::try_from(offset.as_u64()?).ok();
    offsets.map(read).collect()
}

/// The same from the tokens' own texts: SGLang tells -1 for every place.
fn counted_offsets(logprobs: &Value) -> Option<Vec<usize>> {
    let mut end = 0;
    let mut place = |token: &Value| {
        let start = end;
        end += token.as_str()?.chars().count();
        Some(start)
    };
    logprobs["tokens"]
        .as_array()?
        .iter()
        .map(&mut place)
        .collect()
}

/// The prompt's tokens one by one, as vLLM gives them for turns: those of the last turn's text and its end, without the blank that
/// some templates write after it.
fn of_prompt(value: &Value, before: Option<usize>, answer: &str) -> Result<Likelihood, String> {
    let Some(tokens) = value["prompt_logprobs"].as_array() else {
        return Err("no `prompt_logprobs`: it cannot tell how likely a given answer is".to_owned());
    };
    let read = |token: &Value| -> Option<(f64, String)> {
        // The token that stands there comes first.
        let one = token.as_object()?.values().next()?;
        let text = one["decoded_token"].as_str().unwrap_or_default();
        Some((one["logprob"].as_f64()?, text.to_owned()))
    };
    // The first token has no probability.
    let mut all: Vec<(f64, String)> = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        match read(token) {
            Some(token) => all.push(token),
            None if at == 0 => all.push((0.0, String::new())),
            None => return Err("a token of the prompt without its log-probability".to_owned()),
        }
    }
    while all.len() > 1
        && !all[all.len() - 1].1.is_empty()
        && all[all.len() - 1].1.trim().is_empty()
    {
        all.pop();
    }
    let Some(last) = all.len().checked_sub(1) else {
        return Err("an empty list of `prompt_logprobs`".to_owned());
    };
    // What the endpoint counted is trusted if it leaves the answer's text; a tokenizer may write a blank before it.
    let counted = before.filter(|before| {
        let own = all.get(*before..last).unwrap_or_default();
        let texts = own.iter().map(|(_, text)| text.as_str());
        letters(&texts.collect::<String>()) == letters(answer)
    });
    let start = counted.or_else(|| begun(&all, answer));
    let start = start.or(before.filter(|before| *before < all.len()));
    let Some(start) = start else {
        return Err("no tokens of the answer at the end of the prompt".to_owned());
    };
    let own = &all[start..];
    Ok(Likelihood {
        log_probability: own.iter().map(|(logprob, _)| logprob).sum(),
        tokens: own.len(),
    })
}

/// Where the tokens begin that an answer and its end of turn are made of, by their texts; blanks are passed over, since a
/// tokenizer may tell them otherwise.
fn begun(tokens: &[(f64, String)], answer: &str) -> Option<usize> {
    let wanted = letters(answer);
    let mut rest = wanted.as_str();
    for (at, (_, text)) in tokens.iter().enumerate().rev().skip(1) {
        if rest.is_empty() {
            return Some(at + 1);
        }
        rest = rest.strip_suffix(&letters(text))?;
    }
    None
}

/// A text without its blanks.
fn letters(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_the_answer_are_summed() {
        let echoed = json!({"choices": [{"logprobs": {
            "tokens": ["Is", " it", "?", " y", "es", "!"],
            "text_offset": [0, 2, 5, 6, 8, 10],
            "token_logprobs": [null, -4.0, -3.0, -0.5, -0.25, -9.0],
        }}]});
        let found = of_echo(&echoed, 6, " yes").expect("found");
        assert_eq!((found.log_probability, found.tokens), (-0.75, 2));
        // A token that both share belongs to the answer.
        let found = of_echo(&echoed, 7, "yes").expect("found");
        assert_eq!(found.tokens, 2);
        let mut untold = echoed.clone();
        untold["choices"][0]["logprobs"]["text_offset"] = json!([-1, -1, -1, -1, -1, -1]);
        let found = of_echo(&untold, 6, " yes").expect("found");
        assert_eq!((found.log_probability, found.tokens), (-0.75, 2));
        assert!(of_echo(&json!({"choices": [{"logprobs": null}]}), 6, " yes").is_err());
    }

    #[test]
    fn a_begin_of_text_token_that_the_engine_adds_is_none_of_the_prompt() {
        // vLLM 0.32.0 on a tokenizer that adds one: the text has no such token, all places do.
        let mut echoed = json!({"choices": [{"text": "Is it? yes!", "logprobs": {
            "tokens": ["<|begin_of_text|>", "Is", " it", "?", " y", "es", "!"],
            "text_offset": [0, 17, 19, 22, 23, 25, 27],
            "token_logprobs": [null, -5.0, -4.0, -3.0, -0.5, -0.25, -9.0],
        }}]});
        let found = of_echo(&echoed, 6, " yes").expect("found");
        assert_eq!((found.log_probability, found.tokens), (-0.75, 2));
        // As SGLang tells it.
        echoed["choices"][0]["logprobs"]["text_offset"] = json!([-1, -1, -1, -1, -1, -1, -1]);
        let found = of_echo(&echoed, 6, " yes").expect("found");
        assert_eq!((found.log_probability, found.tokens), (-0.75, 2));
        // One that was written into the prompt is in the text as well.
        echoed["choices"][0]["text"] = json!("<|begin_of_text|>Is it? yes!");
        let found = of_echo(&echoed, 23, " yes").expect("found");
        assert_eq!((found.log_probability, found.tokens), (-0.75, 2));
    }

    #[test]
    fn tokens_of_a_turn_are_summed_without_the_blank_after_it() {
        let token = |text: &str, logprob: f64| json!({"5": {"logprob": logprob, "rank": 1, "decoded_token": text}});
        let value = json!({"prompt_logprobs": [
            null, token("<assistant>", -7.0), token("\n", -6.0), token("Te", -0.5), token("a ", -0.5), token("pot", -0.5),
            token("<end>", -0.25), token("\n", -3.0),
        ]});
        let found = of_prompt(&value, Some(3), "Tea pot").expect("found");
        assert_eq!((found.log_probability, found.tokens), (-1.75, 4));
        // A blank that the tokenizer writes before the answer is one of its tokens.
        let found = of_prompt(&value, Some(2), "Tea pot").expect("found");
        assert_eq!((found.log_probability, found.tokens), (-7.75, 5));
        // A count that leaves another text is wrong.
        for wrong in [None, Some(1), Some(4), Some(40)] {
            let found = of_prompt(&value, wrong, "Tea pot").expect("found");
            assert_eq!(found.tokens, 4);
        }
        // Where texts do not tell, such as halves of characters, it is all that there is.
        let found = of_prompt(&value, Some(3), "Tea cup").expect("found");
        assert_eq!(found.tokens, 4);
        assert!(of_prompt(&value, None, "Tea cup").is_err());
        assert!(of_prompt(&value, Some(9), "Tea cup").is_err());
        assert!(of_prompt(&json!({}), Some(2), "Tea").is_err());
        let empty = json!({"prompt_logprobs": []});
        assert!(
            of_prompt(&empty, Some(0), "Tea").is_err() && of_prompt(&empty, None, "Tea").is_err()
        );
    }
}

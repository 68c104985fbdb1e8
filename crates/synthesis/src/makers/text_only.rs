//! The text-only baseline in the manner of LLaVA-Med: a language model that does not see the picture writes a
//! conversation from the caption and from passages that mention the picture; phrases that betray it are taken out.

use corpus::{Completion, Decoding, Open, Pair, Request, Role, Turn};
use serde_json::Value;

use super::asks::{Asking, Asks};
use super::exchanges::{Reading, conversations};
use crate::mix::SyntheticTask;
use crate::outcome::{Outcome, reject};
use crate::prompts::{Betraying, Prompts, TextOnlyPrompts};
use crate::text::fill;

pub(super) struct TextOnly;

impl Asks for TextOnly {
    fn shows_pictures(&self) -> bool {
        false
    }

    fn reads_mentions(&self) -> bool {
        true
    }

    fn version<'a>(&self, prompts: &'a Prompts) -> &'a str {
        &prompts.text_only.version
    }

    fn requests(&self, pairs: &[Pair], asking: Asking<'_>) -> Outcome<Request> {
        let Asking {
            decoding,
            mentions,
            prompts,
            ..
        } = asking;
        text_only_requests(pairs, mentions, decoding, prompts)
    }

    fn tasks(
        &self,
        requests: &[Request],
        completions: &[Completion],
        author: &str,
        prompts: &Prompts,
    ) -> Outcome<SyntheticTask> {
        text_only_tasks(requests, completions, author, prompts)
    }
}

/// One request a pair, without its picture. `mentions` names the key of the record (a text or a list) that holds what
/// the source says of the picture.
pub fn text_only_requests(
    pairs: &[Pair],
    mentions: &str,
    decoding: &Decoding,
    prompts: &Prompts,
) -> Outcome<Request> {
    let p = &prompts.text_only;
    let mut opening = vec![Turn::new(Role::System, p.system.trim())];
    for example in &p.examples {
        opening.push(Turn::new(
            Role::User,
            request(p, &example.caption, &example.mentions),
        ));
        opening.push(Turn::new(Role::Assistant, example.conversation.trim()));
    }
    let mut outcome = Outcome::default();
    for pair in pairs {
        if pair.caption.trim().is_empty() {
            outcome
                .rejected
                .push(reject(&pair.id, "empty-caption", "the caption is empty"));
            continue;
        }
        let passages = match pair.meta.get(mentions) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(list)) => list
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        };
        let mut turns = opening.clone();
        turns.push(Turn::new(Role::User, request(p, &pair.caption, &passages)));
        outcome.items.push(Request {
            id: pair.id.clone(),
            images: Vec::new(),
            turns,
            open: Open::Assistant,
            prompt: None,
            decoding: decoding.clone(),
        });
    }
    outcome
}

/// The conversations, without phrases that betray the reading and without exchanges that still do.
pub fn text_only_tasks(
    requests: &[Request],
    completions: &[Completion],
    author: &str,
    prompts: &Prompts,
) -> Outcome<SyntheticTask> {
    let p = &prompts.text_only;
    let reading = Reading {
        maker: "text-only",
        author,
        version: &p.version,
        question: &p.question,
        answer: &p.answer,
        closing: &p.closing,
    };
    conversations(requests, completions, reading, |exchanges| {
        let cleaned: Vec<[String; 2]> = exchanges
            .into_iter()
            .map(|exchange| exchange.map(|text| without_phrases(&text, &p.betraying)))
            .filter(|exchange| {
                !exchange
                    .iter()
                    .any(|t| t.is_empty() || p.reading.words.iter().any(|w| find(t, w).is_some()))
            })
            .collect();
        if cleaned.is_empty() {
            Err("betrays-reading")
        } else {
            Ok(cleaned)
        }
    })
}

fn request(prompts: &TextOnlyPrompts, caption: &str, mentions: &[String]) -> String {
    let mentions: Vec<String> = mentions
        .iter()
        .map(|m| fill(&prompts.mention, &[("mention", m.trim())]))
        .collect();
    fill(
        &prompts.request,
        &[
            ("caption", caption.trim()),
            ("mentions", &mentions.concat()),
        ],
    )
}

fn without_phrases(text: &str, phrases: &[Betraying]) -> String {
    let mut text = text.to_owned();
    for Betraying {
        phrase,
        replacement,
    } in phrases
    {
        let mut from = 0;
        while let Some(at) = find(&text[from..], phrase).map(|at| at + from) {
            let sentence_start = text[..at].trim_end().is_empty()
                || text[..at].trim_end().ends_with(['.', '!', '?']);
            text.replace_range(at..at + phrase.len(), replacement);
            from = at + replacement.len();
            if sentence_start {
                // What follows now begins the sentence.
                if let Some(first) = text[at..].chars().next() {
                    text.replace_range(
                        at..at + first.len_utf8(),
                        &first.to_uppercase().to_string(),
                    );
                    from = from.max(at + first.to_uppercase().to_string().len());
                }
            }
        }
    }
    text.trim().to_owned()
}

/// Where an ASCII phrase stands, in any case.
fn find(text: &str, phrase: &str) -> Option<usize> {
    if phrase.is_empty() {
        return None;
    }
    text.to_ascii_lowercase().find(&phrase.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use corpus::FinishReason;

    use super::*;
    use crate::makers::exchanges::{exchanges, retry};
    use crate::show::{pair, show_turns};

    fn completion(id: &str, text: &str) -> Completion {
        Completion {
            id: id.to_owned(),
            text: text.to_owned(),
            finish_reason: FinishReason::Stop,
            prompt_tokens: 1,
            completion_tokens: 1,
            error: None,
            logprobs: None,
            top_logprobs: None,
        }
    }

    #[test]
    fn asks_with_examples_caption_and_passages_but_no_picture() {
        let mut own = pair("a", "A cup.");
        own.meta.insert(
            "mentions".to_owned(),
            serde_json::json!(["It is hot.", "It is full."]),
        );
        let found = text_only_requests(
            &[own, pair("b", "")],
            "mentions",
            &Decoding::default(),
            &Prompts::default(),
        );
        let request = &found.items[0];
        assert!(request.images.is_empty() && request.turns.len() == 6);
        let last = show_turns(&request.turns[5..]);
        assert_eq!(
            last,
            "user Caption: A cup.\\nPassage: It is hot.\\nPassage: It is full.\n"
        );
        assert_eq!(found.rejected[0].reason, "empty-caption");
    }

    #[test]
    fn the_examples_are_written_as_they_are_asked_for() {
        let prompts = Prompts::default().text_only;
        let reading = Reading {
            maker: "text-only",
            author: "",
            version: &prompts.version,
            question: &prompts.question,
            answer: &prompts.answer,
            closing: &prompts.closing,
        };
        for example in &prompts.examples {
            let found = exchanges(&example.conversation, reading).expect("conversation");
            assert!((2..=5).contains(&found.len()));
        }
    }

    #[test]
    fn what_betrays_the_reading_is_taken_out() {
        let phrases = Prompts::default().text_only.betraying;
        let cases = [
            ("The caption states that it is hot.", "It is hot."),
            (
                "Yes. According to the caption, émile is here.",
                "Yes. Émile is here.",
            ),
            (
                "It is hot, as described in the caption.",
                "It is hot, as can be seen.",
            ),
            ("It is hot.", "It is hot."),
        ];
        for (text, expected) in cases {
            assert_eq!(without_phrases(text, &phrases), expected);
        }
    }

    #[test]
    fn rejected_requests_are_tried_again_under_another_seed() {
        let prompts = Prompts::default();
        let pairs = [
            pair("a", "A cup."),
            pair("b", "A loaf."),
            pair("c", "A pie."),
        ];
        let requests = text_only_requests(&pairs, "mentions", &Decoding::default(), &prompts).items;
        let completions = [
            completion(
                "a",
                "Question: What?\nAnswer: A cup.\nQuestion: Why?\nAnswer: The caption does not say.",
            ),
            completion("b", "Question: What does the caption say?\nAnswer: A loaf."),
        ];
        let found = text_only_tasks(&requests, &completions, "wise", &prompts);
        assert_eq!((found.items.len(), found.items[0].exchanges.len()), (1, 1));
        let reasons: Vec<_> = found
            .rejected
            .iter()
            .map(|r| (&*r.id, &*r.reason))
            .collect();
        assert_eq!(reasons, [("b", "betrays-reading"), ("c", "no-completion")]);
        let again = retry(&requests, &found.rejected, 2, 1);
        assert_eq!(
            again.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(),
            ["b", "c"]
        );
        assert_ne!(
            again[0].decoding.seed,
            retry(&requests, &found.rejected, 3, 1)[0].decoding.seed
        );
    }
}

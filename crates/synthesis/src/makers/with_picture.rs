//! The baseline in the manner of PubMedVision: a multimodal API model that sees picture and caption writes one question
//! and its answer, in a setting drawn for each pair.

use corpus::seed::{Rng, hash};
use corpus::{Completion, Decoding, Pair, Request};

use super::asks::{Asking, Asks};
use super::exchanges::{Reading, conversations};
use super::shown;
use crate::mix::SyntheticTask;
use crate::outcome::Outcome;
use crate::prompts::Prompts;
use crate::text::fill;

pub(super) struct WithPicture;

impl Asks for WithPicture {
    fn shows_pictures(&self) -> bool {
        true
    }

    fn version<'a>(&self, prompts: &'a Prompts) -> &'a str {
        &prompts.with_picture.version
    }

    fn requests(&self, pairs: &[Pair], asking: Asking<'_>) -> Outcome<Request> {
        with_picture_requests(pairs, asking.decoding, asking.seed, asking.prompts)
    }

    fn tasks(
        &self,
        requests: &[Request],
        completions: &[Completion],
        author: &str,
        prompts: &Prompts,
    ) -> Outcome<SyntheticTask> {
        with_picture_tasks(requests, completions, author, prompts)
    }
}

/// One request a pair, with its picture.
pub fn with_picture_requests(
    pairs: &[Pair],
    decoding: &Decoding,
    seed: u64,
    prompts: &Prompts,
) -> Outcome<Request> {
    let p = &prompts.with_picture;
    shown::requests(pairs, decoding, &p.system, |pair, caption| {
        let mut rng = Rng::new(hash(seed, &format!("setting {}", pair.id)));
        let setting = rng.choose(&p.settings);
        let values = [("caption", caption), ("setting", setting)];
        fill(p.request.trim(), &values)
    })
}

/// The exchanges that were written.
pub fn with_picture_tasks(
    requests: &[Request],
    completions: &[Completion],
    author: &str,
    prompts: &Prompts,
) -> Outcome<SyntheticTask> {
    let p = &prompts.with_picture;
    let reading = Reading {
        maker: "with-picture",
        author,
        version: &p.version,
        question: &p.question,
        answer: &p.answer,
        closing: &p.closing,
    };
    conversations(requests, completions, reading, Ok)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::show::pair;

    #[test]
    fn asks_with_picture_caption_and_a_drawn_setting() {
        let prompts = Prompts::default();
        let pairs: Vec<Pair> = (0..100)
            .map(|i| pair(&i.to_string(), "A <image> cup."))
            .collect();
        let found = with_picture_requests(&pairs, &Decoding::default(), 1, &prompts);
        let texts: BTreeSet<&str> = found
            .items
            .iter()
            .map(|r| r.turns[0].text.as_str())
            .collect();
        assert_eq!(texts.len(), prompts.with_picture.settings.len());
        for request in &found.items {
            assert_eq!(
                (
                    request.images.len(),
                    request.turns[0].text.matches("<image>").count()
                ),
                (1, 1)
            );
            assert!(request.turns[0].text.contains("with this text: A cup."));
        }
    }

    #[test]
    fn a_task_has_the_exchange() {
        let prompts = Prompts::default();
        let requests =
            with_picture_requests(&[pair("a", "A cup.")], &Decoding::default(), 1, &prompts).items;
        let completion = serde_json::from_value(serde_json::json!({
            "id": "a", "text": "Question: What is it?\nAnswer: A cup.", "finish_reason": "stop",
            "prompt_tokens": 1, "completion_tokens": 1,
        }));
        let found = with_picture_tasks(
            &requests,
            &[completion.expect("completion")],
            "wise",
            &prompts,
        );
        assert_eq!(
            found.items[0].exchanges,
            [["What is it?".to_owned(), "A cup.".to_owned()]]
        );
        assert_eq!(
            (found.items[0].id.as_str(), found.items[0].pair.as_str()),
            ("a/with-picture", "a")
        );
    }
}

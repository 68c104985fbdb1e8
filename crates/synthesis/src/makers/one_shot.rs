//! The later paper's RS-4o: a multimodal model sees picture and caption and is asked once for an instruction with its answer.

use corpus::{Completion, Decoding, Pair, Request};

use super::asks::{Asking, Asks};
use super::exchanges::{Reading, conversations};
use super::shown;
use crate::mix::SyntheticTask;
use crate::outcome::Outcome;
use crate::prompts::Prompts;
use crate::text::fill;

pub(super) struct OneShot;

impl Asks for OneShot {
    fn shows_pictures(&self) -> bool {
        true
    }

    fn version<'a>(&self, prompts: &'a Prompts) -> &'a str {
        &prompts.one_shot.version
    }

    fn requests(&self, pairs: &[Pair], asking: Asking<'_>) -> Outcome<Request> {
        one_shot_requests(pairs, asking.decoding, asking.prompts)
    }

    fn tasks(
        &self,
        requests: &[Request],
        completions: &[Completion],
        author: &str,
        prompts: &Prompts,
    ) -> Outcome<SyntheticTask> {
        one_shot_tasks(requests, completions, author, prompts)
    }
}

/// One request a pair, with its picture.
pub fn one_shot_requests(
    pairs: &[Pair],
    decoding: &Decoding,
    prompts: &Prompts,
) -> Outcome<Request> {
    let p = &prompts.one_shot;
    shown::requests(pairs, decoding, &p.system, |_, caption| {
        fill(p.request.trim(), &[("caption", caption)])
    })
}

/// The instruction of each answer with its response. One is asked for; of more that a model writes unasked the first counts.
pub fn one_shot_tasks(
    requests: &[Request],
    completions: &[Completion],
    author: &str,
    prompts: &Prompts,
) -> Outcome<SyntheticTask> {
    let p = &prompts.one_shot;
    let reading = Reading {
        maker: "one-shot",
        author,
        version: &p.version,
        question: &p.question,
        answer: &p.answer,
        closing: &p.closing,
    };
    conversations(requests, completions, reading, |mut exchanges| {
        exchanges.truncate(1);
        Ok(exchanges)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::pair;

    #[test]
    fn one_request_gives_one_exchange() {
        let prompts = Prompts::default();
        let pairs = [pair("a", "Three <image> boats at a pier.")];
        let requests = one_shot_requests(&pairs, &Decoding::default(), &prompts).items;
        let asked = &requests[0].turns.last().expect("a turn").text;
        assert!(asked.starts_with("<image>\n") && asked.contains("boats at a pier."));
        assert_eq!(asked.matches("<image>").count(), 1);
        let text = "Instruction: How many boats are there?\nAnswer: Three.\nInstruction: Where?\nAnswer: At a pier.";
        let completion = serde_json::from_value(serde_json::json!({
            "id": "a", "text": text, "finish_reason": "stop", "prompt_tokens": 1, "completion_tokens": 1,
        }));
        let found = one_shot_tasks(
            &requests,
            &[completion.expect("completion")],
            "wise",
            &prompts,
        );
        let task = &found.items[0];
        assert_eq!(
            task.exchanges,
            [["How many boats are there?".to_owned(), "Three.".to_owned()]]
        );
        assert_eq!(task.id, "a/one-shot");
        assert_eq!(
            (
                &task.origin["maker"],
                &task.origin["model"],
                &task.origin["prompts"]
            ),
            (&"one-shot".into(), &"wise".into(), &"1".into())
        );
        assert_eq!(task.origin["raw"], text);
    }

    #[test]
    fn a_pair_without_a_picture_is_left_out() {
        let mut bare = pair("a", "A boat.");
        bare.images.clear();
        let found = one_shot_requests(&[bare], &Decoding::default(), &Prompts::default());
        assert_eq!(found.rejected[0].reason, "no-image");
    }
}

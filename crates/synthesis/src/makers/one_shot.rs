//! The later paper's RS-4o: a multimodal model sees picture and caption and is asked once for an instruction with its answer.

use corpus::{Completion, Decoding, Open, Pair, Request, Role, Turn};

use super::asks::{Asking, Asks};
use super::exchanges::{Reading, conversations};
use crate::mix::SyntheticTask;
use crate::opening::{Input, missing};
use crate::outcome::{Outcome, reject};
use crate::prompts::Prompts;
use crate::text::{fill, with_marks, without_marks};

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
    let mut outcome = Outcome::default();
    for pair in pairs {
        if let Some((reason, detail)) = missing(&pair.images, &pair.caption, Input::Both) {
            outcome.rejected.push(reject(&pair.id, reason, detail));
            continue;
        }
        // The caption shares its turn with the marks, so marks of its own must go.
        let caption = without_marks(&pair.caption);
        let text = fill(p.request.trim(), &[("caption", &caption)]);
        let mut turns = Vec::new();
        if !p.system.trim().is_empty() {
            turns.push(Turn::new(Role::System, p.system.trim()));
        }
        turns.push(Turn::new(Role::User, with_marks(pair.images.len(), &text)).with_marks());
        outcome.items.push(Request {
            id: pair.id.clone(),
            images: pair.images.clone(),
            turns,
            open: Open::Assistant,
            prompt: None,
            decoding: decoding.clone(),
        });
    }
    outcome
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

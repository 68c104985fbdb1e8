//! What a real engine answered; see tests/recorded/README.md.

use std::path::Path;

use corpus::FinishReason;
use serde_json::Value;

use super::answer::{Answer, Expected, problem};
use super::pieces::Pieces;
use super::{Service, scoring};

fn exchange(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/vllm");
    let text = std::fs::read_to_string(folder.join(name).with_extension("json"));
    serde_json::from_str(&text.expect("exchange")).expect("json")
}

fn answer(name: &str, service: Service, logprobs: bool) -> Result<Answer, String> {
    let found = exchange(name);
    assert_eq!(found["status"], 200, "{name}");
    let expected = Expected {
        service,
        model: "toy",
        accept_other_model: false,
        logprobs,
    };
    expected.read(&found["answer"])
}

#[test]
fn answers_of_a_real_vllm_are_read() {
    let seen = " Here we see red envelope. Most of it is red. This is a kind of party item. It goes with celebration and birthday.";
    for (name, text, ended, prompt, written) in [
        ("chat", " no It is a kind of", FinishReason::Length, 19, 8),
        // A picture of 78 tokens; ended by end-of-turn, which no text shows.
        ("chat-stop-token", seen, FinishReason::Stop, 98, 33),
        (
            "chat-stop-text",
            " Here we see red ",
            FinishReason::Stop,
            98,
            6,
        ),
        ("chat-choice", "No", FinishReason::Stop, 19, 2),
        ("chat-open-none", " It is", FinishReason::Length, 103, 2),
        // 200 were asked for; the model has room for 24.
        (
            "cut-by-the-model",
            "boxesesesesboxesboxesboxesboxesboxesboxesboxesboxeseseses",
            FinishReason::Length,
            1000,
            24,
        ),
    ] {
        let found = answer(name, Service::Chat, false).expect(name);
        assert_eq!(
            (found.text.as_str(), found.finish_reason),
            (text, ended),
            "{name}"
        );
        let usage = found.usage.expect("usage");
        assert_eq!(
            (usage.prompt_tokens, usage.completion_tokens),
            (prompt, written),
            "{name}"
        );
    }
    let found = answer("completion", Service::Completions, false).expect("answer");
    assert_eq!(found.text, ", this is. This.. This");
}

#[test]
fn log_probabilities_of_a_real_vllm_are_read() {
    let found = answer("chat-logprobs", Service::Chat, true).expect("answer");
    let logprobs = found.logprobs.expect("log-probabilities");
    assert_eq!(logprobs.len(), 8);
    assert_eq!(
        logprobs[..2],
        [-0.479_068_249_464_035_03, -4.875_540_980_719_961e-5]
    );
    let likeliest = found.top_logprobs.expect("likeliest");
    assert_eq!(
        (likeliest[0][0].token.as_str(), likeliest[0].len()),
        (" n", 2)
    );
    assert!(answer("chat", Service::Chat, true).is_err());
}

#[test]
fn likelihoods_of_given_answers_are_read() {
    // `Is it red? Answer:` and ` yes`, which is two tokens.
    for name in ["completion-echo-one", "completion-echo-own"] {
        let value = &exchange(name)["answer"];
        let found = scoring::read(value, Service::Completions, Some(18), " yes").expect(name);
        let expected = -13.725_625_991_821_289 - 7.654_862_880_706_787;
        assert!(
            (found.log_probability - expected).abs() < 1e-12,
            "{name} {found:?}"
        );
        assert_eq!(found.tokens, 2, "{name}");
    }
    // With a begin-of-text token that the engine adds. The same four characters, of another model.
    let value = &exchange("completion-echo-begin")["answer"];
    let tokens = value["choices"][0]["logprobs"]["tokens"]
        .as_array()
        .expect("tokens");
    assert_eq!(tokens[0], "<|begin_of_text|>");
    let found = scoring::read(value, Service::Completions, Some(18), " yes").expect("found");
    let own: f64 = value["choices"][0]["logprobs"]["token_logprobs"]
        .as_array()
        .expect("values")[tokens.len() - 3..tokens.len() - 1]
        .iter()
        .filter_map(Value::as_f64)
        .sum();
    assert_eq!((found.tokens, found.log_probability), (2, own));
    // After 19 tokens of a conversation: the blank that this model writes first, `Yes`, end of turn.
    let value = &exchange("chat-likelihood")["answer"];
    let found = scoring::read(value, Service::Chat, Some(19), "Yes").expect("found");
    let expected = -13.697_111_129_760_742 - 1.044_596_672_058_105_5 - 0.001_376_515_487_208_962_4;
    assert!((found.log_probability - expected).abs() < 1e-9, "{found:?}");
    assert_eq!(found.tokens, 3);
}

#[test]
fn a_stream_of_a_real_vllm_is_put_together() {
    let found = exchange("chat-stream");
    let mut pieces = Pieces::default();
    pieces
        .take(found["text"].as_str().expect("text").as_bytes())
        .expect("sound");
    let whole = pieces.whole().expect("whole");
    let expected = exchange("chat");
    for pointer in [
        "/choices/0/message/content",
        "/choices/0/finish_reason",
        "/usage/prompt_tokens",
        "/usage/completion_tokens",
    ] {
        assert_eq!(
            whole.pointer(pointer),
            expected["answer"].pointer(pointer),
            "{pointer}"
        );
    }
}

#[test]
fn errors_of_a_real_vllm_are_told_in_its_own_words() {
    for (name, status, told) in [
        ("error-no-key", 401, "Unauthorized"),
        ("error-wrong-key", 401, "Unauthorized"),
        (
            "error-unknown-model",
            404,
            "The model `another` does not exist. Valid aliases: toy.",
        ),
        ("error-unknown-path", 404, "Not Found"),
        (
            "error-too-many-pictures",
            400,
            "At most 2 image(s) may be provided in one prompt. (parameter=image)",
        ),
        (
            "chat-open-unknown",
            400,
            "`open` is user, assistant or none",
        ),
    ] {
        let found = exchange(name);
        assert_eq!(found["status"], status, "{name}");
        assert_eq!(problem(&found["answer"].to_string()), told, "{name}");
    }
}

#[test]
fn a_template_with_the_variable_renders_what_is_asked() {
    // Token by token, a picture's left out: what the tests of the processor hold equal to `transformers`.
    let ids = |name: &str| -> Vec<i64> {
        let found = exchange(name)["answer"]["prompt_token_ids"].clone();
        let all: Vec<i64> = serde_json::from_value(found).expect("ids");
        all.into_iter().filter(|id| *id != 5).collect()
    };
    let none = ids("chat-open-none");
    assert_eq!(none.last(), Some(&4), "end of turn");
    let user = ids("chat-open-user");
    assert_eq!(user[..none.len()], none);
    // The header of a user: the same ids that begin the conversation after its begin-of-text token.
    assert_eq!(user[none.len()..], none[1..7]);
}

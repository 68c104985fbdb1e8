//! `adamllm bench` with models that are too small to say anything of speed: that it measures what it says, on inputs that
//! others can read.

mod program;

use std::path::Path;
use std::process::Output;

use program::text;
use serde_json::Value;

const FAMILIES: [&str; 4] = ["llava-next", "qwen2-vl", "mllama", "llama"];
/// The vocabulary of the tiny models.
const VOCABULARY: f64 = 2064.0;

fn adamllm(args: &[&str]) -> Output {
    program::adamllm()
        .args(args)
        .args(["--threads", "1", "--device", "cpu"])
        .output()
        .expect("the program starts")
}

fn json_of(args: &[&str]) -> Value {
    let output = adamllm(&[args, &["--json"]].concat());
    assert!(
        output.status.success(),
        "{args:?}: {}",
        text(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list");
    list.iter().map(|n| n.as_f64().expect("a number")).collect()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn parsed(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

fn check_usage(found: &Value) {
    assert!(number(&found["peak_rss_bytes"]) > 1e7, "{found}");
    assert!(number(&found["processor_seconds"]["user"]) >= 0.0);
    let machine = &found["machine"];
    assert_eq!(
        (machine["threads"].as_u64(), machine["dtype"].as_str()),
        (Some(1), Some("f32"))
    );
    assert!(
        machine["libtorch"]
            .as_str()
            .is_some_and(|v| v.starts_with("2."))
    );
    assert_eq!(machine["program"].as_str().map(str::len), Some(64));
}

#[test]
fn training_of_every_family_is_measured_and_can_be_repeated_from_the_files() {
    for family in FAMILIES {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path().join("inputs");
        let named = root.to_str().expect("a name");
        let drawn = [
            "bench", "train", "--family", family, "--size", "tiny", "--batch", "2", "--steps", "3",
        ];
        let written = json_of(&[&drawn[..], &["--write-inputs", named]].concat());
        assert_eq!(written["samples"], 6, "{family}");
        let output = place.path().join("numbers.json");
        let output = output.to_str().expect("a name");
        let found = json_of(&[&drawn[..], &["--output", output]].concat());
        assert_eq!(found, parsed(output.as_ref()));
        check_usage(&found);

        // What the peers are given is what was trained on: the four samples of the last two steps.
        let samples = parsed(&root.join("samples.json"));
        let samples = samples["samples"].as_array().expect("samples");
        let count = |key: &str, counts: fn(&Value) -> bool| -> usize {
            let lists = samples[2..]
                .iter()
                .map(|s| s[key].as_array().expect("a list"));
            lists
                .map(|list| list.iter().filter(|value| counts(value)).count())
                .sum()
        };
        assert_eq!(found["tokens"], count("ids", |_| true), "{family}");
        assert_eq!(
            found["learned_tokens"],
            count("learn", |value| value == true),
            "{family}"
        );
        assert_eq!(found["samples"], 4);
        let seconds = number(&found["seconds"]);
        let rate = number(&found["tokens"]) / seconds;
        assert!((number(&found["tokens_per_second"]) / rate - 1.0).abs() < 1e-9);
        let steps = numbers(&found["all_step_seconds"]);
        assert!((steps[1] + steps[2] - seconds).abs() < 1e-9);
        let [least, median, most] =
            <[f64; 3]>::try_from(numbers(&found["step_seconds"])).expect("three");
        assert!(least <= median && median <= most);
        assert!((median - seconds / 2.0).abs() < 1e-9, "the middle of two");

        // Random weights know nothing: the loss is about that of a guess among all tokens.
        let losses = numbers(&found["losses"]);
        assert_eq!(losses.len(), 3);
        assert!(
            (losses[0] - VOCABULARY.ln()).abs() < 0.5,
            "{family}: {losses:?}"
        );
        assert!(
            numbers(&found["gradient_norms"])
                .iter()
                .all(|n| *n > 0.0 && n.is_finite())
        );

        // The files give the same numbers.
        let (model, data) = (root.join("model"), root.join("samples.jsonl"));
        let from_files = [
            "bench",
            "train",
            "--model",
            model.to_str().expect("a name"),
            "--data",
            data.to_str().expect("a name"),
        ];
        let again = json_of(&[&from_files[..], &["--batch", "2", "--steps", "3"]].concat());
        assert_eq!(again["losses"], found["losses"], "{family}");
        assert_eq!(again["tokens"], found["tokens"]);

        let conversations = parsed(&root.join("conversations.json"));
        let one = &conversations[0];
        let marks = one["messages"][0]["content"]
            .as_str()
            .expect("a text")
            .matches("<image>")
            .count();
        assert_eq!(marks, one["images"].as_array().expect("a list").len());
        assert_eq!(marks, usize::from(family != "llama"));
    }
}

#[test]
fn every_answer_is_as_long_as_was_asked() {
    for family in FAMILIES {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path().join("inputs");
        let drawn = [
            "bench",
            "generate",
            "--family",
            family,
            "--size",
            "tiny",
            "--requests",
            "3",
        ];
        json_of(
            &[
                &drawn[..],
                &["--write-inputs", root.to_str().expect("a name")],
            ]
            .concat(),
        );
        let found = json_of(&drawn);
        check_usage(&found);
        let requests = parsed(&root.join("requests.json"));
        let requests = requests["requests"].as_array().expect("requests");
        let wanted: u64 = requests
            .iter()
            .map(|r| r["max_new_tokens"].as_u64().expect("a number"))
            .sum();
        let prompts: usize = requests
            .iter()
            .map(|r| r["ids"].as_array().expect("ids").len())
            .sum();
        assert_eq!(found["new_tokens"], wanted, "{family}");
        assert_eq!(found["prompt_tokens"], prompts, "{family}");
        let rate = wanted as f64 / number(&found["seconds"]);
        assert!((number(&found["new_tokens_per_second"]) / rate - 1.0).abs() < 1e-9);

        let (model, prompts) = (root.join("model"), root.join("requests.jsonl"));
        let from_files = [
            "bench",
            "generate",
            "--model",
            model.to_str().expect("a name"),
            "--prompts",
            prompts.to_str().expect("a name"),
        ];
        let again = json_of(&from_files);
        assert_eq!(again["texts_digest"], found["texts_digest"], "{family}");
    }
}

#[test]
fn data_is_measured_for_every_family_on_each_number_of_threads() {
    let found = json_of(&["bench", "data", "--size", "tiny", "--samples", "4"]);
    let measured = found["measured"].as_array().expect("a list");
    let names: Vec<&str> = measured
        .iter()
        .filter_map(|m| m["processor"].as_str())
        .collect();
    assert_eq!(names, ["llava-next", "qwen2-vl", "mllama"]);
    for one in measured {
        assert!(
            number(&one["pictures_per_second"]) > 0.0 && number(&one["encoded_per_second"]) > 0.0
        );
        assert!(
            number(&one["text_tokens"]) > 4.0 * 35.0,
            "a word is a token at least"
        );
    }
    assert!(number(&found["records_per_second"]) > 0.0);
    // A model without eyes has texts alone.
    let found = json_of(&[
        "bench",
        "data",
        "--family",
        "llama",
        "--size",
        "tiny",
        "--samples",
        "4",
    ]);
    assert!(found["measured"][0]["pictures_per_second"].is_null());
}

#[test]
fn what_cannot_be_measured_is_told_in_a_sentence() {
    let place = tempfile::tempdir().expect("a folder");
    let full = place.path().join("full");
    std::fs::create_dir(&full).expect("made");
    std::fs::write(full.join("a"), "").expect("written");
    let empty = place.path().join("empty.jsonl");
    std::fs::write(&empty, "").expect("written");
    let (full, empty) = (
        full.to_str().expect("a name"),
        empty.to_str().expect("a name"),
    );
    for (args, expected) in [
        (
            &["train", "--steps", "2", "--warm-up", "2"][..],
            "leaves none of --steps 2",
        ),
        (
            &["train", "--family", "llama", "--size", "published"],
            "is known of llava-next",
        ),
        (
            &["train", "--size", "tiny", "--write-inputs", full],
            "is not empty",
        ),
        (&["train", "--size", "tiny", "--data", empty], "empty.jsonl"),
        (&["train", "--model", "nowhere"], "nowhere"),
        (
            &["generate", "--size", "tiny", "--prompts", empty],
            "has no request",
        ),
        (&["generate", "--prompts", "nowhere.jsonl"], "nowhere.jsonl"),
        (&["data", "--data", "nowhere.jsonl"], "nowhere.jsonl"),
    ] {
        let output = adamllm(&[&["bench"], args].concat());
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {told}");
        assert!(
            told.starts_with("error: ") && told.contains(expected),
            "{args:?}: {told}"
        );
    }
    // Wrong usage.
    for args in [
        &["train", "--steps", "0"][..],
        &["train", "--family", "gpt"],
        &["train", "--model", "a", "--family", "llama"],
    ] {
        assert_eq!(
            adamllm(&[&["bench"], args].concat()).status.code(),
            Some(2),
            "{args:?}"
        );
    }
}

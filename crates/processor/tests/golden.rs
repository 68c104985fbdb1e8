//! Token ids, masks and pixels against transformers; see golden/README.md.

use std::path::{Path, PathBuf};

use corpus::{Open, Request, Role, Sample, Turn};
use processor::{Options, Processor, load};
use serde_json::Value;

mod shared;

use shared::{ROOT, digest, golden, noise, sample};

fn open(folder: &str, parse_texts: bool) -> Box<dyn Processor> {
    let options = Options {
        parse_texts,
        ..Options::default()
    };
    load(&Path::new(ROOT).join(folder), &options).expect("processor")
}

fn turns(row: &Value) -> Vec<Turn> {
    let mut turns: Vec<Turn> = serde_json::from_value(row["turns"].clone()).expect("turns");
    for turn in &mut turns {
        turn.learn = turn.role == Role::Assistant;
    }
    turns
}

fn sizes(value: &Value) -> Vec<(u32, u32)> {
    serde_json::from_value(value.clone()).expect("sizes")
}

#[test]
fn ids_and_mask_equal_those_of_transformers() {
    let folder = tempfile::tempdir().expect("folder");
    let processors = ["llama", "inst"].map(|name| (name, open(name, false)));
    let mut compared = 0;
    for row in golden("golden.json", "conversations")
        .iter()
        .filter(|row| row["kind"].is_null())
    {
        let (_, processor) = processors
            .iter()
            .find(|(name, _)| row["folder"] == *name)
            .expect("folder");
        let images = sizes(&row["sizes"])
            .into_iter()
            .map(|(h, w)| noise(h, w, folder.path()))
            .collect();
        let encoded = processor
            .sample(&sample(turns(row), images))
            .expect("encoded");
        if let Ok(first) = serde_json::from_value::<Vec<i64>>(row["first"].clone()) {
            assert_eq!(encoded.ids[..first.len()], first, "{row}");
        }
        assert_eq!(row["length"], encoded.ids.len(), "{row}");
        assert_eq!(row["ids"], digest(encoded.ids.iter().copied()), "{row}");
        assert_eq!(
            row["learn"],
            digest(encoded.learn.iter().map(|&l| i64::from(l))),
            "{row}"
        );
        compared += 1;
    }
    assert_eq!(compared, 200);
}

#[test]
fn control_tokens_that_someone_typed_are_text_and_parsed_only_on_demand() {
    for (parse_texts, key) in [(false, "escaped"), (true, "parsed")] {
        let processors = ["llama", "inst"].map(|name| (name, open(name, parse_texts)));
        let mut compared = 0;
        for row in golden("golden.json", "conversations")
            .iter()
            .filter(|row| row["kind"] == "typed")
        {
            let (_, processor) = processors
                .iter()
                .find(|(name, _)| row["folder"] == *name)
                .expect("folder");
            let Ok(ids) = serde_json::from_value::<Vec<i64>>(row[key].clone()) else {
                continue;
            };
            let encoded = processor
                .sample(&sample(turns(row), Vec::new()))
                .expect("encoded");
            assert_eq!(encoded.ids, ids, "{key} {row}");
            compared += 1;
        }
        assert!(compared >= 20, "{compared} conversations have `{key}`");
    }
}

#[test]
fn ordinary_text_never_becomes_a_control_token() {
    // The merges of this tokenizer make `</s>` of its characters, and its unknown token is a control token too.
    let processor = open("inst", false);
    let turns = |text: &str| {
        vec![
            Turn::new(Role::User, text),
            Turn::new(Role::Assistant, text),
        ]
    };
    let control = |text: &str| {
        let ids = processor
            .sample(&sample(turns(text), Vec::new()))
            .expect("encoded")
            .ids;
        ids.into_iter()
            .filter(|id| (1..6).contains(id))
            .collect::<Vec<i64>>()
    };
    assert_eq!(control("plain"), [1, 4, 5, 2]);
    assert_eq!(
        control("</s> <s> [INST]<image> [/INST]</s></s>"),
        [1, 4, 5, 2]
    );
}

#[test]
fn pixels_equal_those_of_the_torchvision_processor_to_the_bit() {
    let processor = open("llama", false);
    let folder = tempfile::tempdir().expect("folder");
    for picture in golden("golden.json", "pictures") {
        let size: (u32, u32) = serde_json::from_value(picture["size"].clone()).expect("size");
        let input = processor
            .image(&noise(size.0, size.1, folder.path()))
            .expect("input");
        assert_eq!(serde_json::json!(input.shape), picture["shape"], "{size:?}");
        let bits = input
            .pixels
            .iter()
            .zip(0_u64..)
            .fold(0_u64, |sum, (value, i)| {
                let weight = i.wrapping_mul(2_654_435_761).wrapping_add(1);
                sum.wrapping_add(weight.wrapping_mul(u64::from(value.to_bits())))
            });
        assert_eq!(
            picture["bits"],
            bits.to_string(),
            "{size:?}: levels {}",
            picture["levels"]
        );
    }
}

fn marked(turns: Vec<Turn>, end: bool) -> String {
    let processor = open("llama", false);
    let encoded = processor
        .sample(&Sample {
            end,
            ..sample(turns, Vec::new())
        })
        .expect("encoded");
    let spans = processor.spans(&encoded);
    let text: String = spans
        .iter()
        .map(|(text, learned)| {
            if *learned {
                format!("«{text}»")
            } else {
                text.clone()
            }
        })
        .collect();
    let short = [
        ("<|begin_of_text|>", "BOS "),
        ("<|start_header_id|>", "["),
        ("<|end_header_id|>\n\n", "] "),
        ("<|eot_id|>", " EOT "),
        ("<|end_of_text|>", "END"),
    ];
    short
        .iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}

#[test]
fn learned_spans_follow_the_rule_for_headers() {
    let user = |text: &str| Turn::new(Role::User, text);
    let assistant = |text: &str| Turn::new(Role::Assistant, text);
    let check =
        |turns: Vec<Turn>, end: bool, expected: &str| assert_eq!(marked(turns, end), expected);
    // Post-training: answers only.
    check(
        vec![
            user("one"),
            assistant("two").learned(),
            user("three"),
            assistant("four").learned(),
        ],
        false,
        "BOS [user] one EOT [assistant] «two EOT »[user] three EOT [assistant] «four EOT »",
    );
    // Synthesizer: everything after the caption turn, later headers and the end of text too.
    check(
        vec![
            user("one"),
            assistant("caption"),
            user("three").learned(),
            assistant("four").learned(),
        ],
        true,
        "BOS [user] one EOT [assistant] caption EOT [user] «three EOT [assistant] four EOT END»",
    );
    // All is learned but the first header, which no learned turn comes before.
    check(
        vec![user("one").learned(), assistant("two").learned()],
        false,
        "BOS [user] «one EOT [assistant] two EOT »",
    );
    // An empty answer: its end is still learned. A text that looks like a control token carries loss as text.
    check(
        vec![
            user("one"),
            assistant("").learned(),
            user(""),
            assistant(" a  ").learned(),
        ],
        false,
        "BOS [user] one EOT [assistant] « EOT »[user]  EOT [assistant] «a EOT »",
    );
    check(
        vec![user("one"), assistant("two")],
        true,
        "BOS [user] one EOT [assistant] two EOT «END»",
    );
}

fn ask(folder: &str, turns: Vec<Turn>, open_as: Open) -> String {
    let processor = open(folder, false);
    let request = Request {
        id: "r".to_owned(),
        images: Vec::new(),
        turns,
        open: open_as,
        prompt: None,
        decoding: corpus::Decoding::default(),
    };
    let encoded = processor.request(&request).expect("request");
    assert!(encoded.learn.iter().all(|learned| !learned));
    processor.decode(&encoded.ids, false)
}

#[test]
fn requests_end_where_the_model_goes_on() {
    let turns = || {
        vec![
            Turn::new(Role::User, "one"),
            Turn::new(Role::Assistant, "two"),
        ]
    };
    let start = "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\none<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\ntwo<|eot_id|>";
    let header = |role: &str| format!("{start}<|start_header_id|>{role}<|end_header_id|>\n\n");
    assert_eq!(ask("llama", turns(), Open::None), start);
    assert_eq!(ask("llama", turns(), Open::User), header("user"));
    assert_eq!(ask("llama", turns(), Open::Assistant), header("assistant"));
    assert_eq!(
        ask("inst", turns(), Open::User),
        "<s>[INST] one [/INST] two</s>[INST] "
    );
}

#[test]
fn turn_markers_are_the_words_of_the_template() {
    let markers = open("llama", false).markers().expect("markers");
    assert_eq!(markers.end_of_turn, "<|eot_id|>");
    assert_eq!(
        markers.user_header,
        "<|start_header_id|>user<|end_header_id|>\n\n"
    );
    assert_eq!(
        markers.assistant_header,
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    );
    assert_eq!(markers.end_of_text, "<|end_of_text|>");
    let markers = open("inst", false).markers().expect("markers");
    assert_eq!(
        (markers.end_of_turn.as_str(), markers.user_header.as_str()),
        (" [/INST]", "[INST] ")
    );
}

#[test]
fn ends_come_from_the_generation_settings_or_the_tokenizer() {
    let (llama, inst) = (open("llama", false), open("inst", false));
    let text = |processor: &dyn Processor| processor.decode(processor.stop_ids(), false);
    assert_eq!(text(&*llama), "<|end_of_text|><|eot_id|>");
    assert_eq!(
        llama.decode(&[llama.end_of_text()], false),
        "<|end_of_text|>"
    );
    assert_eq!(text(&*inst), "</s>");
}

#[test]
fn marks_become_image_tokens_and_must_match_the_pictures() {
    let folder = tempfile::tempdir().expect("folder");
    let processor = open("llama", false);
    let asks = Turn::new(Role::User, "<image>\nWhat is it?").with_marks();
    let mut sample = sample(
        vec![asks, Turn::new(Role::Assistant, "an <image>").learned()],
        Vec::new(),
    );
    let message = processor.sample(&sample).expect_err("marks").to_string();
    assert_eq!(
        message,
        "`s` has 1 `<image>` marks and 0 pictures; give one mark for each picture"
    );
    sample.images.push(noise(72, 72, folder.path()));
    let encoded = processor.sample(&sample).expect("encoded");
    // 6 × 6 patches of the overview, and of the tile with a newline a row.
    assert_eq!(
        encoded
            .ids
            .iter()
            .filter(|&&id| id == processor.image_token())
            .count(),
        36 + 6 * 7
    );
    let spans = processor.spans(&encoded);
    assert!(
        spans[0]
            .0
            .contains("user<|end_header_id|>\n\n[78 image tokens]\nWhat is it?<|eot_id|>")
    );
    assert_eq!(spans[1], ("an <image><|eot_id|>".to_owned(), true));
}

#[test]
fn a_raw_prompt_is_read_as_it_stands() {
    let folder = tempfile::tempdir().expect("folder");
    let processor = open("llama", false);
    let request = |prompt: &str, images: Vec<PathBuf>| Request {
        id: "r".to_owned(),
        images,
        turns: Vec::new(),
        open: Open::Assistant,
        prompt: Some(prompt.to_owned()),
        decoding: corpus::Decoding::default(),
    };
    let encoded = processor.request(&request(
        "a <image> b<|eot_id|>",
        vec![noise(72, 72, folder.path())],
    ));
    let encoded = encoded.expect("encoded");
    assert!(
        processor.spans(&encoded)[0]
            .0
            .starts_with("<|begin_of_text|>a [78 image tokens] b<|eot_id|>")
    );
    let message = processor
        .request(&request("<image>", Vec::new()))
        .expect_err("marks")
        .to_string();
    assert!(
        message.contains("1 `<image>` marks and 0 pictures"),
        "{message}"
    );
}

/// Copies a golden folder.
fn copy(name: &str, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(Path::new(ROOT).join(name)).expect("golden") {
        let entry = entry.expect("entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copy");
    }
}

/// Each folder speaks for itself: by its file of ours, or by the image token that only the models of the paper's authors
/// have; a recipe may say otherwise.
#[test]
fn a_folder_says_whether_there_is_a_second_begin_of_text_token() {
    let root = tempfile::tempdir().expect("folder");
    let said = |folder: &Path, says: Option<bool>| {
        let options = Options {
            extra_bos: says,
            ..Options::default()
        };
        load(folder, &options).expect("processor").extra_bos()
    };
    let plain = root.path().join("plain");
    copy("llama", &plain);
    assert!(!said(&plain, None) && said(&plain, Some(true)));
    processor::FolderSettings {
        extra_bos: Some(true),
    }
    .write(&plain)
    .expect("written");
    assert!(said(&plain, None) && !said(&plain, Some(false)));

    let published = root.path().join("published");
    copy("llama", &published);
    for name in [
        "tokenizer.json",
        "tokenizer_config.json",
        "processor_config.json",
    ] {
        let path = published.join(name);
        let text = std::fs::read_to_string(&path).expect("file");
        let text = text.replace("<image>", "<|reserved_special_token_4|>");
        std::fs::write(path, text).expect("write");
    }
    assert!(said(&published, None) && !said(&published, Some(false)));
    let turns = vec![Turn::new(Role::User, "one").learned()];
    let twice = load(&published, &Options::default()).expect("processor");
    let twice = twice.sample(&sample(turns, Vec::new())).expect("encoded");
    assert_eq!(twice.ids[0], twice.ids[1]);
    std::fs::write(published.join("adamllm.json"), "{\"extra_bos\": 2}").expect("write");
    let error = load(&published, &Options::default())
        .err()
        .expect("no flag");
    assert!(error.to_string().contains("adamllm.json"), "{error}");
}

#[test]
fn a_second_begin_of_text_token_only_on_demand() {
    let options = Options {
        extra_bos: Some(true),
        ..Options::default()
    };
    for folder in ["llama", "inst"] {
        let turns = vec![Turn::new(Role::User, "one").learned()];
        let once = open(folder, false)
            .sample(&sample(turns.clone(), Vec::new()))
            .expect("encoded");
        let twice = load(&Path::new(ROOT).join(folder), &options).expect("processor");
        let twice = twice.sample(&sample(turns, Vec::new())).expect("encoded");
        assert_eq!(
            (twice.ids[0], &twice.ids[1..]),
            (once.ids[0], once.ids.as_slice())
        );
        assert_eq!(
            (twice.learn[0], &twice.learn[1..]),
            (false, once.learn.as_slice())
        );
    }
}

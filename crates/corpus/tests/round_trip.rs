//! What is written reads back as it was, in every format that can express it.

use std::path::{Path, PathBuf};

use corpus::formats::{self, Format, Options};
use corpus::{Pair, Role, Sample, Turn, jsonl};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Any text, line ends, quotes and control characters included.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        "(?s).{0,40}",
        "[\\x00-\\x20\"\\\\{}<>image\u{2028}]{0,20}"
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{1,4}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn words() -> impl Strategy<Value = String> {
    text().prop_filter("words", |text| !text.trim().is_empty())
}

prop_compose! {
    fn pair()(
        images in prop::collection::vec("[a-z]{1,8}\\.png", 1..3),
        caption in words(),
        request in prop::option::of(words()),
        group in prop::option::of("[a-z0-9]{1,4}"),
        source in prop::option::of("[a-z ]{1,4}"),
        meta in prop::collection::hash_map("x_[a-z]{1,4}", value(), 0..3),
    ) -> Pair {
        Pair {
            id: String::new(),
            images: images.into_iter().map(PathBuf::from).collect(),
            caption,
            request,
            group,
            source,
            meta: meta.into_iter().collect(),
        }
    }
}

/// Rows under a folder, with ids of their own.
fn placed(folder: &Path, mut pairs: Vec<Pair>) -> Vec<Pair> {
    for (at, pair) in pairs.iter_mut().enumerate() {
        pair.id = format!("id {at}");
        pair.images
            .iter_mut()
            .for_each(|image| *image = folder.join(&image));
    }
    pairs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pairs_as_lines(pairs in prop::collection::vec(pair(), 0..5)) {
        let folder = tempfile::tempdir().expect("folder");
        let pairs = placed(folder.path(), pairs);
        let path = folder.path().join("pairs.jsonl");
        jsonl::write(&path, &pairs).expect("write");
        prop_assert_eq!(jsonl::read::<Pair>(&path).expect("read"), pairs);
    }

    #[test]
    fn pairs_in_every_format(pairs in prop::collection::vec(pair(), 1..5)) {
        let folder = tempfile::tempdir().expect("folder");
        let pairs = placed(folder.path(), pairs);
        for (format, name) in [(Format::Jsonl, "a.jsonl"), (Format::JsonArray, "a.json"), (Format::ShareGpt, "s.json")] {
            let path = folder.path().join(name);
            // Marks in requests are places for pictures, which a pair has anyway.
            let marked = |pair: &&Pair| pair.request.as_ref().is_some_and(|text| text.contains("<image>"));
            let expected: Vec<Pair> = pairs.iter().filter(|pair| !marked(pair)).cloned().collect();
            if expected.is_empty() {
                continue;
            }
            let left_out = formats::write_pairs(&path, &expected, format).expect("write");
            let is_kept = |pair: &&Pair| left_out.iter().all(|row| row.id != pair.id);
            let expected: Vec<Pair> = expected.iter().filter(is_kept).cloned().collect();
            prop_assert!(format == Format::ShareGpt || left_out.is_empty());
            if let Ok(loaded) = formats::read_pairs(&path, &Options::default()) {
                prop_assert_eq!(loaded.format, format);
                prop_assert_eq!(loaded.rejected, []);
                prop_assert_eq!(loaded.rows, expected);
            } else {
                prop_assert!(expected.is_empty());
            }
        }
    }
}

fn sample() -> Sample {
    Sample {
        id: "s".to_owned(),
        images: vec!["a.png".into(), "/b/c.png".into()],
        turns: vec![
            Turn::new(Role::System, "Be brief."),
            Turn::new(Role::User, "<image>\n<image>\nWhich?").with_marks(),
            Turn::new(Role::Assistant, "The first.").learned(),
        ],
        end: false,
        origin: Value::Null,
    }
}

#[test]
fn samples_in_the_layout_of_llama_factory() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("s.json");
    let mut good = sample();
    good.images[0] = folder.path().join("pictures/a.png");
    let change = |id: &str, change: fn(&mut Sample)| {
        let mut other = good.clone();
        other.id = id.to_owned();
        change(&mut other);
        other
    };
    let samples = [
        good.clone(),
        change("end", |it| it.end = true),
        change("learned user", |it| it.turns[1].learn = true),
        change("unlearned answer", |it| it.turns[2].learn = false),
        change("literal", |it| it.turns[2].text = "An <image>.".to_owned()),
        change("literal of the user", |it| it.turns[1].marks = false),
    ];
    let left_out = formats::write_samples(&path, &samples, Format::ShareGpt).expect("write");
    assert_eq!(left_out.len(), 5);
    assert!(
        left_out
            .iter()
            .all(|row| row.reason == "inexpressible" && row.stage == "write")
    );
    let written: Value =
        serde_json::from_slice(&std::fs::read(&path).expect("file")).expect("JSON");
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "<image>\n<image>\nWhich?"},
        {"role": "assistant", "content": "The first."},
    ]);
    assert_eq!(
        written,
        json!([{"id": "s", "images": ["pictures/a.png", "/b/c.png"], "messages": messages}])
    );
    let loaded = formats::read_samples(&path, &Options::default()).expect("read");
    let origin = json!({"file": "s.json", "row": 0});
    assert_eq!(loaded.rows, [Sample { origin, ..good }]);
}

#[test]
fn dataset_info_names_the_columns() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("d.json");
    let text = r#"[{"chat": [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "Soup."}], "pics": "a.png"}]"#;
    std::fs::write(&path, text).expect("write");
    let info =
        |text: &str| std::fs::write(folder.path().join("dataset_info.json"), text).expect("write");
    let read = || formats::read_pairs(&path, &Options::default()).expect("read");
    assert_eq!(read().rows.len(), 0);
    for broken in [
        "",
        "[]",
        "{\"a\": 3}",
        "{\"a\": {\"file_name\": \"e.json\", \"columns\": {\"messages\": \"chat\"}}}",
    ] {
        info(broken);
        assert_eq!(read().rows.len(), 0, "{broken}");
    }
    info(
        r#"{"x": {"file_name": "d.json", "formatting": "sharegpt", "columns": {"messages": "chat", "images": "pics"}}}"#,
    );
    let loaded = read();
    assert_eq!(
        (loaded.format, loaded.rows[0].caption.as_str()),
        (Format::ShareGpt, "Soup.")
    );
    assert!(loaded.why.contains("dataset_info.json"), "{}", loaded.why);
    let entry = formats::dataset_info("d.json", Format::ShareGpt);
    assert_eq!(entry["columns"]["messages"], "messages");
}

#[test]
fn summary_counts_what_is_there() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("d.jsonl");
    let text = r#"{"id": "a", "image": "a.png", "caption": "abcd", "group": "g"}
{"id": "b", "images": ["a.png", "b.png"], "caption": "abcd", "group": "g"}
{"id": "c", "image": "c.png", "caption": "éé"}
{"id": "d", "image": "c.png", "caption": ""}
{"id": "c", "image": "c.png", "caption": "x"}
"#;
    std::fs::write(&path, text).expect("write");
    let loaded = formats::read_pairs(&path, &Options::default()).expect("read");
    let summary = formats::summary(&loaded);
    assert_eq!(
        summary.to_string(),
        "format: jsonl (one JSON object a line; the first has `id`, `image`, `caption`, `group`, no conversation)\n\
         rows: 3\nleft out, empty-caption: 1\nleft out, duplicate-id: 1\npictures: 3 (2 rows with 1, 1 rows with 2)\n\
         groups: 1\ncharacters: 2 to 4, median 4, mean 3\nrows whose text occurs more than once: 2\n"
    );
    let shown = serde_json::to_value(&summary).expect("JSON");
    assert_eq!(
        shown["rejected"],
        json!({"duplicate-id": 1, "empty-caption": 1})
    );
}

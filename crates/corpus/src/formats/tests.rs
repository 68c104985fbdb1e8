use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::native;
use super::*;
use crate::{Pair, Role, Sample, Turn};

fn folder_with(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("data.json");
    fs::write(&path, text).expect("write");
    fs::write(folder.path().join("a.png"), "x").expect("write");
    (folder, path)
}

fn checked() -> Options {
    Options {
        check_images: true,
        ..Options::default()
    }
}

fn check(text: &str, expected: &[&str], reasons: &[&str]) -> Loaded<Pair> {
    let (_folder, path) = folder_with(text.as_bytes());
    let loaded = read_pairs(&path, &checked()).expect("read");
    let shown = |pair: &Pair| {
        let request = pair.request.as_deref().unwrap_or("-");
        format!("{}|{}|{request}", pair.id, pair.caption)
    };
    let found: Vec<String> = loaded.rows.iter().map(shown).collect();
    assert_eq!(found, expected);
    let found: Vec<String> = loaded
        .rejected
        .iter()
        .zip(&loaded.lines)
        .map(|(r, line)| format!("{line} {} {}", r.id, r.reason))
        .collect();
    assert_eq!(found, reasons);
    loaded
}

#[test]
fn reads_jsonl_with_synonyms_and_keeps_other_keys() {
    let text = "{\"id\": 7, \"image\": \"a.png\", \"text\": \"A pear\", \"site\": \"b\", \"group\": 3}\n\n\
                {\"image\": \"a.png\", \"caption\": \"<image> stays\", \"text\": \"t\"}\r\n";
    let loaded = check(text, &["7|A pear|-", "data-000001|<image> stays|-"], &[]);
    assert_eq!(loaded.rows[0].meta["site"], "b");
    assert_eq!(loaded.rows[1].meta["text"], "t");
    assert_eq!(loaded.rows[0].group.as_deref(), Some("3"));
    assert_eq!(loaded.format, Format::Jsonl);
    assert_eq!(loaded.notes.len(), 1);
}

#[test]
fn reads_an_array_of_our_records() {
    let text = "\u{feff} [ {\"images\": [\"a.png\"], \"caption\": \"c\", \"request\": \" \"}\n, 3,\n null ]\n";
    let loaded = check(
        text,
        &["data-000000|c|-"],
        &["2 data-000001 not-a-record", "3 data-000002 not-a-record"],
    );
    assert_eq!(loaded.format, Format::JsonArray);
    assert!(
        loaded.why.contains("`images`, `caption`, `request`"),
        "{}",
        loaded.why
    );
}

/// The layouts that LLaMA-Factory's data README and LLaVA's documentation give.
#[test]
fn reads_llama_factory_and_llava_conversations() {
    let text = r#"[
      {"messages": [{"role": "user", "content": "<image>\nWhat dish?"}, {"role": "assistant", "content": "A stew."}], "images": ["a.png"]},
      {"id": "x", "image": "a.png", "conversations": [{"from": "human", "value": "Describe it.\n<image>"}, {"from": "gpt", "value": "Soup."}]},
      {"id": 12, "images": ["a.png", "a.png"], "group": "g", "extra": 1, "messages": [
         {"role": "system", "content": "Be brief."},
         {"content": "<image><image>Compare <image> in words", "role": "user"}, {"content": "<image> A: 1\n", "role": "assistant"},
         {"content": "More?", "role": "user"}, {"content": "No.", "role": "assistant"}]}
    ]"#;
    let loaded = check(
        text,
        &[
            "data-000000|A stew.|What dish?",
            "x|Soup.|Describe it.",
            "12|<image> A: 1\n|Compare  in words",
        ],
        &[],
    );
    assert_eq!(loaded.format, Format::ShareGpt);
    let last = &loaded.rows[2];
    assert_eq!(last.images.len(), 2);
    assert_eq!(
        serde_json::to_value(&last.meta).expect("json"),
        json!({"extra": 1})
    );
    assert!(
        loaded
            .notes
            .iter()
            .any(|note| note.starts_with("1 conversations go on"))
    );
}

#[test]
fn a_pair_has_the_pictures_of_its_own_question() {
    let text = r#"[{"images": ["a.png", "a.png", "a.png"], "messages": [
         {"role": "user", "content": "<image><image>Who are they?"}, {"role": "assistant", "content": "Two players."},
         {"role": "user", "content": "And here?<image>"}, {"role": "assistant", "content": "A third."}]}]"#;
    let loaded = check(text, &["data-000000|Two players.|Who are they?"], &[]);
    assert_eq!(loaded.rows[0].images.len(), 2);
}

#[test]
fn image_marks_take_one_newline_with_them() {
    for (text, expected) in [
        ("<image>\nWhat?", "What?"),
        ("<image>\n\nWhat?", "\nWhat?"),
        ("<image>What?", "What?"),
        ("What?\n<image>", "What?"),
        ("What?<image>", "What?"),
        ("a\n<image>\nb", "a\nb"),
        ("<image>", ""),
        ("< image >", "< image >"),
    ] {
        assert_eq!(native::without_marks(text), expected, "{text:?}");
    }
}

#[test]
fn names_every_row_that_cannot_be_used() {
    let text = r#"{"id":"1","images":["a.png"],"caption":"c"}
{"id":"1","images":["a.png"],"caption":"c"}
{"id":"2","images":["a.png"],"caption":" "}
{"id":"3","images":[],"caption":"c"}
{"id":"4","images":["b.png"],"caption":"c"}
{"id":"5","images":["a.png"]}
{"id":"6","images":{"path":"a.png"},"caption":"c"}
{"id":"7","images":["https://x.y/a.png"],"caption":"c"}
{"id":"8","images":["."],"caption":"c"}
{"id":"9","images":null,"caption":"c"}
{"id":[],"images":["a.png"],"caption":"c"}
{"id":"1","images":["a.png"],"caption":"again"}
{"id":"""#;
    let loaded = check(
        text,
        &["1|c|-"],
        &[
            "2 1 duplicate-id",
            "3 2 empty-caption",
            "4 3 no-image",
            "5 4 missing-image",
            "6 5 not-a-record",
            "7 6 not-a-record",
            "8 7 missing-image",
            "9 8 missing-image",
            "10 9 no-image",
            "11 data-000010 not-a-record",
            "12 1 duplicate-id",
            "13 data-000012 unreadable",
        ],
    );
    let details: Vec<&str> = loaded.rejected.iter().map(|r| r.detail.as_str()).collect();
    for (at, part) in [
        (3, "b.png` does not exist; paths are relative to"),
        (4, "line 6: has no key `caption`"),
        (5, "key `images`: expected file names, found an object"),
        (6, "download the pictures first"),
        (11, "line 13: EOF while parsing"),
    ] {
        assert!(details[at].contains(part), "{}", details[at]);
    }
}

#[test]
fn names_bad_turns() {
    let text = r#"[
 {"messages": []},
 {"messages": {}, "images": ["a.png"]},
 {"caption": "c", "images": ["a.png"]},
 {"messages": [{"role": "tool", "content": ""}], "images": ["a.png"]},
 {"messages": [{"role": "user", "content": [3]}], "images": ["a.png"]},
 {"messages": [{"role": "user", "content": "x"}], "images": ["a.png"]},
 {"messages": [{"role": "user", "content": "x"}, {"role": "assistant"}], "images": ["a.png"]}
]"#;
    let loaded = check(
        text,
        &[],
        &[
            "2 data-000000 no-image",
            "3 data-000001 not-a-record",
            "4 data-000002 not-a-record",
            "5 data-000003 not-a-record",
            "6 data-000004 not-a-record",
            "7 data-000005 empty-caption",
            "8 data-000006 not-a-record",
        ],
    );
    assert!(
        loaded.rejected[3]
            .detail
            .contains("turn 0 of `messages` (from 0): `tool` speaks")
    );
}

#[test]
fn columns_can_be_mapped() {
    let (folder, path) = folder_with(
        br#"{"finding": "clear", "file": "a.png", "caption": "other", "image": "b.png"}"#,
    );
    let columns =
        [("caption", "finding"), ("images", "file")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    let options = Options {
        columns: columns.into(),
        ..checked()
    };
    let loaded = read_pairs(&path, &options).expect("read");
    let row = &loaded.rows[0];
    assert_eq!(
        (row.caption.as_str(), &row.images),
        ("clear", &vec![folder.path().join("a.png")])
    );
    assert_eq!(row.meta.len(), 2);

    let columns = [("captoin".to_owned(), "finding".to_owned())].into();
    let error = read_pairs(
        &path,
        &Options {
            columns,
            ..checked()
        },
    )
    .expect_err("unknown");
    assert!(
        error
            .to_string()
            .contains("`captoin`; expected one of `id`"),
        "{error}"
    );
}

#[test]
fn pictures_start_at_the_root_that_is_named() {
    let (folder, path) = folder_with(br#"{"caption": "c", "image": "a.png"}"#);
    let other = tempfile::tempdir().expect("folder");
    let options = Options {
        images: Some(other.path().to_owned()),
        ..checked()
    };
    let loaded = read_pairs(&path, &options).expect("read");
    assert_eq!(loaded.rejected[0].reason, "missing-image");
    fs::copy(folder.path().join("a.png"), other.path().join("a.png")).expect("copy");
    let loaded = read_pairs(&path, &options).expect("read");
    assert_eq!(loaded.rows[0].images, [other.path().join("a.png")]);
}

#[test]
fn broken_files_are_one_clear_error() {
    for (text, parts) in [
        (&b""[..], &["is empty"][..]),
        (b" \n", &["is empty"]),
        (b"[]", &["has no records"]),
        (
            b"[{\"id\": 1},",
            &["line 1", "cut off", "after 1 complete record"],
        ),
        (b"[{\"id\": 1},\n{\"id\": 2", &["line 2", "cut off"]),
        (b"[\n{\"id\": 1}\n", &["line 2", "cut off"]),
        (b"[", &["cut off", "after 0"]),
        (
            b"[{\"id\": 1}\n{\"id\": 2}]",
            &["line 2", "expected `,` or `]`"],
        ),
        (
            b"[{\"id\": 1},\n\n{\"id\"\n: 'x'}]",
            &["line 4", "record 1"],
        ),
        (b"[{\"id\": 1}] x", &["after the end"]),
        (b"[{\"id\": 1},\n{\"id\": \"\xff\"}]", &["line 2", "UTF-8"]),
        (b"hello", &["does not begin with"]),
        (
            b"{\n\"id\": 1\n}",
            &["is one JSON object over several lines"],
        ),
        (b"PAR1\0\0", &["Parquet"]),
        (b"\x1f\x8b\x08", &["gzip"]),
        (b"\xff\xfe[\0", &["UTF-16"]),
    ] {
        let (_folder, path) = folder_with(text);
        let error = read_pairs(&path, &Options::default()).map(|loaded| loaded.rows);
        let message = error.expect_err("broken").to_string();
        assert!(message.contains("data.json"), "{message}");
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
    let missing = read_pairs(Path::new("/nowhere/x.json"), &Options::default());
    assert!(
        missing
            .expect_err("missing")
            .to_string()
            .starts_with("cannot read `/nowhere/x.json`")
    );
}

#[test]
fn deep_json_is_an_error_and_not_an_overflow() {
    let deep = "[".repeat(100_000);
    for text in [
        deep.clone(),
        format!("[{deep}"),
        format!("{{\"a\": {deep}\n"),
    ] {
        let (_folder, path) = folder_with(text.as_bytes());
        match read_pairs(&path, &Options::default()) {
            Ok(loaded) => assert!(loaded.rows.is_empty()),
            Err(error) => assert!(error.to_string().contains("recursion"), "{error}"),
        }
    }
}

#[test]
fn conversations_become_samples_with_learned_answers() {
    let text = r#"[
 {"system": "Be brief.", "images": ["a.png"], "source": "s", "conversations": [{"from": "human", "value": "<image>\na"}, {"from": "gpt", "value": "<image> b"}]},
 {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
 {"messages": [{"role": "user", "content": "<image>a"}, {"role": "assistant", "content": "b"}]},
 {"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]},
 {"messages": [{"role": "user", "content": "a"}]}
]"#;
    let (folder, path) = folder_with(text.as_bytes());
    let loaded = read_samples(&path, &checked()).expect("read");
    let first = &loaded.rows[0];
    let turns = [
        Turn::new(Role::System, "Be brief."),
        Turn::new(Role::User, "<image>\na").with_marks(),
        Turn::new(Role::Assistant, "<image> b").learned(),
    ];
    assert_eq!(first.turns, turns);
    assert_eq!(first.images, [folder.path().join("a.png")]);
    assert_eq!(
        first.origin,
        json!({"file": "data.json", "row": 0, "source": "s"})
    );
    assert_eq!((loaded.rows.len(), loaded.lines), (2, vec![4, 5, 6]));
    let reasons: Vec<_> = loaded.rejected.iter().map(|r| r.reason.as_str()).collect();
    assert_eq!(reasons, ["image-marks", "turn-order", "turn-order"]);
}

#[test]
fn our_own_samples_come_back_as_written() {
    let turns = vec![
        Turn::new(Role::User, "<image>What?").with_marks(),
        Turn::new(Role::Assistant, "Soup.").learned(),
    ];
    let sample = Sample {
        id: "s".to_owned(),
        images: vec!["a.png".into()],
        turns,
        end: true,
        origin: json!("pair"),
    };
    let (folder, path) = folder_with(b"");
    let mut other = sample.clone();
    other.id = "t".to_owned();
    other.end = false;
    other.turns.pop();
    crate::jsonl::write(&path, &[sample.clone(), other]).expect("write");
    let loaded = read_samples(&path, &checked()).expect("read");
    let images = vec![folder.path().join("a.png")];
    assert_eq!(loaded.rows, [Sample { images, ..sample }]);
    assert_eq!(loaded.rejected[0].reason, "nothing-learned");
}

#[test]
fn seeds_need_tasks_with_text() {
    let text = r#"{"id": "a", "image": "a.png", "caption": "c", "task": "vqa", "tasks": [{"instruction": "i", "informative": "l", "precise": "s"}]}
{"id": "b", "image": "a.png", "caption": "c", "tasks": []}
{"id": "c", "image": "a.png", "caption": "c"}
{"id": "d", "image": "a.png", "caption": "c", "tasks": [{"instruction": "i", "informative": "l"}]}
{"id": "e", "image": "a.png", "caption": "c", "tasks": [{"instruction": "i", "informative": "l", "precise": " "}]}
{"id": "f", "messages": []}
"#;
    let (_folder, path) = folder_with(text.as_bytes());
    let loaded = read_seeds(&path, &checked()).expect("read");
    assert_eq!(loaded.rows.len(), 1);
    assert_eq!(loaded.rows[0].task.as_deref(), Some("vqa"));
    let reasons: Vec<_> = loaded.rejected.iter().map(|r| r.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "no-tasks",
            "not-a-record",
            "not-a-record",
            "not-a-record",
            "no-image"
        ]
    );
}

#[test]
fn a_folder_with_several_data_files_is_not_guessed_at() {
    let folder = tempfile::tempdir().expect("folder");
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("write");
    let remove = |name: &str| fs::remove_file(folder.path().join(name)).expect("there");
    let row = r#"[{"image": "a.png", "caption": "A pear"}]"#;
    put("a.png", "x");
    put("dataset_info.json", "{}");
    put("data.json", row);
    let read = || read_pairs(folder.path(), &Options::default());
    assert_eq!(read().expect("one table").rows[0].caption, "A pear");
    let check = |expected: &str| {
        let message = read().expect_err("several").to_string();
        assert!(message.contains("several data files"), "{message}");
        assert!(message.contains(expected), "{message}");
    };
    put("more.csv", "image,caption\na.png,A plum\n");
    check("(`data.json`, `more.csv`)");
    remove("more.csv");
    put("part.parquet", "PAR1");
    check("(`data.json`, `part.parquet`)");
    put("metadata.csv", "file_name,caption\na.png,A plum\n");
    assert_eq!(read().expect("what is meant").rows[0].caption, "A plum");
    remove("metadata.csv");
    remove("data.json");
    put("shard.tar", "");
    check("(`shard.tar`, `part.parquet`)");
    remove("shard.tar");
    remove("part.parquet");
    // What crawlers write beside each picture is no table.
    put("a.json", "{}");
    put("a.txt", "A quince");
    assert_eq!(read().expect("texts").rows[0].caption, "A quince");
    for name in ["train-0.tar", "test-0.tar"] {
        put(name, "");
    }
    let message = read().expect_err("two splits").to_string();
    assert!(message.contains("several splits"), "{message}");
}

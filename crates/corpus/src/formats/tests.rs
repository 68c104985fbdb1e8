use std::fs;

use super::*;

fn check(text: &str, expected: &[&str], reasons: &[&str]) -> Loaded<Pair> {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("data.json");
    fs::write(&path, text).expect("write");
    fs::write(folder.path().join("a.png"), "x").expect("write");
    let loaded = read_pairs(&path, &Options { check_images: true, ..Options::default() }).expect("read");
    let found: Vec<String> = loaded
        .rows
        .iter()
        .map(|p| format!("{}|{}|{}", p.id, p.caption, p.request.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(loaded.rejected.iter().map(|r| r.reason.as_str()).collect::<Vec<_>>(), reasons);
    loaded
}

#[test]
fn reads_jsonl_with_synonyms_and_keeps_other_keys() {
    let text = "{\"id\": 7, \"image\": \"a.png\", \"text\": \"A pear\", \"site\": \"b\"}\n{\"image\": \"a.png\", \"caption\": \"<image> stays\"}\n";
    let loaded = check(text, &["7|A pear|-", "data-000001|<image> stays|-"], &[]);
    assert_eq!(loaded.rows[0].meta["site"], "b");
    assert_eq!(loaded.format, Format::Jsonl);
}

#[test]
fn reads_llama_factory_and_llava_conversations() {
    let text = r#"[
      {"messages": [{"role": "user", "content": "<image>\nWhat dish?"}, {"role": "assistant", "content": "A stew."}], "images": ["a.png"]},
      {"id": "x", "image": "a.png", "conversations": [{"from": "human", "value": "Describe it.\n<image>"}, {"from": "gpt", "value": "Soup."}]}
    ]"#;
    let loaded = check(text, &["data-000000|A stew.|What dish?", "x|Soup.|Describe it."], &[]);
    assert_eq!(loaded.format, Format::ShareGpt);
}

#[test]
fn names_every_row_that_cannot_be_used() {
    let text = "{\"id\":\"1\",\"images\":[\"a.png\"],\"caption\":\"c\"}\n{\"id\":\"1\",\"images\":[\"a.png\"],\"caption\":\"c\"}\n\
                {\"id\":\"2\",\"images\":[\"a.png\"],\"caption\":\" \"}\n{\"id\":\"3\",\"images\":[],\"caption\":\"c\"}\n\
                {\"id\":\"4\",\"images\":[\"b.png\"],\"caption\":\"c\"}\n{\"id\":\"5\",\"images\":[\"a.png\"]}\n{\"id\":";
    let loaded =
        check(text, &["1|c|-"], &["unreadable", "duplicate-id", "empty-caption", "no-image", "missing-key", "missing-image"]);
    assert!(loaded.rejected[0].detail.contains("line 7"), "{}", loaded.rejected[0].detail);
}

#[test]
fn columns_can_be_mapped() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("d.jsonl");
    fs::write(&path, "{\"finding\": \"clear\", \"file\": \"a.png\"}").expect("write");
    let columns = [("caption", "finding"), ("images", "file")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    let loaded = read_pairs(&path, &Options { columns, ..Options::default() }).expect("read");
    assert_eq!((loaded.rows[0].caption.as_str(), &loaded.rows[0].images), ("clear", &vec![folder.path().join("a.png")]));
}

#[test]
fn broken_files_are_one_clear_error() {
    let folder = tempfile::tempdir().expect("folder");
    for (text, part) in [("", "is empty"), ("[{\"id\": 1},", "cut off"), ("hello", "neither JSONL nor")] {
        let path = folder.path().join("d.json");
        fs::write(&path, text).expect("write");
        let message = read_pairs(&path, &Options::default()).expect_err("broken").to_string();
        assert!(message.contains(part) && message.contains("d.json"), "{message}");
    }
}

#[test]
fn conversations_become_samples_with_learned_answers() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("d.json");
    fs::write(&path, r#"[{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}]"#).expect("write");
    let loaded = read_samples(&path, &Options::default()).expect("read");
    assert_eq!(loaded.rows[0].turns.iter().map(|t| t.learn).collect::<Vec<_>>(), [false, true]);
}

use std::fs;
use std::path::Path;

use super::*;
use crate::item::Item;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

fn triplet(id: &str, pair: &str, precise: &str) -> String {
    format!(
        r#"{{"id": "{id}", "pair": "{pair}", "instruction": "<image>\nWhat is it?", "informative": "It steams", "precise": "{precise}", "origin": {{"synthesizer": "5e3f", "raw": "x"}}}}"#
    )
}

/// A run folder by hand: three pairs, three triplets of which a filter dropped one and failed on another.
fn run_folder(folder: &Path) {
    let pair = |id: &str| {
        format!(
            r#"{{"id": "{id}", "images": ["../pictures/{id}.png"], "caption": "A cup of {id}."}}"#
        )
    };
    let pairs = ["tea", "milk", "soup", "unused"].map(pair).join("\n");
    write(folder, "pairs/pairs.jsonl", &pairs);
    write(folder, "pictures/tea.png", "");
    let all = [
        triplet("tea/1", "tea", "tea"),
        triplet("milk/1", "milk", "tea"),
        triplet("soup/1", "soup", "soup"),
    ];
    write(folder, "synthesize/triplets.jsonl", &all.join("\n"));
    write(folder, "filter/triplets.jsonl", &all[0]);
    let verdicts = r#"{"id": "tea/1", "verdict": "yes", "p_yes": 0.75, "raw": "Yes"}
{"id": "milk/1", "verdict": "yes", "p_yes": 0.25, "raw": "Yes"}
"#;
    write(folder, "filter/verdicts.jsonl", verdicts);
}

fn all(source: &Source) -> (Vec<Item>, Read) {
    let mut items = Vec::new();
    let found = read(source, |item| items.push(item)).expect("read");
    (items, found)
}

#[test]
fn a_run_folder_is_its_triplets_before_and_after_the_filter() {
    let folder = tempfile::tempdir().expect("folder");
    run_folder(folder.path());
    let sets = sources("ours", folder.path()).expect("sets");
    let names: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
    assert_eq!(names, ["ours before the filter", "ours after the filter"]);
    let (before, found) = all(&sets[0]);
    assert_eq!(
        (found.items, found.rejected.num_items(), found.layout),
        (3, 0, Layout::Triplets)
    );
    let tea = &before[0];
    assert_eq!(
        (tea.set.as_str(), tea.id.as_str(), tea.pair.as_str()),
        ("ours before the filter", "tea/1", "tea")
    );
    assert_eq!(
        tea.exchanges,
        [[
            "What is it?".to_owned(),
            "It steams. Therefore, the answer is tea".to_owned()
        ]]
    );
    assert_eq!(
        (tea.informative.as_deref(), tea.precise.as_deref()),
        (Some("It steams"), Some("tea"))
    );
    assert_eq!(
        (tea.caption.as_deref(), tea.author.as_deref()),
        (Some("A cup of tea."), Some("5e3f"))
    );
    assert!(tea.images[0].is_file(), "{:?}", tea.images);
    // What the judge said yes to and the recipe's threshold dropped is dropped, and so is what it did not answer.
    let verdicts: Vec<_> = before.iter().map(|item| (item.kept, item.p_yes)).collect();
    assert_eq!(
        verdicts,
        [
            (Some(true), Some(0.75)),
            (Some(false), Some(0.25)),
            (Some(false), None)
        ]
    );
    let (after, _) = all(&sets[1]);
    assert_eq!((after.len(), after[0].kept), (1, Some(true)));
    let file = folder.path().join("synthesize/triplets.jsonl");
    let alone = sources("x", &file).expect("a set");
    assert_eq!(all(&alone[0]).0[1].kept, Some(false));
    assert_eq!(all(&alone[0]).0[0].caption, tea.caption);
    // Without the list of what was kept, the verdict itself tells.
    let source = Source {
        kept: None,
        ..sets[0].clone()
    };
    assert_eq!(all(&source).0[1].kept, Some(true));
    let stage = sources("x", &folder.path().join("filter")).expect("a set");
    assert_eq!(
        (
            all(&stage[0]).0.len(),
            all(&stage[0]).0[0].caption.as_deref()
        ),
        (1, Some("A cup of tea."))
    );
}

#[test]
fn a_filter_that_judged_nothing_makes_no_two_sets() {
    let folder = tempfile::tempdir().expect("folder");
    run_folder(folder.path());
    fs::remove_file(folder.path().join("filter/verdicts.jsonl")).expect("removed");
    let sets = sources("ours", folder.path()).expect("sets");
    assert_eq!((sets.len(), sets[0].name.as_str()), (1, "ours"));
    assert_eq!(all(&sets[0]).0[0].kept, None);
}

#[test]
fn a_maker_of_conversations_gives_one_set() {
    let folder = tempfile::tempdir().expect("folder");
    run_folder(folder.path());
    let path = folder.path();
    fs::remove_file(path.join("synthesize/triplets.jsonl")).expect("removed");
    fs::remove_file(path.join("filter/verdicts.jsonl")).expect("removed");
    write(path, "filter/triplets.jsonl", "");
    let tasks = r#"{"id": "tea/general", "pair": "tea", "exchanges": [["<image>\nA?", "B."], ["C?", "D."]], "template": "general", "origin": {"model": "gpt", "task": "ocr"}}
{"id": "milk/general", "pair": "milk", "exchanges": [], "template": "general"}
{"id": "soup/general", "pair": "soup", "exchanges": [["A?", " "]], "template": "general"}
"#;
    write(path, "synthesize/tasks.jsonl", tasks);
    let sets = sources("ours", path).expect("sets");
    let (items, found) = all(&sets[0]);
    assert_eq!(
        (sets.len(), items.len(), found.layout),
        (1, 1, Layout::Tasks)
    );
    let [one] = items.as_slice() else {
        panic!("one")
    };
    assert_eq!(one.exchanges[0], ["A?", "B."]);
    assert_eq!(
        (one.author.as_deref(), one.task.as_deref(), one.is_triplet()),
        (Some("gpt"), Some("ocr"), false)
    );
    assert_eq!(one.caption.as_deref(), Some("A cup of tea."));
    assert_eq!(
        (
            found.rejected.count("no-exchange"),
            found.rejected.count("empty-text")
        ),
        (1, 1)
    );
}

#[test]
fn a_stage_of_a_store_finds_its_pairs_by_the_keys_of_its_inputs() {
    let folder = tempfile::tempdir().expect("folder");
    let run = folder.path().join("run");
    run_folder(&run);
    let store = folder.path().join("store");
    let keys = ["0123456789abcdef", "00112233445566aa", "99"];
    let place = |from: &str, to: &str| {
        let to = store.join(to);
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(run.join(from), to).expect("copied");
    };
    let stage = |kind: &str, key: &str| format!("{kind}-{key}");
    let (made, filtered) = (stage("synthesize", keys[1]), stage("filter", keys[2]));
    place(
        "pairs/pairs.jsonl",
        &format!("{}/pairs.jsonl", stage("pairs", keys[0])),
    );
    place(
        "synthesize/triplets.jsonl",
        &format!("{made}/triplets.jsonl"),
    );
    place(
        "filter/triplets.jsonl",
        &format!("{filtered}/triplets.jsonl"),
    );
    place(
        "filter/verdicts.jsonl",
        &format!("{filtered}/verdicts.jsonl"),
    );
    let inputs = |role: &str, key: &str| format!(r#"{{"inputs": {{"{role}": "{key}fedcba98"}}}}"#);
    write(
        &store,
        &format!("{made}/manifest.json"),
        &inputs("pairs", keys[0]),
    );
    write(
        &store,
        &format!("{filtered}/manifest.json"),
        &inputs("triplets", keys[1]),
    );
    for (name, count) in [(&made, 3), (&filtered, 1)] {
        let sets = sources("x", &store.join(name)).expect("a set");
        let (items, _) = all(&sets[0]);
        assert_eq!(
            (items.len(), items[0].caption.as_deref()),
            (count, Some("A cup of tea.")),
            "{name}"
        );
    }
    // A key that is none names no folder.
    write(
        &store,
        &format!("{made}/manifest.json"),
        &inputs("pairs", "../../../../../x"),
    );
    let sets = sources("x", &store.join(&made)).expect("a set");
    assert!(sets[0].pairs.is_empty());
    // A cell's folders are links into the store: what lies beside them is the cell's.
    let cell = folder.path().join("cell");
    fs::create_dir_all(&cell).expect("made");
    for (name, to) in [
        ("pairs", stage("pairs", keys[0])),
        ("synthesize", made),
        ("filter", filtered),
    ] {
        std::os::unix::fs::symlink(store.join(to), cell.join(name)).expect("linked");
    }
    let sets = sources("cell", &cell).expect("sets");
    assert_eq!(sets.len(), 2);
    let alone = sources("x", &cell.join("synthesize/triplets.jsonl")).expect("a set");
    let (items, _) = all(&alone[0]);
    assert_eq!(
        (items[0].caption.as_deref(), items[1].kept),
        (Some("A cup of tea."), Some(false))
    );
}

#[test]
fn broken_lines_are_counted_with_their_reasons() {
    let folder = tempfile::tempdir().expect("folder");
    let lines = [
        r#"{"id": "torn"#.to_owned(),
        triplet("a", "p", "tea"),
        String::new(),
        triplet("a", "p", "again"),
        r#"{"id": "b", "pair": "p", "instruction": 5, "informative": "x", "precise": "y"}"#
            .to_owned(),
        triplet("c", "p", " "),
        triplet("../../etc/passwd\\u0000<script>", "p", "hostile"),
    ];
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    bytes.extend(lines.join("\n").bytes());
    bytes.extend(b"\n\xff\xfe\n");
    let file = folder.path().join("t.jsonl");
    fs::write(&file, bytes).expect("written");
    let (items, found) = all(&Source::new("ours", &file));
    let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["a", "../../etc/passwd\0<script>"]);
    let counts = ["unreadable", "duplicate-id", "not-a-record", "empty-text"]
        .map(|reason| found.rejected.count(reason));
    assert_eq!(counts, [2, 1, 1, 1]);
    let rows: Vec<corpus::Rejected> = Items::open(&Source::new("ours", &file))
        .expect("open")
        .filter_map(|found| found.expect("read").err())
        .collect();
    assert_eq!(
        rows[0].detail,
        "line 1: EOF while parsing a string (column 12)"
    );
    assert_eq!(
        (rows[1].id.as_str(), rows[1].detail.as_str()),
        ("a", "line 4: an earlier record has the id `a` too")
    );
}

#[test]
fn a_set_of_which_nothing_can_be_used_is_an_error() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("t.jsonl");
    let refused = |text: &str| {
        fs::write(&file, text).expect("written");
        read(&Source::new("ours", &file), |_| {})
            .expect_err("refused")
            .to_string()
    };
    let message = refused(&triplet("a", "p", ""));
    assert!(
        message.contains("can be used:\n  1 × empty-text:\n    `a`: line 1: `precise` has no text"),
        "{message}"
    );
    let message = refused("\n{\"id\": \"a\", \"images\": [\"a.png\"], \"caption\": \"A cup.\"}\n");
    assert!(
        message.contains(
            "t.jsonl`, line 2: has the keys `id`, `images`, `caption`; expected triplets"
        ),
        "{message}"
    );
    assert!(refused("").contains("is empty"));
    assert!(refused("PK\u{3}\u{4}").contains("looks like zip"));
    let missing = read(&Source::new("ours", folder.path().join("no")), |_| {})
        .expect_err("missing")
        .to_string();
    assert!(missing.contains("no` is not there"), "{missing}");
    let pairs = vec![folder.path().join("no")];
    fs::write(&file, triplet("a", "p", "tea")).expect("written");
    let missing = read(
        &Source {
            pairs,
            ..Source::new("ours", &file)
        },
        |_| {},
    );
    assert!(matches!(missing, Err(Error::Missing { .. })));
    fs::create_dir_all(folder.path().join("run/synthesize")).expect("made");
    let message = sources("ours", &folder.path().join("run"))
        .expect_err("no run")
        .to_string();
    assert!(
        message.contains("has no tasks: there is none of `synthesize/triplets.jsonl`"),
        "{message}"
    );
    let twice = [
        Source::new("a", "x"),
        Source::new("b", "x"),
        Source::new("a", "y"),
    ];
    assert!(matches!(check_names(&twice), Err(Error::SameName { name }) if name == "a"));
    assert!(matches!(check_names(&[]), Err(Error::NoSets)));
}

#[test]
fn seed_data_is_an_item_a_task() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("seeds.jsonl");
    let line = r#"{"id": "s", "images": ["s.png"], "caption": "A cup.", "task": "ocr", "tasks": [
        {"instruction": "What?", "informative": "It is a cup.", "precise": "cup"},
        {"instruction": "How many?", "informative": "One.", "precise": "1"}]}"#;
    fs::write(&file, line.replace('\n', "")).expect("written");
    let (items, found) = all(&Source::new("seeds", &file));
    assert_eq!((found.layout, items.len()), (Layout::Seeds, 2));
    let second = &items[1];
    assert_eq!(
        (
            second.id.as_str(),
            second.pair.as_str(),
            second.task.as_deref()
        ),
        ("s/2", "s", Some("ocr"))
    );
    assert_eq!(
        (second.exchanges[0][1].as_str(), second.caption.as_deref()),
        ("One. Therefore, the answer is 1", Some("A cup."))
    );
    assert_eq!(second.images, [folder.path().join("s.png")]);
}

#[test]
fn conversations_of_others_and_samples_of_a_run() {
    let folder = tempfile::tempdir().expect("folder");
    let read_text = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).expect("written");
        all(&Source::new("x", &file))
    };
    let chats = r#"[{"id": "1", "image": "a.png", "conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A cup."},
        {"from": "human", "value": "Which?"}, {"from": "gpt", "value": "Red."}]},
        {"id": "2", "image": "a.png", "conversations": [{"from": "gpt", "value": "Nothing was asked."}]}]"#;
    let (items, found) = read_text("llava.json", chats);
    assert_eq!((items.len(), found.rejected.num_items()), (1, 1));
    assert_eq!(
        items[0].exchanges,
        [["What?", "A cup."], ["Which?", "Red."]].map(|both| both.map(str::to_owned))
    );
    assert_eq!(
        (items[0].pair.as_str(), items[0].images.len()),
        ("a.png", 1)
    );
    let (items, _) = read_text(
        "alpaca.json",
        r#"[{"instruction": "Add.", "input": "1 and 2", "output": "3"}]"#,
    );
    assert_eq!(
        (items[0].images.len(), items[0].exchanges[0][1].as_str()),
        (0, "3")
    );
    let messages = r#"{"id": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi?"}]}, {"role": "assistant", "content": [{"type": "text", "text": "Hello."}]}]}"#;
    let (items, _) = read_text("openai.jsonl", messages);
    assert_eq!(items[0].exchanges[0], ["Hi?", "Hello."]);
    // A run's own samples: the caption that is trained beside the task is no task, but the caption.
    let sample = |origin: &str| {
        format!(
            r#"{{"id": "p", "images": ["p.png"], "turns": [{{"role": "user", "text": "<image>\nWhat?", "marks": true}}, {{"role": "assistant", "text": "A cup.", "learn": true}}, {{"role": "user", "text": "Describe <image>."}}, {{"role": "assistant", "text": "A red cup.", "learn": true}}], "end": false, "origin": {origin}}}"#
        )
    };
    let (items, found) = read_text(
        "samples.jsonl",
        &sample(r#"{"pair": "p", "triplet": "p/1", "caption": "last"}"#),
    );
    assert_eq!(
        (
            found.layout,
            items[0].exchanges.len(),
            items[0].caption.as_deref()
        ),
        (Layout::Conversations, 1, Some("A red cup."))
    );
    let (items, _) = read_text("samples.jsonl", &sample("null"));
    // A mark that is text stays.
    assert_eq!(
        (items[0].exchanges.len(), items[0].exchanges[1][0].as_str()),
        (2, "Describe <image>.")
    );
}

#[test]
fn pairs_that_are_not_there_are_told() {
    let folder = tempfile::tempdir().expect("folder");
    run_folder(folder.path());
    write(
        folder.path(),
        "more.jsonl",
        &[triplet("x/1", "x", "tea"), triplet("tea/1", "tea", "tea")].join("\n"),
    );
    let pairs = vec![folder.path().join("pairs/pairs.jsonl")];
    let source = Source {
        pairs,
        ..Source::new("ours", folder.path().join("more.jsonl"))
    };
    let (items, found) = all(&source);
    assert_eq!(
        (items[0].images.len(), items[0].caption.as_deref()),
        (0, None)
    );
    assert_eq!(
        found.notes,
        ["1 items are about pairs that no file of pairs has: they are without picture and caption"]
    );
}

/// A table that another program wrote, with its pictures inside; see the README of `corpus`' goldens.
#[cfg(feature = "tables")]
#[test]
fn pictures_inside_a_table_are_written_for_what_was_drawn() {
    let folder = tempfile::tempdir().expect("folder");
    let table = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus/tests/golden/formats/theirs/messages.parquet");
    let unpack = Some(folder.path().join("pictures"));
    let source = Source {
        unpack,
        ..Source::new("table", table)
    };
    let (items, found) = all(&source);
    assert_eq!((items.len(), items[0].images.len()), (1, 2));
    assert_eq!(found.layout, Layout::Conversations);
    assert!(
        found.notes.iter().any(|note| note.contains("inside")),
        "{found:?}"
    );
    // Of its two pictures the second is not asked for.
    let mut item = items[0].clone();
    item.images.truncate(1);
    let written = write_pictures(&source, &[item.clone()]).expect("written");
    assert!(written == 1 && item.images[0].is_file(), "{item:?}");
    let count = fs::read_dir(folder.path().join("pictures")).expect("a folder");
    assert_eq!(count.count(), 1);
}

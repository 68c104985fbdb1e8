//! Data files of other programs read as what those programs mean, and they read ours as what we mean; see
//! `golden/README.md`.

#![cfg(all(feature = "tables", feature = "codecs"))]

use std::path::{Path, PathBuf};

use corpus::digests::Digests;
use corpus::formats::{Format, Options, Reader, Writer, read_pairs, read_samples};
use corpus::{Pair, digest};
use serde_json::{Value, json};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/formats")
        .join(name)
}

fn json_of(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(golden(name)).expect("golden")).expect("JSON")
}

fn options(folder: &Path, columns: &[(&str, &str)]) -> Options {
    Options {
        columns: columns
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect(),
        unpack: Some(folder.to_owned()),
        ..Options::default()
    }
}

fn digest_of(path: &Path) -> String {
    digest::file(path).expect("a picture's file")
}

/// The golden pairs, with digests of their pictures in place of paths.
fn shown(pairs: &[Pair]) -> Vec<Value> {
    let one = |pair: &Pair| {
        let pictures: Vec<String> = pair.images.iter().map(|path| digest_of(path)).collect();
        let mut value = serde_json::to_value(pair).expect("JSON");
        value["images"] = json!(pictures);
        value
    };
    pairs.iter().map(one).collect()
}

fn pairs() -> Vec<Pair> {
    let loaded = read_pairs(&golden("pairs.jsonl"), &Options::default()).expect("golden");
    assert_eq!((loaded.rows.len(), loaded.rejected.len()), (3, 0));
    loaded.rows
}

#[test]
fn files_of_other_programs_are_read() {
    let folder = tempfile::tempdir().expect("folder");
    let truth = json_of("rows.json");
    let columns = [("image", "photo"), ("caption", "title")];
    for (name, format, columns) in [
        ("theirs/datasets.parquet", Format::Parquet, &columns[..]),
        ("theirs/saved", Format::Arrow, &columns[..]),
        ("theirs/shard.tar", Format::WebDataset, &[]),
    ] {
        let loaded = read_pairs(&golden(name), &options(folder.path(), columns)).expect(name);
        assert_eq!(
            (loaded.format, loaded.rejected.len()),
            (format, 0),
            "{name}"
        );
        for (row, pair) in truth.as_array().expect("rows").iter().zip(&loaded.rows) {
            assert_eq!(row["id"], json!(pair.id), "{name}");
            assert_eq!(row["caption"], json!(pair.caption), "{name}");
            assert_eq!(row["image"], json!(digest_of(&pair.images[0])), "{name}");
            // A class is its name in a table, and what the archive's JSON says.
            let class = ["slope", "grid"][row["kind"].as_u64().expect("class") as usize];
            let expected = if format == Format::WebDataset {
                row["kind"].clone()
            } else {
                json!(class)
            };
            assert_eq!(pair.meta["kind"], expected, "{name}");
        }
        assert_eq!(loaded.rows.len(), 3, "{name}");
    }
    let path = golden("theirs/messages.parquet");
    let loaded = read_samples(&path, &options(folder.path(), &[])).expect("samples");
    let sample = &loaded.rows[0];
    assert_eq!((sample.images.len(), sample.turns.len()), (2, 2));
    assert_eq!(sample.turns[0].text, "<image><image>Compare.");
    let names: Vec<String> = sample.images.iter().map(|path| digest_of(path)).collect();
    assert_eq!(json!(names), json!([truth[0]["image"], truth[1]["image"]]));
}

/// Columns that are not mapped are an error of each row that tells what is there.
#[test]
fn unknown_columns_are_named() {
    let folder = tempfile::tempdir().expect("folder");
    let path = golden("theirs/datasets.parquet");
    let loaded = read_pairs(&path, &options(folder.path(), &[])).expect("read");
    assert_eq!(loaded.rows.len(), 0);
    let detail = &loaded.rejected[0].detail;
    assert!(
        detail.starts_with("row 1: has no key `caption`, but"),
        "{detail}"
    );
    assert!(
        detail.contains("`title`") && detail.contains("[data.columns] caption ="),
        "{detail}"
    );
}

/// `read.json` is what `datasets`, `webdataset` and LLaMA-Factory's loader read from the files of `ours`.
#[test]
fn other_programs_read_what_was_meant() {
    let read = json_of("read.json");
    let expected = shown(&pairs());
    for name in ["pairs.parquet", "pairs.arrow"] {
        for (ours, theirs) in expected.iter().zip(read[name].as_array().expect("rows")) {
            let mut theirs = theirs.clone();
            if let Value::String(meta) = &theirs["meta"].take() {
                let keys: Value = serde_json::from_str(meta).expect("meta");
                theirs["licence"] = keys["licence"].clone();
            }
            theirs.as_object_mut().expect("row").remove("meta");
            assert_eq!(*ours, theirs, "{name}");
        }
    }
    for (ours, theirs) in expected
        .iter()
        .zip(read["pairs.tar"].as_array().expect("rows"))
    {
        assert_eq!(
            (&ours["caption"], &ours["images"]),
            (&theirs["caption"], &theirs["pictures"])
        );
        assert_eq!(ours["id"], theirs["json"]["id"]);
    }
    for (ours, theirs) in expected
        .iter()
        .zip(read["image-folder"].as_array().expect("rows"))
    {
        assert_eq!(
            (&ours["id"], &ours["caption"]),
            (&theirs["id"], &theirs["caption"])
        );
        assert_eq!(ours["images"][0], theirs["image"]);
    }
    for name in ["messages", "alpaca"] {
        let rows = read["llama-factory"][name].as_array().expect("rows");
        assert_eq!(rows.len(), 3);
        for (ours, theirs) in expected.iter().zip(rows) {
            assert_eq!(ours["images"], theirs["images"], "{name}");
            assert_eq!(theirs["response"][0]["content"], ours["caption"], "{name}");
            let request = ours["request"]
                .as_str()
                .map_or("<image>".to_owned(), |r| format!("<image>\n{r}"));
            assert_eq!(theirs["prompt"][0]["content"], request, "{name}");
        }
    }
    let talk = &read["samples.parquet"][0];
    let sample = &read_samples(&golden("samples.jsonl"), &Options::default())
        .expect("read")
        .rows[0];
    let said: Vec<&str> = sample.turns.iter().map(|turn| turn.text.as_str()).collect();
    let theirs = talk["messages"].as_array().expect("turns");
    assert_eq!(
        theirs
            .iter()
            .map(|turn| turn["content"].as_str().expect("text"))
            .collect::<Vec<_>>(),
        said
    );
}

/// The files that the other programs read are those that are written today: text and archives to the byte, tables by what
/// is in them, since they name the version of their writer.
#[test]
fn what_they_read_is_what_is_written() {
    let folder = tempfile::tempdir().expect("folder");
    let write = |name: &str, format: Format, copy: bool| {
        let mut writer = Writer::create(&folder.path().join(name), format, copy).expect("create");
        for entry in Reader::pairs(&golden("pairs.jsonl"), &Options::default()).expect("golden") {
            let left_out = writer
                .pair(&entry.expect("read").expect("sound"))
                .expect("write");
            assert_eq!(left_out, None);
        }
        writer.finish().expect("finish");
    };
    write("pairs.tar", Format::WebDataset, false);
    write("image-folder", Format::ImageFolder, false);
    write("messages.json", Format::ShareGpt, true);
    write("alpaca.json", Format::Alpaca, true);
    for name in [
        "pairs.tar",
        "image-folder/metadata.csv",
        "messages.json",
        "alpaca.json",
    ] {
        let (now, then) = (folder.path().join(name), golden("ours").join(name));
        assert_eq!(digest_of(&now), digest_of(&then), "{name}");
    }
    write("pairs.parquet", Format::Parquet, false);
    write("pairs.arrow", Format::Arrow, false);
    for name in ["pairs.parquet", "pairs.arrow"] {
        let rows = |path: PathBuf| -> Vec<corpus::tables::Row> {
            let rows = corpus::tables::Rows::open(&path).expect("open");
            rows.map(|row| row.expect("row")).collect()
        };
        assert_eq!(
            rows(folder.path().join(name)),
            rows(golden("ours").join(name)),
            "{name}"
        );
    }
}

/// A pair through every format is the same pair: names of pictures may change, their files do not.
#[test]
fn pairs_come_back_the_same_through_every_format() {
    let folder = tempfile::tempdir().expect("folder");
    let expected = pairs();
    for format in Format::ALL {
        let path = folder.path().join(format.as_str());
        let mut writer = Writer::create(&path, format, false).expect("create");
        for entry in Reader::pairs(&golden("pairs.jsonl"), &Options::default()).expect("golden") {
            let left_out = writer
                .pair(&entry.expect("read").expect("sound"))
                .expect("write");
            assert_eq!(left_out, None, "{format:?}");
        }
        let lost = writer.notes();
        writer.finish().expect("finish");
        let loaded =
            read_pairs(&path, &options(&folder.path().join("pictures"), &[])).expect("read");
        assert_eq!((loaded.format, loaded.rejected.len()), (format, 0));
        let mut wanted = shown(&expected);
        if format == Format::TextBeside {
            assert_eq!(lost.len(), 4, "{lost:?}");
            for row in &mut wanted {
                let row = row.as_object_mut().expect("row");
                row.retain(|key, _| ["id", "images", "caption"].contains(&key.as_str()));
            }
        } else {
            assert_eq!(lost, Vec::<String>::new(), "{format:?}");
        }
        assert_eq!(shown(&loaded.rows), wanted, "{format:?}");
    }
}

/// LLaMA-Factory's alpaca and ShareGPT layouts with the keys and tags that its `dataset_info.json` may rename.
#[test]
fn dataset_info_renames_keys_and_roles() {
    let folder = tempfile::tempdir().expect("folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("write");
    write(
        "dataset_info.json",
        r#"{
        "a": {"file_name": "a.json", "columns": {"prompt": "ask", "query": "more", "response": "say", "images": "pics"}},
        "b": {"file_name": "b.jsonl", "formatting": "sharegpt", "columns": {"messages": "talk"},
              "tags": {"role_tag": "who", "content_tag": "what", "user_tag": "Q", "assistant_tag": "A"}}}"#,
    );
    write(
        "a.json",
        r#"[{"ask": "<image>Which dish?", "more": "In a word.", "say": "Soup", "pics": ["s.png"]}]"#,
    );
    write(
        "b.jsonl",
        r#"{"image": "s.png", "talk": [{"who": "Q", "what": "<image>Which?"}, {"who": "A", "what": "Soup"}]}"#,
    );
    for (name, format, request) in [
        ("a.json", Format::Alpaca, "Which dish?\nIn a word."),
        ("b.jsonl", Format::ShareGpt, "Which?"),
    ] {
        let loaded = read_pairs(&folder.path().join(name), &Options::default()).expect("read");
        assert_eq!(loaded.rejected, [], "{name}");
        let pair = &loaded.rows[0];
        assert_eq!(
            (
                loaded.format,
                pair.request.as_deref(),
                pair.caption.as_str()
            ),
            (format, Some(request), "Soup"),
            "{name}"
        );
    }
}

/// What LLaMA-Factory's demo files have beside pictures and answers is named, and not dropped.
#[test]
fn what_no_sample_can_say_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("a.json");
    let talk = r#""messages": [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": "Soup."}]"#;
    let info = r#"{"a": {"file_name": "a.json", "formatting": "sharegpt", "columns": {"messages": "messages", "kto_tag": "label"}}}"#;
    std::fs::write(folder.path().join("dataset_info.json"), info).expect("write");
    let rows = [
        format!(r#"{{{talk}, "label": true}}"#),
        format!(r#"{{{talk}, "label": false}}"#),
        format!(r#"{{{talk}, "videos": ["a.mp4"]}}"#),
        format!(r#"{{{talk}, "audios": []}}"#),
        r#"{"messages": [{"role": "user", "content": [{"type": "image_url", "value": "a.png"}, {"type": "text", "value": "Which?"}],
            "loss_weight": 0.0}, {"role": "assistant", "content": [{"type": "text", "value": "Soup."}], "loss_weight": 1.0}]}"#
            .to_owned(),
        r#"{"messages": [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": "Soup.", "loss_weight": 0.5}]}"#
            .to_owned(),
    ];
    std::fs::write(&path, format!("[{}]", rows.join(",\n"))).expect("write");
    let loaded = read_samples(&path, &Options::default()).expect("read");
    assert_eq!(loaded.rows.len(), 3);
    let parts = &loaded.rows[2];
    assert_eq!(
        (parts.turns[0].text.as_str(), parts.images.len()),
        ("<image>Which?", 1)
    );
    let details: Vec<&str> = loaded
        .rejected
        .iter()
        .map(|row| row.detail.as_str())
        .collect();
    for (detail, part) in
        details
            .iter()
            .zip(["`label` is false", "has `videos`", "the `loss_weight` 0.5"])
    {
        assert!(detail.contains(part), "{details:?}");
    }
    assert_eq!(details.len(), 3);
}

#[test]
fn odd_files_are_one_clear_error_or_a_rejected_row() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("data.csv");
    let read = |text: &[u8]| {
        std::fs::write(&path, text).expect("write");
        read_pairs(&path, &Options::default())
    };
    let message = read(b"photo,title\na.png,b\n")
        .expect_err("unknown")
        .to_string();
    assert!(
        message.contains("columns are `photo`, `title`, none of which is known"),
        "{message}"
    );
    let loaded =
        read(b"\xef\xbb\xbfimage;caption\na.png;b;c\na.png;\xff\na.png;d\n\"a.png\";\"e\ne\"\n")
            .expect("read");
    let found: Vec<&str> = loaded
        .rejected
        .iter()
        .map(|row| row.detail.as_str())
        .collect();
    assert!(
        found[0].starts_with("line 2: has 3 cells where the header has 2"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("line 3: the cell of `caption` is not valid UTF-8"),
        "{found:?}"
    );
    assert_eq!(
        (loaded.rows.len(), loaded.rows[1].caption.as_str()),
        (2, "e\ne")
    );
    let message = read_pairs(folder.path(), &Options::default())
        .expect("the table in it")
        .why;
    assert!(message.starts_with("a folder with `data.csv`"), "{message}");
    let empty = tempfile::tempdir().expect("folder");
    let message = read_pairs(empty.path(), &Options::default())
        .expect_err("empty")
        .to_string();
    assert!(
        message.contains("is a folder without pictures"),
        "{message}"
    );
    std::fs::write(empty.path().join("a.jpg"), "x").expect("write");
    let message = read_pairs(empty.path(), &Options::default())
        .expect_err("no captions")
        .to_string();
    assert!(message.contains("1 pictures without captions"), "{message}");
    // Half an archive and half a table.
    for name in ["pairs.tar", "pairs.parquet", "pairs.arrow"] {
        let bytes = std::fs::read(golden("ours").join(name)).expect("golden");
        let cut = folder.path().join(name);
        std::fs::write(&cut, &bytes[..bytes.len() / 2 - 100]).expect("write");
        let message = read_pairs(&cut, &options(folder.path(), &[]))
            .expect_err(name)
            .to_string();
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn pictures_inside_need_a_place() {
    let error = read_pairs(&golden("ours/pairs.parquet"), &Options::default()).expect_err("inside");
    assert!(
        error.to_string().contains("adamllm convert --to jsonl"),
        "{error}"
    );
}

#[test]
fn pictures_stay_in_archives_and_tables_that_can_be_read_in_place() {
    let theirs = [("image", "photo"), ("caption", "title")];
    for (name, columns) in [
        ("ours/pairs.tar", &[][..]),
        ("theirs/shard.tar", &[][..]),
        ("ours/pairs.parquet", &[][..]),
        ("theirs/datasets.parquet", &theirs[..]),
    ] {
        let [data, unpacked, inside] = [0; 3].map(|_| tempfile::tempdir().expect("folder"));
        let shard = data.path().join(name.rsplit('/').next().expect("a name"));
        std::fs::copy(golden(name), &shard).expect("copy");
        let in_place = Options {
            in_place: true,
            ..options(inside.path(), columns)
        };
        let read = |options: &Options| read_pairs(&shard, options).expect(name).rows;
        let files = read(&options(unpacked.path(), columns));
        let found = read(&in_place);
        assert_eq!(found.len(), files.len());
        let images = |pairs: &[Pair]| -> Vec<PathBuf> {
            pairs.iter().flat_map(|pair| pair.images.clone()).collect()
        };
        assert!(!images(&found).is_empty(), "{name}");
        for (image, file) in images(&found).iter().zip(images(&files)) {
            assert_eq!(image.file_name(), file.file_name(), "{name}");
            assert!(!image.exists() && corpus::shards::is_there(image));
            let content = std::fs::read(&file).expect("unpacked");
            assert_eq!(corpus::images::read(image).expect(name), content);
            let told = Digests::default().file(image).expect("known");
            assert_eq!(told, digest_of(&file));
        }
        let noted = || std::fs::read(inside.path().join(corpus::shards::FILE)).expect("noted");
        let before = noted();
        read(&in_place);
        assert_eq!(noted(), before, "nothing is noted twice");
        let names = std::fs::read_dir(inside.path()).expect("folder").count();
        assert_eq!(names, 1, "nothing is unpacked");

        // What was changed is not read, and what was moved is found again.
        let image = &images(&found)[0];
        let moved = data.path().join("moved");
        std::fs::rename(&shard, &moved).expect("move");
        assert!(corpus::images::read(image).is_err());
        let rows = read_pairs(&moved, &in_place).expect("the same").rows;
        assert_eq!(&images(&rows)[0], image);
        assert!(corpus::images::read(image).is_ok());
        let mut bytes = std::fs::read(&moved).expect("read");
        bytes.extend([0; 512]);
        std::fs::write(&moved, bytes).expect("write");
        let told = corpus::images::read(image)
            .expect_err("changed")
            .to_string();
        assert!(told.contains("that file was changed since"), "{told}");
    }
}

//! Bad input ends in one message that says where, what and how to mend it, with exit code 1.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::program::{adamllm, text};
use crate::run::Small;

/// What a command says that must fail.
fn said(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("error: "), "{said}");
    for never in [
        "panicked",
        "a bug in",
        "backtrace",
        "frame #",
        "Exception raised from",
    ] {
        assert!(!said.contains(never), "{never}: {said}");
    }
    said
}

/// A run up to a stage must fail with all of these parts.
fn check(small: &Small, more: &[&str], parts: &[&str]) {
    let found = said(small.command().args(more));
    for part in parts {
        assert!(found.contains(part), "`{part}` is not in:\n{found}");
    }
    assert!(
        !small.path("run/tune-synthesizer").exists(),
        "it was found after the tuning had begun:\n{found}"
    );
}

#[test]
fn recipes() {
    let small = Small::new();
    for (set, parts) in [
        (
            "train.epoch=2",
            ["unknown key `train.epoch`", "did you mean `train.epochs`?"],
        ),
        ("data.max_bad=2", ["`data.max_bad` is `2`", "expected"]),
        (
            "train.batch_size=0",
            ["`train.batch_size` is `0`", "expected"],
        ),
        ("filter.judge=oracle", ["`filter.judge`", "expected"]),
        (
            "data.pairs=none.jsonl",
            ["`data.pairs` names", "does not exist"],
        ),
        (
            "model.checkpoint=nowhere",
            ["`model.checkpoint` names", "does not exist"],
        ),
    ] {
        check(&small, &["--set", set], &parts);
    }
    check(
        &small,
        &["--set", "train.epoch=2", "--set", "data.max_bad=2"],
        &["has 2 errors", "train.epoch", "data.max_bad"],
    );
    // Errors of keys, of files and of what keys say together: all at once, and each once.
    let sets = [
        "train.epoch=2",
        "data.max_bad=2",
        "data.pairs=none.jsonl",
        "evaluate.controls=[\"oracle\"]",
        "model.checkpoint=3",
    ];
    check(
        &small,
        &sets.map(|set| ["--set", set]).concat(),
        &[
            "has 5 errors",
            "train.epoch",
            "data.max_bad",
            "none.jsonl",
            "names `oracle`",
            "`model.checkpoint` is `3`",
        ],
    );
    small.write("my.toml", b"[model\n");
    check(&small, &[], &["is not valid TOML"]);
    small.write("my.toml", b"\xff\xfe");
    check(&small, &[], &["cannot read the recipe", "UTF-8"]);
    std::fs::remove_file(small.path("my.toml")).expect("remove");
    check(&small, &[], &["cannot read the recipe", "my.toml"]);
}

/// A PNG whose header says this size.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(1, 1)
        .write_to(&mut png, image::ImageFormat::Png)
        .expect("encode");
    let mut png = png.into_inner();
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = !0_u32;
    for &byte in &png[12..29] {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    png[29..33].copy_from_slice(&(!crc).to_be_bytes());
    png
}

#[test]
fn pictures() {
    let small = Small::new();
    let sound = std::fs::read(small.path("3.png")).expect("picture");
    for (bytes, parts) in [
        (
            sound[..sound.len() / 2].to_vec(),
            ["1 × broken-image:\n    `dish-3`: ", "cannot be decoded"],
        ),
        (
            claiming(40_000, 40_000),
            [
                "1 × broken-image:\n    `dish-3`: ",
                "too large: 40000 × 40000 px",
            ],
        ),
        (
            b"a recipe for stew".to_vec(),
            [
                "1 × broken-image:\n    `dish-3`: ",
                "expected PNG, JPEG, WebP, GIF, BMP, TIFF or SVG",
            ],
        ),
        (Vec::new(), ["1 × broken-image:\n    `dish-3`: ", "3.png"]),
    ] {
        small.write("3.png", &bytes);
        check(&small, &[], &parts);
    }
    std::fs::remove_file(small.path("3.png")).expect("remove");
    check(
        &small,
        &[],
        &[
            "1 × missing-image:\n    `dish-3`: ",
            "3.png",
            "`data.max_bad` = 0.01",
        ],
    );
    small.write("3.png", &sound);
    // One that is only slow is never left out, however many may be: another machine would not do so.
    check(
        &small,
        &["--image-seconds", "0.000001", "--set", "data.max_bad=0.9"],
        &[
            "was not decoded: it took more than 0.000001 s",
            "png`",
            "`--image-seconds`",
        ],
    );
}

#[test]
fn pairs() {
    let small = Small::new();
    let sound = std::fs::read_to_string(small.path("pairs.jsonl")).expect("pairs");
    let second = |line: &str| -> Vec<u8> {
        let mut lines: Vec<&str> = sound.lines().collect();
        lines[1] = line;
        lines.join("\n").into_bytes()
    };
    let mut not_text = sound.clone().into_bytes();
    let at = not_text.iter().position(|&b| b == b'D').expect("`Dish`");
    not_text[at] = 0xff;
    let cut = format!(
        "[{}",
        sound.trim().replace('\n', ",").get(..700).expect("long")
    );
    for (bytes, parts) in [
        (
            second(r#"{"id":"b","images":["1.png"],"caption":" "}"#),
            ["1 × empty-caption:\n    `b`: ", "line 2"],
        ),
        (
            second(r#"{"id":"dish-0","images":["1.png"],"caption":"c"}"#),
            ["1 × duplicate-id:\n    `dish-0`: ", "line 2"],
        ),
        (
            second(r#"{"id":"b","caption":"c"}"#),
            ["1 × no-image:\n    `b`: ", "line 2"],
        ),
        (
            second(r#"{"id":"b","images":["1.png"]}"#),
            ["not-a-record", "`caption`"],
        ),
        (second("{\"id\":"), ["unreadable", "line 2"]),
        (not_text, ["unreadable", "not valid UTF-8"]),
        (cut.into_bytes(), ["pairs.jsonl", "line"]),
        (Vec::new(), ["pairs.jsonl", "is empty"]),
        (
            b"\n\n".to_vec(),
            ["pairs.jsonl", "expected one JSON object"],
        ),
    ] {
        small.write("pairs.jsonl", &bytes);
        check(&small, &[], &parts);
    }
    // A run that may lose that much goes on, and names what it lost.
    small.write("pairs.jsonl", &second("{\"id\":"));
    let output = small.run(&["--until", "synthesize", "--set", "data.max_bad=0.1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let rejected = std::fs::read_to_string(small.path("run/pairs/rejected.jsonl"));
    assert!(rejected.expect("rejected").contains("\"unreadable\""));
}

/// A copy of the shipped base model.
fn model(small: &Small) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/base-model");
    let folder = small.path("model");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).expect("folder");
    for entry in std::fs::read_dir(shipped).expect("assets") {
        let path = entry.expect("entry").path();
        if path.is_file() {
            std::fs::copy(&path, folder.join(path.file_name().expect("name"))).expect("copy");
        }
    }
    folder
}

/// Changes a JSON file.
fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(path).expect("read");
    let mut value = serde_json::from_str(&text).expect("json");
    change(&mut value);
    std::fs::write(path, value.to_string()).expect("write");
}

/// Changes the header of a safetensors file.
fn edit_header(path: &Path, change: impl FnOnce(&mut Value)) {
    let bytes = std::fs::read(path).expect("read");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
    let mut header = serde_json::from_slice(&bytes[8..8 + length]).expect("json");
    change(&mut header);
    let text = header.to_string();
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text.bytes());
    out.extend(&bytes[8 + length..]);
    std::fs::write(path, out).expect("write");
}

#[test]
fn checkpoints() {
    let small = Small::new();
    let check = |change: &dyn Fn(&Path), parts: &[&str]| {
        let folder = model(&small);
        change(&folder);
        let mut command = adamllm();
        command
            .args(["generate", "--prompt", "Hi", "--model"])
            .arg(&folder);
        let found = said(&mut command);
        for part in parts {
            assert!(found.contains(part), "`{part}` is not in:\n{found}");
        }
    };
    let weights = |folder: &Path| folder.join("model.safetensors");
    let first_name = |header: &Value| -> String {
        let names = header.as_object().expect("object").keys();
        let mut names = names.filter(|n| n.ends_with("q_proj.weight"));
        names.next().expect("a projection").clone()
    };
    check(
        &|folder| {
            edit_header(&weights(folder), |header| {
                let name = first_name(header);
                let entry = header.as_object_mut().expect("object").remove(&name);
                header["other.q_proj.weight"] = entry.expect("entry");
            });
        },
        &[
            "do not fit their `config.json`",
            "is missing",
            "`other.q_proj.weight` is unexpected",
        ],
    );
    check(
        &|folder| {
            edit_header(&weights(folder), |header| {
                let name = first_name(header);
                let shape = header[&name]["shape"].as_array_mut().expect("shape");
                let (a, b) = (shape[0].as_u64().expect("n"), shape[1].as_u64().expect("n"));
                *shape = vec![json!(a / 2), json!(b * 2)];
            });
        },
        &["has shape", "expected"],
    );
    check(
        &|folder| {
            edit_header(&weights(folder), |header| {
                let name = first_name(header);
                header[&name]["data_offsets"] = json!([0, 1_u64 << 60]);
            });
        },
        &["is not a sound safetensors file", "cannot lie at bytes"],
    );
    check(
        &|folder| std::fs::write(weights(folder), [255; 64]).expect("write"),
        &["is not a sound safetensors file", "its header claims"],
    );
    check(
        &|folder| {
            let bytes = std::fs::read(weights(folder)).expect("read");
            std::fs::write(weights(folder), &bytes[..bytes.len() / 2]).expect("write");
        },
        &["is not a sound safetensors file", "is it cut off?"],
    );
    check(
        &|folder| {
            let mut bytes = std::fs::read(weights(folder)).expect("read");
            let end = bytes.len();
            // A bf16 NaN.
            bytes[end - 2..].copy_from_slice(&[0xc0, 0x7f]);
            std::fs::write(weights(folder), bytes).expect("write");
        },
        &["holds values that are no finite numbers"],
    );
    check(
        &|folder| std::fs::remove_file(weights(folder)).expect("remove"),
        &["holds neither `model.safetensors` nor"],
    );
    check(
        &|folder| {
            edit(&folder.join("tokenizer.json"), |tokenizer| {
                let added = tokenizer["added_tokens"].as_array_mut().expect("list");
                added.retain(|token| token["content"] != "<image>");
                if let Some(vocabulary) = tokenizer["model"]["vocab"].as_object_mut() {
                    vocabulary.remove("<image>");
                }
            });
        },
        &["tokenizer", "image"],
    );
    check(
        &|folder| {
            edit(&folder.join("config.json"), |config| {
                config["model_type"] = json!("paligemma");
            });
        },
        &["`paligemma`", "known", "llava_next"],
    );
    check(
        &|folder| std::fs::write(folder.join("config.json"), "{").expect("write"),
        &["config.json", "JSON"],
    );
    check(
        &|folder| std::fs::remove_file(folder.join("tokenizer.json")).expect("remove"),
        &["tokenizer.json"],
    );
}

#[test]
fn folders_that_cannot_be_written() {
    let small = Small::new();
    for run in [
        "/proc/adamllm",
        &small.path("my.toml").display().to_string(),
    ] {
        let mut command = adamllm();
        command.arg("run").arg(small.path("my.toml"));
        let found = said(command.args(["--run-dir", run]));
        assert!(
            found.contains("run folder") && found.contains(run),
            "{found}"
        );
    }
}

#[test]
fn two_runs_in_one_folder() {
    let small = Small::new();
    std::fs::create_dir(small.path("run")).expect("folder");
    let lock = std::fs::File::create(small.path("run/.lock")).expect("file");
    lock.lock().expect("lock");
    check(
        &small,
        &[],
        &[
            "another run works in",
            "wait for it, or choose another --run-dir",
        ],
    );
    drop(lock);
    // The lease alone says so where a lock is not seen by all, as on some network file systems.
    let _held = ::run::RunFolder::open(&small.path("run")).expect("free");
    std::fs::remove_file(small.path("run/.lock")).expect("removed");
    let holder = format!("(process {} on host `", std::process::id());
    check(&small, &[], &["another run works in", &holder]);
}

#[test]
fn a_run_folder_of_another_recipe() {
    let small = Small::new();
    let pairs = std::fs::read(small.path("pairs.jsonl")).expect("pairs");
    small.write("others.jsonl", &pairs);
    // Where no stage was begun there is nothing to lose: a first try on the wrong file is no claim.
    small.write("wrong.jsonl", b"{\n");
    let found = said(small.command().args(["--set", "data.pairs=wrong.jsonl"]));
    assert!(found.contains("wrong.jsonl"), "{found}");
    let output = small.run(&["--until", "tune-synthesizer"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found = said(small.command().args(["--set", "data.pairs=others.jsonl"]));
    assert!(
        found.contains("belongs to another recipe")
            && found.contains("`data.pairs` was \"pairs.jsonl\", is \"others.jsonl\""),
        "{found}"
    );
}

#[test]
fn a_file_that_changes_while_it_is_read() {
    let small = Small::new();
    let mut command = small.command();
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command
        .args(["--until", "synthesize"])
        .spawn()
        .expect("start");
    let begun = small.path("run/tune-synthesizer/begun.json");
    let start = std::time::Instant::now();
    while !begun.exists() && start.elapsed().as_secs() < 300 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // One seed more.
    let place = small.path("run/demo/seeds.jsonl");
    let seeds = std::fs::read_to_string(&place).expect("seeds");
    let first = seeds.lines().next().expect("a seed");
    let more = first.replace("seed-00000", "seed-more");
    std::fs::write(&place, format!("{seeds}{more}\n")).expect("write");
    let output = child.wait_with_output().expect("wait");
    let found = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{found}");
    assert!(
        found.contains("the seed data changed") && found.contains("once nothing writes to it"),
        "{found}"
    );
    // The next start has the demo's own seeds again.
    let output = small.run(&["--until", "synthesize"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// A caption that does not fit will not fit with a task either, so no task is written for it first.
#[test]
fn captions_that_are_too_long_are_named_before_tasks_are_written() {
    let small = Small::new();
    let found = said(small.command().args([
        "--until",
        "synthesize",
        "--set",
        "train.max_seq_len=30",
        "--set",
        "train.too_long=error",
    ]));
    assert!(
        found.contains("stage `synthesize` failed")
            && found.contains("9 of 9 samples have more than `max_seq_len` = 30 tokens"),
        "{found}"
    );
    assert!(!small.path("run/synthesize/completions.jsonl").exists());
}

#[test]
fn samples_that_are_too_long_are_named_before_training() {
    let small = Small::new();
    let found = said(small.command().args([
        "--until",
        "tune-synthesizer",
        "--set",
        "synthesizer.train.max_seq_len=120",
        "--set",
        "synthesizer.train.too_long=error",
    ]));
    assert!(
        found.contains("have more than `max_seq_len` = 120 tokens with their pictures expanded")
            && found.contains("`seed-0"),
        "{found}"
    );
    let lengths = std::fs::read_to_string(small.path("run/tune-synthesizer/lengths.json"));
    // What would be left out counts as lost, however it is lost.
    let found = said(small.command().args([
        "--until",
        "tune-synthesizer",
        "--set",
        "synthesizer.train.max_seq_len=120",
        "--set",
        "synthesizer.train.too_long=drop",
    ]));
    assert!(
        found.contains(
            "of the records are lost before the training, more than `data.max_bad` = 0.01 allows"
        ) && found.contains("0 of 5000 that were read cannot be used")
            && found.contains("too-long"),
        "{found}"
    );
    let lengths: Value = serde_json::from_str(&lengths.expect("lengths")).expect("json");
    let long = lengths["too_long"].as_array().expect("list").len();
    assert!(
        found.contains(&format!("{long} of {} samples", lengths["samples"])),
        "{found}"
    );
}

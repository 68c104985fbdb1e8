//! Data commands and recipes through the binary: `convert`, `inspect`, `recipe`, `completions`, `man`.

mod program;

use std::path::Path;
use std::process::Output;

use program::text;
use serde_json::Value;

fn adamllm(args: &[&str]) -> Output {
    let program = program::adamllm().args(args).output();
    program.expect("the program starts")
}

fn json(args: &[&str]) -> Value {
    let output = adamllm(&[args, &["--json", "--quiet"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// What a command that must fail says.
fn error(args: &[&str]) -> String {
    let output = adamllm(args);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    text(&output.stderr)
}

fn at(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// Tiles of a colour each, so that pictures differ in more than a shade.
fn picture(side: u32, seed: u32) -> image::RgbImage {
    image::RgbImage::from_fn(side, side, |x, y| {
        let tile = 6 * x / side + 6 * (6 * y / side) + 36 * seed;
        let level =
            |k: u32| (tile.wrapping_mul(2_654_435_761).wrapping_add(k * 97) >> (8 * k) & 255) as u8;
        image::Rgb([level(0), level(1), level(2)])
    })
}

/// A folder with good, broken, repeated and resized pictures, and rows for them.
fn mixed(folder: &Path) -> String {
    picture(120, 1).save(folder.join("a.png")).expect("picture");
    picture(120, 1)
        .save(folder.join("again.png"))
        .expect("picture");
    picture(240, 1)
        .save(folder.join("large.bmp"))
        .expect("picture");
    picture(90, 2)
        .save(folder.join("other.gif"))
        .expect("picture");
    picture(90, 3)
        .save(folder.join("third.tif"))
        .expect("picture");
    std::fs::write(folder.join("broken.jpg"), b"\xff\xd8\xff\xe0 no picture").expect("write");
    let rows = "image,caption,group
a.png,\"Red tiles, many\",g
again.png,Red TILES many!,g
large.bmp,The same but larger,
other.gif,Other tiles,
third.tif,Third tiles of a longer caption than the rest,
broken.jpg,Nothing,
gone.png,Gone,
a.png,,
";
    std::fs::write(folder.join("rows.csv"), rows).expect("write");
    at(folder, "rows.csv")
}

#[test]
fn inspect_data_tells_what_is_there() {
    let folder = tempfile::tempdir().expect("folder");
    let file = mixed(folder.path());
    let found = json(&["inspect", "data", &file]);
    let summary = &found["summary"];
    assert_eq!(
        (&summary["format"], &summary["num_rows"]),
        (&"csv".into(), &5.into())
    );
    assert_eq!(
        summary["rejected"],
        serde_json::json!({"broken-image": 1, "empty-caption": 1, "missing-image": 1})
    );
    let duplicates = &found["duplicates"];
    assert_eq!(
        (
            &duplicates["exact"],
            &duplicates["near"],
            &duplicates["pairs"]
        ),
        (&1.into(), &1.into(), &1.into())
    );
    assert_eq!(
        duplicates["groups"],
        serde_json::json!([["rows-000000", "rows-000001", "rows-000002"]])
    );
    assert_eq!(found["longest"][0]["id"], "rows-000004");
    assert_eq!(found["longest"][0]["length"], 45);
    assert_eq!(found["pictures"]["width"]["max"], 240);
    let output = adamllm(&["inspect", "data", &file]);
    let shown = text(&output.stdout);
    for part in [
        "format: csv (a table separated by `,` with the columns `image`, `caption`, `group`)",
        "rows-000000 = rows-000001 = rows-000002",
        "«Red tiles, many»",
        "1 × broken-image:\n    `rows-000005`: ",
        "gone.png` does not exist; paths are relative to",
    ] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
    assert!(!shown.contains('\x1b'), "no colours in a pipe");
    assert!(error(&["inspect", "data", &file, "--strict"]).contains("3 rows of"));
    let fast = json(&["inspect", "data", &file, "--no-images"]);
    assert_eq!(
        fast["summary"]["rejected"],
        serde_json::json!({"empty-caption": 1})
    );
    assert_eq!(fast["duplicates"], Value::Null);
}

/// A file of which every row is wrong, in two ways.
fn wrong(folder: &Path) -> String {
    let mut rows = String::from("{\"id\": \"first\", \"image\": \"0.jpg\", \"caption\": \" \"}\n");
    for at in 1..=999 {
        let row = serde_json::json!({"id": format!("p{at}"), "image": format!("{at}.jpg"), "caption": "c"});
        rows.push_str(&row.to_string());
        rows.push('\n');
    }
    std::fs::write(folder.join("0.jpg"), "x").expect("write");
    std::fs::write(folder.join("wrong.jsonl"), rows).expect("write");
    at(folder, "wrong.jsonl")
}

#[test]
fn a_file_of_wrong_rows_is_a_short_list() {
    let folder = tempfile::tempdir().expect("folder");
    let file = wrong(folder.path());
    let output = adamllm(&["inspect", "data", &file]);
    let shown = text(&output.stdout);
    // The largest group first, though another row comes first in the file.
    for part in [
        "left out, missing-image: 999\nleft out, empty-caption: 1\n",
        "left out (--json lists all):\n  999 × missing-image, the first 3:\n    `p1`: line 2: `",
        "\n  1 × empty-caption:\n    `first`: line 1: key `caption` has no text\n",
    ] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
    assert!(shown.lines().count() < 20, "{shown}");
    let found = json(&["inspect", "data", &file]);
    assert_eq!(found["rejected"].as_array().map(Vec::len), Some(1000));
    let out = at(folder.path(), "out.jsonl");
    let message = error(&["convert", "--to", "jsonl", &file, &out]);
    assert!(
        message.contains("none of 1000 records")
            && message.contains("\n  999 × missing-image, the first 3:\n"),
        "{message}"
    );
    assert!(message.lines().count() < 12, "{message}");
    let list = std::fs::read_to_string(folder.path().join("out.jsonl.rejected.jsonl"));
    assert_eq!(list.expect("list").lines().count(), 1000);
}

#[test]
fn pictures_may_be_named_from_above_the_files_folder() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::create_dir(folder.path().join(".git")).expect("folder");
    let (project, data) = (
        folder.path().join("project"),
        folder.path().join("project/data"),
    );
    std::fs::create_dir_all(data.join("demo")).expect("folder");
    let places = [
        data.join("demo/1.png"),
        project.join("2.png"),
        folder.path().join("3.png"),
    ];
    for (seed, place) in (1..).zip(&places) {
        picture(90, seed).save(place).expect("picture");
    }
    let write = |names: &[&str]| {
        let rows = names.iter().enumerate().map(|(at, name)| {
            serde_json::json!({"id": at.to_string(), "images": [name], "messages": [
                {"role": "user", "content": "<image>What is it?"}, {"role": "assistant", "content": "Tiles."}]})
        });
        let rows: Vec<Value> = rows.collect();
        let path = data.join("mllm_demo.json");
        std::fs::write(&path, Value::from(rows).to_string()).expect("write");
        path.display().to_string()
    };
    // As seen from the file, nothing is said; from the root of the project, it is.
    let file = write(&["demo/1.png"]);
    let found = json(&["inspect", "data", &file]);
    assert_eq!(
        (&found["summary"]["num_rows"], &found["image_root"]),
        (&1.into(), &Value::Null)
    );
    let file = write(&["data/demo/1.png", "2.png", "3.png"]);
    let found = json(&["inspect", "data", &file]);
    let root = project.display().to_string();
    assert_eq!(
        (&found["summary"]["num_rows"], &found["image_root"]),
        (&2.into(), &root.clone().into())
    );
    // A picture under another root is left out, and which were tried is said.
    let detail = found["rejected"][0]["detail"].as_str().unwrap_or_default();
    let own = data.display();
    assert!(
        detail.contains(&format!("paths are relative to `{root}`"))
            && detail.contains(&format!("the first pictures are there and not in `{own}`")),
        "{detail}"
    );
    let output = adamllm(&["inspect", "data", &file]);
    let note =
        format!("note: names of pictures start in `{root}`, above the file's own folder `{own}`");
    assert!(
        text(&output.stderr).contains(&note),
        "{}",
        text(&output.stderr)
    );
    let out = at(folder.path(), "out/pairs.jsonl");
    let output = adamllm(&["convert", "--to", "jsonl", &file, &out]);
    assert!(
        text(&output.stderr).contains(&note),
        "{}",
        text(&output.stderr)
    );
    let written = json(&["inspect", "data", &out]);
    assert_eq!(written["summary"]["num_rows"], 2);
    // Who names the folder is taken at his word.
    let found = json(&[
        "inspect",
        "data",
        &file,
        "--image-root",
        &at(folder.path(), ""),
    ]);
    assert_eq!(
        (&found["summary"]["num_rows"], &found["image_root"]),
        (&1.into(), &Value::Null)
    );
}

#[test]
fn text_alone_is_told_how_it_can_be_read() {
    let folder = tempfile::tempdir().expect("folder");
    let file = at(folder.path(), "alpaca.json");
    let rows: Vec<Value> = (0..60)
        .map(|at| serde_json::json!({"instruction": format!("Add {at} and 1."), "input": "", "output": "It is done."}))
        .collect();
    std::fs::write(&file, Value::from(rows).to_string()).expect("write");
    let output = adamllm(&["inspect", "data", &file, "--quiet"]);
    assert!(output.status.success());
    let said = text(&output.stdout);
    for expected in [
        "no record can be used",
        "`--as samples`",
        "60 × no-image, the first 3:",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    assert!(
        !said.contains("longest") && !said.contains("pictures: 0"),
        "{said}"
    );
    assert_eq!(
        json(&["inspect", "data", &file, "--as", "samples"])["summary"]["num_rows"],
        60
    );
}

#[test]
fn lengths_count_image_tokens_with_a_model() {
    let folder = tempfile::tempdir().expect("folder");
    let file = mixed(folder.path());
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/base-model");
    let model = model.display().to_string();
    let found = json(&["inspect", "data", &file, "--model", &model, "--index", "3"]);
    assert_eq!(found["lengths"]["unit"], "tokens");
    // The tokens that a training would see.
    let shortest = found["lengths"]["summary"]["min"].as_u64().expect("length");
    assert!(shortest > 72, "a picture alone is 78 tokens: {shortest}");
    let shown = text(&adamllm(&["inspect", "data", &file, "--model", &model]).stdout);
    assert!(
        shown.contains("image tokens]") && shown.contains("« Red tiles, many"),
        "{shown}"
    );
    // Pictures inside a table count the same.
    let table = at(folder.path(), "rows.parquet");
    json(&["convert", "--to", "parquet", &file, &table]);
    let inside = json(&["inspect", "data", &table, "--model", &model]);
    assert!(inside["lengths"]["summary"]["min"].as_u64() >= Some(shortest));
}

#[test]
fn convert_lists_what_it_leaves_out() {
    let folder = tempfile::tempdir().expect("folder");
    let file = mixed(folder.path());
    let out = at(folder.path(), "out/data.json");
    let done = json(&["convert", "--to", "llama-factory", &file, &out]);
    assert_eq!((&done["read"], &done["written"]), (&8.into(), &6.into()));
    assert_eq!(
        done["left_out"],
        serde_json::json!({"empty-caption": 1, "missing-image": 1})
    );
    let listed =
        std::fs::read_to_string(folder.path().join("out/data.json.rejected.jsonl")).expect("list");
    assert!(
        listed.contains("\"rows-000006\"") && listed.contains("line 8: "),
        "{listed}"
    );
    let info = std::fs::read_to_string(folder.path().join("out/dataset_info.json")).expect("info");
    let info: Value = serde_json::from_str(&info).expect("JSON");
    assert_eq!(info["data"]["file_name"], "data.json");
    let message = error(&["convert", "--to", "jsonl", "--from", "parquet", &file, &out]);
    assert!(
        message.contains("is not parquet: it looks like csv (a table separated by"),
        "{message}"
    );
    let message = error(&["convert", "--to", "jsonl", &file, &file]);
    assert!(
        message.contains("input and output are the same"),
        "{message}"
    );
    let message = error(&["convert", "--strict", "--to", "jsonl", &file, &out]);
    assert!(message.contains("2 records were left out"), "{message}");
    let unmapped = at(folder.path(), "unmapped.tsv");
    std::fs::write(&unmapped, "photo\ttitle\na.png\tTiles\n").expect("write");
    let message = error(&["convert", "--to", "jsonl", &unmapped, &out]);
    assert!(
        message.contains("--column image=photo --column caption=title"),
        "{message}"
    );
    let mapped = ["--column", "image=photo", "--column", "caption=title"];
    let done = json(&[&["convert", "--to", "jsonl", &unmapped, &out][..], &mapped].concat());
    assert_eq!(done["written"], 1);
}

#[test]
fn a_checkpoint_is_looked_at_without_loading_it() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/base-model");
    let model = model.display().to_string();
    let found = json(&["inspect", "checkpoint", &model]);
    let numbers = found["parts"].as_array().expect("parts").iter();
    let sum: u64 = numbers
        .map(|part| part["numbers"].as_u64().expect("number"))
        .sum();
    // What libtorch counts after loading.
    assert_eq!(json(&["inspect", "model", &model])["parameters"], sum);
    assert_eq!(found["model_type"], "llava_next");
    let folder = tempfile::tempdir().expect("folder");
    let bytes = std::fs::read(Path::new(&model).join("model.safetensors")).expect("weights");
    std::fs::write(
        folder.path().join("model.safetensors"),
        &bytes[..bytes.len() - 9],
    )
    .expect("write");
    let message = error(&[
        "inspect",
        "checkpoint",
        &folder.path().display().to_string(),
    ]);
    assert!(message.contains("is cut off: it has"), "{message}");
    assert!(error(&["inspect", "run", &model]).contains("is no run folder"));
}

#[test]
fn recipes_are_begun_and_compared() {
    let folder = tempfile::tempdir().expect("folder");
    let recipe = at(folder.path(), "my.toml");
    let given = [
        "--checkpoint",
        "demo",
        "--pairs",
        "pairs.jsonl",
        "--synthesizer",
        "none",
    ];
    json(&[&["recipe", "new", &recipe][..], &given].concat());
    let written = std::fs::read_to_string(&recipe).expect("recipe");
    assert!(
        written.contains("checkpoint = \"demo\"") && written.contains("# Image-caption pairs"),
        "{written}"
    );
    let explained = json(&["recipe", "explain", &recipe]);
    assert_eq!(explained["data.pairs"]["origin"]["from"], "recipe");
    assert!(error(&["recipe", "new", &recipe]).contains("is there already"));
    let other = at(folder.path(), "other.toml");
    let own = [
        "--checkpoint",
        "models/x",
        "--pairs",
        "p.csv",
        "--synthesizer",
        "seeds.jsonl",
    ];
    json(&[&["recipe", "new", &other][..], &own].concat());
    let found = json(&["recipe", "diff", &recipe, &other]);
    let keys: Vec<&str> = found["differences"]
        .as_array()
        .expect("list")
        .iter()
        .map(|row| row["key"].as_str().expect("key"))
        .collect();
    assert!(
        keys.contains(&"model.checkpoint") && keys.contains(&"train.batch_size"),
        "{keys:?}"
    );
    let message = error(&[
        "recipe",
        "new",
        &at(folder.path(), "third.toml"),
        "--checkpoint",
        "demo",
    ]);
    assert!(
        message.contains("no answer to \"Your image-caption pairs"),
        "{message}"
    );
}

#[test]
fn completions_and_manual_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let shown = text(&adamllm(&["completions", shell]).stdout);
        assert!(
            shown.contains("tune-synthesizer") && shown.contains("convert"),
            "{shell}"
        );
    }
    let folder = tempfile::tempdir().expect("folder");
    let done = json(&["man", &folder.path().display().to_string()]);
    assert!(done["folder"].is_string());
    let page = std::fs::read_to_string(folder.path().join("adamllm-convert.1")).expect("page");
    assert!(
        page.contains("llama\\-factory") && page.contains("Examples"),
        "{page}"
    );
}

/// Each command's help has an example.
#[test]
fn every_help_has_an_example() {
    let all = text(&adamllm(&["--help"]).stdout);
    let commands = all
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() > 15, "{commands:?}");
    let mut without = Vec::new();
    for command in &commands {
        let help = text(&adamllm(&[command, "--help"]).stdout);
        let is_group = help.contains("Commands:");
        let has_example = help.contains("adamllm ") && help.contains("xample");
        if !is_group && !has_example {
            without.push(*command);
        }
    }
    assert_eq!(without, Vec::<&str>::new());
}

/// `adamllm inspect data F | head` is no bug of anybody.
#[test]
fn a_reader_that_stops_reading_is_no_error() {
    let folder = tempfile::tempdir().expect("folder");
    // Each is left out, and told.
    let rows = "{\"image\": \"none\", \"caption\": \"\"}\n".repeat(20_000);
    let path = at(folder.path(), "rows.jsonl");
    std::fs::write(&path, rows).expect("write");
    let mut command = program::adamllm();
    command.args(["inspect", "data", "--no-images", "--quiet", &path]);
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
}

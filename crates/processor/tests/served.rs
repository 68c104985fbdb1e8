//! Folders of synthesizers as engines read them, against transformers; see golden/README.md.

use std::path::{Path, PathBuf};

use corpus::{Decoding, Open, Request, Turn};
use processor::{FolderSettings, Opening, Options, Processor, load, prepare_synthesizer};
use serde_json::{Value, json};
use tempfile::TempDir;

#[expect(dead_code, reason = "shared with the other comparisons")]
mod shared;

use shared::{ROOT, digest, golden, noise};

const FOLDERS: [&str; 6] = ["llama", "inst", "text", "qwen", "canvas", "toy"];

fn original(name: &str) -> PathBuf {
    match name {
        "toy" => Path::new(ROOT).join("../../../../assets/demo/base-model"),
        name => Path::new(ROOT).join(name),
    }
}

/// A copy of a folder's text files.
fn copied(name: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("folder");
    for entry in std::fs::read_dir(original(name)).expect("folder") {
        let path = entry.expect("entry").path();
        if path.extension().is_none_or(|found| found != "safetensors") {
            let place = folder.path().join(path.file_name().expect("name"));
            std::fs::copy(&path, place).expect("copied");
        }
    }
    folder
}

fn open(folder: &Path) -> Box<dyn Processor> {
    load(folder, &Options::default()).expect("processor")
}

/// A copy that engines can serve.
fn served(name: &str) -> TempDir {
    let folder = copied(name);
    let found = prepare_synthesizer(folder.path(), open(folder.path()).as_ref());
    assert_eq!(found.expect("prepared"), Opening::Variable, "{name}");
    folder
}

fn read(folder: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(name)).expect("file");
    serde_json::from_str(&text).expect("json")
}

/// The template, wherever the folder keeps it.
fn template(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("chat_template.jinja")).unwrap_or_else(|_| {
        let json = read(folder, "chat_template.json");
        json["chat_template"].as_str().expect("text").to_owned()
    })
}

fn request(turns: Vec<Turn>, images: Vec<PathBuf>, open: Open) -> Request {
    Request {
        id: "r".to_owned(),
        images,
        turns,
        open,
        prompt: None,
        decoding: Decoding::default(),
    }
}

#[test]
fn transformers_renders_what_this_program_asks() {
    let pictures = tempfile::tempdir().expect("folder");
    let rows = golden("open.json", "conversations");
    for name in FOLDERS {
        let folder = served(name);
        let expected = Path::new(ROOT).join(format!("open/{name}.jinja"));
        let expected = std::fs::read_to_string(expected).expect("template");
        assert_eq!(template(folder.path()), expected, "{name}");
        // The folder before and the folder after: what this program does with either is the same.
        let (before, after) = (open(&original(name)), open(folder.path()));
        let mut compared = 0;
        for row in rows.iter().filter(|row| row["folder"] == name) {
            let turns: Vec<Turn> = serde_json::from_value(row["turns"].clone()).expect("turns");
            let sizes: Vec<(u32, u32)> =
                serde_json::from_value(row["sizes"].clone()).expect("sizes");
            let images = sizes.into_iter().map(|(h, w)| noise(h, w, pictures.path()));
            let images: Vec<PathBuf> = images.collect();
            for (opens, key) in [
                (Open::User, "user"),
                (Open::Assistant, "assistant"),
                (Open::None, "none"),
            ] {
                for processor in [&before, &after] {
                    let asked = request(turns.clone(), images.clone(), opens);
                    let ids = processor.request(&asked).expect("encoded").ids;
                    let found = json!([ids.len(), digest(ids.iter().copied())]);
                    assert_eq!(found, row[key], "{name} {key} {row}");
                }
            }
            compared += 1;
        }
        assert_eq!(compared, 40, "{name}");
    }
}

#[test]
fn every_file_that_names_stop_tokens_names_end_of_text_alone() {
    for name in FOLDERS {
        let folder = served(name);
        let processor = open(folder.path());
        let end = processor.end_of_text();
        assert_eq!(processor.stop_ids(), [end], "{name}");
        let text = processor.decode(&[end], false);
        let tokenizer = read(folder.path(), "tokenizer_config.json");
        assert_eq!(tokenizer["eos_token"], *text, "{name}");
        assert_eq!(
            read(folder.path(), "generation_config.json")["eos_token_id"],
            end,
            "{name}"
        );
        let config = read(folder.path(), "config.json");
        for pointer in ["/eos_token_id", "/text_config/eos_token_id"] {
            let found = config.pointer(pointer).and_then(Value::as_i64);
            assert!(found.is_none_or(|found| found == end), "{name} {pointer}");
        }
        // Ends of turns are read as they were: they come from the template.
        assert_eq!(
            processor.markers().expect("markers"),
            open(&original(name)).markers().expect("markers"),
            "{name}"
        );
    }
}

#[test]
fn a_synthesizer_that_is_tuned_again_keeps_its_template() {
    let folder = served("llama");
    let files = |name: &str| std::fs::read(folder.path().join(name)).expect("file");
    let names = [
        "chat_template.jinja",
        "generation_config.json",
        "tokenizer_config.json",
        "config.json",
    ];
    let before = names.map(files);
    let again = prepare_synthesizer(folder.path(), open(folder.path()).as_ref());
    assert_eq!(again.expect("prepared"), Opening::Variable);
    assert_eq!(names.map(files), before);
}

#[test]
fn settings_of_sampling_do_not_travel_with_a_synthesizer() {
    let folder = copied("llama");
    let place = folder.path().join("generation_config.json");
    let own = json!({"bos_token_id": 0, "eos_token_id": [1, 4], "do_sample": true, "repetition_penalty": 1.05, "top_k": 1});
    std::fs::write(&place, own.to_string()).expect("written");
    let processor = open(folder.path());
    prepare_synthesizer(folder.path(), processor.as_ref()).expect("prepared");
    assert_eq!(
        read(folder.path(), "generation_config.json"),
        json!({"bos_token_id": 0, "eos_token_id": processor.end_of_text()})
    );
}

#[test]
fn a_second_begin_of_text_token_is_in_what_engines_render() {
    let folder = copied("llama");
    let settings = FolderSettings {
        extra_bos: Some(true),
    };
    settings.write(folder.path()).expect("written");
    let processor = open(folder.path());
    prepare_synthesizer(folder.path(), processor.as_ref()).expect("prepared");
    // The template itself writes the one that is always there.
    let template = template(folder.path());
    assert!(
        template.contains("{{ '<|begin_of_text|>' }}{% endif %}\n"),
        "{template}"
    );
    // Not so for this program, which adds the second one itself.
    let asked = request(
        vec![Turn::new(corpus::Role::User, "a")],
        Vec::new(),
        Open::User,
    );
    let ids = |processor: &dyn Processor| processor.request(&asked).expect("encoded").ids;
    let found = ids(open(folder.path()).as_ref());
    assert_eq!(found, ids(processor.as_ref()));
    assert_eq!(found[0], found[1]);
    assert_ne!(found[1], found[2]);
}

#[test]
fn a_template_that_cannot_have_the_variable_is_left_as_it_is() {
    let folder = copied("llama");
    let place = folder.path().join("chat_template.jinja");
    let own = "{% for m in messages %}{{ '<|start_header_id|>' + m.role }}: {{ m.content[0].text }}{% if loop.last %}.{% endif %}{% endfor %}";
    std::fs::write(&place, own).expect("written");
    let found = prepare_synthesizer(folder.path(), open(folder.path()).as_ref());
    assert_eq!(
        found.expect("prepared"),
        Opening::Unsuited("it writes a turn otherwise when one follows".to_owned())
    );
    assert_eq!(std::fs::read_to_string(&place).expect("file"), own);
    assert_eq!(
        read(folder.path(), "generation_config.json")["eos_token_id"],
        open(folder.path()).end_of_text()
    );
}

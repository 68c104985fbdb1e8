//! What a wrong folder or record is answered with: the place, what was expected, and how to mend it.

use std::path::Path;

use corpus::{Open, Request, Role, Sample, Turn};
use processor::{Options, Processor, load};
use serde_json::{Value, json};

/// A folder of golden files that a test may spoil.
struct Folder(tempfile::TempDir);

impl Folder {
    fn copy(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden")
            .join(name);
        let folder = tempfile::tempdir().expect("folder");
        for entry in std::fs::read_dir(root).expect("golden").flatten() {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("copy");
        }
        Self(folder)
    }

    fn remove(self, name: &str) -> Self {
        std::fs::remove_file(self.0.path().join(name)).expect("remove");
        self
    }

    fn write(self, name: &str, text: &str) -> Self {
        std::fs::write(self.0.path().join(name), text).expect("write");
        self
    }

    fn change(self, name: &str, change: impl FnOnce(&mut Value)) -> Self {
        let text = std::fs::read_to_string(self.0.path().join(name)).expect("file");
        let mut json = serde_json::from_str(&text).expect("json");
        change(&mut json);
        self.write(name, &json.to_string())
    }

    fn open(&self) -> Box<dyn Processor> {
        load(self.0.path(), &Options::default()).expect("processor")
    }

    fn fails(&self, parts: &[&str]) {
        let message = load(self.0.path(), &Options::default())
            .err()
            .expect("an error")
            .to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
}

fn llama() -> Folder {
    Folder::copy("llama")
}

#[test]
fn the_chat_template_is_found_in_any_of_its_places() {
    let turns = vec![
        Turn::new(Role::User, "one"),
        Turn::new(Role::Assistant, "two"),
    ];
    let sample = Sample {
        id: "s".to_owned(),
        images: Vec::new(),
        turns,
        end: false,
        origin: Value::Null,
    };
    let template = json!({"chat_template": processor::LLAMA3_TEMPLATE});
    let expected = llama().open().sample(&sample).expect("encoded");
    let bare = || llama().remove("chat_template.jinja");
    let named = json!([{"name": "tools", "template": "x"}, {"name": "default", "template": processor::LLAMA3_TEMPLATE}]);
    for folder in [
        bare().write("chat_template.json", &template.to_string()),
        bare().change("processor_config.json", |json| {
            json["chat_template"] = template["chat_template"].clone();
        }),
        bare().change("tokenizer_config.json", |json| {
            json["chat_template"] = template["chat_template"].clone();
        }),
        bare().change("tokenizer_config.json", |json| {
            json["chat_template"] = named;
        }),
    ] {
        assert_eq!(folder.open().sample(&sample).expect("encoded"), expected);
    }
}

/// A base model, as the paper's judge is: it reads what it is given, and no conversation.
#[test]
fn a_model_without_a_chat_template_takes_raw_prompts() {
    let request = |turns: Vec<Turn>, prompt: Option<&str>| Request {
        id: "r".to_owned(),
        images: Vec::new(),
        turns,
        open: Open::Assistant,
        prompt: prompt.map(str::to_owned),
        decoding: corpus::Decoding::default(),
    };
    let raw = request(Vec::new(), Some("one\ntwo:"));
    let bare = Folder::copy("text").remove("chat_template.jinja");
    assert_eq!(
        processor::has_chat_template(bare.0.path()).ok(),
        Some(false)
    );
    let whole = Folder::copy("text");
    assert_eq!(
        processor::has_chat_template(whole.0.path()).ok(),
        Some(true)
    );
    let opened = bare.open();
    let encoded = opened.request(&raw).expect("encoded");
    assert_eq!(encoded, whole.open().request(&raw).expect("encoded"));
    assert!(opened.decode(&encoded.ids, true).ends_with("one\ntwo:"));
    let talk = request(vec![Turn::new(Role::User, "one")], None);
    for error in [
        opened.request(&talk).expect_err("no template").to_string(),
        opened.markers().expect_err("no template").to_string(),
    ] {
        for part in [
            "has no chat template, so it takes raw prompts alone",
            "chat_template.jinja",
            &bare.0.path().display().to_string(),
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}

#[test]
fn a_template_that_takes_plain_texts_gets_plain_texts() {
    let template = "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{{ m['content'] | trim }}<|eot_id|>{% endfor %}";
    let asks = Turn::new(Role::User, "<image>\nWhat is it?").with_marks();
    let answers = Turn::new(Role::Assistant, "An <image> of <|eot_id|>").learned();
    let picture = tempfile::tempdir().expect("folder");
    let path = picture.path().join("x.png");
    corpus::images::encode_png(&image::RgbImage::new(90, 50), &path).expect("png");
    let turns = vec![asks, answers];
    let sample = Sample {
        id: "s".to_owned(),
        images: vec![path],
        turns,
        end: true,
        origin: Value::Null,
    };
    let expected = llama().open().sample(&sample).expect("encoded");
    let found = llama()
        .write("chat_template.jinja", template)
        .open()
        .sample(&sample)
        .expect("encoded");
    assert_eq!(found, expected);
}

#[test]
fn wrong_folders_are_errors_in_words() {
    llama()
        .change("config.json", |json| json["model_type"] = json!("bert"))
        .fails(&[
            "`bert`",
            "known: llama, mistral, llava, llava_next, qwen2_vl, mllama",
        ]);
    llama().remove("config.json").fails(&["config.json"]);
    llama().remove("tokenizer.json").fails(&["tokenizer.json"]);
    llama()
        .write("tokenizer.json", "{")
        .fails(&["tokenizer.json", "not valid JSON"]);
    llama()
        .write("tokenizer.json", "{}")
        .fails(&["tokenizer.json", "is not a tokenizer"]);
    llama()
        .write("tokenizer.json", "[1]")
        .fails(&["tokenizer.json", "is not a tokenizer"]);
    llama()
        .change("config.json", |json| json["image_token_index"] = json!(7))
        .fails(&["no added token of id 7"]);
    llama()
        .change("config.json", |json| {
            json["text_config"]["vocab_size"] = json!(300);
        })
        .fails(&["tokenizer.json", "the model embeds only 300"]);
    llama()
        .remove("processor_config.json")
        .fails(&["preprocessor_config.json", "add one of them"]);
    llama()
        .change("processor_config.json", |json| {
            json["image_processor"]["do_resize"] = json!(false);
        })
        .fails(&["processor_config.json", "`do_resize` false"]);
    llama()
        .write("chat_template.jinja", "{% if %}")
        .fails(&["does not parse"]);
    llama()
        .write("chat_template.jinja", "no turns here")
        .fails(&["leaves out the text of turn 1"]);
    llama()
        .write(
            "chat_template.jinja",
            "{{ messages[0]['content'] }}{{ messages[0]['content'] }}",
        )
        .fails(&["twice"]);
}

#[test]
fn a_conversation_that_the_template_refuses_is_named() {
    let processor = Folder::copy("inst").open();
    let sample = |turns| Sample {
        id: "s1".to_owned(),
        images: Vec::new(),
        turns,
        end: false,
        origin: Value::Null,
    };
    let message = |turns: Vec<Turn>| {
        processor
            .sample(&sample(turns))
            .expect_err("wrong")
            .to_string()
    };
    let found = message(vec![Turn::new(Role::System, "x")]);
    assert!(
        found.contains("`s1`") && found.contains("only user and assistant may speak"),
        "{found}"
    );
    assert_eq!(message(Vec::new()), "`s1` has neither `turns` nor `prompt`");
    let found = message(vec![Turn::new(Role::User, "a\u{10fff0}0")]);
    assert_eq!(
        found,
        "turn 1 of `s1` holds the private-use character U+10FFF0, which is reserved; take it out of the text"
    );
}

#[test]
fn texts_of_any_kind_are_text() {
    let processor = llama().open();
    for text in [
        "\u{0}",
        "\u{fffd}\u{feff}\u{e000}\u{f8f0}",
        "{{ 1 }}{% raw %}",
        "\r\n\r\n",
        &"long ".repeat(5000),
        "\u{1b}[0m",
    ] {
        let turns = vec![Turn::new(Role::User, text)];
        let request = Request {
            id: "r".to_owned(),
            images: Vec::new(),
            turns,
            open: Open::None,
            prompt: None,
            decoding: corpus::Decoding::default(),
        };
        let encoded = processor.request(&request).expect("encoded");
        let decoded = processor.decode(&encoded.ids, false);
        assert!(
            decoded.contains(&format!("<|end_header_id|>\n\n{}<|eot_id|>", text.trim())),
            "{text:?}"
        );
    }
}

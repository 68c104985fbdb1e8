//! The page of all recipe keys, from the table in `run`.

use std::fmt::Write as _;

use run::recipe::training::PASSING;
use run::recipe::{Family, Key, Preset, Shape, is_of_transport, keys};

use super::prose::{head, sentence};
use super::reader::readers;

const INTRODUCTION: &str = "\
A recipe is a TOML file; `section.key` is the key `key` of the table `[section]`. Only `model.checkpoint` and `data.pairs` have
to be given, and with a model other than the demo base a synthesizer. `adamllm recipe explain my.toml` prints the value of each
key for one recipe with its origin; `--set section.key=value` changes one for once. An unknown key is an error.

*Read by* names the stages that a key matters to. A changed key does these stages again, and what follows them. Not so those
that change no result: `data.max_bad`, `model.memory`, `train.save_steps`, `train.keep`, `train.recompute`, `train.fit` and `train.tensorboard` (of
`synthesizer.train` too), the section `generate`, and of the keys of endpoints all but `endpoint_model`,
`endpoints.picture_format` and `endpoints.max_picture_side`. `answer` and `score` are stages of the group `evaluate`.

With `model.checkpoint = \"demo\"` the presets of `model.dtype`, `synthesizer`, `filter` and `train` are those of
[recipes/demo.toml](../../recipes/demo.toml) instead.

";

/// The whole page.
pub fn page() -> String {
    let mut out = head("Recipe keys");
    out += INTRODUCTION;
    let mut section = "";
    for key in keys() {
        let (of, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        if of != section {
            section = of;
            let _ = write!(out, "## `[{section}]`\n\n");
            if let Some(about) = about(key.name) {
                let _ = write!(out, "{about}\n\n");
            }
        }
        debug_assert!(!name.is_empty(), "a key has a name");
        let _ = write!(out, "### `{}`\n\n{}\n\n", key.name, sentence(key.help));
        let _ = write!(
            out,
            "- Value: {}\n- Default: {}\n- Read by: {}\n\n",
            values(&key.shape),
            default_of(key),
            read_by(key.name)
        );
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

/// What a key's section is for, where the keys leave it open.
fn about(key: &str) -> Option<&'static str> {
    let last = key.rfind('.')? + 1;
    Some(match &key[..last] {
        "model." => "The general model, and how any model is run.",
        "synthesizer.train." => {
            "How the synthesizer is tuned: the same keys as those of [`[train]`](#train), with the presets of the paper's table 9."
        }
        "maker." => {
            "Another `data.maker` than the synthesizer: the model that it asks, if it asks one, and its words. See \
             [who makes the tasks](../own-domain.md#who-makes-the-tasks)."
        }
        "train." => {
            "How the adapted model is trained. Presets that differ by family are the columns of the paper's table 10: \
             `llava_next` is LLaVA-v1.6-8B, `qwen2_vl` is Qwen2-VL-2B, `mllama` is Llama-3.2-11B. Each stage of a training of \
             [several](../own-domain.md#a-training-of-several-stages) has all of these keys, as `train.stages.<stage>.<key>` \
             in `recipe explain`."
        }
        "endpoints." => {
            "What all models at endpoints share (`synthesizer.endpoint`, `maker.endpoint`, `filter.endpoint`). Keys of endpoints \
             are read from environment variables alone."
        }
        "generate." => "How much is worked on together wherever text is generated.",
        _ => return None,
    })
}

fn values(shape: &Shape) -> String {
    match shape {
        Shape::Text => "a text".to_owned(),
        Shape::Path => "a path, relative to the recipe's folder".to_owned(),
        Shape::Paths => "a path, or a list of them; relative to the recipe's folder".to_owned(),
        Shape::Model => {
            "a model folder, a name such as `org/model` of the Hugging Face cache, or `demo`"
                .to_owned()
        }
        Shape::Word(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
            words.join(", ")
        }
        Shape::Flag => "`true` or `false`".to_owned(),
        Shape::Stages => "tables `[[train.stages]]`".to_owned(),
        Shape::Texts
        | Shape::Integer(..)
        | Shape::Number(..)
        | Shape::ShareOrPath
        | Shape::Rates
        | Shape::Two
        | Shape::Columns
        | Shape::Size
        | Shape::Address
        | Shape::Addresses
        | Shape::Variable
        | Shape::Prices => shape.expected(),
    }
}

fn default_of(key: &Key) -> String {
    let columns = |values: [&str; 3]| {
        let pairs = Family::ALL.iter().zip(values);
        let each: Vec<String> = pairs
            .map(|(family, value)| format!("`{value}` (`{}`)", family.as_str()))
            .collect();
        each.join(", ")
    };
    match key.preset {
        Preset::Absent => "none".to_owned(),
        Preset::Value(value, source) => format!("`{value}` ({source})"),
        Preset::Table9(value) => format!("`{value}` (paper, table 9)"),
        Preset::Table10(value) => format!("`{value}` (paper, table 10)"),
        Preset::Columns(values) => format!("{}; paper, table 10", columns(values)),
        Preset::Evaluation(values) => {
            format!("{}; the paper's evaluation", columns(values))
        }
    }
}

fn read_by(key: &str) -> String {
    let names: Vec<String> = readers(key)
        .iter()
        .map(|reader| format!("`{}`", reader.name()))
        .collect();
    let passes = is_of_transport(key)
        || PASSING
            .iter()
            .any(|name| key.rsplit_once('.').is_some_and(|(_, last)| last == *name));
    match (names.is_empty(), passes) {
        (true, _) => "no stage; it decides presets or which stages there are".to_owned(),
        (false, true) => format!("{}; changes no result", names.join(", ")),
        (false, false) => names.join(", "),
    }
}

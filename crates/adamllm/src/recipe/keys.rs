//! Every key of a recipe: its shape, its preset and where the preset comes from.

use toml::Value;

/// One key.
#[derive(Debug)]
pub struct Key {
    /// The dotted name.
    pub name: &'static str,
    /// What values it takes.
    pub shape: Shape,
    /// Its preset as TOML; absent keys stay absent.
    pub preset: Option<&'static str>,
    /// Where the preset comes from.
    pub source: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
}

/// What values a key takes.
#[derive(Debug)]
pub enum Shape {
    /// A path or name.
    Text,
    /// A list of names.
    Texts,
    /// A whole number in a closed range.
    Integer(i64, i64),
    /// A number in a closed range.
    Number(f64, f64),
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One rate, or a table with `vision_tower`, `projector` and `language_model`.
    Rates,
    /// Two numbers.
    Two,
    /// A table of text to text.
    Columns,
}

impl Shape {
    /// The value if it fits (a file's `8` is taken where a number is expected), else what is expected.
    pub fn check(&self, value: &Value) -> Result<Value, String> {
        let number = |v: &Value| v.as_float().or_else(|| v.as_integer().map(|i| i as f64));
        let fits = match self {
            Self::Text => value.is_str(),
            Self::Texts => value
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_str)),
            Self::Integer(low, high) => value
                .as_integer()
                .is_some_and(|i| (*low..=*high).contains(&i)),
            Self::Number(low, high) => number(value).is_some_and(|x| x >= *low && x <= *high),
            Self::Flag => value.is_bool(),
            Self::Word(words) => value.as_str().is_some_and(|w| words.contains(&w)),
            Self::Rates => match value {
                Value::Table(table) => table.iter().all(|(name, rate)| {
                    ["vision_tower", "projector", "language_model"].contains(&name.as_str())
                        && number(rate).is_some_and(|x| (0.0..=1.0).contains(&x))
                }),
                other => number(other).is_some_and(|x| (0.0..=1.0).contains(&x)),
            },
            Self::Two => value
                .as_array()
                .is_some_and(|l| l.len() == 2 && l.iter().all(|v| number(v).is_some())),
            Self::Columns => value
                .as_table()
                .is_some_and(|t| t.values().all(Value::is_str)),
        };
        if fits {
            Ok(value.clone())
        } else {
            Err(self.expected())
        }
    }

    /// What fits, in words.
    pub fn expected(&self) -> String {
        match self {
            Self::Text => "a text in quotes".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
            Self::Integer(low, high) => format!("a whole number from {low} to {high}"),
            Self::Number(low, high) => format!("a number from {low} to {high}"),
            Self::Flag => "true or false".to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Rates => {
                "a rate from 0 to 1, or a table of `vision_tower`, `projector` and `language_model`"
                    .to_owned()
            }
            Self::Two => "two numbers in a list".to_owned(),
            Self::Columns => "a table of our key = your column".to_owned(),
        }
    }
}

const PAPER_10: &str = "paper, table 10 (LLaVA-v1.6-8B)";
const PAPER_9: &str = "paper, table 9";
const OURS: &str = "our choice";

macro_rules! key {
    ($name:literal, $shape:expr, $help:literal) => {
        Key {
            name: $name,
            shape: $shape,
            preset: None,
            source: "",
            help: $help,
        }
    };
    ($name:literal, $shape:expr, $preset:literal, $source:expr, $help:literal) => {
        Key {
            name: $name,
            shape: $shape,
            preset: Some($preset),
            source: $source,
            help: $help,
        }
    };
}

const MANY: i64 = 1_000_000_000;
const SCHEDULERS: Shape = Shape::Word(&["cosine", "linear", "constant"]);
const TOO_LONG: Shape = Shape::Word(&["error", "truncate_text", "drop"]);

/// All keys, in the order in which `recipe explain` prints them.
pub const KEYS: &[Key] = &[
    key!(
        "run.seed",
        Shape::Integer(0, i64::MAX),
        "0",
        OURS,
        "seed of everything that is drawn"
    ),
    key!(
        "model.checkpoint",
        Shape::Text,
        "the general model: a Hugging Face folder, or \"demo\""
    ),
    key!(
        "model.dtype",
        Shape::Word(&["f32", "bf16"]),
        "\"f32\"",
        OURS,
        "dtype of the weights while training"
    ),
    key!(
        "model.extra_bos",
        Shape::Flag,
        "false",
        "reference code: true for open-llava-next",
        "a second begin-of-text token"
    ),
    key!(
        "model.template_date",
        Shape::Text,
        "\"26 Jul 2024\"",
        "Llama 3.1's template",
        "what a chat template takes for today"
    ),
    key!(
        "model.min_pixels",
        Shape::Integer(0, MANY),
        "0",
        OURS,
        "fewest pixels of a picture for Qwen2-VL; 0 is the checkpoint's"
    ),
    key!(
        "model.max_pixels",
        Shape::Integer(0, MANY),
        "0",
        OURS,
        "most pixels of a picture for Qwen2-VL; 0 is the checkpoint's"
    ),
    key!(
        "data.pairs",
        Shape::Text,
        "image-caption pairs of the domain: JSONL or ShareGPT JSON"
    ),
    key!(
        "data.images",
        Shape::Text,
        "folder that image paths are relative to; default: the file's folder"
    ),
    key!(
        "data.columns",
        Shape::Columns,
        "our key = the file's key, where they differ"
    ),
    key!(
        "data.max_bad",
        Shape::Number(0.0, 1.0),
        "0.01",
        OURS,
        "largest share of unusable pairs before a run stops"
    ),
    key!(
        "data.held_out",
        Shape::Number(0.0, 0.9),
        "0.1",
        OURS,
        "share of pairs kept for evaluation, by group"
    ),
    key!(
        "synthesizer.checkpoint",
        Shape::Text,
        "a tuned synthesizer; then nothing is tuned"
    ),
    key!(
        "synthesizer.seed_data",
        Shape::Text,
        "seed records to tune the synthesizer from the model"
    ),
    key!(
        "synthesizer.input",
        Shape::Word(&["both", "image", "caption", "none"]),
        "\"both\"",
        "paper, table 6",
        "what the synthesizer sees"
    ),
    key!(
        "synthesizer.blank_images",
        Shape::Number(0.0, 1.0),
        "0.1",
        "paper, section 3.1",
        "share of blank pictures in tuning"
    ),
    key!(
        "synthesizer.same_question",
        Shape::Word(&["exact", "normalised"]),
        "\"exact\"",
        "reference code",
        "how two instructions are compared"
    ),
    key!(
        "synthesizer.temperature",
        Shape::Number(0.0, 5.0),
        "0.0",
        "reference code",
        "0 is greedy"
    ),
    key!(
        "synthesizer.top_p",
        Shape::Number(0.01, 1.0),
        "1.0",
        OURS,
        "nucleus sampling"
    ),
    key!(
        "synthesizer.max_new_tokens",
        Shape::Integer(1, 100_000),
        "512",
        "reference code",
        "most tokens of a synthesis"
    ),
    key!(
        "synthesizer.prompts",
        Shape::Text,
        "TOML file that replaces prompts by name"
    ),
    key!(
        "synthesizer.train.data",
        Shape::Text,
        "sample file that is trained on instead of the seed data"
    ),
    key!(
        "synthesizer.train.epochs",
        Shape::Number(0.001, 10_000.0),
        "2.0",
        PAPER_9,
        "passes over the data"
    ),
    key!(
        "synthesizer.train.max_steps",
        Shape::Integer(0, MANY),
        "0",
        OURS,
        "stop after so many steps; 0 is off"
    ),
    key!(
        "synthesizer.train.batch_size",
        Shape::Integer(1, 1_000_000),
        "128",
        PAPER_9,
        "global batch in samples"
    ),
    key!(
        "synthesizer.train.micro_tokens",
        Shape::Integer(1, MANY),
        "6144",
        OURS,
        "tokens of a packed microbatch"
    ),
    key!(
        "synthesizer.train.max_seq_len",
        Shape::Integer(8, 1_000_000),
        "6144",
        PAPER_9,
        "longest sample in tokens"
    ),
    key!(
        "synthesizer.train.too_long",
        TOO_LONG,
        "\"error\"",
        OURS,
        "what becomes of longer samples"
    ),
    key!(
        "synthesizer.train.shuffle",
        Shape::Flag,
        "true",
        PAPER_9,
        "whether the order is shuffled"
    ),
    key!(
        "synthesizer.train.seed",
        Shape::Integer(0, i64::MAX),
        "seed of the order; default: run.seed"
    ),
    key!(
        "synthesizer.train.learning_rate",
        Shape::Rates,
        "{ vision_tower = 2e-6, projector = 2e-5, language_model = 2e-5 }",
        PAPER_9,
        "peak learning rates"
    ),
    key!(
        "synthesizer.train.freeze",
        Shape::Texts,
        "[]",
        PAPER_9,
        "groups that are not trained"
    ),
    key!(
        "synthesizer.train.scheduler",
        SCHEDULERS,
        "\"cosine\"",
        PAPER_9,
        "learning-rate schedule"
    ),
    key!(
        "synthesizer.train.warmup_ratio",
        Shape::Number(0.0, 1.0),
        "0.03",
        PAPER_9,
        "share of steps with a rising rate"
    ),
    key!(
        "synthesizer.train.min_lr",
        Shape::Number(0.0, 1.0),
        "0.0",
        PAPER_9,
        "final rate as a share of the peak"
    ),
    key!(
        "synthesizer.train.weight_decay",
        Shape::Number(0.0, 10.0),
        "0.0",
        PAPER_9,
        "decoupled weight decay"
    ),
    key!(
        "synthesizer.train.betas",
        Shape::Two,
        "[0.9, 0.999]",
        "transformers' default",
        "AdamW betas"
    ),
    key!(
        "synthesizer.train.eps",
        Shape::Number(0.0, 1.0),
        "1e-8",
        "transformers' default",
        "AdamW epsilon"
    ),
    key!(
        "synthesizer.train.max_grad_norm",
        Shape::Number(0.0, 1e9),
        "1.0",
        "transformers' default",
        "gradients are clipped to this norm; 0 is off"
    ),
    key!(
        "synthesizer.train.save_steps",
        Shape::Integer(0, MANY),
        "500",
        PAPER_9,
        "a checkpoint every so many steps; 0 is never"
    ),
    key!(
        "synthesizer.train.keep",
        Shape::Integer(1, 1000),
        "1",
        PAPER_9,
        "checkpoints kept"
    ),
    key!(
        "filter.enabled",
        Shape::Flag,
        "true",
        "paper, section 3.2",
        "whether inconsistent triplets are left out"
    ),
    key!(
        "filter.judge",
        Shape::Word(&["verdict", "extraction"]),
        "\"verdict\"",
        "paper, section 3.2",
        "how the judge is asked"
    ),
    key!(
        "filter.checkpoint",
        Shape::Text,
        "the judge; default: the shipped one for the demo base, else the model itself"
    ),
    key!(
        "filter.threshold",
        Shape::Number(0.0, 1.0),
        "keep only verdicts with at least this probability"
    ),
    key!(
        "mix.caption",
        Shape::Flag,
        "true",
        "paper, section 3.3",
        "whether the caption task is trained"
    ),
    key!(
        "mix.synthetic",
        Shape::Flag,
        "true",
        "paper, section 3.3",
        "whether the synthetic task is trained"
    ),
    key!(
        "mix.without_triplet",
        Shape::Word(&["caption", "drop"]),
        "\"caption\"",
        "paper, section 3.3",
        "a pair without a triplet"
    ),
    key!(
        "mix.joiner",
        Shape::Word(&["paper", "varied"]),
        "\"paper\"",
        "paper, figure 2",
        "how both answers become one"
    ),
    key!(
        "mix.caption_position",
        Shape::Word(&["last", "random"]),
        "\"last\"",
        "paper, figure 2",
        "where the caption task stands"
    ),
    key!("mix.general", Shape::Text, "sample file for general replay"),
    key!(
        "mix.general_ratio",
        Shape::Number(0.0, 100.0),
        "0.0",
        "paper: none",
        "replay samples for each domain sample"
    ),
    key!(
        "train.data",
        Shape::Text,
        "sample file that is trained on instead of the mix"
    ),
    key!(
        "train.epochs",
        Shape::Number(0.001, 10_000.0),
        "1.0",
        PAPER_10,
        "passes over the data"
    ),
    key!(
        "train.max_steps",
        Shape::Integer(0, MANY),
        "0",
        OURS,
        "stop after so many steps; 0 is off"
    ),
    key!(
        "train.batch_size",
        Shape::Integer(1, 1_000_000),
        "128",
        PAPER_10,
        "global batch in samples"
    ),
    key!(
        "train.micro_tokens",
        Shape::Integer(1, MANY),
        "6144",
        OURS,
        "tokens of a packed microbatch"
    ),
    key!(
        "train.max_seq_len",
        Shape::Integer(8, 1_000_000),
        "6144",
        PAPER_10,
        "longest sample in tokens"
    ),
    key!(
        "train.too_long",
        TOO_LONG,
        "\"error\"",
        OURS,
        "what becomes of longer samples"
    ),
    key!(
        "train.shuffle",
        Shape::Flag,
        "true",
        PAPER_10,
        "whether the order is shuffled"
    ),
    key!(
        "train.seed",
        Shape::Integer(0, i64::MAX),
        "seed of the order; default: run.seed"
    ),
    key!(
        "train.learning_rate",
        Shape::Rates,
        "{ vision_tower = 2e-6, projector = 2e-5, language_model = 2e-5 }",
        PAPER_10,
        "peak learning rates"
    ),
    key!(
        "train.freeze",
        Shape::Texts,
        "[]",
        PAPER_10,
        "groups that are not trained"
    ),
    key!(
        "train.scheduler",
        SCHEDULERS,
        "\"cosine\"",
        PAPER_10,
        "learning-rate schedule"
    ),
    key!(
        "train.warmup_ratio",
        Shape::Number(0.0, 1.0),
        "0.03",
        PAPER_10,
        "share of steps with a rising rate"
    ),
    key!(
        "train.min_lr",
        Shape::Number(0.0, 1.0),
        "0.0",
        PAPER_10,
        "final rate as a share of the peak"
    ),
    key!(
        "train.weight_decay",
        Shape::Number(0.0, 10.0),
        "0.0",
        PAPER_10,
        "decoupled weight decay"
    ),
    key!(
        "train.betas",
        Shape::Two,
        "[0.9, 0.999]",
        "transformers' default",
        "AdamW betas"
    ),
    key!(
        "train.eps",
        Shape::Number(0.0, 1.0),
        "1e-8",
        "transformers' default",
        "AdamW epsilon"
    ),
    key!(
        "train.max_grad_norm",
        Shape::Number(0.0, 1e9),
        "1.0",
        "transformers' default",
        "gradients are clipped to this norm; 0 is off"
    ),
    key!(
        "train.save_steps",
        Shape::Integer(0, MANY),
        "500",
        OURS,
        "a checkpoint every so many steps; 0 is never"
    ),
    key!(
        "train.keep",
        Shape::Integer(1, 1000),
        "1",
        OURS,
        "checkpoints kept"
    ),
    key!(
        "evaluate.data",
        Shape::Text,
        "folder of `<task>.jsonl` files; default: captions of the held-out pairs"
    ),
    key!(
        "evaluate.tasks",
        Shape::Texts,
        "[]",
        OURS,
        "task names; empty means every file of the folder"
    ),
    key!(
        "evaluate.controls",
        Shape::Texts,
        "[]",
        OURS,
        "what the adapted model is compared with: captions, shuffled-pictures, swapped-groups, general, no-replay"
    ),
];

//! Every key of a recipe: its shape, its preset and where the preset comes from.

use synthesis::{
    Answers, CaptionPosition, Corruption, Input, Joiner, JudgeKind, Maker, SameQuestion,
    WithoutTriplet,
};

use super::dtype::DtypeChoice;
use super::endpoint_keys::{OF_ENDPOINTS, OF_FILTER, OF_MAKER, OF_QUALITY, OF_SYNTHESIZER};
use super::family::Family;
use super::key::{Key, MANY, OURS, Preset, key};
use super::maker_keys::MAKER;
use super::quality_keys::QUALITY;
use super::shape::Shape;
use super::stage_keys::{OF_STAGES, key_of_stage};
use super::training_keys::{TRAINING, TUNING};

/// The name of the shipped demo base in place of a folder.
pub const DEMO: &str = "demo";

/// The tuned verdict is missing: it is for a judge that was tuned on verdicts, which no key makes.
const JUDGES: &[&str] = &[JudgeKind::Verdict.as_str(), JudgeKind::Extraction.as_str()];

const BEFORE_TUNING: &[Key] = &[
    key!(
        "run.seed",
        Shape::Integer(0, i64::MAX),
        "0",
        OURS,
        "seed of everything that is drawn"
    ),
    key!(
        "model.checkpoint",
        Shape::Model,
        "the general model: a Hugging Face folder, or \"demo\""
    ),
    key!(
        "model.family",
        Shape::Word(&Family::WORDS),
        "column of the paper's table 10 that presets are from; default: the checkpoint's own"
    ),
    key!(
        "model.dtype",
        Shape::Word(&DtypeChoice::WORDS),
        "\"auto\"",
        OURS,
        "dtype of the weights; auto: bf16 on a GPU and on processors that are known to be faster with it, else f32"
    ),
    key!(
        "model.memory",
        Shape::Size,
        "most memory that tensors may take, such as \"12GB\"; default: nine tenths of the device's total memory, or of a container's"
    ),
    key!(
        "model.extra_bos",
        Shape::Flag,
        "a second begin-of-text token for the general model; default: what its folder says"
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
        Shape::Paths,
        "image-caption pairs of the domain, in any layout: a file or folder, or a list of them"
    ),
    key!(
        "data.images",
        Shape::Path,
        "folder that image paths are relative to; default: each file's own folder"
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
        "data.split_seed",
        Shape::Integer(0, i64::MAX),
        "seed of which pairs are kept for evaluation, `run.seed` where it is not said; runs of several seeds that are compared need one"
    ),
    key!(
        "data.truth",
        Shape::Path,
        "what is true of the pairs, to measure the filter and the synthetic data with"
    ),
    key!(
        "data.maker",
        Shape::Word(&Maker::WORDS),
        "\"synthesizer\"",
        "paper, section 3.1",
        "who writes the tasks: the synthesizer, rules, a model that reads captions or sees pictures too, or the records themselves"
    ),
    key!(
        "synthesizer.checkpoint",
        Shape::Model,
        "a tuned synthesizer; then nothing is tuned"
    ),
    key!(
        "synthesizer.seed_data",
        Shape::Path,
        "seed records to tune the synthesizer from the model"
    ),
    key!(
        "synthesizer.tuned",
        Shape::Flag,
        "true",
        "paper, section 3.1",
        "whether the synthesizer is a tuned one; off: the general model itself is asked, and nothing is tuned"
    ),
    key!(
        "synthesizer.input",
        Shape::Word(&Input::WORDS),
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
        "synthesizer.corrupt",
        Shape::Word(&Corruption::WORDS),
        "\"none\"",
        "paper, table 12",
        "what is made worse for the synthesizer alone, drawn by the pair's id: noise over pictures, a quarter of them, or half of the caption"
    ),
    key!(
        "synthesizer.same_question",
        Shape::Word(&SameQuestion::WORDS),
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
        "synthesizer.min_p",
        Shape::Number(0.0, 1.0),
        "0.0",
        OURS,
        "leaves out tokens with less than this share of the likeliest one's probability; 0 is off"
    ),
    key!(
        "synthesizer.repetition_penalty",
        Shape::Number(0.01, 100.0),
        "1.0",
        OURS,
        "above 1 makes tokens of the prompt and of the text so far less likely; 1 is off"
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
        Shape::Path,
        "TOML file that replaces prompts by name"
    ),
];

const FILTER: &[Key] = &[
    key!(
        "filter.enabled",
        Shape::Flag,
        "true",
        "paper, section 3.2",
        "whether inconsistent triplets are left out"
    ),
    key!(
        "filter.judge",
        Shape::Word(JUDGES),
        "\"verdict\"",
        "paper, section 3.2",
        "how the judge is asked"
    ),
    key!(
        "filter.checkpoint",
        Shape::Model,
        "the judge; default: the shipped one for the demo base, else the model itself"
    ),
    key!(
        "filter.threshold",
        Shape::Number(0.0, 1.0),
        "keep only verdicts with at least this probability"
    ),
];

const MIX: &[Key] = &[
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
        Shape::Word(&WithoutTriplet::WORDS),
        "\"caption\"",
        "paper, section 3.3",
        "a pair without a triplet"
    ),
    key!(
        "mix.joiner",
        Shape::Word(&Joiner::WORDS),
        "\"paper\"",
        "paper, figure 2",
        "how both answers become one"
    ),
    key!(
        "mix.answers",
        Shape::Word(&Answers::WORDS),
        "\"joined\"",
        "paper, figure 2",
        "which answer the synthetic task teaches: both joined, or one alone, with `varied` in a drawn template of a plain question"
    ),
    key!(
        "mix.caption_position",
        Shape::Word(&CaptionPosition::WORDS),
        "\"last\"",
        "paper, figure 2",
        "where the caption task stands"
    ),
    key!("mix.general", Shape::Path, "sample file for general replay"),
    key!(
        "mix.general_ratio",
        Shape::Number(0.0, 100.0),
        "0.0",
        "paper: none",
        "replay samples for each domain sample"
    ),
];

const EVALUATION: &[Key] = &[
    key!(
        "evaluate.data",
        Shape::Path,
        "folder with a folder of each built-in task, or with task files; default: captions of the held-out pairs"
    ),
    key!(
        "evaluate.tasks",
        Shape::Texts,
        "[]",
        OURS,
        "built-in tasks, task files (`.toml`) or files of questions (`.jsonl`); empty means all of `evaluate.data`"
    ),
    key!(
        "evaluate.general",
        Shape::Texts,
        "[]",
        OURS,
        "tasks as in `evaluate.tasks` that show what adapting forgets; averaged apart"
    ),
    key!(
        "evaluate.by_likelihood",
        Shape::Texts,
        "[]",
        OURS,
        "tasks of multiple choice whose options are ranked by likelihood instead of read from an answer"
    ),
    key!(
        "evaluate.max_new_tokens",
        Shape::Integer(0, 1 << 20),
        "0",
        OURS,
        "tokens that an answer may have; 0 means the task's own (1024, lists of names 256)"
    ),
    key!(
        "evaluate.min_pixels",
        Shape::Integer(0, 1 << 30),
        // 224².
        preset Preset::Evaluation(["0", "50176", "0"]),
        "as `model.min_pixels`, for pictures of questions; 0 means the model's"
    ),
    key!(
        "evaluate.max_pixels",
        Shape::Integer(0, 1 << 30),
        // 1280 tokens of 28².
        preset Preset::Evaluation(["0", "1003520", "0"]),
        "as `model.max_pixels`, for pictures of questions; 0 means the model's"
    ),
    key!(
        "evaluate.blind_limit",
        Shape::Integer(1, 1 << 40),
        "1000",
        OURS,
        "at most so many questions of a task are asked on blank pictures, drawn by the seed"
    ),
    key!(
        "evaluate.held_out_limit",
        Shape::Integer(1, 1 << 40),
        "500",
        OURS,
        "at most so many captions of held-out pairs are asked for, drawn by the seed"
    ),
    key!(
        "evaluate.controls",
        Shape::Texts,
        "[]",
        OURS,
        "what the adapted model is compared with: captions, shuffled-pictures, swapped-groups, general, no-replay"
    ),
    key!(
        "evaluate.after_each_stage",
        Shape::Flag,
        "false",
        OURS,
        "whether the tasks are asked after every stage of a training of several, which shows what the next one forgets"
    ),
    key!(
        "evaluate.quality",
        Shape::Flag,
        "false",
        OURS,
        "whether the synthetic data is measured against `data.truth`: accuracy, knowledge, complexity, diversity"
    ),
];

const GENERATION: &[Key] = &[
    key!(
        "generate.block",
        Shape::Integer(1, 1 << 16),
        "128",
        OURS,
        "requests that are made durable together, and whose common beginnings and pictures are computed once"
    ),
    key!(
        "generate.group",
        Shape::Integer(1, 1 << 16),
        "64",
        OURS,
        "requests of a block that are decoded at the same time; one that ends makes room for the next"
    ),
    key!(
        "generate.prefill_tokens",
        Shape::Integer(0, 1 << 30),
        "0",
        OURS,
        "prompt tokens of one forward; 0 means by the device's memory and the largest model, 8192 at most"
    ),
    key!(
        "generate.cache_tokens",
        Shape::Integer(0, 1 << 40),
        "0",
        OURS,
        "tokens that the cache may hold; 0 means by memory and model, 131072 at most"
    ),
];

/// All keys, section by section as they stand in a recipe.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    [
        BEFORE_TUNING,
        OF_SYNTHESIZER,
        TUNING,
        MAKER,
        OF_MAKER,
        FILTER,
        OF_FILTER,
        MIX,
        TRAINING,
        OF_STAGES,
        EVALUATION,
        QUALITY,
        OF_QUALITY,
        GENERATION,
        OF_ENDPOINTS,
    ]
    .into_iter()
    .flatten()
}

/// The key of this name, or of this name in a stage of the training.
pub fn key(name: &str) -> Option<&'static Key> {
    keys()
        .find(|key| key.name == name)
        .or_else(|| key_of_stage(name))
}

/// What a key does, in one line; nothing of an unknown key.
pub fn help_of(name: &str) -> &'static str {
    key(name).map_or("", |key| key.help)
}

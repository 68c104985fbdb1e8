//! Recipes: one TOML file a run, every key with a preset and the place that its value comes from.
//!
//! Two steps: the text becomes a flat table of known keys with origins ([`resolve`]), and that table becomes a typed
//! [`Recipe`] whose paths exist and whose numbers are in range ([`Recipe::new`]). [`Recipe::read`] does both and gives all
//! errors at once.

mod control;
pub mod files;
mod keys;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::Group;
use serde::Serialize;
use synthesis::{CaptionPosition, Input, Joiner, JudgeKind, SameQuestion, WithoutTriplet};
use toml::{Table, Value};
use train::TooLong;

use crate::hub;

pub use control::Control;
use keys::KEYS;

/// The name of the shipped demo base in place of a folder.
pub const DEMO: &str = "demo";

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "from", content = "what")]
pub enum Origin {
    /// The recipe file.
    Recipe,
    /// A `--set` on the command line.
    Set,
    /// A preset, with its source.
    Preset(String),
}

/// An origin in words.
pub fn origin_text(origin: &Origin) -> String {
    match origin {
        Origin::Recipe => "recipe".to_owned(),
        Origin::Set => "--set".to_owned(),
        Origin::Preset(source) => format!("preset: {source}"),
    }
}

/// What a key does, in one line.
pub fn help_of(key: &str) -> &'static str {
    KEYS.iter().find(|k| k.name == key).map_or("", |k| k.help)
}

/// One resolved key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Resolved {
    /// Its value.
    pub value: Value,
    /// Where the value comes from.
    pub origin: Origin,
}

/// Every key by its dotted name.
pub type Resolution = BTreeMap<String, Resolved>;

/// Reads a recipe's text, applies overrides (`section.key=value`) and fills in the presets.
///
/// Gives every problem at once: unknown keys with the nearest known one, wrong types and values out of range.
pub fn resolve(text: &str, overrides: &[String]) -> Result<Resolution, Vec<String>> {
    match resolve_most(text, overrides)? {
        (resolution, Wrong { errors, .. }) if errors.is_empty() => Ok(resolution),
        (_, Wrong { errors, .. }) => Err(errors),
    }
}

/// What is wrong with a recipe's keys.
#[derive(Default)]
struct Wrong {
    errors: Vec<String>,
    /// Known keys whose values cannot be used.
    keys: Vec<&'static str>,
}

/// As [`resolve`], but beside the problems gives what is left: keys with unusable values have their presets.
fn resolve_most(text: &str, overrides: &[String]) -> Result<(Resolution, Wrong), Vec<String>> {
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return Err(vec![format!("the recipe is not valid TOML: {error}")]),
    };
    let mut wrong = Wrong::default();
    let mut given = BTreeMap::new();
    flatten("", &table, &mut given);
    let mut values: BTreeMap<String, (Value, Origin)> = given
        .into_iter()
        .map(|(key, value)| (key, (value, Origin::Recipe)))
        .collect();
    for item in overrides {
        match item.split_once('=') {
            Some((key, value)) => {
                values.insert(
                    key.trim().to_owned(),
                    (loose_value(value.trim()), Origin::Set),
                );
            }
            None => wrong.errors.push(format!(
                "`--set {item}` has no `=`; write `--set section.key=value`"
            )),
        }
    }
    let mut resolution = Resolution::new();
    let demo =
        matches!(values.get("model.checkpoint"), Some((Value::String(name), _)) if name == DEMO);
    let presets = if demo {
        demo_presets()
    } else {
        BTreeMap::new()
    };
    for key in KEYS {
        let given = values.remove(key.name).and_then(|(value, origin)| {
            let checked = key.shape.check(&value);
            let usable = checked.map(|value| Resolved { value, origin });
            usable
                .map_err(|expected| {
                    let error = format!("`{}` is `{value}`, expected {expected}", key.name);
                    wrong.errors.push(error);
                    wrong.keys.push(key.name);
                })
                .ok()
        });
        let from_demo = || {
            Some(Resolved {
                value: presets.get(key.name)?.clone(),
                origin: Origin::Preset(
                    "recipes/demo.toml, as the model is the demo base".to_owned(),
                ),
            })
        };
        let preset = || {
            Some(Resolved {
                value: loose_value(key.preset?),
                origin: Origin::Preset(key.source.to_owned()),
            })
        };
        if let Some(resolved) = given.or_else(from_demo).or_else(preset) {
            resolution.insert(key.name.to_owned(), resolved);
        }
    }
    for name in values.keys() {
        wrong.errors.push(format!(
            "unknown key `{name}`; did you mean `{}`?",
            nearest(name)
        ));
    }
    Ok((resolution, wrong))
}

/// What the demo's recipe says of tuning, filter and training: settings that fit a toy model.
fn demo_presets() -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    if let Ok(table) = demo::RECIPE.parse::<Table>() {
        flatten("", &table, &mut out);
    }
    out.retain(|key, _| {
        ["synthesizer.", "filter.", "train."]
            .iter()
            .any(|s| key.starts_with(s))
            && key != "synthesizer.seed_data"
    });
    out
}

fn flatten(prefix: &str, table: &Table, out: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        let whole = KEYS.iter().any(|k| k.name == name);
        match value {
            Value::Table(inner) if !whole => flatten(&name, inner, out),
            _ => {
                out.insert(name, value.clone());
            }
        }
    }
}

/// A TOML value, or the text itself when it is not one (so that `--set model.checkpoint=some/folder` needs no quotes).
fn loose_value(text: &str) -> Value {
    format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn nearest(name: &str) -> &'static str {
    KEYS.iter()
        .map(|k| (distance(name, k.name), k.name))
        .min()
        .map_or("run.seed", |(_, name)| name)
}

/// The Levenshtein distance of two names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != *y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

/// What to train with, and how often to save.
#[derive(Clone, Debug)]
pub struct Training {
    /// The trainer's own settings.
    pub config: train::Config,
    /// Sample file that is trained on instead of the mix.
    pub data: Option<PathBuf>,
    /// A checkpoint every so many steps; 0 is never.
    pub save_steps: usize,
    /// How many checkpoints are kept.
    pub keep: usize,
}

/// A checked recipe.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Every key with its origin.
    pub resolution: Resolution,
    /// `[run] seed`.
    pub seed: u64,
    /// `[model] checkpoint`: a folder in the Hugging Face layout, or `demo`.
    pub checkpoint: PathBuf,
    /// `[model] dtype`.
    pub dtype: torch::Kind,
    /// `[model] extra_bos`.
    pub extra_bos: bool,
    /// `[model] template_date`.
    pub template_date: String,
    /// `[model] min_pixels`; none for the checkpoint's.
    pub min_pixels: Option<usize>,
    /// `[model] max_pixels`, likewise.
    pub max_pixels: Option<usize>,
    /// `[data] pairs`.
    pub pairs: PathBuf,
    /// `[data] images`.
    pub images: Option<PathBuf>,
    /// `[data] columns`.
    pub columns: BTreeMap<String, String>,
    /// `[data] max_bad`: the largest share of unusable records.
    pub max_bad: f64,
    /// `[data] held_out`: the share of pairs kept for evaluation.
    pub held_out: f64,
    /// `[synthesizer]`.
    pub synthesizer: Synthesizer,
    /// `[filter]`.
    pub filter: Filter,
    /// `[mix]`.
    pub mix: Mix,
    /// `[train]`.
    pub train: Training,
    /// `[evaluate] data`: folder of `<task>.jsonl`.
    pub tasks_folder: Option<PathBuf>,
    /// `[evaluate] tasks`: names, or empty for every file of the folder.
    pub tasks: Vec<String>,
    /// `[evaluate] controls`.
    pub controls: Vec<Control>,
}

/// `[synthesizer]`.
#[derive(Clone, Debug)]
pub struct Synthesizer {
    /// A tuned synthesizer.
    pub checkpoint: Option<PathBuf>,
    /// Seed data to tune one from the model.
    pub seed_data: Option<PathBuf>,
    /// What it sees: picture, caption, both or none.
    pub input: Input,
    /// Share of blank pictures in tuning.
    pub blank_images: f64,
    /// How instructions are compared.
    pub same_question: SameQuestion,
    /// Tuning.
    pub train: Training,
    /// 0 is greedy.
    pub temperature: f64,
    /// Nucleus sampling.
    pub top_p: f64,
    /// The most tokens it writes.
    pub max_new_tokens: usize,
    /// A TOML file that replaces prompts by name.
    pub prompts: Option<PathBuf>,
}

/// `[filter]`.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Off: every parsed triplet is kept.
    pub enabled: bool,
    /// How the judge is asked.
    pub judge: JudgeKind,
    /// The judge; the model itself when absent.
    pub checkpoint: Option<PathBuf>,
    /// Keeps only verdicts with at least this probability.
    pub threshold: Option<f64>,
}

/// `[mix]`.
#[derive(Clone, Debug)]
pub struct Mix {
    /// Whether the caption task is trained.
    pub caption: bool,
    /// Whether the synthetic task is trained.
    pub synthetic: bool,
    /// What becomes of a pair without a triplet.
    pub without_triplet: WithoutTriplet,
    /// How both answers are joined.
    pub joiner: Joiner,
    /// Where the caption stands.
    pub caption_position: CaptionPosition,
    /// Sample file for replay.
    pub general: Option<PathBuf>,
    /// Replay samples for each domain sample.
    pub general_ratio: f64,
}

impl Recipe {
    /// Reads a recipe's text with overrides and checks all of it; gives every problem at once.
    pub fn read(text: &str, overrides: &[String], folder: &Path) -> Result<Self, Vec<String>> {
        let (resolution, wrong) = resolve_most(text, overrides)?;
        match Self::new(resolution, folder) {
            Ok(recipe) if wrong.errors.is_empty() => Ok(recipe),
            checked => {
                let mut errors = wrong.errors;
                let follows = |e: &String| wrong.keys.iter().any(|k| e.contains(&format!("`{k}`")));
                errors.extend(checked.err().into_iter().flatten().filter(|e| !follows(e)));
                Err(errors)
            }
        }
    }

    /// Checks what only the file system and the other keys can tell. Paths are relative to `folder`.
    pub fn new(resolution: Resolution, folder: &Path) -> Result<Self, Vec<String>> {
        let mut get = Getter {
            resolution,
            folder,
            errors: Vec::new(),
        };
        let mut recipe = Self {
            seed: get.integer("run.seed") as u64,
            checkpoint: get.model("model.checkpoint").unwrap_or_default(),
            dtype: if get.text("model.dtype") == "bf16" {
                torch::Kind::BFloat16
            } else {
                torch::Kind::Float
            },
            extra_bos: get.flag("model.extra_bos"),
            template_date: get.text("model.template_date"),
            min_pixels: get.optional_count("model.min_pixels"),
            max_pixels: get.optional_count("model.max_pixels"),
            pairs: get.path("data.pairs").unwrap_or_default(),
            images: get.path("data.images"),
            columns: get.columns("data.columns"),
            max_bad: get.number("data.max_bad"),
            held_out: get.number("data.held_out"),
            synthesizer: Synthesizer {
                checkpoint: get.model("synthesizer.checkpoint"),
                seed_data: get.path("synthesizer.seed_data"),
                input: match get.text("synthesizer.input").as_str() {
                    "image" => Input::Image,
                    "caption" => Input::Caption,
                    "none" => Input::None,
                    _ => Input::Both,
                },
                blank_images: get.number("synthesizer.blank_images"),
                same_question: match get.text("synthesizer.same_question").as_str() {
                    "normalised" => SameQuestion::Normalised,
                    _ => SameQuestion::Exact,
                },
                train: get.training("synthesizer.train"),
                temperature: get.number("synthesizer.temperature"),
                top_p: get.number("synthesizer.top_p"),
                max_new_tokens: get.integer("synthesizer.max_new_tokens") as usize,
                prompts: get.path("synthesizer.prompts"),
            },
            filter: Filter {
                enabled: get.flag("filter.enabled"),
                judge: match get.text("filter.judge").as_str() {
                    "extraction" => JudgeKind::Extraction,
                    _ => JudgeKind::Verdict,
                },
                checkpoint: get.model("filter.checkpoint"),
                threshold: get.optional_number("filter.threshold"),
            },
            mix: Mix {
                caption: get.flag("mix.caption"),
                synthetic: get.flag("mix.synthetic"),
                without_triplet: match get.text("mix.without_triplet").as_str() {
                    "drop" => WithoutTriplet::Drop,
                    _ => WithoutTriplet::Caption,
                },
                joiner: match get.text("mix.joiner").as_str() {
                    "varied" => Joiner::Varied,
                    _ => Joiner::Paper,
                },
                caption_position: match get.text("mix.caption_position").as_str() {
                    "random" => CaptionPosition::Random,
                    _ => CaptionPosition::Last,
                },
                general: get.path("mix.general"),
                general_ratio: get.number("mix.general_ratio"),
            },
            train: get.training("train"),
            tasks_folder: get.path("evaluate.data"),
            tasks: get.texts("evaluate.tasks"),
            controls: Vec::new(),
            resolution: Resolution::new(),
        };
        let control_names = get.texts("evaluate.controls");
        let Getter {
            resolution,
            mut errors,
            ..
        } = get;
        recipe.resolution = resolution;
        for (key, value) in [
            ("model.checkpoint", &recipe.checkpoint),
            ("data.pairs", &recipe.pairs),
        ] {
            if value.as_os_str().is_empty() && !recipe.resolution.contains_key(key) {
                errors.push(format!(
                    "`{key}` is missing; it is one of the two keys that every recipe needs"
                ));
            }
        }
        let demo = recipe.checkpoint == Path::new(DEMO);
        let has_synthesizer =
            recipe.synthesizer.checkpoint.is_some() || recipe.synthesizer.seed_data.is_some();
        if !demo && !has_synthesizer && recipe.mix.synthetic {
            errors.push(
                "a `model.checkpoint` other than the demo base needs a synthesizer: name a tuned one in \
                 `synthesizer.checkpoint`, or seed data to tune one in `synthesizer.seed_data`"
                    .to_owned(),
            );
        }
        for name in control_names {
            match Control::named(&name) {
                Ok(control) if control.needs_general() && recipe.mix.general.is_none() => {
                    errors.push(format!(
                        "control `{name}` of `evaluate.controls` needs general samples; name them in `mix.general`"
                    ));
                }
                Ok(control) => recipe.controls.push(control),
                Err(error) => errors.push(error),
            }
        }
        if !recipe.mix.caption && !recipe.mix.synthetic {
            errors.push(
                "`mix.caption` and `mix.synthetic` are both off, so nothing is left to train on"
                    .to_owned(),
            );
        }
        if errors.is_empty() {
            Ok(recipe)
        } else {
            Err(errors)
        }
    }

    /// The resolved keys of these sections as JSON: what a stage depends on.
    pub fn sections(&self, names: &[&str]) -> serde_json::Value {
        let keep = |key: &str| {
            names
                .iter()
                .any(|n| key == *n || key.starts_with(&format!("{n}.")))
        };
        let map: BTreeMap<&String, &Value> = self
            .resolution
            .iter()
            .filter(|(k, _)| keep(k))
            .map(|(k, r)| (k, &r.value))
            .collect();
        serde_json::to_value(map).expect("TOML values are JSON values")
    }

    /// Whether the model is the shipped demo base.
    pub fn uses_demo_base(&self) -> bool {
        self.checkpoint == Path::new(DEMO)
    }
}

struct Getter<'a> {
    resolution: Resolution,
    folder: &'a Path,
    errors: Vec<String>,
}

impl Getter<'_> {
    fn value(&self, key: &str) -> Option<&Value> {
        self.resolution.get(key).map(|r| &r.value)
    }

    fn text(&self, key: &str) -> String {
        self.value(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    fn texts(&self, key: &str) -> Vec<String> {
        let list = self
            .value(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        list.iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    }

    fn integer(&self, key: &str) -> i64 {
        self.value(key)
            .and_then(Value::as_integer)
            .unwrap_or_default()
    }

    /// A whole number, where 0 stands for none.
    fn optional_count(&self, key: &str) -> Option<usize> {
        usize::try_from(self.integer(key)).ok().filter(|&n| n > 0)
    }

    fn number(&self, key: &str) -> f64 {
        self.optional_number(key).unwrap_or_default()
    }

    fn optional_number(&self, key: &str) -> Option<f64> {
        self.value(key)
            .and_then(|v| v.as_float().or_else(|| v.as_integer().map(|i| i as f64)))
    }

    fn flag(&self, key: &str) -> bool {
        self.value(key).and_then(Value::as_bool).unwrap_or_default()
    }

    fn columns(&self, key: &str) -> BTreeMap<String, String> {
        let table = self
            .value(key)
            .and_then(Value::as_table)
            .cloned()
            .unwrap_or_default();
        table
            .iter()
            .filter_map(|(k, v)| v.as_str().map(|v| (k.clone(), v.to_owned())))
            .collect()
    }

    fn path(&mut self, key: &str) -> Option<PathBuf> {
        let path = self.folder.join(self.value(key)?.as_str()?);
        if !path.exists() {
            self.errors.push(format!(
                "`{key}` names `{}`, which does not exist (paths are relative to the recipe's folder)",
                path.display()
            ));
        }
        Some(path)
    }

    fn model(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.value(key)?.as_str()?.to_owned();
        if text == DEMO {
            return Some(PathBuf::from(DEMO));
        }
        // A folder beside the recipe, or else a repository in the hub's cache on this machine.
        if let Some(found) = hub::cached(Path::new(&text)) {
            return Some(found);
        }
        let path = self.path(key)?;
        if path.exists() && !path.join("config.json").exists() {
            self.errors.push(format!(
                "`{key}` names `{}`, which has no `config.json`",
                path.display()
            ));
        }
        Some(path)
    }

    fn training(&mut self, section: &str) -> Training {
        let key = |name: &str| format!("{section}.{name}");
        let rates = self
            .value(&key("learning_rate"))
            .cloned()
            .unwrap_or(Value::Float(0.0));
        let rate = |group: Group| match &rates {
            Value::Table(table) => table
                .get(group.as_str())
                .and_then(as_number)
                .unwrap_or_default(),
            other => as_number(other).unwrap_or_default(),
        };
        let betas: Vec<f64> = self
            .value(&key("betas"))
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(as_number).collect())
            .unwrap_or_default();
        let groups = [Group::VisionTower, Group::Projector, Group::LanguageModel];
        let mut freeze = Vec::new();
        for name in self.texts(&key("freeze")) {
            match groups.iter().find(|g| g.as_str() == name) {
                Some(group) => freeze.push(*group),
                None => self.errors.push(format!(
                    "`{}` names the unknown group `{name}`; expected vision_tower, projector or language_model",
                    key("freeze")
                )),
            }
        }
        let max_steps = self.integer(&key("max_steps")) as usize;
        let config = train::Config {
            epochs: self.number(&key("epochs")),
            max_steps: (max_steps > 0).then_some(max_steps),
            batch_size: self.integer(&key("batch_size")) as usize,
            micro_tokens: self.integer(&key("micro_tokens")) as usize,
            max_seq_len: self.integer(&key("max_seq_len")) as usize,
            too_long: match self.text(&key("too_long")).as_str() {
                "truncate_text" => TooLong::TruncateText,
                "drop" => TooLong::Drop,
                _ => TooLong::Error,
            },
            shuffle: self.flag(&key("shuffle")),
            seed: self
                .value(&key("seed"))
                .and_then(Value::as_integer)
                .unwrap_or_else(|| self.integer("run.seed")) as u64,
            learning_rate: train::Rates {
                vision_tower: rate(Group::VisionTower),
                projector: rate(Group::Projector),
                language_model: rate(Group::LanguageModel),
            },
            freeze,
            scheduler: match self.text(&key("scheduler")).as_str() {
                "linear" => train::Scheduler::Linear,
                "constant" => train::Scheduler::Constant,
                _ => train::Scheduler::Cosine,
            },
            warmup_ratio: self.number(&key("warmup_ratio")),
            min_lr: self.number(&key("min_lr")),
            weight_decay: self.number(&key("weight_decay")),
            betas: [
                betas.first().copied().unwrap_or(0.9),
                betas.get(1).copied().unwrap_or(0.999),
            ],
            eps: self.number(&key("eps")),
            max_grad_norm: self.number(&key("max_grad_norm")),
        };
        Training {
            config,
            data: self.path(&key("data")),
            save_steps: self.integer(&key("save_steps")) as usize,
            keep: self.integer(&key("keep")) as usize,
        }
    }
}

fn as_number(value: &Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().map(|i| i as f64))
}

#[cfg(test)]
mod tests;

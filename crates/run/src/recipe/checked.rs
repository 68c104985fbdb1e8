//! A typed recipe whose paths exist and whose numbers are in range.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use synthesis::{Answers, CaptionPosition, Joiner, JudgeKind, WithoutTriplet};
use toml::Value;

use corpus::ModelPlace;

use super::control::Control;
use super::dtype::Dtype;
use super::endpoint_keys::is_of_transport;
use super::endpoints::{self, EndpointPlace, EndpointSettings};
use super::family::{Family, Found};
use super::fitted::{self, Asked, Fitted};
use super::judging::Judging;
use super::keys::{DEMO, key};
use super::making::Making;
use super::optimizer_choices;
use super::resolution::{FAMILY, Resolution, Surroundings, resolve_most, without_column};
use super::stage_values;
use super::stages::TrainStage;
use super::synthesizer::Synthesizer;
use super::training::Training;
use super::unread;
use super::values::Values;
use crate::hub::Hub;

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
    pub dtype: Dtype,
    /// `[model] memory`: the most bytes that tensors may take.
    pub memory: Option<u64>,
    /// `[model] extra_bos`: what is taken in place of what the general model's folder says.
    pub extra_bos: Option<bool>,
    /// `[model] template_date`.
    pub template_date: String,
    /// `[model] min_pixels`; none for the checkpoint's.
    pub min_pixels: Option<usize>,
    /// `[model] max_pixels`, likewise.
    pub max_pixels: Option<usize>,
    /// `[data] pairs`; none for a run that ends with the tuned synthesizer.
    pub pairs: Vec<PathBuf>,
    /// `[data] images`.
    pub images: Option<PathBuf>,
    /// `[data] columns`.
    pub columns: BTreeMap<String, String>,
    /// `[data] max_bad`: the largest share of unusable records.
    pub max_bad: f64,
    /// `[data] held_out`: the share of pairs kept for evaluation.
    pub held_out: f64,
    /// `[data] split_seed`: the seed of which pairs are kept for evaluation; that of the run where it is not said.
    pub split_seed: Option<u64>,
    /// `[data] truth`: what is true of the pairs, to measure the filter and the synthetic data with.
    pub truth: Option<PathBuf>,
    /// `[synthesizer]`.
    pub synthesizer: Synthesizer,
    /// `[data] maker` and `[maker]`.
    pub making: Making,
    /// `[filter]`.
    pub filter: Filter,
    /// `[mix]`.
    pub mix: Mix,
    /// `[train]`.
    pub train: Training,
    /// `[[train.stages]]`, or what `train.pipeline` stands for; none for a single stage, which `train` is.
    pub stages: Vec<TrainStage>,
    /// `[evaluate]`.
    pub evaluate: Evaluate,
    /// `[quality]`.
    pub judging: Judging,
    /// `[generate]`.
    pub generate: Generate,
    /// `[endpoints]`.
    pub endpoints: EndpointSettings,
    /// How the trainings were fitted to the device; none where no device was named.
    pub fits: Vec<Fitted>,
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
    /// The judge, asked at an endpoint.
    pub endpoint: Option<EndpointPlace>,
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
    /// Which answers the synthetic task teaches.
    pub answers: Answers,
    /// Where the caption stands.
    pub caption_position: CaptionPosition,
    /// Sample file for replay.
    pub general: Option<PathBuf>,
    /// Replay samples for each domain sample.
    pub general_ratio: f64,
}

/// `[generate]`: how much is worked on together, where a recipe says it.
#[derive(Clone, Copy, Debug)]
pub struct Generate {
    /// Requests that are looked at and made durable together.
    pub block: usize,
    /// Requests that are decoded at the same time.
    pub group: usize,
    /// Prompt tokens of one forward; by memory when absent.
    pub prefill_tokens: Option<usize>,
    /// Tokens of the cache; by memory when absent.
    pub cache_tokens: Option<usize>,
}

/// `[evaluate]`.
#[derive(Clone, Debug)]
pub struct Evaluate {
    /// Folder with a folder of each built-in task, or with task files.
    pub data: Option<PathBuf>,
    /// Names of built-in tasks and of files in `data`, or paths of task files; empty for all of `data`.
    pub tasks: Vec<String>,
    /// Tasks, named alike, that show what adapting forgets.
    pub general: Vec<String>,
    /// Tasks whose options are ranked by likelihood.
    pub by_likelihood: Vec<String>,
    /// Tokens that an answer may have; the task's own when absent.
    pub max_new_tokens: Option<usize>,
    /// Bounds of questions' pictures; the model's when absent.
    pub min_pixels: Option<usize>,
    /// Likewise.
    pub max_pixels: Option<usize>,
    /// At most so many questions of a task are asked on blank pictures.
    pub blind_limit: usize,
    /// At most so many held-out captions are asked for.
    pub held_out_limit: usize,
    /// What else the adapted model is compared with.
    pub controls: Vec<Control>,
    /// Whether the model after every stage of its training is asked, too.
    pub after_each_stage: bool,
    /// Whether the synthetic data is measured against the truth.
    pub quality: bool,
}

impl Recipe {
    /// Reads a recipe's text with overrides and checks all of it; gives every problem at once. Paths are relative to
    /// `folder`, the recipe's own.
    pub fn read(
        text: &str,
        overrides: &[String],
        folder: &Path,
        surroundings: &Surroundings,
    ) -> Result<Self, Vec<String>> {
        match Self::read_most(text, overrides, folder, surroundings)? {
            (recipe, errors) if errors.is_empty() => Ok(recipe),
            (_, errors) => Err(errors),
        }
    }

    /// As [`Recipe::read`], but beside the problems gives what is left of the recipe, to look at what else may be wrong; an
    /// error is a text that is no TOML.
    pub fn read_most(
        text: &str,
        overrides: &[String],
        folder: &Path,
        surroundings: &Surroundings,
    ) -> Result<(Self, Vec<String>), Vec<String>> {
        let (resolution, wrong) = resolve_most(text, overrides, folder, surroundings)?;
        let (mut recipe, mut found) = Self::most(resolution, folder, &surroundings.hub);
        let mut chosen = recipe.resolution.clone();
        let fits = fitted::settle(&recipe.asked(), &surroundings.fitting, &mut chosen);
        if chosen != recipe.resolution {
            (recipe, found) = Self::most(chosen, folder, &surroundings.hub);
        }
        recipe.fits = fits;
        let mut errors = wrong.errors;
        let follows = |e: &String| wrong.keys.iter().any(|k| e.contains(&format!("`{k}`")));
        errors.extend(found.into_iter().filter(|e| !follows(e)));
        Ok((recipe, errors))
    }

    /// Checks what only the file system and the other keys can tell. Paths are relative to `folder`.
    pub fn new(resolution: Resolution, folder: &Path, hub: &Hub) -> Result<Self, Vec<String>> {
        match Self::most(resolution, folder, hub) {
            (recipe, errors) if errors.is_empty() => Ok(recipe),
            (_, errors) => Err(errors),
        }
    }

    fn most(resolution: Resolution, folder: &Path, hub: &Hub) -> (Self, Vec<String>) {
        let mut get = Values::new(resolution, folder, hub);
        let mut recipe = Self {
            seed: get.integer("run.seed") as u64,
            checkpoint: get.model("model.checkpoint").unwrap_or_default(),
            dtype: get.word("model.dtype"),
            memory: get.optional_size("model.memory"),
            extra_bos: get.optional_flag("model.extra_bos"),
            template_date: get.text("model.template_date"),
            min_pixels: get.optional_count("model.min_pixels"),
            max_pixels: get.optional_count("model.max_pixels"),
            pairs: get.paths("data.pairs"),
            images: get.path("data.images"),
            columns: get.columns("data.columns"),
            max_bad: get.number("data.max_bad"),
            held_out: get.number("data.held_out"),
            split_seed: get.optional_seed("data.split_seed"),
            truth: get.path("data.truth"),
            synthesizer: get.synthesizer(),
            making: get.making(),
            filter: Filter {
                enabled: get.flag("filter.enabled"),
                judge: get.word("filter.judge"),
                checkpoint: get.model("filter.checkpoint"),
                endpoint: get.endpoint("filter"),
                threshold: get.optional_number("filter.threshold"),
            },
            mix: Mix {
                caption: get.flag("mix.caption"),
                synthetic: get.flag("mix.synthetic"),
                without_triplet: get.word("mix.without_triplet"),
                joiner: get.word("mix.joiner"),
                answers: get.word("mix.answers"),
                caption_position: get.word("mix.caption_position"),
                general: get.path("mix.general"),
                general_ratio: get.number("mix.general_ratio"),
            },
            train: get.training("train"),
            stages: get.stages(),
            generate: Generate {
                block: get.integer("generate.block") as usize,
                group: get.integer("generate.group") as usize,
                prefill_tokens: get.optional_count("generate.prefill_tokens"),
                cache_tokens: get.optional_count("generate.cache_tokens"),
            },
            evaluate: Evaluate {
                data: get.path("evaluate.data"),
                tasks: get.names_or_files("evaluate.tasks"),
                general: get.names_or_files("evaluate.general"),
                by_likelihood: get.texts("evaluate.by_likelihood"),
                max_new_tokens: get.optional_count("evaluate.max_new_tokens"),
                min_pixels: get.optional_count("evaluate.min_pixels"),
                max_pixels: get.optional_count("evaluate.max_pixels"),
                blind_limit: get.integer("evaluate.blind_limit") as usize,
                held_out_limit: get.integer("evaluate.held_out_limit") as usize,
                controls: Vec::new(),
                after_each_stage: get.flag("evaluate.after_each_stage"),
                quality: get.flag("evaluate.quality"),
            },
            judging: get.judging(),
            endpoints: get.endpoint_settings(),
            resolution: Resolution::new(),
            fits: Vec::new(),
        };
        let control_names = get.texts("evaluate.controls");
        let Values {
            resolution,
            mut errors,
            ..
        } = get;
        recipe.resolution = resolution;
        let tunes = recipe.tunes();
        let is_of_quality = recipe.is_of_quality();
        for (key, is_needed) in [("model.checkpoint", true), ("data.pairs", !tunes)] {
            if is_needed && !is_of_quality && !recipe.resolution.contains_key(key) {
                errors.push(format!(
                    "`{key}` is missing; it is one of the two keys that every recipe needs{}",
                    if key == "data.pairs" {
                        " (but one that ends with a synthesizer tuned on `synthesizer.seed_data`)"
                    } else {
                        ""
                    }
                ));
            }
        }
        errors.extend(recipe.family_problem());
        let demo = recipe.checkpoint == Path::new(DEMO);
        let given = &recipe.synthesizer;
        let is_named = given.checkpoint.is_some() || given.endpoint.is_some();
        let has_synthesizer = is_named || tunes || !given.tuned;
        let is_by_synthesizer = recipe.making.is_by_synthesizer();
        if !is_of_quality && !demo && !has_synthesizer && recipe.mix.synthetic && is_by_synthesizer
        {
            errors.push(
                "a `model.checkpoint` other than the demo base needs a synthesizer: name a tuned one in \
                 `synthesizer.checkpoint` or `synthesizer.endpoint`, or seed data to tune one in `synthesizer.seed_data`; or \
                 let the model itself synthesize with `synthesizer.tuned = false`"
                    .to_owned(),
            );
        }
        for name in control_names {
            match name.parse::<Control>() {
                Ok(control) if control.needs_general() && recipe.mix.general.is_none() => {
                    errors.push(format!(
                        "control `{name}` of `evaluate.controls` needs general samples; name them in `mix.general`"
                    ));
                }
                Ok(control) => recipe.evaluate.controls.push(control),
                Err(unknown) => errors.push(format!(
                    "`evaluate.controls` names `{name}`; controls are {}",
                    unknown.known.join(", ")
                )),
            }
        }
        let general = recipe.mix.general.as_deref();
        let is_known = recipe.resolution.contains_key("data.truth");
        if recipe.measures_quality() && !is_known {
            errors.push(
                "`evaluate.quality` measures the synthetic data against what is true of the pairs; name a file of that in \
                 `data.truth`, or leave it out"
                    .to_owned(),
            );
        }
        let of_stages = stage_values::problems(&recipe.resolution, &recipe.stages, general);
        errors.extend(of_stages);
        if recipe.stages.is_empty() && !recipe.mix.caption && !recipe.mix.synthetic {
            errors.push(
                "`mix.caption` and `mix.synthetic` are both off, so nothing is left to train on"
                    .to_owned(),
            );
        }
        for (section, training) in [
            ("synthesizer.train", &recipe.synthesizer.train),
            ("train", &recipe.train),
        ] {
            errors.extend(optimizer_choices::problems(section, training, recipe.dtype));
        }
        let is_made = recipe.mix.synthetic && !recipe.pairs.is_empty();
        errors.extend(recipe.making.problems(is_made));
        errors.extend(recipe.judging.problems());
        errors.extend(endpoints::both_given(&recipe.resolution));
        let places: Vec<_> = recipe.endpoint_places().collect();
        errors.extend(endpoints::problems(
            &places,
            &recipe.endpoints,
            recipe.synthesizer.input,
        ));
        errors.extend(unread::problems(&recipe.resolution, &recipe.model_types()));
        (recipe, errors)
    }

    /// What is wrong with the column of table 10 that presets are from.
    fn family_problem(&self) -> Option<String> {
        let texts = ModelPlace::texts(&self.checkpoint);
        if self.uses_demo_base() || !texts.join("config.json").exists() {
            // That it is not there is told of the checkpoint itself.
            return None;
        }
        // A run that ends with its synthesizer has no training whose settings these would be.
        let trains = !self.pairs.is_empty() || !self.tunes();
        let named = self.resolution.get(FAMILY).and_then(|r| r.value.as_str());
        match (Found::in_folder(&texts), named) {
            (Found::Is(found), Some(named)) if found.as_str() != named => Some(format!(
                "`{FAMILY}` is `{named}`, but `model.checkpoint` is a `{}`; leave the key out",
                found.as_str()
            )),
            (Found::Nothing(why), None) => {
                let keys = without_column(&self.resolution).join("`, `");
                (trains && !keys.is_empty()).then(|| {
                    format!(
                        "there are no presets for `{keys}`, since {why}; give them, or name with `{FAMILY}` whose they are \
                         to be ({})",
                        Family::WORDS.join(", ")
                    )
                })
            }
            _ => None,
        }
    }

    /// The values of these keys and sections (a name is a whole key, or what stands before a dot of others) but for
    /// files, folders and models, which change what a stage gives by what is in them and not by where they lie, and for how
    /// endpoints are reached and paid.
    pub fn values(&self, names: &[&str]) -> BTreeMap<String, serde_json::Value> {
        let is_place =
            |name: &str, value: &Value| key(name).is_some_and(|key| key.shape.is_place(value));
        self.among(names)
            .filter(|(name, value)| !is_place(name, value) && !is_of_transport(name))
            .map(|(name, value)| {
                let value = serde_json::to_value(value).expect("TOML values are JSON values");
                (name.clone(), value)
            })
            .collect()
    }

    fn among(&self, names: &[&str]) -> impl Iterator<Item = (&String, &Value)> {
        let keep = |key: &str| {
            names.iter().any(|name| {
                key.strip_prefix(name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        self.resolution
            .iter()
            .filter(move |(key, _)| keep(key))
            .map(|(key, resolved)| (key, &resolved.value))
    }

    /// What its trainings are fitted by.
    fn asked(&self) -> Asked<'_> {
        let tuning = &self.synthesizer;
        let mut trainings = Vec::new();
        if tuning.checkpoint.is_none() && tuning.endpoint.is_none() && self.tunes() {
            trainings.push(("synthesizer.train".to_owned(), &tuning.train));
        }
        if !self.stages.is_empty() {
            let stages = self.stages.iter();
            trainings.extend(stages.map(|stage| (stage.section(), &stage.training)));
        } else if !self.pairs.is_empty() || self.train.data.is_some() {
            trainings.push(("train".to_owned(), &self.train));
        }
        Asked {
            checkpoint: &self.checkpoint,
            is_demo: self.uses_demo_base(),
            dtype: self.dtype,
            memory: self.memory,
            trainings,
        }
    }

    /// Whether there is something to tune a synthesizer on.
    fn tunes(&self) -> bool {
        let tuning = &self.synthesizer;
        tuning.tuned && (tuning.seed_data.is_some() || tuning.train.data.is_some())
    }

    /// Whether the general model itself is asked to synthesize, on this machine.
    pub fn synthesizes_untuned(&self) -> bool {
        let synthesizer = &self.synthesizer;
        self.mix.synthetic && !synthesizer.tuned && synthesizer.endpoint.is_none()
    }

    /// Whether there is synthetic data and it is measured against the truth.
    pub fn measures_quality(&self) -> bool {
        self.evaluate.quality && self.mix.synthetic && !self.pairs.is_empty()
    }

    /// Whether data is judged: sets that lie somewhere, or what the run synthesizes.
    pub fn judges_data(&self) -> bool {
        let makes = self.mix.synthetic && !self.pairs.is_empty();
        !self.judging.data.is_empty() || makes && self.judging.has_judge()
    }

    /// Whether it is about nothing but the quality of data that lies somewhere.
    pub fn is_of_quality(&self) -> bool {
        self.pairs.is_empty() && !self.judging.data.is_empty() && !self.tunes()
    }

    /// Whether the model is the shipped demo base.
    pub fn uses_demo_base(&self) -> bool {
        self.checkpoint == Path::new(DEMO)
    }
}

//! The measurement behind a plan: two training steps and a few answers of the general model. Without weights everything but
//! times and activations is known from `config.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use corpus::images;
use corpus::{Decoding, ModelPlace, Open, Pair, Request, Role, Sample, Turn};
use generate::{Generator as _, LocalGenerator};
use model::Mllm;
use model::checkpoint::Checkpoint;
use processor::{Encoded, Processor};
use torch::{Device, Kind};
use train::{OptimizerDevice, SampleSource, StateBytes, TooLong, Trainer, peak_rss_bytes};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::pair_set::PairSet;

/// Samples of the measured training steps.
pub const SAMPLES: usize = 8;
/// Tokens of each measured answer.
pub const ANSWER: usize = 16;
/// Pairs whose pictures are looked at for their size.
const LOOKED_AT: usize = 64;

/// What the general model's folder told; by default there is none.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// What two steps and a few answers took; none without weights.
    pub costs: Option<Costs>,
    /// Mean tokens of a training sample.
    pub sample_tokens: f64,
    /// Tokens of the longest of them.
    pub prompt_tokens: usize,
    /// Mean pixels of a pair's pictures together, of some pairs; 0 where they were not looked at.
    pub pair_pixels: f64,
    /// What the model is made of.
    pub sizes: Sizes,
}

impl Measured {
    /// What a model is made of, by its `config.json` alone.
    pub fn sizes(engine: &Engine, config: &train::Config, folder: &Path) -> Result<Sizes> {
        let path = ModelPlace::texts(folder).join("config.json");
        let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let model = model::outline(&text, None).map_err(|source| Error::Config { path, source })?;
        Ok(Sizes::of(engine, config, model.as_ref()))
    }

    /// The same, as far as sizes tell, of another training of the model. Of an adapter that nobody has measured nothing is counted
    /// but the weights beside it.
    #[must_use]
    pub fn of_training(&self, config: &train::Config) -> Self {
        let trains = |name: &str| config.freeze.iter().all(|group| group.as_str() != name);
        let parameters = self.sizes.parameters.iter();
        let state = match (&config.lora, self.sizes.is_adapter) {
            (Some(_), true) => self.sizes.state,
            (Some(_), false) => config.state_bytes(0, false),
            (None, _) => {
                let trained = parameters.filter(|(name, _)| trains(name));
                config.state_bytes(trained.map(|(_, values)| values).sum(), self.sizes.is_half)
            }
        };
        Self {
            sizes: Sizes {
                state,
                ..self.sizes.clone()
            },
            ..self.clone()
        }
    }
}

/// Some of a run's pairs.
#[derive(Clone, Debug, Default)]
pub struct FewPairs {
    /// The first ones, which are asked about and trained on.
    pub first: Vec<Pair>,
    /// Some from everywhere, whose pictures are looked at for their size.
    pub of_all: Vec<Pair>,
}

impl FewPairs {
    /// Of a run's pairs, so that a group of so many can be asked about.
    ///
    /// Gives what reading the pairs gives.
    pub(crate) fn of(pairs: Option<&PairSet<'_>>, group: usize) -> Result<Self> {
        let Some(pairs) = pairs else {
            return Ok(Self::default());
        };
        let step = pairs.usable.div_ceil(LOOKED_AT).max(1);
        let first = 0..pairs.usable.min(group.max(SAMPLES));
        let of_all: BTreeSet<usize> = (0..pairs.usable).step_by(step).collect();
        let wanted: BTreeSet<usize> = first.clone().chain(of_all.iter().copied()).collect();
        let read = pairs.some(&wanted)?;
        let mut few = Self::default();
        for (place, pair) in wanted.into_iter().zip(read) {
            if of_all.contains(&place) {
                few.of_all.push(pair.clone());
            }
            if first.contains(&place) {
                few.first.push(pair);
            }
        }
        Ok(few)
    }
}

/// What a short measurement told.
#[derive(Clone, Debug)]
pub struct Costs {
    /// Seconds of training for each token.
    pub train: f64,
    /// Seconds of decoding for each token of an answer, in a group.
    pub answer: f64,
    /// Bytes that two steps took beyond what is counted.
    pub rest: u64,
}

/// What a model is made of.
#[derive(Clone, Debug, Default)]
pub struct Sizes {
    /// Parameters by group.
    pub parameters: BTreeMap<String, u64>,
    /// Whether the weights are not in f32.
    pub is_half: bool,
    /// Whether an adapter is trained beside them.
    pub is_adapter: bool,
    /// Bytes of the weights.
    pub weights: u64,
    /// Bytes of one cached token.
    pub cached_token: u64,
    /// What the optimizer keeps beside them.
    pub state: StateBytes,
    /// Whether masters and moments of that lie in the host's memory, and the model elsewhere.
    pub is_elsewhere: bool,
}

impl Sizes {
    /// Bytes of the optimizer's that lie beside the model.
    pub fn beside(&self) -> u64 {
        if self.is_elsewhere {
            self.state.gradients
        } else {
            self.state.sum()
        }
    }

    fn of(engine: &Engine, config: &train::Config, model: &dyn Mllm) -> Self {
        // An outline has tensors of another dtype than the run would load.
        let width = engine.dtype.elt_size_in_bytes() as u64;
        let adapter = config.lora.as_ref().map(|lora| adapter_values(model, lora));
        let groups = model::inspect::groups(model);
        let all = groups.iter().map(|g| g.values as u64);
        let trained = groups.iter().filter(|g| !config.freeze.contains(&g.group));
        let cache = model.new_cache(1, 1);
        let cached = cache.pools[0].layers.iter().flat_map(|(k, v)| [k, v]);
        let trained = adapter.unwrap_or_else(|| trained.map(|g| g.values as u64).sum());
        let is_half = engine.dtype != Kind::Float;
        // An adapter is in f32 itself.
        let state = config.state_bytes(trained, is_half && adapter.is_none());
        let is_elsewhere =
            config.optimizer_device == OptimizerDevice::Cpu && engine.device != Device::Cpu;
        Self {
            weights: width * all.sum::<u64>() + 4 * adapter.unwrap_or(0),
            is_half,
            is_adapter: adapter.is_some(),
            is_elsewhere,
            state,
            cached_token: width * cached.map(|t| t.numel() as u64).sum::<u64>(),
            parameters: groups
                .iter()
                .map(|g| (g.group.as_str().to_owned(), g.values as u64))
                .collect(),
        }
    }
}

/// What is measured on.
pub struct Probe<'a> {
    /// Where models run.
    pub engine: &'a Engine,
    /// The general model.
    pub base: &'a Path,
    /// How it would be trained.
    pub config: &'a train::Config,
    /// Some samples as the run would train on them.
    pub samples: &'a [Sample],
    /// Some pairs.
    pub pairs: &'a FewPairs,
    /// What is asked about them.
    pub caption_request: &'a str,
    /// The run's seed.
    pub seed: u64,
}

impl Probe<'_> {
    /// Measures, or without weights finds out what can be known. What else is missing is added to `missing`.
    pub fn measure(&self, missing: &mut Vec<String>) -> Result<Measured> {
        match Checkpoint::open(&ModelPlace::texts(self.base)) {
            Err(model::Error::NoWeights { .. }) => self.outline(missing),
            _ => self.with_weights(),
        }
    }

    /// What `config.json` and the tokenizer tell.
    fn outline(&self, missing: &mut Vec<String>) -> Result<Measured> {
        let sizes = Measured::sizes(self.engine, self.config, self.base)?;
        let mut lengths = Vec::new();
        match self.engine.processor(self.base) {
            Ok(processor) => {
                for sample in self.samples {
                    lengths.push(processor.sample(sample)?.ids.len());
                }
            }
            Err(error) => missing.push(format!(
                "tokenizer and picture settings: {}",
                corpus::causes(&error)
            )),
        }
        let tokens: usize = lengths.iter().sum();
        Ok(Measured {
            costs: None,
            sample_tokens: tokens as f64 / lengths.len().max(1) as f64,
            prompt_tokens: lengths.into_iter().max().unwrap_or(0),
            pair_pixels: self.pair_pixels(),
            sizes,
        })
    }

    fn with_weights(&self) -> Result<Measured> {
        let (model, processor) = self.engine.open(self.base)?;
        let mut encoded = Vec::new();
        for sample in self.samples {
            encoded.push((sample.id.clone(), processor.sample(sample)?));
        }
        let tokens: usize = encoded.iter().map(|(_, e)| e.ids.len()).sum();
        let answer = self.answers(model.as_ref(), processor.as_ref())?;
        let sizes = Sizes::of(self.engine, self.config, model.as_ref());

        let before = peak_rss_bytes();
        let config = train::Config {
            epochs: 1e6,
            max_steps: Some(2),
            batch_size: encoded.len(),
            too_long: TooLong::TruncateText,
            ..self.config.clone()
        };
        let few = Few(&encoded);
        let model = train::prepared(model, &config)?;
        let mut stepper = Trainer::new(model.as_ref(), &few, &config)?;
        stepper.step()?;
        let start = Instant::now();
        stepper.step()?;
        let seconds = start.elapsed().as_secs_f64();
        let counted = sizes.state.sum();
        Ok(Measured {
            costs: Some(Costs {
                train: seconds / tokens.max(1) as f64,
                answer,
                rest: peak_rss_bytes()
                    .saturating_sub(before)
                    .saturating_sub(counted),
            }),
            sample_tokens: tokens as f64 / encoded.len().max(1) as f64,
            prompt_tokens: encoded.iter().map(|(_, e)| e.ids.len()).max().unwrap_or(0),
            pair_pixels: self.pair_pixels(),
            sizes,
        })
    }

    /// Mean pixels of a pair's pictures, of pairs from everywhere. A picture that cannot be read counts as none.
    fn pair_pixels(&self) -> f64 {
        let few = &self.pairs.of_all;
        let pixels = |path: &PathBuf| {
            let bytes = images::read(path).ok()?;
            let (width, height) = images::size(&bytes, path).ok()?;
            Some(f64::from(width) * f64::from(height))
        };
        let all: f64 = few
            .iter()
            .flat_map(|pair| &pair.images)
            .filter_map(pixels)
            .sum();
        all / few.len().max(1) as f64
    }

    /// Seconds for each token of an answer.
    fn answers(&self, model: &dyn Mllm, processor: &dyn Processor) -> Result<f64> {
        let request = |pair: &Pair| Request {
            id: pair.id.clone(),
            images: pair.images.clone(),
            turns: vec![asked(pair, self.caption_request)],
            open: Open::Assistant,
            prompt: None,
            decoding: Decoding {
                max_new_tokens: ANSWER,
                ..Decoding::default()
            },
        };
        let generation = self.engine.generation;
        let options = generation.options(self.seed);
        let mut generator = LocalGenerator::new(model, processor, options);
        let (mut tokens, start) = (0, Instant::now());
        // A whole group, since decoding many together is what makes it fast.
        let mut requests = self.pairs.first.iter().take(generation.group).map(request);
        generator.generate(&mut requests, &mut |completion| {
            tokens += completion.completion_tokens;
            Ok(())
        })?;
        Ok(start.elapsed().as_secs_f64() / tokens.max(1) as f64)
    }
}

/// Values of an adapter; 0 where it cannot be, which whoever trains it will tell.
fn adapter_values(model: &dyn Mllm, lora: &model::Lora) -> u64 {
    let Ok(adapted) = model::adapter::adapt(model, lora, 0) else {
        return 0;
    };
    let parts = adapted.parameters().iter();
    let values = parts
        .filter(|p| p.adapter.is_some())
        .map(|p| p.tensor.numel());
    values.sum::<usize>() as u64
}

/// Samples of pairs with their captions alone.
pub fn caption_samples(pairs: &[Pair], caption_request: &str) -> Vec<Sample> {
    let sample = |pair: &Pair| caption_sample(pair, caption_request);
    pairs.iter().map(sample).collect()
}

/// The sample of a pair with its caption alone.
pub fn caption_sample(pair: &Pair, caption_request: &str) -> Sample {
    Sample {
        id: pair.id.clone(),
        images: pair.images.clone(),
        turns: vec![
            asked(pair, caption_request),
            Turn::new(Role::Assistant, pair.caption.clone()).learned(),
        ],
        end: false,
        origin: serde_json::Value::Null,
    }
}

fn asked(pair: &Pair, caption_request: &str) -> Turn {
    let marks = corpus::image_marks(pair.images.len());
    Turn::new(Role::User, format!("{marks}{caption_request}")).with_marks()
}

struct Few<'a>(&'a [(String, Encoded)]);

impl SampleSource for Few<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.0[index].0
    }

    fn encode(&self, index: usize) -> Result<Encoded, String> {
        Ok(self.0[index].1.clone())
    }
}

//! Trainings as jobs, which this process does alone or several processes do together: the test binary starts itself again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use model::{Batch, Cache, Mllm, Parameter, Pool};
use processor::{Encoded, ImageInput};
use serde::{Deserialize, Serialize};
use torch::distributed::{Group, Store};
use torch::{Device, Kind, Tensor};
use train::{Config, Error, Ranks, SampleSource, Sharding, Trainer, prepared};

use crate::support::{picture, text, wide};

const JOBS: &str = "TRAIN_TEST_JOBS";
const RANK: &str = "TRAIN_TEST_RANK";
const SIZE: &str = "TRAIN_TEST_SIZE";
const PORT: &str = "TRAIN_TEST_PORT";
const OUT: &str = "TRAIN_TEST_OUT";

/// How long a process waits for the others.
const PATIENCE: Duration = Duration::from_mins(1);

/// Nearly all of it is one parameter.
const TOP_HEAVY: &str = r#"{"model_type": "llama", "vocab_size": 4000, "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": true}"#;

#[derive(Clone, Copy, Serialize, Deserialize)]
pub enum Of {
    F64,
    F32,
    Bf16,
    /// In bf16 and without a configuration, so that its weights are saved with the optimizer's state.
    Bare,
    /// In f32, of text alone.
    TopHeavy,
}

/// A model whose configuration nobody knows.
struct Bare(Box<dyn Mllm>);

impl Mllm for Bare {
    fn hidden(&self, batch: &Batch, cache: Option<&mut Cache>) -> Result<Tensor, model::Error> {
        self.0.hidden(batch, cache)
    }
    fn image_features(&self, images: &[ImageInput]) -> Result<Tensor, model::Error> {
        self.0.image_features(images)
    }
    fn head(&self) -> &Tensor {
        self.0.head()
    }
    fn parameters(&self) -> &[Parameter] {
        self.0.parameters()
    }
    fn new_pool(&self, slots: usize, capacity: usize) -> Pool {
        self.0.new_pool(slots, capacity)
    }
    fn max_positions(&self) -> usize {
        self.0.max_positions()
    }
    fn device(&self) -> Device {
        self.0.device()
    }
    fn kind(&self) -> Kind {
        self.0.kind()
    }
}

impl Of {
    fn model(self) -> Box<dyn Mllm> {
        match self {
            Self::F64 => wide(Kind::Double),
            Self::F32 => wide(Kind::Float),
            Self::Bf16 => wide(Kind::BFloat16),
            Self::Bare => Box::new(Bare(wide(Kind::BFloat16))),
            Self::TopHeavy => model::fresh(TOP_HEAVY, 1, Device::Cpu, Kind::Float).expect("model"),
        }
    }
}

/// A training, and what befalls it. Pairs are a rank and a step.
#[derive(Clone, Serialize, Deserialize)]
pub struct Job {
    pub of: Of,
    pub config: Config,
    pub sharding: Sharding,
    pub resume: Option<PathBuf>,
    pub save: Option<(usize, PathBuf)>,
    pub stop: Option<(usize, usize)>,
    pub die: Option<(usize, usize)>,
    /// This sample cannot be read the first time.
    pub broken: Option<usize>,
    /// A bit of this file is turned over first.
    pub damage: Option<PathBuf>,
}

impl Job {
    pub fn new(of: Of, config: Config) -> Self {
        Self {
            of,
            config,
            sharding: Sharding::None,
            resume: None,
            save: None,
            stop: None,
            die: None,
            broken: None,
            damage: None,
        }
    }

    pub fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut job = self.clone();
        change(&mut job);
        job
    }
}

/// What came of it in a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The bits of each loss and gradient norm.
    pub steps: Vec<[u64; 2]>,
    pub errors: Vec<String>,
    pub weights: String,
    pub dropped: Vec<String>,
    pub state_bytes: u64,
    /// Learned tokens of each step.
    pub learned: Vec<usize>,
    /// The loss of all samples in the end.
    pub validated: f64,
}

impl Outcome {
    pub fn losses(&self) -> Vec<f64> {
        let steps = self.steps.iter();
        steps.map(|[loss, _]| f64::from_bits(*loss)).collect()
    }
}

/// Texts of several lengths, every third with a picture; the last one teaches nothing.
struct Source {
    broken: AtomicUsize,
    has_pictures: bool,
}

const IDS: [&str; 11] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];

impl SampleSource for Source {
    fn len(&self) -> usize {
        IDS.len()
    }
    fn id(&self, index: usize) -> &str {
        IDS[index]
    }
    fn encode(&self, index: usize) -> Result<Encoded, String> {
        let nothing = usize::MAX;
        let is_broken =
            self.broken
                .compare_exchange(index, nothing, Ordering::Relaxed, Ordering::Relaxed);
        if is_broken.is_ok() {
            return Err("its picture is missing".to_owned());
        }
        if index == IDS.len() - 1 {
            return Ok(text(&[2, 7, 8], 3));
        }
        if self.has_pictures && index % 3 == 1 {
            return Ok(picture(index));
        }
        let ids: Vec<i64> = (0..6 + 3 * index as i64)
            .map(|i| 2 + (i * 7 + i * i) % 37)
            .collect();
        Ok(text(&ids, 2 + index % 3))
    }
}

/// Does a job as one of several processes, or alone.
pub fn run(job: &Job, ranks: Option<Ranks<'_>>) -> Outcome {
    let model = prepared(job.of.model(), &job.config).expect("a model");
    let source = Source {
        broken: AtomicUsize::new(job.broken.unwrap_or(usize::MAX)),
        has_pictures: !matches!(job.of, Of::TopHeavy),
    };
    let rank = ranks.map_or(0, |ranks| ranks.control.rank());
    let mut outcome = Outcome::default();
    let trainer = match ranks {
        Some(ranks) => Trainer::together(&*model, &source, &job.config, ranks),
        None => Trainer::new(&*model, &source, &job.config),
    };
    let mut trainer = match trainer {
        Ok(trainer) => trainer,
        Err(error) => {
            outcome.errors.push(error.to_string());
            return outcome;
        }
    };
    let sound = Source {
        broken: AtomicUsize::new(usize::MAX),
        has_pictures: source.has_pictures,
    };
    let tokens = |index| sound.encode(index).expect("sound").ids.len() as u32;
    let costs = (0..IDS.len()).map(tokens).collect();
    trainer.balance_by(costs).expect("the same costs");
    if let Some(file) = &job.damage {
        if rank == 0 {
            let mut bytes = std::fs::read(file).expect("a file");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(file, bytes).expect("written");
        }
        if let Some(ranks) = ranks {
            ranks.control.barrier().expect("all");
        }
    }
    if let Some(folder) = &job.resume
        && let Err(error) = trainer.resume(folder)
    {
        outcome.errors.push(error.to_string());
        outcome.weights = digest(&*model);
        return outcome;
    }
    while outcome.errors.len() < 3 {
        let next = (rank, trainer.steps_done() + 1);
        if job.die == Some(next) {
            std::process::exit(9);
        }
        let stop = AtomicBool::new(job.stop == Some(next) && outcome.errors.is_empty());
        match trainer.step_unless(&stop) {
            Ok(Some(metrics)) => {
                let numbers = [metrics.loss, metrics.grad_norm];
                outcome.steps.push(numbers.map(f64::to_bits));
                outcome.learned.push(metrics.learned_tokens);
                assert!(metrics.communication_seconds <= metrics.seconds);
                if let Some((step, folder)) = &job.save
                    && metrics.step == *step
                    && let Err(error) = trainer.save_checkpoint(folder)
                {
                    outcome.errors.push(error.to_string());
                }
            }
            Ok(None) => break,
            Err(error) => {
                source.broken.store(usize::MAX, Ordering::Relaxed);
                outcome.errors.push(error.to_string());
                if matches!(error, Error::Collective(_)) {
                    break;
                }
            }
        }
    }
    if let Ok(validation) = trainer.validate(&source, &AtomicBool::new(false)) {
        outcome.validated = validation.loss;
    }
    let dropped = trainer.dropped().iter();
    outcome.dropped = dropped.map(|dropped| dropped.id.clone()).collect();
    outcome.state_bytes = trainer.state_bytes();
    drop(trainer);
    outcome.weights = digest(&*model);
    outcome
}

fn digest(model: &dyn Mllm) -> String {
    let mut bytes = Vec::new();
    for parameter in model.parameters() {
        let values = parameter.tensor.detach().contiguous();
        let width = values.kind().elt_size_in_bytes();
        let start = bytes.len();
        bytes.resize(start + values.numel() * width, 0);
        values.copy_data_u8(&mut bytes[start..], values.numel());
    }
    corpus::digest::bytes(&bytes)
}

/// Does the jobs alone, in this process.
pub fn alone(job: &Job) -> Outcome {
    torch::set_threads(1);
    run(job, None)
}

/// Does the jobs one after the other in so many processes; gives the outcomes of each process. Of one that died there are none.
pub fn together(size: usize, jobs: &[Job]) -> Vec<Vec<Outcome>> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::serve(0, PATIENCE).expect("a store");
    let start = |rank: usize| {
        Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "a_process_of_several", "--nocapture"])
            .env(JOBS, serde_json::to_string(jobs).expect("text"))
            .env(RANK, rank.to_string())
            .env(SIZE, size.to_string())
            .env(PORT, store.port().to_string())
            .env(OUT, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("a process")
    };
    let children: Vec<_> = (0..size).map(start).collect();
    let mut all = Vec::new();
    for (rank, mut child) in children.into_iter().enumerate() {
        let ended = child.wait().expect("an end");
        let dies = jobs
            .iter()
            .filter_map(|job| job.die)
            .any(|(r, _)| r == rank);
        assert!(
            ended.success() || dies,
            "the process of rank {rank}: {ended}"
        );
        let text = std::fs::read(out(folder.path(), rank)).unwrap_or_else(|_| b"[]".to_vec());
        all.push(serde_json::from_slice(&text).expect("outcomes"));
    }
    all
}

fn out(folder: &Path, rank: usize) -> PathBuf {
    folder.join(format!("{rank}.json"))
}

/// Does what this process was started for; nothing if it is the first one.
pub fn work() {
    let Ok(jobs) = std::env::var(JOBS) else {
        return;
    };
    let told = |name: &str| std::env::var(name).expect("told");
    let number = |name: &str| told(name).parse().expect("a number");
    let (rank, size): (usize, usize) = (number(RANK), number(SIZE));
    let jobs: Vec<Job> = serde_json::from_str(&jobs).expect("jobs");
    torch::set_threads(1);
    let store = Store::join("localhost", number(PORT) as u16, PATIENCE).expect("the store");
    let group = Group::gloo(&store, "test", rank, size, Some("lo"), PATIENCE).expect("a group");
    let outcome = |job: &Job| {
        let ranks = Ranks {
            control: &group,
            data: &group,
            sharding: job.sharding,
        };
        run(job, Some(ranks))
    };
    let outcomes: Vec<Outcome> = jobs.iter().map(outcome).collect();
    let text = serde_json::to_string(&outcomes).expect("text");
    std::fs::write(out(Path::new(&told(OUT)), rank), text).expect("written");
}

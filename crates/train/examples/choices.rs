//! What fewer bits of the optimizer's memory cost in what is learned: a toy language model from nothing, trained with every
//! choice under several seeds.
//!
//!     cargo run --release -p adamllm-train --example choices -- [STEPS [SEEDS]]
//!
//! The text is a chain in which the two tokens before say how likely the next one is, so that the loss ends between that of
//! knowing nothing and the chain's own entropy. No sample comes twice. A row has the mean of the last tenth of the steps over
//! the seeds, and how far these lie apart; a choice costs nothing that can be told where its mean lies as near to the plain
//! way's as seeds lie to one another.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use corpus::seed::Rng;
use processor::Encoded;
use torch::{Device, Kind};
use train::{Config, Gradients, Masters, OptimizerDevice, OptimizerState, SampleSource, Trainer};

const MODEL: &str = r#"{"model_type": "llama", "vocab_size": 64, "hidden_size": 128, "intermediate_size": 256,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": false, "initializer_range": 0.05}"#;

const TOKENS: usize = 64;
const LENGTH: usize = 32;
const BATCH: usize = 16;
/// A step has as many microbatches, or sums of gradients would have one part.
const PARTS: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |preset: usize| arguments.next().map_or(Ok(preset), |text| text.parse());
    let (steps, seeds) = (number(300)?, number(3)?);
    torch::set_threads(1);
    let chain = Chain::new(steps * BATCH);
    println!("{steps} steps of {BATCH} samples, {seeds} seeds, one thread");
    println!(
        "{:38}{:>8}{:>10}{:>8}{:>10}",
        "choice", "loss", "apart", "bytes", "ms a step"
    );
    for (name, kind, config) in choices(steps) {
        let mut losses = Vec::new();
        let (mut seconds, mut bytes) = (f64::MAX, 0.0);
        for seed in 0..seeds as u64 {
            let config = Config {
                seed,
                ..config.clone()
            };
            let model = model::fresh(MODEL, seed, Device::Cpu, kind)?;
            let count: usize = model.parameters().iter().map(|p| p.tensor.numel()).sum();
            let state = config.state_bytes(count as u64, kind != Kind::Float);
            bytes = state.sum() as f64 / count as f64;
            let mut trainer = Trainer::new(model.as_ref(), &chain, &config)?;
            let (mut last, mut times) = (Vec::new(), Vec::new());
            while let Some(metrics) = trainer.step()? {
                times.push(metrics.seconds);
                if metrics.step > steps - steps.div_ceil(10) {
                    last.push(metrics.loss);
                }
            }
            losses.push(last.iter().sum::<f64>() / last.len().max(1) as f64);
            times.sort_by(f64::total_cmp);
            seconds = seconds.min(times[times.len() / 2]);
        }
        let mean = losses.iter().sum::<f64>() / losses.len() as f64;
        losses.sort_by(f64::total_cmp);
        let apart = losses[losses.len() - 1] - losses[0];
        println!(
            "{name:38}{mean:8.4}{apart:10.4}{bytes:8.2}{:10.1}",
            1000.0 * seconds
        );
    }
    Ok(())
}

fn choices(steps: usize) -> Vec<(&'static str, Kind, Config)> {
    let plain = Config {
        micro_tokens: BATCH / PARTS * LENGTH,
        epochs: 1.0,
        weight_decay: 0.1,
        ..Config::small(3e-3, BATCH, steps)
    };
    let with = |change: fn(&mut Config)| {
        let mut config = plain.clone();
        change(&mut config);
        config
    };
    let half = Kind::BFloat16;
    vec![
        ("f32 model", Kind::Float, plain.clone()),
        (
            "f32 model, optimizer_state = 8bit",
            Kind::Float,
            with(|c| c.optimizer_state = OptimizerState::EightBit),
        ),
        ("bf16 model", half, plain.clone()),
        (
            "gradients = bf16",
            half,
            with(|c| c.gradients = Gradients::Bf16),
        ),
        (
            "optimizer_state = bf16",
            half,
            with(|c| c.optimizer_state = OptimizerState::Bf16),
        ),
        (
            "optimizer_state = 8bit",
            half,
            with(|c| c.optimizer_state = OptimizerState::EightBit),
        ),
        ("masters = none", half, with(|c| c.masters = Masters::None)),
        (
            "all bf16 (gradients, state, masters)",
            half,
            with(|c| {
                c.gradients = Gradients::Bf16;
                c.optimizer_state = OptimizerState::Bf16;
                c.masters = Masters::None;
            }),
        ),
        (
            "the least (as before, state = 8bit)",
            half,
            with(|c| {
                c.gradients = Gradients::Bf16;
                c.optimizer_state = OptimizerState::EightBit;
                c.masters = Masters::None;
            }),
        ),
        (
            "optimizer_device = cpu",
            half,
            with(|c| c.optimizer_device = OptimizerDevice::Cpu),
        ),
    ]
}

/// Samples of a chain, all drawn at once.
struct Chain {
    samples: Vec<(String, Vec<i64>)>,
}

impl Chain {
    fn new(count: usize) -> Self {
        let mut rng = Rng::new(7);
        // After two tokens one of four others comes, one of them half of the time.
        let next: Vec<[i64; 4]> = (0..TOKENS * TOKENS)
            .map(|_| [(); 4].map(|()| rng.below(TOKENS) as i64))
            .collect();
        let mut draw = |index: usize| {
            let mut ids = vec![rng.below(TOKENS) as i64, rng.below(8) as i64];
            while ids.len() < LENGTH {
                let (a, b) = (ids[ids.len() - 2] as usize, ids[ids.len() - 1] as usize);
                // Few pairs, so that there is something to learn in some hundred steps.
                let choices = next[a % 8 * TOKENS + b];
                let pick = if rng.chance(0.5) { 0 } else { rng.below(4) };
                ids.push(choices[pick]);
            }
            (index.to_string(), ids)
        };
        let samples = (0..count).map(&mut draw).collect();
        Self { samples }
    }
}

impl SampleSource for Chain {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.samples[index].0
    }

    fn encode(&self, index: usize) -> Result<Encoded, String> {
        Ok(Encoded {
            ids: self.samples[index].1.clone(),
            learn: (0..LENGTH).map(|at| at >= 2).collect(),
            images: Vec::new(),
        })
    }
}

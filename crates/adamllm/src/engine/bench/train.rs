//! `adamllm bench train`: steps of the trainer.

use std::path::Path;
use std::time::Instant;

use adamllm::bench::BenchTrain;
use adamllm::flags::Shared;
use adamllm::output::print;
use anyhow::{Result, bail};
use corpus::Sample;
use run::recipe::Training;
use run::recipe::training::Lora;
use serde_json::json;
use train::{Config, Metrics, Rates, Samples, Scheduler, TooLong, Trainer, peak_rss_bytes};

use super::inputs::{self, Scratch};
use super::outcome::{gib, machine, spread, tell};
use super::usage::Usage;
use super::{drawn, peer_files};
use crate::device;

/// Trains and tells what it took.
pub fn run(shared: &Shared, asked: &BenchTrain) -> Result<()> {
    let (steps, warm_up) = (asked.steps, asked.warm_up);
    if warm_up >= steps {
        bail!("--warm-up {warm_up} leaves none of --steps {steps} to be measured; give more steps");
    }
    let own = asked.data.as_deref().map(inputs::samples).transpose()?;
    if let Some(root) = &asked.write_inputs {
        return write(shared, asked, own, root);
    }
    let engine = device::engine(shared)?;
    let scratch = Scratch::new()?;
    let start = Instant::now();
    let folder = inputs::folder(&asked.measured, &scratch.path().join("model"))?;
    let processor = engine.processor(&folder)?;
    let model = inputs::open(&engine, &asked.measured, &folder)?;
    let load_seconds = start.elapsed().as_secs_f64();
    let samples = match own {
        Some(samples) => samples,
        None => draw(asked, &folder, scratch.path())?,
    };
    let source = Samples::new(&samples, processor.as_ref());
    let settings = config(asked, samples.len());
    let model = train::prepared(model, &settings)?;
    let mut trainer = Trainer::new(model.as_ref(), &source, &settings)?;
    // Weights and the optimizer's state; the rest of the peak is gradients, activations and what passes.
    let resting = torch::memory::stats().in_use;
    let (mut all, mut before) = (Vec::with_capacity(steps), Usage::now()?);
    while let Some(metrics) = trainer.step()? {
        all.push(metrics);
        if all.len() == warm_up {
            before = Usage::now()?;
        }
    }
    let used = Usage::now()?.since(before);
    if let Some(dropped) = trainer.dropped().first() {
        bail!(
            "sample `{}` cannot be trained on: {}",
            dropped.id,
            dropped.detail
        );
    }
    if all.len() < steps {
        bail!("{} of {steps} steps were done", all.len());
    }
    let measured = &all[warm_up..];
    let sum = |of: fn(&Metrics) -> f64| measured.iter().map(of).sum::<f64>();
    let seconds = sum(|m| m.seconds);
    let tokens: usize = measured.iter().map(|m| m.tokens).sum();
    let learned: usize = measured.iter().map(|m| m.learned_tokens).sum();
    let samples: usize = measured.iter().map(|m| m.samples).sum();
    let padding = sum(|m| m.padding) / measured.len() as f64;
    let waiting = sum(|m| m.data_wait_seconds) / seconds;
    let step_seconds: Vec<f64> = measured.iter().map(|m| m.seconds).collect();
    let [least, median, most] = spread(&step_seconds);
    let faults = used.minor_faults / measured.len() as u64;
    let losses: Vec<f64> = all.iter().map(|m| m.loss).collect();
    let norms: Vec<f64> = all.iter().map(|m| m.grad_norm).collect();
    let final_step = steps - 1;
    let peak = peak_rss_bytes();
    let tensors = all.iter().map(|m| m.peak_memory_bytes).max().unwrap_or(0);
    let document = json!({
        "bench": "training",
        "machine": machine(shared, engine.device, engine.dtype),
        "model": inputs::told(&asked.measured, model.as_ref()),
        "settings": {
            "steps": steps, "warm_up": warm_up, "batch": asked.batch, "micro_tokens": asked.micro_tokens,
            "learning_rate": asked.learning_rate, "data": asked.data, "recompute": asked.recompute.as_str(), "gradients": asked.gradients.as_str(),
            "optimizer_state": asked.optimizer_state.as_str(), "masters": asked.masters.as_str(),
            "optimizer_device": asked.optimizer_device.as_str(), "lora": asked.lora,
        },
        "load_seconds": load_seconds,
        "seconds": seconds,
        "samples": samples,
        "tokens": tokens,
        "learned_tokens": learned,
        "tokens_per_second": tokens as f64 / seconds,
        "samples_per_second": samples as f64 / seconds,
        "step_seconds": [least, median, most],
        "all_step_seconds": all.iter().map(|m| m.seconds).collect::<Vec<_>>(),
        "losses": losses,
        "gradient_norms": norms,
        "padding_share": padding,
        "waiting_share": waiting,
        "peak_rss_bytes": peak,
        "peak_tensor_bytes": tensors,
        "resting_tensor_bytes": resting,
        "page_faults_per_step": faults,
        "processor_seconds": used.seconds(),
    });
    let rows = [
        ("tokens a second", format!("{:.1}", tokens as f64 / seconds)),
        (
            "samples a second",
            format!("{:.3}", samples as f64 / seconds),
        ),
        (
            "seconds a step",
            format!("{median:.3} [{least:.3}, {most:.3}]"),
        ),
        (
            "measured",
            format!(
                "{} steps of {} samples after {warm_up} left out, {tokens} tokens, {learned} learned",
                measured.len(),
                asked.batch
            ),
        ),
        (
            "loss",
            format!(
                "{:.4} at first, {:.4} at last",
                losses[0], losses[final_step]
            ),
        ),
        (
            "gradient norm",
            format!("{:.3} at first, {:.3} at last", norms[0], norms[final_step]),
        ),
        ("padding", format!("{:.1} %", 100.0 * padding)),
        ("waiting for samples", format!("{:.1} %", 100.0 * waiting)),
        ("peak memory", gib(peak)),
        (
            "tensors at the peak",
            format!(
                "{}, of it {} before the first step",
                gib(tensors),
                gib(resting)
            ),
        ),
        ("page faults a step", faults.to_string()),
        (
            "processor seconds",
            format!(
                "{:.1} in the program, {:.1} in the kernel",
                used.user, used.system
            ),
        ),
    ];
    tell(shared, asked.measured.output.as_deref(), &document, &rows)
}

/// The settings of `transformers`' trainer where nothing is said, and the order of the file.
fn config(asked: &BenchTrain, samples: usize) -> Config {
    let needed = asked.steps * asked.batch;
    Config {
        epochs: needed.div_ceil(samples) as f64,
        max_steps: Some(asked.steps),
        // A batch is never more than there are samples, and would not be what was asked for.
        batch_size: asked.batch,
        micro_tokens: asked.micro_tokens,
        max_seq_len: usize::MAX,
        too_long: TooLong::Error,
        shuffle: false,
        seed: 0,
        learning_rate: Rates::all(asked.learning_rate),
        freeze: Vec::new(),
        scheduler: Scheduler::Linear,
        warmup_ratio: 0.0,
        min_lr: 0.0,
        weight_decay: 0.0,
        betas: [0.9, 0.999],
        eps: 1e-8,
        max_grad_norm: 1.0,
        ..pipeline::settings::config(&Training {
            recompute: asked.recompute,
            gradients: asked.gradients,
            optimizer_state: asked.optimizer_state,
            masters: asked.masters,
            optimizer_device: asked.optimizer_device,
            lora: asked.lora.map(|rank| Lora {
                rank: i64::from(rank),
                alpha: 2.0 * f64::from(rank),
                dropout: 0.0,
                targets: Vec::new(),
                rslora: false,
            }),
            ..Training::synthesizer()
        })
    }
}

/// As many samples as the steps take, with a picture each where the model sees.
fn draw(asked: &BenchTrain, folder: &Path, place: &Path) -> Result<Vec<Sample>> {
    let (number, seed) = (asked.steps * asked.batch, asked.measured.seed);
    let pictures = if inputs::sees(folder)? {
        drawn::pictures(&place.join("pictures"), number, seed)?
    } else {
        Vec::new()
    };
    Ok(drawn::samples(&pictures, number, seed))
}

/// Writes what another program needs to do the same.
fn write(shared: &Shared, asked: &BenchTrain, own: Option<Vec<Sample>>, root: &Path) -> Result<()> {
    let engine = device::engine(shared)?;
    let (root, folder) = inputs::write_model(&engine, &asked.measured, root)?;
    let place = root.join(inputs::MODEL);
    let samples = match own {
        Some(samples) => samples,
        None => draw(asked, &folder, &root)?,
    };
    let processor = engine.processor(&place)?;
    peer_files::samples(&root, &samples, processor.as_ref())?;
    print(
        shared,
        &json!({"folder": root, "samples": samples.len()}),
        || {
            println!(
                "{} samples and the model in `{}`; measure them with\n  adamllm bench train --model {} --data {}",
                samples.len(),
                root.display(),
                place.display(),
                root.join("samples.jsonl").display()
            );
        },
    )
}

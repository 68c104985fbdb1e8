//! A few steps of training on samples of a file, with a checkpoint at the end:
//!
//!     cargo run --release -p adamllm-train --example few_steps -- [SAMPLES [MODEL [STEPS]]]
//!
//! The file has conversations in any layout. Without one, captions of a few pictograms are trained on.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use corpus::formats::{Options, read_samples};
use corpus::{Sample, images, pictograms};
use torch::{Device, Kind};
use train::{Config, Samples, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let samples = match arguments.next() {
        Some(file) => read_samples(file.as_ref(), &Options::default())?.rows,
        None => drawn()?,
    };
    let folder = arguments.next();
    let folder = folder.unwrap_or_else(|| "assets/demo/base-model".to_owned());
    let steps = arguments.next().map_or(Ok(20), |steps| steps.parse())?;

    let processor = processor::load(folder.as_ref(), &processor::Options::default())?;
    let model = model::load(folder.as_ref(), Device::Cpu, Kind::Float)?;
    // A toy's rate; `Config::qwen2_vl()` and its like are the paper's settings.
    let config = Config::small(3e-4, 8, steps);
    let source = Samples::new(&samples, &*processor);
    let mut trainer = Trainer::new(&*model, &source, &config)?;
    println!("{} samples, {steps} steps", samples.len());
    while let Some(metrics) = trainer.step()? {
        println!(
            "step {:3}: loss {:.3}, gradient {:.2}, {} of {} tokens learned, {:.2} s, of it {:.3} s for samples",
            metrics.step,
            metrics.loss,
            metrics.grad_norm,
            metrics.learned_tokens,
            metrics.tokens,
            metrics.seconds,
            metrics.data_wait_seconds
        );
    }
    for left_out in trainer.dropped() {
        println!("left out: {} ({})", left_out.id, left_out.detail);
    }
    let checkpoint = std::env::temp_dir().join("adamllm-checkpoint");
    trainer.save_checkpoint(&checkpoint)?;
    println!("`{}` can be gone on from", checkpoint.display());
    Ok(())
}

fn drawn() -> Result<Vec<Sample>, Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join("adamllm-samples");
    std::fs::create_dir_all(&folder)?;
    let mut samples = Vec::new();
    for drawn in pictograms::load()?.iter().step_by(50) {
        let id = format!("{}-{}", drawn.concept.id, drawn.style);
        let picture = folder.join(format!("{id}.png"));
        images::encode_png(&drawn.render(72)?, &picture)?;
        let answer = format!("a {} {}", drawn.main_colour, drawn.concept.name);
        samples.push(Sample::exchange(
            id,
            vec![picture],
            "What is this?",
            &answer,
        ));
    }
    Ok(samples)
}

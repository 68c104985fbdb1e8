//! Planned against measured memory of a training: steps of a model with random weights, made from a `config.json` alone.
//!
//! ```sh
//! cargo run --release -p adamllm-pipeline --example planned_memory -- benches/peers/configs/*-60m.json
//! ```
//!
//! With a word such as `lora` only the choices that have it in their names. For each file, dtype and choice it prints what the plan says of the largest moment, part by part, what tensors asked for at
//! theirs, and how far they are apart.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;
use std::sync::Arc;

use processor::{Encoded, ImageGrid, ImageInput};
use run::memory::{
    Architecture, Choices, Gradients, Load, Lora, Masters, Needs, OptimizerState, Planner,
    Recompute, Tower,
};
use run::recipe::{DeviceKind, Dtype, Training, training};
use serde_json::Value;
use torch::products::{Library, Product, Products};
use train::{Config, SampleSource, Trainer};

/// Tokens of a sample's text, and samples of a microbatch.
const TEXT: usize = 300;
const SAMPLES: usize = 3;
/// Microbatches of a step: gradients of the first are there while the second is computed.
const MICROBATCHES: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    torch::set_threads(1);
    torch::memory::cache(true);
    // A plan is of the library that takes more memory for a weight's gradient.
    Products::default()
        .with(Product::WeightGradient, Library::OneDnn)
        .apply(0);
    let (words, files): (Vec<String>, Vec<String>) =
        (std::env::args().skip(1)).partition(|word| !std::path::Path::new(word).exists());
    if files.is_empty() {
        return Err("name one `config.json` or more".into());
    }
    println!(
        "{:<44} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7}",
        "MB", "weights", "grads", "state", "kept", "space", "planned", "measured", "apart"
    );
    for file in files {
        let config = std::fs::read_to_string(&file)?;
        for dtype in Dtype::ALL {
            for choices in choices(dtype) {
                // Of rows only those that have all words that are no files.
                if !words
                    .iter()
                    .all(|word| choices.text().contains(word.as_str()))
                {
                    continue;
                }
                let (needs, measured) = case(&config, dtype, &choices)?;
                let name = std::path::Path::new(&file);
                let name = name.file_stem().unwrap_or_default().to_string_lossy();
                let apart = 100.0 * (needs.total() as f64 / measured as f64 - 1.0);
                let numbers = [
                    needs.weights,
                    needs.gradients,
                    needs.state,
                    needs.activations,
                    needs.workspace,
                    needs.total(),
                    measured,
                ];
                print!(
                    "{:<44}",
                    format!("{name} {}, {}", dtype.as_str(), choices.text())
                );
                for number in numbers {
                    print!(" {:>8.1}", number as f64 / 1e6);
                }
                println!(" {apart:>6.1}%");
            }
        }
    }
    Ok(())
}

/// What is looked at: each choice alone, and some together.
fn choices(dtype: Dtype) -> Vec<Choices> {
    let plain = Choices::default();
    let recomputed = |recompute| Choices {
        recompute,
        ..Choices::default()
    };
    let small = Choices {
        optimizer_state: OptimizerState::EightBit,
        ..Choices::default()
    };
    let mut all = vec![
        plain,
        recomputed(Recompute::Cheap),
        recomputed(Recompute::Blocks),
        small.clone(),
    ];
    for recompute in [Recompute::None, Recompute::Blocks] {
        all.push(Choices {
            lora: Some(Lora::of_rank(16)),
            ..recomputed(recompute)
        });
    }
    if dtype == Dtype::Bf16 {
        all.push(Choices {
            gradients: Gradients::Bf16,
            ..Choices::default()
        });
        all.push(Choices {
            recompute: Recompute::Blocks,
            gradients: Gradients::Bf16,
            masters: Masters::None,
            ..small
        });
    }
    all
}

/// Plans and measures a few steps.
fn case(config: &str, dtype: Dtype, choices: &Choices) -> Result<(Needs, u64), Box<dyn Error>> {
    let parsed: Value = serde_json::from_str(config)?;
    let architecture = Architecture::of_config(&parsed)?;
    torch::memory::release();
    torch::memory::reset_peak();
    let before = torch::memory::stats().requested;
    let model = model::fresh(
        config,
        1,
        torch::Device::Cpu,
        pipeline::settings::kind(dtype),
    )?;
    let source = Drawn::new(&parsed, &architecture);
    let tokens = source.samples[0].ids.len();
    let patches: usize = {
        let images = source.samples[0].images.iter();
        images.map(|image| model.patches(image).computed).sum()
    };
    let planner = Planner::new(
        architecture,
        dtype,
        &[],
        Load {
            tokens: (SAMPLES * tokens) as u64,
            learned: (SAMPLES * TEXT) as u64,
            samples: SAMPLES as u64,
            patches: (SAMPLES * patches) as u64,
            pictures: (SAMPLES * source.samples[0].images.len()) as u64,
        },
    );
    let settings = Config {
        micro_tokens: (SAMPLES * tokens).max(SAMPLES * patches / 2 + 1),
        max_seq_len: tokens,
        ..pipeline::settings::config(&Training {
            batch_size: SAMPLES * MICROBATCHES,
            max_steps: Some(2),
            recompute: choices.recompute,
            gradients: choices.gradients,
            optimizer_state: choices.optimizer_state,
            masters: choices.masters,
            optimizer_device: choices.optimizer_device,
            lora: choices.lora.as_ref().map(|lora| training::Lora {
                rank: lora.rank as i64,
                alpha: 2.0 * lora.rank as f64,
                dropout: 0.0,
                targets: lora.targets.clone(),
                rslora: false,
            }),
            ..Training::synthesizer()
        })
    };
    let model = train::prepared(model, &settings)?;
    let mut trainer = Trainer::new(model.as_ref(), &source, &settings)?;
    while trainer.step()?.is_some() {}
    let stats = torch::memory::stats();
    Ok((
        planner.needs(choices, DeviceKind::Cpu, 1),
        stats.peak_requested - before,
    ))
}

/// Samples with a picture each where the model sees.
struct Drawn {
    ids: Vec<String>,
    samples: Vec<Encoded>,
}

impl Drawn {
    fn new(config: &Value, model: &Architecture) -> Self {
        let number = SAMPLES * MICROBATCHES;
        let token = ["image_token_index", "image_token_id"]
            .iter()
            .find_map(|key| config[key].as_i64());
        let sample = |at: usize| {
            let image = picture(model, at);
            let shown = image.iter().map(|image| image.num_tokens).sum();
            let mut ids = vec![token.unwrap_or(0); shown];
            ids.extend((0..=TEXT).map(|i| (100 + (31 * at + 7 * i) % 900) as i64));
            let mut learn = vec![false; shown + 1];
            learn.extend([true; TEXT]);
            Encoded {
                ids,
                learn,
                images: image.into_iter().collect(),
            }
        };
        Self {
            ids: (0..number).map(|i| i.to_string()).collect(),
            samples: (0..number).map(sample).collect(),
        }
    }
}

/// A picture of noise that fills what the family lays it on.
fn picture(model: &Architecture, seed: usize) -> Option<ImageInput> {
    let vision = model.vision.as_ref()?;
    let patch = vision.patch as usize;
    let (tiles, pixels, grid, num_tokens) = match vision.tower {
        Tower::Tiles { side, newline, .. } => {
            let side = side as usize;
            let whole = side * patch;
            if newline {
                let original = (whole, whole);
                let tiles = (1, 1);
                let grid = ImageGrid::Tiles { original, tiles };
                (2, whole, grid, side * side + side * (side + 1))
            } else {
                (1, whole, ImageGrid::Whole, side * side)
            }
        }
        Tower::Merged { merge, .. } => {
            let side = 16;
            let grid = ImageGrid::Patches {
                patches: (side, side),
            };
            let merged = side * side / (merge * merge) as usize;
            (side * side, patch, grid, merged)
        }
        Tower::Canvas { side, .. } => {
            let grid = ImageGrid::Canvas { tiles: (1, 1) };
            (1, side as usize * patch, grid, 1)
        }
    };
    let shape = vec![tiles, vision.channels as usize, pixels, pixels];
    let length: usize = shape.iter().product();
    let value = |i: usize| ((i * 2_654_435_761 + seed * 97) % 1000) as f32 / 500.0 - 1.0;
    Some(ImageInput {
        pixels: Arc::new((0..length).map(value).collect()),
        shape,
        grid,
        num_tokens,
    })
}

impl SampleSource for Drawn {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.ids[index]
    }

    fn encode(&self, index: usize) -> Result<Encoded, String> {
        Ok(self.samples[index].clone())
    }
}

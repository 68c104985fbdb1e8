//! The phase `tower`, the vision tower's own start, standing in for CLIP's pretraining: it learns to tell names, kinds and colours of
//! general pictograms from the mean of its projected features, before any text comes in.
//!
//! Shapes: b pictures, d model width, c classes.

use std::path::Path;

use anyhow::Result;
use corpus::seed::Rng;
use demo::pictures::{Picture, kinds};
use demo::world;
use model::{Group, Mllm};
use processor::{ImageInput, Options};
use torch::{AdamW, Kind, Tensor};

use crate::samples::varied;
use crate::training::fresh;

/// A picture with its class in each of the three questions.
#[derive(Clone, Debug)]
struct Example {
    /// Prepared by the processor: overview and one tile.
    input: ImageInput,
    /// Name, kind and colour.
    classes: [i64; 3],
}

const STEPS: usize = 2400;
const BATCH: usize = 64;
const PEAK: f64 = 1e-3;

/// How many steps lie between two lines of progress.
const SHOWN: usize = 100;

/// Trains a new tower, and saves it with an untrained decoder as `<work>/tower`.
pub fn run(work: &Path, folder: &Path, shown: &[Picture], held: &[Picture]) -> Result<()> {
    let model = fresh(folder, 1)?;
    let processor = processor::load(folder, &Options::default())?;
    let index =
        |list: &[String], name: &str| list.iter().position(|n| n == name).unwrap_or(0) as i64;
    let mut names: Vec<String> = shown.iter().map(|p| p.thing.name.clone()).collect();
    names.sort();
    names.dedup();
    let kinds = kinds(shown);
    let colours = world::COLOURS.map(str::to_owned).to_vec();
    let examples = |pictures: &[Picture]| -> Result<Vec<Example>> {
        let example = |picture: &Picture| {
            Ok(Example {
                input: processor.image(&picture.path)?,
                classes: [
                    index(&names, &picture.thing.name),
                    index(&kinds, &picture.thing.kind),
                    index(&colours, &picture.thing.colour),
                ],
            })
        };
        pictures.iter().map(example).collect()
    };
    let classes = [names.len(), kinds.len(), colours.len()].map(|n| n as i64);
    train(
        model.as_ref(),
        &examples(shown)?,
        &examples(held)?,
        classes,
        STEPS,
        1,
    )?;
    model::save(
        model.as_ref(),
        &work.join("tower"),
        Some(folder),
        Kind::Float,
    )?;
    Ok(())
}

/// Trains tower and projector on `examples`, and tells now and then how many names, kinds and colours of the `held` ones
/// are right.
fn train(
    model: &dyn Mllm,
    examples: &[Example],
    held: &[Example],
    num_classes: [i64; 3],
    steps: usize,
    seed: u64,
) -> Result<()> {
    torch::set_seed(seed);
    let width = model.head().size()[1];
    let options = (Kind::Float, model.device());
    let heads: Vec<Tensor> = num_classes
        .iter()
        .map(|&c| (Tensor::randn([c, width], options) * 0.02).set_requires_grad(true))
        .collect();
    let mut weights: Vec<Tensor> = model
        .parameters()
        .iter()
        .filter(|p| p.reachable && p.group != Group::LanguageModel)
        .map(|p| p.tensor.set_requires_grad(true))
        .collect();
    weights.extend(heads.iter().map(Tensor::shallow_clone));
    let zeros = |t: &Tensor| t.detach().zeros_like();
    let averages: Vec<Tensor> = weights.iter().map(zeros).collect();
    let squares: Vec<Tensor> = weights.iter().map(zeros).collect();
    let counters: Vec<Tensor> = weights
        .iter()
        .map(|_| Tensor::zeros([0_i64; 0], options))
        .collect();
    let mut rng = Rng::new(seed);
    let (mut order, mut at) = ((0..examples.len()).collect::<Vec<_>>(), examples.len());
    for step in 0..steps {
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH.min(examples.len()) {
            if at >= order.len() {
                rng.shuffle(&mut order);
                at = 0;
            }
            batch.push(&examples[order[at]]);
            at += 1;
        }
        let inputs: Vec<ImageInput> = batch.iter().map(|e| varied(&e.input, &mut rng)).collect();
        let pooled_bd = pooled(model, &inputs)?;
        let mut loss = Tensor::zeros([0_i64; 0], options);
        for (i, head_cd) in heads.iter().enumerate() {
            let target =
                Tensor::from_slice(&batch.iter().map(|e| e.classes[i]).collect::<Vec<_>>());
            let logits_bc = pooled_bd.matmul(&head_cd.transpose(0, 1));
            loss += logits_bc.cross_entropy_for_logits(&target);
        }
        loss.backward();
        let value = loss.double_value(&[]);
        let _guard = torch::no_grad_guard();
        let mut ready = Vec::new();
        let mut gradients = Vec::new();
        for (i, weight) in weights.iter().enumerate() {
            let gradient = weight.grad();
            if gradient.defined() {
                ready.push(i);
                gradients.push(gradient);
            }
        }
        let norm = torch::foreach_norm(&gradients)?;
        if norm > 1.0 {
            torch::foreach_mul(&gradients, 1.0 / norm)?;
        }
        let pick = |list: &[Tensor]| {
            ready
                .iter()
                .map(|&i| list[i].shallow_clone())
                .collect::<Vec<_>>()
        };
        let warm = ((step + 1) as f64 / 50.0).min(1.0);
        let fallen = 0.02
            + 0.98
                * f64::midpoint(
                    1.0,
                    (std::f64::consts::PI * step as f64 / steps as f64).cos(),
                );
        torch::fused_adamw(&AdamW {
            parameters: &pick(&weights)
                .iter()
                .map(Tensor::detach)
                .collect::<Vec<_>>(),
            gradients: &gradients,
            averages: &pick(&averages),
            squares: &pick(&squares),
            steps: &pick(&counters),
            learning_rate: PEAK * warm * fallen,
            beta1: 0.9,
            beta2: 0.98,
            weight_decay: 0.05,
            epsilon: 1e-8,
        })?;
        for weight in &weights {
            torch::clear_grad(weight)?;
        }
        if (step + 1) % SHOWN == 0 {
            let [names, kinds, colours] = right(model, held, &heads)?;
            eprintln!(
                "tower {}/{steps}  loss {value:.3}  held-out pictures: names {names:.1} %, kinds {kinds:.1} %, \
                 colours {colours:.1} %",
                step + 1
            );
        }
    }
    for parameter in model.parameters() {
        let _ = parameter.tensor.set_requires_grad(false);
    }
    Ok(())
}

/// The mean feature of each picture's overview, `[b, d]`. The overview's features stand first; the tile repeats them for
/// a square picture.
fn pooled(model: &dyn Mllm, inputs: &[ImageInput]) -> Result<Tensor> {
    let features = model.image_features(inputs)?;
    let mut means = Vec::with_capacity(inputs.len());
    let mut start = 0;
    for input in inputs {
        let count = input.num_tokens as i64;
        means.push(features.narrow(0, start, count.min(36)).mean_dim(
            [0_i64].as_slice(),
            false,
            Kind::Float,
        ));
        start += count;
    }
    Ok(Tensor::stack(&means, 0))
}

/// Percent of right names, kinds and colours.
fn right(model: &dyn Mllm, examples: &[Example], heads: &[Tensor]) -> Result<[f64; 3]> {
    let _guard = torch::no_grad_guard();
    let mut right = [0.0; 3];
    for batch in examples.chunks(BATCH) {
        let inputs: Vec<ImageInput> = batch.iter().map(|e| e.input.clone()).collect();
        let pooled_bd = pooled(model, &inputs)?;
        for (i, head_cd) in heads.iter().enumerate() {
            let target =
                Tensor::from_slice(&batch.iter().map(|e| e.classes[i]).collect::<Vec<_>>());
            let found = pooled_bd.matmul(&head_cd.transpose(0, 1)).argmax(1, false);
            let hits = found.eq_tensor(&target).sum(Kind::Float).double_value(&[]);
            right[i] += 100.0 * hits / examples.len() as f64;
        }
    }
    Ok(right)
}

//! The vision tower's own start, standing in for CLIP's pretraining: it learns to tell names, kinds and colours of
//! general pictograms from the mean of its projected features, before any text comes in.
//!
//! Shapes: b pictures, d model width, c classes.

use std::sync::Arc;

use anyhow::Result;
use corpus::seed::Rng;
use image::RgbImage;
use model::{Group, Mllm};
use processor::ImageInput;
use torch::{AdamW, Kind, Tensor};

/// A picture with its class in each of the three questions.
#[derive(Clone, Debug)]
pub struct Example {
    /// Prepared by the processor: overview and one tile.
    pub input: ImageInput,
    /// Name, kind and colour.
    pub classes: [i64; 3],
}

const BATCH: usize = 64;
const PEAK: f64 = 1e-3;

/// How many steps lie between two lines of progress.
const SHOWN: usize = 100;

/// Trains tower and projector on `examples`, and tells now and then how many names, kinds and colours of the `held` ones
/// are right.
pub fn train(
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

/// A picture of the demo as the processor gives it, [`warped`]. Both copies (overview and tile) get the same change, so
/// that the tower sees one picture. White is 0 after the demo's normalisation.
pub fn varied(input: &ImageInput, rng: &mut Rng) -> ImageInput {
    let (copies, side) = (input.shape[0], input.shape[3]);
    let picture = warped(&input.pixels[..3 * side * side], side, rng);
    ImageInput {
        pixels: Arc::new(picture.repeat(copies)),
        ..input.clone()
    }
}

/// A square picture on white, [`warped`].
pub fn redrawn(picture: &RgbImage, rng: &mut Rng) -> RgbImage {
    let (width, height) = picture.dimensions();
    let channel = |c: usize| picture.pixels().map(move |p| 255.0 - f32::from(p.0[c]));
    let planes: Vec<f32> = (0..3).flat_map(channel).collect();
    let plane = (width * height) as usize;
    let found = warped(&planes, width as usize, rng);
    RgbImage::from_fn(width, height, |x, y| {
        let at = (y * width + x) as usize;
        let level = |c: usize| (255.0 - found[c * plane + at]).round().clamp(0.0, 255.0) as u8;
        image::Rgb([level(0), level(1), level(2)])
    })
}

/// Three planes of `side` × `side` values turned up to 9°, scaled 0.9 to 1.15, shifted up to a tenth, mirrored in 3 of 10
/// and brightened or darkened by up to a tenth; 0 is white, and what comes in from outside is white.
fn warped(pixels: &[f32], side: usize, rng: &mut Rng) -> Vec<f32> {
    let plane = side * side;
    let centre = (side as f32 - 1.0) / 2.0;
    let spread = |rng: &mut Rng, by: f64| ((rng.unit() * 2.0 - 1.0) * by) as f32;
    let angle = spread(rng, 9.0).to_radians();
    let scale = (0.9 + rng.unit() * 0.25) as f32;
    let (dx, dy) = (
        spread(rng, 0.1) * side as f32,
        spread(rng, 0.1) * side as f32,
    );
    let mirror = if rng.chance(0.3) { -1.0 } else { 1.0 };
    let light = 1.0 + spread(rng, 0.1);
    let (sin, cos) = (angle.sin() / scale, angle.cos() / scale);
    let mut picture = vec![0.0_f32; 3 * plane];
    for y in 0..side {
        for x in 0..side {
            let (cx, cy) = ((x as f32 - centre - dx) * mirror, y as f32 - centre - dy);
            let (sx, sy) = (cx * cos - cy * sin + centre, cx * sin + cy * cos + centre);
            if sx < 0.0 || sy < 0.0 || sx > (side - 1) as f32 || sy > (side - 1) as f32 {
                continue;
            }
            let (x0, y0) = (sx as usize, sy as usize);
            let (x1, y1) = ((x0 + 1).min(side - 1), (y0 + 1).min(side - 1));
            let (fx, fy) = (sx - x0 as f32, sy - y0 as f32);
            for channel in 0..3 {
                let value = |x: usize, y: usize| pixels[channel * plane + y * side + x];
                let top = value(x0, y0) * (1.0 - fx) + value(x1, y0) * fx;
                let bottom = value(x0, y1) * (1.0 - fx) + value(x1, y1) * fx;
                picture[channel * plane + y * side + x] = (top * (1.0 - fy) + bottom * fy) * light;
            }
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_drawn_anew_keeps_its_ground_and_moves_its_thing() {
        let mut picture = RgbImage::from_pixel(24, 24, image::Rgb([255; 3]));
        assert_eq!(redrawn(&picture, &mut Rng::new(1)), picture);
        for at in 6..18 {
            picture.put_pixel(at, 9, image::Rgb([200, 0, 0]));
        }
        let found = redrawn(&picture, &mut Rng::new(1));
        assert_eq!(redrawn(&picture, &mut Rng::new(1)), found);
        assert_ne!(found, picture);
        let dark = |p: &RgbImage| p.pixels().map(|p| 255 - u32::from(p.0[1])).sum::<u32>();
        let share = f64::from(dark(&found)) / f64::from(dark(&picture));
        assert!((0.6..1.7).contains(&share), "{share}");
    }
}

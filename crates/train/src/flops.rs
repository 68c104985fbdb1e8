//! Floating-point operations of a step, from the model's shapes, and the rate of matrix products that they are held against.
//!
//! A product of `n` rows with a weight of `p` values takes `2·n·p` operations. Forward, counted once for each sample:
//!
//! | part | operations |
//! |---|---|
//! | weights of the decoder, but for embeddings and head | `2·p` a token |
//! | its attention, of query width `q` | `4·q` a pair of tokens, and `n²/2` pairs of `n` tokens: causal, at half |
//! | the head `[v, d]` | `2·v·d` a learned token |
//! | the projector | `2·p` a feature (a patch, or for Qwen2-VL the patches that are merged into one) |
//! | weights of the vision tower | `2·p` a patch that shows something |
//! | its attention | `4·q` a pair of patches that see each other: those of a tile (LLaVA) or of a picture |
//! | cross-attention (Llama 3.2) | `2·p` of keys and values a patch, `4·q` a pair of token and patch |
//!
//! The backward takes the same again for the gradient of each weight that is trained, and the same again for the gradient of
//! what goes into it, where anything in its part of the model or before it is trained; attention itself twice the same. So a
//! whole training is three times the forward, and frozen parts are less. Norms, activations and the optimizer count for
//! nothing, and neither does what is computed for padding or a second time: these are operations that are of use.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use model::{Group, Mllm, Patches};
use processor::Encoded;
use serde_json::Value;
use torch::{Device, Kind, Tensor};

use crate::Error;
use crate::pack::num_learned;

/// Operations by what they are done for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Flops {
    token: f64,
    token_pair: f64,
    learned_token: f64,
    feature: f64,
    patch: f64,
    patch_pair: f64,
    cross_patch: f64,
    cross_pair: f64,
    /// Patches that see each other; those of a picture where there is none.
    tile: Option<f64>,
    /// Patches of a feature.
    merged: f64,
}

/// What is looked up and not multiplied.
const LOOKED_UP: [&str; 5] = [
    "embed_tokens",
    "position_embedding",
    "class_embedding",
    "tile_embedding",
    "tile_positional_embedding",
];

impl Flops {
    /// Of a model of which these tensors are trained.
    pub fn of(model: &dyn Mllm, trains: impl Fn(&Tensor) -> bool) -> Self {
        let mut all = Self::default();
        let reached = model.parameters().iter().filter(|p| p.reachable);
        let first = reached.clone().filter(|p| trains(&p.tensor));
        // In the order in which a picture passes through them.
        let order = |group: Group| Group::ALL.iter().position(|one| *one == group);
        let first = first.map(|p| order(p.group)).min();
        let head = model.head().data_ptr();
        for parameter in reached {
            let (name, size) = (parameter.name.as_str(), parameter.tensor.size());
            let is_head = parameter.tensor.data_ptr() == head;
            if size.len() < 2 || !is_head && LOOKED_UP.iter().any(|part| name.contains(part)) {
                continue;
            }
            let flows = first.is_some_and(|first| order(parameter.group) >= first);
            let times =
                1.0 + f64::from(u8::from(trains(&parameter.tensor))) + f64::from(u8::from(flows));
            let product = 2.0 * parameter.tensor.numel() as f64 * times;
            let queries = match size[0] as f64 {
                rows if name.ends_with("q_proj.weight") => rows,
                rows if name.ends_with("qkv.weight") => rows / 3.0,
                _ => 0.0,
            };
            let pair = 4.0 * queries * if flows { 3.0 } else { 1.0 };
            let is_cross = name.contains("cross_attn");
            match parameter.group {
                _ if is_head => all.learned_token += product,
                Group::LanguageModel if is_cross => {
                    all.cross_pair += pair;
                    let of_picture = ["k_proj.weight", "v_proj.weight"];
                    if of_picture.iter().any(|end| name.ends_with(end)) {
                        all.cross_patch += product;
                    } else {
                        all.token += product;
                    }
                }
                Group::LanguageModel => {
                    all.token_pair += pair;
                    all.token += product;
                }
                Group::Projector => all.feature += product,
                Group::VisionTower => {
                    all.patch_pair += pair;
                    all.patch += product;
                }
            }
        }
        let config: Value = serde_json::from_str(model.config_text()).unwrap_or_default();
        let vision = &config["vision_config"];
        let number = |key: &str| vision[key].as_f64();
        let is_llava = config["model_type"]
            .as_str()
            .is_some_and(|name| name.starts_with("llava"));
        let side = number("image_size").zip(number("patch_size"));
        all.tile = side
            .filter(|_| is_llava)
            .map(|(image, patch)| (image / patch).floor().powi(2));
        all.merged = match config["model_type"].as_str() {
            Some("qwen2_vl") => number("spatial_merge_size").unwrap_or(2.0).powi(2),
            _ => 1.0,
        };
        all
    }

    /// Of a sample.
    pub fn sample(&self, model: &dyn Mllm, sample: &Encoded) -> f64 {
        let tokens = sample.ids.len() as f64;
        let mut sum = tokens * self.token
            + tokens * tokens / 2.0 * self.token_pair
            + num_learned(sample) as f64 * self.learned_token;
        for image in &sample.images {
            let Patches { shown, .. } = model.patches(image);
            let shown = shown as f64;
            sum += shown * (self.patch + self.cross_patch)
                + shown * self.tile.unwrap_or(shown) * self.patch_pair
                + shown / self.merged.max(1.0) * self.feature
                + tokens * shown * self.cross_pair;
        }
        sum
    }
}

/// Where, in what, and how many a second.
type Known = (Device, Kind, f64);

/// Rates that were measured by this process.
static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());

/// Operations of a second in a product of square matrices, the better of two tries: what the machine can do at most. It is
/// measured once a process, in some hundredths of a second.
pub(crate) fn matrix_rate(device: Device, kind: Kind) -> Result<f64, Error> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((.., rate)) = known.iter().find(|(d, k, _)| (*d, *k) == (device, kind)) {
        return Ok(*rate);
    }
    let _guard = torch::no_grad_guard();
    let side: i64 = if device == Device::Cpu { 768 } else { 4096 };
    let ones = Tensor::f_ones([side, side], (kind, device))?;
    let mut best = f64::INFINITY;
    // The first try pays for what is made ready.
    for _ in 0..3 {
        let begun = Instant::now();
        let product = torch::linear(&ones, &ones, None)?;
        // Waits until it is done.
        product.f_double_value(&[0, 0])?;
        best = best.min(begun.elapsed().as_secs_f64());
    }
    let rate = 2.0 * (side as f64).powi(3) / best.max(1e-9);
    known.push((device, kind, rate));
    Ok(rate)
}

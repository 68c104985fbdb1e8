//! What a forward keeps for its backward, by the shapes of its parts: crates `model` (`nn`, `families`) and `torch` (`fused`)
//! are the source, and their saved tensors are listed here one by one.
//!
//! Shapes: t tokens, d model width, f inner width, q all query heads, kv all key heads, h heads; p rows of a tower, w its width.

use super::architecture::{Architecture, Text, Tower, Vision};
use super::choices::{Lora, Recompute};
use super::load::Load;
use crate::recipe::training::Group;
use crate::recipe::{DeviceKind, Dtype};

/// Bytes of an f32, which sums, norms' scales and attention's normalisers are in.
const F32: u64 = 4;

/// How numbers are held and parts computed.
#[derive(Clone, Copy, Debug)]
pub struct Numerics {
    /// Of weights and activations.
    pub dtype: Dtype,
    /// A processor has loops of ours for small parts; elsewhere they are composed of operators, each of which keeps its own.
    pub kind: DeviceKind,
}

impl Numerics {
    /// Bytes of a value.
    pub fn width(self) -> u64 {
        width(self.dtype)
    }

    fn is_fused(self) -> bool {
        self.kind == DeviceKind::Cpu
    }

    /// What a root-mean-square norm of so many values in so many rows keeps.
    fn norm(self, values: u64, rows: u64) -> Normed {
        let s = self.width();
        if self.is_fused() {
            return Normed {
                lean: s * values + F32 * rows,
                input: s * values + F32 * rows,
                output: s * values,
            };
        }
        // The input in f32, and the normed values before the weight.
        Normed {
            lean: s * values,
            input: F32 * values + F32 * rows,
            output: 2 * s * values,
        }
    }
}

/// Bytes of a value of a dtype.
pub fn width(dtype: Dtype) -> u64 {
    match dtype {
        Dtype::F32 => 4,
        Dtype::Bf16 => 2,
    }
}

/// What a norm keeps.
struct Normed {
    /// Its input, where the norm is made again.
    lean: u64,
    /// Its input with what makes the gradient of it.
    input: u64,
    /// Its output, and composed the normed values before the weight.
    output: u64,
}

/// One block of layers that are alike: bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// What enters it.
    pub input: u64,
    /// What is kept of it where cheap things are made again, its input included.
    pub lean: u64,
    /// What it keeps where nothing is made again, its input included.
    pub whole: u64,
    /// Of what is made again where cheap things are, the largest.
    pub remade: u64,
    /// What its backward needs at its largest moment beside all that is kept.
    pub backward: u64,
}

impl Block {
    /// What is kept of it between forward and backward.
    pub fn kept(&self, recompute: Recompute) -> u64 {
        match recompute {
            Recompute::None => self.whole,
            Recompute::Cheap => self.lean,
            Recompute::Blocks => self.input,
        }
    }

    /// What its own backward needs beside what all blocks keep: its temporaries, and what is made again.
    pub fn moment(&self, recompute: Recompute) -> u64 {
        self.backward
            + match recompute {
                Recompute::None => 0,
                Recompute::Cheap => self.remade,
                Recompute::Blocks => self.whole,
            }
    }
}

/// What a forward keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Layers of the language model, each kind with its number.
    pub text: Vec<(u64, Block)>,
    /// Layers of the tower; none where no gradient reaches them.
    pub tower: Vec<(u64, Block)>,
    /// What all layers of the language model share, and what lies behind the last one.
    pub around_text: u64,
    /// What lies before the tower's layers and behind them, the projector included.
    pub around_tower: u64,
}

impl Kept {
    fn sum(blocks: &[(u64, Block)], recompute: Recompute) -> u64 {
        let each = blocks.iter().map(|(n, block)| n * block.kept(recompute));
        each.sum()
    }

    fn moment(blocks: &[(u64, Block)], recompute: Recompute) -> u64 {
        let each = blocks.iter().map(|(_, block)| block.moment(recompute));
        each.max().unwrap_or(0)
    }

    /// Bytes of the language model's part.
    pub fn of_text(&self, recompute: Recompute) -> u64 {
        Self::sum(&self.text, recompute) + self.around_text
    }

    /// Bytes of the tower's and the projector's part.
    pub fn of_tower(&self, recompute: Recompute) -> u64 {
        Self::sum(&self.tower, recompute) + self.around_tower
    }

    /// The largest moment of the backward of one of the language model's layers.
    pub fn text_moment(&self, recompute: Recompute) -> u64 {
        Self::moment(&self.text, recompute)
    }

    /// The largest moment of the backward of one of the tower's layers.
    pub fn tower_moment(&self, recompute: Recompute) -> u64 {
        Self::moment(&self.tower, recompute)
    }
}

/// Which parts gradients flow through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Something of the tower is trained.
    pub tower: bool,
    /// Something of the projector is.
    pub projector: bool,
}

/// Patches of a picture from which on attention in bf16 is libtorch's on a processor too.
const LONG_IN_BF16: u64 = 640;

/// What a forward of such a microbatch keeps.
pub fn kept(
    model: &Architecture,
    load: &Load,
    numerics: Numerics,
    flow: Flow,
    lora: Option<&Lora>,
) -> Kept {
    let text = &model.text;
    let s = numerics.width();
    let (t, d) = (load.tokens, text.width);
    let has_pictures = model.vision.is_some() && load.pictures > 0;
    // Without pictures the layers that look at them are passed over.
    let cross = if has_pictures { text.cross_layers } else { 0 };
    let seen = vision_tokens(model, load);
    let layers = text.layers - text.cross_layers;
    let mut kept = Kept {
        text: vec![(layers, text_layer(text, load, numerics, lora))],
        ..Kept::default()
    };
    if cross > 0 {
        let block = cross_layer(text, load, numerics, seen, lora);
        kept.text.push((cross, block));
    }
    // Cosines and sines; the last norm, whose output is not kept but for its learned rows.
    let last = numerics.norm(t * d, t);
    kept.around_text =
        s * t * text.head_width + last.input + if numerics.is_fused() { 0 } else { s * t * d };
    if let Some(vision) = model.vision.as_ref().filter(|_| has_pictures) {
        if flow.tower {
            kept.tower = tower_layers(vision, load, numerics);
        }
        kept.around_tower = around_tower(vision, load, numerics, flow, (t, d));
    }
    kept
}

/// A layer that reads the text.
#[expect(
    clippy::many_single_char_names,
    reason = "the shape letters of the field"
)]
fn text_layer(text: &Text, load: &Load, numerics: Numerics, lora: Option<&Lora>) -> Block {
    let s = numerics.width();
    let (t, d, f) = (load.tokens, text.width, text.inner);
    let (q, kv) = (text.queries(), text.keys());
    let norm = numerics.norm(t * d, t);
    // Rotated queries and keys, values, attention's output with its normalisers. Where attention is libtorch's, parts of several
    // samples are put together, and the output's map keeps that.
    let parts = if load.samples > 1 && !numerics.is_fused() {
        2
    } else {
        1
    };
    let attention = s * t * (q + 2 * kv + parts * q) + F32 * t * text.heads;
    // Both maps into the feed-forward part.
    let maps = attention + 2 * s * t * f;
    let beside = Beside::of(lora, numerics, (t, d, f));
    Block {
        input: s * t * d,
        // What enters, and the sum in the middle.
        lean: 2 * norm.lean + maps + beside.lean,
        whole: 2 * norm.input + beside.normed * norm.output + maps + beside.whole,
        remade: s * t * f,
        backward: fed_backward(s, t, d, f).max(beside.backward),
    }
}

/// What maps of a decoder's layer keep of what they take.
struct Beside {
    /// Norms whose output is kept.
    normed: u64,
    /// Of products of gates, and between the small maps of an adapter.
    whole: u64,
    /// The same where cheap things are made again.
    lean: u64,
    /// The largest moment of an adapter's backward.
    backward: u64,
}

impl Beside {
    /// Frozen maps keep nothing; those with an adapter what they take, in the model's dtype, which cheap recomputation leaves
    /// where it is in another one than the adapter's.
    fn of(lora: Option<&Lora>, numerics: Numerics, (t, d, f): (u64, u64, u64)) -> Self {
        let s = numerics.width();
        let gates = gated(numerics, t * f);
        let Some(lora) = lora else {
            return Self {
                normed: 2,
                whole: gates,
                lean: 0,
                backward: 0,
            };
        };
        let has = |part: &str| lora.takes(Group::LanguageModel, part);
        let count = Lora::TARGETS.iter().filter(|part| has(part)).count() as u64;
        let any = |parts: &[&str]| u64::from(parts.iter().any(|part| has(part)));
        let normed = any(&["q_proj", "k_proj", "v_proj"]) + any(&["gate_proj", "up_proj"]);
        let gates = if has("down_proj") { gates } else { 0 };
        let between = F32 * t * lora.rank * count;
        let shared = if s == F32 {
            0
        } else {
            normed * s * t * d + gates
        };
        Self {
            normed,
            whole: gates + between,
            lean: between + shared,
            // What came in and goes out again in f32.
            backward: s * t * (d + 2 * f) + F32 * t * (d + f),
        }
    }
}

/// Products of gates: their result, and composed what comes out of the activation.
fn gated(numerics: Numerics, values: u64) -> u64 {
    let results = if numerics.is_fused() { 1 } else { 2 };
    results * numerics.width() * values
}

/// The largest moment in the backward of a feed-forward part: the gradient that comes in, that of the product, and either
/// those of its two factors in the place of the product, or that of the last map's weight.
fn fed_backward(s: u64, t: u64, d: u64, f: u64) -> u64 {
    (s * t * (d + 2 * f)).max(s * (t * (d + f) + d * f))
}

/// A layer that looks at so many vision tokens.
#[expect(
    clippy::many_single_char_names,
    reason = "the shape letters of the field"
)]
fn cross_layer(
    text: &Text,
    load: &Load,
    numerics: Numerics,
    seen: u64,
    lora: Option<&Lora>,
) -> Block {
    let s = numerics.width();
    let (t, d, f) = (load.tokens, text.width, text.inner);
    let (q, kv) = (text.queries(), text.keys());
    let norm = numerics.norm(t * d, t);
    let queries = numerics.norm(t * q, t * text.heads);
    let keys = numerics.norm(seen * kv, seen * text.key_heads);
    // Attention's output is always put together; the gates keep what they scale.
    let attention = 2 * s * t * q + F32 * t * text.heads + s * seen * kv;
    let beside = Beside::of(lora, numerics, (t, d, f));
    let inner = queries.input + queries.output + keys.input + keys.output;
    let maps = inner + attention + 2 * s * t * (f + d);
    Block {
        input: s * t * d,
        lean: 2 * norm.lean + maps + beside.lean,
        whole: 2 * norm.input + beside.normed * norm.output + maps + beside.whole,
        remade: s * t * f,
        // The features' gradients of two layers are added.
        backward: fed_backward(s, t, d, f) + 2 * s * seen * d,
    }
}

/// Vision tokens that cross-attention looks at.
fn vision_tokens(model: &Architecture, load: &Load) -> u64 {
    match &model.vision {
        Some(
            vision @ Vision {
                tower: Tower::Canvas { tiles, .. },
                ..
            },
        ) => load.pictures * tiles * vision.tile_tokens(),
        _ => 0,
    }
}

/// Rows that go through the tower's layers.
fn tower_rows(vision: &Vision, load: &Load) -> u64 {
    match vision.tower {
        Tower::Tiles { side, .. } => load.patches / (side * side) * vision.tile_tokens(),
        // Patches count what fills them up.
        Tower::Merged { .. } | Tower::Canvas { .. } => load.patches,
    }
}

fn tower_layers(vision: &Vision, load: &Load, numerics: Numerics) -> Vec<(u64, Block)> {
    let s = numerics.width();
    let p = tower_rows(vision, load);
    let (w, f) = (vision.width, vision.inner);
    // Mean and deviation of each row.
    let scales = 2 * if numerics.is_fused() { s } else { F32 } * p;
    // CLIP's activation is composed where no loop of ours runs: what the sigmoid gives is kept too.
    let steps = if vision.quick && !numerics.is_fused() {
        2
    } else {
        1
    };
    let lse = F32 * p * vision.heads;
    // Both norms and the activation are made again.
    let block = |widths: u64| {
        let lean = s * p * (widths * w + f) + lse + 2 * scales;
        Block {
            input: s * p * w,
            lean,
            whole: lean + s * p * (2 * w + steps * f),
            remade: s * p * f,
            backward: s * (p * (w + f) + w * f),
        }
    };
    // What enters, queries, keys, values, attention's output, the sum in the middle; and the first map's output.
    let plain = block(6);
    match vision.tower {
        // DINOv2 scales what its parts give, and keeps that.
        Tower::Tiles { run, dino, .. } => {
            vec![(run, if dino.is_some() { block(8) } else { plain })]
        }
        // Values are a view of all three projections, which stay beside rotated queries and keys. Where attention is libtorch's,
        // parts of several pictures are put together.
        Tower::Merged { .. } => {
            let is_long = numerics.dtype == Dtype::Bf16 && p > LONG_IN_BF16 * load.pictures;
            let joins = load.pictures > 1 && (!numerics.is_fused() || is_long);
            vec![(vision.layers, block(if joins { 9 } else { 8 }))]
        }
        // The gates keep what they scale.
        Tower::Canvas { global, .. } => vec![(vision.layers, plain), (global, block(8))],
    }
}

/// What is kept before and behind a tower's layers; `(t, d)` are tokens and width of the text.
#[expect(
    clippy::many_single_char_names,
    reason = "the shape letters of the field"
)]
fn around_tower(
    vision: &Vision,
    load: &Load,
    numerics: Numerics,
    flow: Flow,
    (t, d): (u64, u64),
) -> u64 {
    if !flow.tower && !flow.projector {
        return 0;
    }
    let s = numerics.width();
    let p = tower_rows(vision, load);
    let w = vision.width;
    let pixels = vision.channels * vision.patch * vision.patch;
    let trained = |bytes: u64| if flow.tower { bytes } else { 0 };
    match vision.tower {
        Tower::Tiles { dino, .. } => {
            let normed = if dino.is_some() { 0 } else { s * p * w };
            // Flat patches and what enters the norm before the layers; then what is projected, in and out of the activation, and
            // the features as they take the places of image tokens.
            trained(s * load.patches * pixels + normed)
                + s * load.patches * (w + 2 * d)
                + s * load.patches.min(t) * d
        }
        Tower::Merged { merge, frames } => {
            let turned = F32 * p * (w / vision.heads);
            trained(s * p * pixels * frames + turned) + s * p * 4 * w + s * p / (merge * merge) * d
        }
        Tower::Canvas {
            tiles,
            states,
            arrangements,
            ..
        } => {
            let tokens = load.pictures * tiles * vision.tile_tokens();
            let flat = load.pictures * tiles * (vision.tile_tokens() - 1) * pixels;
            let places = load.pictures.min(arrangements) * tiles * vision.tile_tokens() * w;
            trained(s * (flat + tokens * w + p * w + places)) + s * tokens * (w * (1 + states) + d)
        }
    }
}

//! Qwen2-VL's vision transformer: every picture at its own size, packed like a text.
//!
//! Shapes: p patches of all pictures, w tower width, h heads, e head width, d model width.

use torch::{Device, Kind, Tensor};

use super::config::VisionConfig;
use crate::error::Error;
use crate::init::Init;
use crate::nn::attention::masked;
use crate::nn::layers::{LayerNorm, Linear};
use crate::nn::rope::{Rope, RopeConfig, rotate};
use crate::nn::shared::Shared;
use crate::parameter::Group;
use crate::recompute::Recompute;
use crate::weights::Weights;

/// Fixed by the family.
const NORM_EPS: f64 = 1e-6;

/// The tower and the merger behind it.
#[derive(Debug)]
pub struct Tower {
    patch: Tensor,
    layers: Vec<Shared<Layer>>,
    norm: LayerNorm,
    merge1: Linear,
    merge2: Linear,
    rope: Rope,
    config: VisionConfig,
}

#[derive(Debug)]
struct Layer {
    norm1: LayerNorm,
    norm2: LayerNorm,
    qkv: Linear,
    output: Linear,
    fc1: Linear,
    fc2: Linear,
}

/// What all layers of one forward share.
struct Pass {
    cos: Tensor,
    sin: Tensor,
    /// Patches of each picture.
    lengths: Vec<i64>,
    config: VisionConfig,
    recompute: Recompute,
}

impl Pass {
    /// The same for a layer that is run again as a whole.
    fn again(&self) -> Self {
        Self {
            cos: self.cos.shallow_clone(),
            sin: self.sin.shallow_clone(),
            lengths: self.lengths.clone(),
            config: self.config.clone(),
            recompute: Recompute::None,
        }
    }
}

impl Tower {
    /// Takes everything below `name`; the merger is the projector's group.
    pub fn new(
        weights: &mut Weights,
        name: &str,
        config: &VisionConfig,
        out: i64,
        device: Device,
    ) -> Result<Self, Error> {
        let w = config.width;
        let shape = [
            w,
            config.num_channels,
            config.frames,
            config.patch_size,
            config.patch_size,
        ];
        weights.group = Group::VisionTower;
        let patch = weights.tensor(
            &format!("{name}.patch_embed.proj.weight"),
            &shape,
            Init::Xavier,
        )?;
        let layers = (0..config.num_layers)
            .map(|i| Layer::new(weights, &format!("{name}.blocks.{i}"), config).map(Shared::new))
            .collect::<Result<_, _>>()?;
        weights.group = Group::Projector;
        let wide = w * config.merge * config.merge;
        let norm = LayerNorm::new(weights, &format!("{name}.merger.ln_q"), w, NORM_EPS)?;
        let mut linear = |part: &str, outputs| {
            let name = format!("{name}.merger.mlp.{part}");
            Linear::new(weights, &name, wide, outputs, true, Init::Xavier)
        };
        let merge1 = linear("0", wide)?;
        let merge2 = linear("2", out)?;
        let rope = RopeConfig {
            theta: config.theta,
            llama3: None,
            sections: None,
        };
        // Rows turn one half of a head's frequencies, columns the other.
        let rope = Rope::new(&rope, w / config.num_heads / 2, device)?;
        Ok(Self {
            patch,
            layers,
            norm,
            merge1,
            merge2,
            rope,
            config: config.clone(),
        })
    }

    /// Features `[p / merge², d]` of patches `[p, channels, height, width]`, which lie in blocks that are merged.
    /// `grids` are the pictures' rows and columns of patches.
    pub fn forward(
        &self,
        pixels: &Tensor,
        grids: &[(usize, usize)],
        recompute: Recompute,
    ) -> Result<Tensor, Error> {
        let config = &self.config;
        let [p, c, size] = [pixels.size()[0], config.num_channels, config.patch_size];
        // A picture is a video of equal frames.
        let frames = pixels
            .f_reshape([p, c, 1, size, size])?
            .f_expand([p, c, config.frames, size, size], false)?
            .f_reshape([p, -1])?;
        let mut hidden =
            frames.f_linear(&self.patch.f_reshape([config.width, -1])?, None::<Tensor>)?;
        let (rows, columns) = places(grids, config.merge as usize);
        let positions = Tensor::f_stack(
            &[
                Tensor::f_from_slice(&rows)?,
                Tensor::f_from_slice(&columns)?,
            ],
            0,
        )?
        .f_to_device(hidden.device())?;
        let (cos, sin) = self.rope.axial_angles(&positions)?;
        let pass = Pass {
            cos,
            sin,
            lengths: grids.iter().map(|(h, w)| (h * w) as i64).collect(),
            config: config.clone(),
            recompute,
        };
        for layer in &self.layers {
            hidden = match recompute {
                Recompute::Blocks => {
                    let pass = pass.again();
                    layer.again(&[&hidden], move |layer, x| layer.forward(&x[0], &pass))?
                }
                _ => layer.get().forward(&hidden, &pass)?,
            };
        }
        let wide = config.width * config.merge * config.merge;
        let merged = self.norm.forward(&hidden)?.f_reshape([-1, wide])?;
        self.merge2
            .forward(&self.merge1.forward(&merged)?.f_gelu("none")?)
    }
}

/// Row and column of each patch, in the order of the patches: block by block.
fn places(grids: &[(usize, usize)], merge: usize) -> (Vec<i64>, Vec<i64>) {
    let (mut rows, mut columns) = (Vec::new(), Vec::new());
    for &(height, width) in grids {
        for row in (0..height).step_by(merge) {
            for column in (0..width).step_by(merge) {
                for place in 0..merge * merge {
                    rows.push((row + place / merge) as i64);
                    columns.push((column + place % merge) as i64);
                }
            }
        }
    }
    (rows, columns)
}

impl Layer {
    fn new(weights: &mut Weights, name: &str, config: &VisionConfig) -> Result<Self, Error> {
        let (w, f) = (config.width, config.intermediate_size);
        let mut linear = |part: &str, inputs, outputs| {
            let name = format!("{name}.{part}");
            Linear::new(weights, &name, inputs, outputs, true, Init::Xavier)
        };
        let qkv = linear("attn.qkv", w, 3 * w)?;
        let output = linear("attn.proj", w, w)?;
        let fc1 = linear("mlp.fc1", w, f)?;
        let fc2 = linear("mlp.fc2", f, w)?;
        Ok(Self {
            norm1: LayerNorm::new(weights, &format!("{name}.norm1"), w, NORM_EPS)?,
            norm2: LayerNorm::new(weights, &format!("{name}.norm2"), w, NORM_EPS)?,
            qkv,
            output,
            fc1,
            fc2,
        })
    }

    fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor, Error> {
        let (recompute, activation) = (pass.recompute, pass.config.activation);
        let normed = self.norm1.forward(x)?;
        let mixed = self.attention(&normed, pass)?;
        recompute.remake(&normed, &mixed, || self.norm1.maker(x))?;
        let x = x.f_add(&mixed)?;
        let normed = self.norm2.forward(&x)?;
        let inner = self.fc1.forward(&normed)?;
        recompute.remake(&normed, &inner, || self.norm2.maker(&x))?;
        let active = activation.forward_keeping(&inner, recompute)?;
        let fed = self.fc2.forward(&active)?;
        recompute.remake(&active, &fed, || activation.maker(&inner))?;
        Ok(x.f_add(&fed)?)
    }

    /// Each picture's patches see each other.
    fn attention(&self, x: &Tensor, pass: &Pass) -> Result<Tensor, Error> {
        let (config, lengths) = (&pass.config, &pass.lengths[..]);
        let p = x.size()[0];
        let heads = [p, 3, config.num_heads, config.width / config.num_heads];
        let qkv = self.qkv.forward(x)?.f_reshape(heads)?.f_unbind(1)?;
        let kind = x.kind();
        let exact = if kind == Kind::Double {
            kind
        } else {
            Kind::Float
        };
        // Turned in f32, whatever the dtype of the model, as there.
        let turned = |x: &Tensor| -> Result<Tensor, Error> {
            let (cos, sin) = (pass.cos.f_to_kind(exact)?, pass.sin.f_to_kind(exact)?);
            Ok(rotate(&x.f_to_kind(exact)?, &cos, &sin)?.f_to_kind(kind)?)
        };
        let first = |x: &Tensor| x.f_transpose(0, 1)?.f_unsqueeze(0);
        let split = |x: &Tensor| x.f_split_with_sizes(lengths, 0);
        let (q, k) = (split(&turned(&qkv[0])?)?, split(&turned(&qkv[1])?)?);
        let mut parts = Vec::with_capacity(lengths.len());
        for ((q, k), v) in q.iter().zip(&k).zip(split(&qkv[2])?) {
            let out = masked(&first(q)?, &first(k)?, &first(&v)?, None)?;
            parts.push(out.f_squeeze_dim(0)?.f_transpose(0, 1)?);
        }
        self.output
            .forward(&Tensor::f_cat(&parts, 0)?.f_reshape([p, config.width])?)
    }
}

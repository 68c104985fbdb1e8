//! DINOv2's vision transformer, up to the layer whose output is read. Mirrors `Dinov2Model` of `transformers` 5.17.0
//! without its SwiGLU form.
//!
//! Shapes: n pictures, p patches of a picture (one more with the class token), d tower width.

use torch::{Kind, Tensor};

use crate::error::Error;
use crate::init::Init;
use crate::nn::attention::masked;
use crate::nn::clip::{ClipConfig, patches};
use crate::nn::layers::{LayerNorm, Linear};
use crate::nn::shared::Shared;
use crate::recompute::Recompute;
use crate::weights::Weights;

/// What DINOv2 has beside CLIP's sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct DinoConfig {
    /// Sizes and choices.
    pub sizes: ClipConfig,
    /// Biases of queries, keys and values.
    pub input_bias: bool,
    /// Whether the checkpoint has a mask token, which only pre-training reads.
    pub mask_token: bool,
}

/// The tower. It holds all layers of the checkpoint and runs the first `run` of them.
#[derive(Debug)]
pub struct Dino {
    class: Tensor,
    patch: Tensor,
    patch_bias: Tensor,
    position: Tensor,
    layers: Vec<Shared<Layer>>,
    config: ClipConfig,
    run: usize,
}

#[derive(Debug)]
struct Layer {
    norm1: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    scale1: Tensor,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    scale2: Tensor,
}

impl Dino {
    /// Takes everything below `name`; the first `run` layers will be run.
    pub fn new(
        weights: &mut Weights,
        name: &str,
        config: &DinoConfig,
        run: usize,
    ) -> Result<Self, Error> {
        let sizes = &config.sizes;
        let (d, side, width) = (sizes.hidden_size, sizes.side(), sizes.patch_size);
        let mut tensor = |part: &str, shape: &[i64], init| {
            weights.tensor(&format!("{name}.{part}"), shape, init)
        };
        let normal = Init::Normal(0.02);
        let class = tensor("embeddings.cls_token", &[1, 1, d], normal)?;
        if config.mask_token {
            let _ = tensor("embeddings.mask_token", &[1, d], Init::Zeros)?;
        }
        let position = tensor(
            "embeddings.position_embeddings",
            &[1, side * side + 1, d],
            normal,
        )?;
        let patch_shape = [d, sizes.num_channels, width, width];
        let part = "embeddings.patch_embeddings.projection";
        let patch = tensor(&format!("{part}.weight"), &patch_shape, Init::Xavier)?;
        let patch_bias = tensor(&format!("{part}.bias"), &[d], Init::Zeros)?;
        let mut layers = Vec::with_capacity(run);
        for i in 0..sizes.num_layers {
            let layer = Layer::new(weights, &format!("{name}.encoder.layer.{i}"), config)?;
            if i < run {
                layers.push(Shared::new(layer));
            }
        }
        LayerNorm::new(weights, &format!("{name}.layernorm"), d, sizes.norm_eps)?;
        Ok(Self {
            class,
            patch,
            patch_bias,
            position,
            layers,
            config: sizes.clone(),
            run,
        })
    }

    /// Whether the forward reads the parameter `below` (its name after the tower's), or its gradient is zero by
    /// construction (key biases, see `Clip::reads`).
    pub fn reads(&self, below: &str, class_is_kept: bool) -> bool {
        if let Some(rest) = below.strip_prefix("encoder.layer.") {
            let layer = rest.split('.').next().and_then(|i| i.parse::<usize>().ok());
            return layer.is_some_and(|i| i < self.run) && !below.ends_with("attention.key.bias");
        }
        let class = below == "embeddings.cls_token" && self.run == 0 && !class_is_kept;
        !(class || below == "embeddings.mask_token" || below.starts_with("layernorm"))
    }

    /// Hidden states `[n, 1 + p, d]` of pictures `[n, channels, height, width]`, the class token first. Pictures of
    /// another size than the configuration's have the positions stretched.
    pub fn forward(&self, pixels: &Tensor, recompute: Recompute) -> Result<Tensor, Error> {
        let d = self.config.hidden_size;
        let (cut, (rows, columns)) = patches(pixels, self.config.patch_size)?;
        let embedded = cut.f_linear(&self.patch.f_reshape([d, -1])?, Some(&self.patch_bias))?;
        let class = self.class.f_expand([pixels.size()[0], 1, d], false)?;
        let position = self.positions(rows, columns)?;
        let mut hidden = Tensor::f_cat(&[class, embedded], 1)?.f_add(&position)?;
        for layer in &self.layers {
            hidden = match recompute {
                Recompute::Blocks => {
                    let config = self.config.clone();
                    layer.again(&[&hidden], move |layer, x| {
                        layer.forward(&x[0], &config, Recompute::None)
                    })?
                }
                _ => layer.get().forward(&hidden, &self.config, recompute)?,
            };
        }
        Ok(hidden)
    }

    fn positions(&self, rows: i64, columns: i64) -> Result<Tensor, Error> {
        let (d, side) = (self.config.hidden_size, self.config.side());
        if rows == side && columns == side {
            return Ok(self.position.shallow_clone());
        }
        let class = self.position.f_narrow(1, 0, 1)?;
        let grid = self
            .position
            .f_narrow(1, 1, side * side)?
            .f_reshape([1, side, side, d])?
            .f_permute([0, 3, 1, 2])?;
        // In f32 as there, whatever the dtype of the model.
        let stretched = grid
            .f_to_kind(Kind::Float)?
            .f_upsample_bicubic2d([rows, columns], false, None, None)?
            .f_to_kind(self.position.kind())?
            .f_permute([0, 2, 3, 1])?
            .f_reshape([1, rows * columns, d])?;
        Ok(Tensor::f_cat(&[class, stretched], 1)?)
    }
}

impl Layer {
    fn new(weights: &mut Weights, name: &str, config: &DinoConfig) -> Result<Self, Error> {
        let sizes = &config.sizes;
        let (d, f, eps) = (sizes.hidden_size, sizes.intermediate_size, sizes.norm_eps);
        let mut linear = |part: &str, inputs, outputs, bias| {
            let name = format!("{name}.{part}");
            Linear::new(weights, &name, inputs, outputs, bias, Init::Xavier)
        };
        let query = linear("attention.attention.query", d, d, config.input_bias)?;
        let key = linear("attention.attention.key", d, d, config.input_bias)?;
        let value = linear("attention.attention.value", d, d, config.input_bias)?;
        let output = linear("attention.output.dense", d, d, true)?;
        let fc1 = linear("mlp.fc1", d, f, true)?;
        let fc2 = linear("mlp.fc2", f, d, true)?;
        let norm1 = LayerNorm::new(weights, &format!("{name}.norm1"), d, eps)?;
        let norm2 = LayerNorm::new(weights, &format!("{name}.norm2"), d, eps)?;
        let mut scale =
            |part: &str| weights.tensor(&format!("{name}.{part}.lambda1"), &[d], Init::Ones);
        Ok(Self {
            scale1: scale("layer_scale1")?,
            scale2: scale("layer_scale2")?,
            norm1,
            query,
            key,
            value,
            output,
            norm2,
            fc1,
            fc2,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        config: &ClipConfig,
        recompute: Recompute,
    ) -> Result<Tensor, Error> {
        let normed = self.norm1.forward(x)?;
        let mixed = self.attention(&normed, config.num_heads)?;
        recompute.remake(&normed, &mixed, || self.norm1.maker(x))?;
        let x = x.f_add(&mixed.f_mul(&self.scale1)?)?;
        let normed = self.norm2.forward(&x)?;
        let inner = self.fc1.forward(&normed)?;
        recompute.remake(&normed, &inner, || self.norm2.maker(&x))?;
        let active = config.activation.forward_keeping(&inner, recompute)?;
        let fed = self.fc2.forward(&active)?;
        recompute.remake(&active, &fed, || config.activation.maker(&inner))?;
        Ok(x.f_add(&fed.f_mul(&self.scale2)?)?)
    }

    fn attention(&self, x: &Tensor, num_heads: i64) -> Result<Tensor, Error> {
        let [n, p, d] = [x.size()[0], x.size()[1], x.size()[2]];
        let heads = |y: &Tensor| {
            y.f_reshape([n, p, num_heads, d / num_heads])?
                .f_transpose(1, 2)
        };
        // As in CLIP, a bias on all keys has no gradient but rounding.
        let mixed = masked(
            &heads(&self.query.forward(x)?)?,
            &heads(&self.key.forward_with_still_bias(x)?)?,
            &heads(&self.value.forward(x)?)?,
            None,
        )?;
        self.output
            .forward(&mixed.f_transpose(1, 2)?.f_reshape([n, p, d])?)
    }
}

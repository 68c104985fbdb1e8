//! CLIP's vision transformer, up to the layer whose output is read.
//!
//! Shapes: n tiles, p patches of a tile (one more with the class token), d tower width, e head width.

use torch::Tensor;

use crate::error::Error;
use crate::init::Init;
use crate::nn::activation::Activation;
use crate::nn::attention::masked;
use crate::nn::layers::{LayerNorm, Linear};
use crate::nn::shared::Shared;
use crate::recompute::Recompute;
use crate::weights::Weights;

/// Sizes and choices of a tower.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipConfig {
    /// Tower width.
    pub hidden_size: i64,
    /// Width inside of the feed-forward part.
    pub intermediate_size: i64,
    /// Layers that the checkpoint holds.
    pub num_layers: usize,
    /// Attention heads.
    pub num_heads: i64,
    /// Colour channels.
    pub num_channels: i64,
    /// Side of a tile, in pixels.
    pub image_size: i64,
    /// Side of a patch, in pixels.
    pub patch_size: i64,
    /// Activation of the feed-forward part.
    pub activation: Activation,
    /// Added inside of the norms' roots.
    pub norm_eps: f64,
}

impl ClipConfig {
    /// Patches along one side of a tile.
    pub fn side(&self) -> i64 {
        self.image_size / self.patch_size
    }
}

/// The tower. It holds all layers of the checkpoint and runs the first `run` of them.
#[derive(Debug)]
pub struct Clip {
    class: Tensor,
    patch: Tensor,
    position: Tensor,
    pre_norm: LayerNorm,
    layers: Vec<Shared<Layer>>,
    config: ClipConfig,
    run: usize,
}

#[derive(Debug)]
struct Layer {
    norm1: LayerNorm,
    key: Linear,
    value: Linear,
    query: Linear,
    output: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
    num_heads: i64,
}

impl Clip {
    /// Takes everything below `name`; the first `run` layers will be run.
    pub fn new(
        weights: &mut Weights,
        name: &str,
        config: ClipConfig,
        run: usize,
    ) -> Result<Self, Error> {
        let (d, side, patch) = (config.hidden_size, config.side(), config.patch_size);
        let class = weights.tensor(
            &format!("{name}.embeddings.class_embedding"),
            &[d],
            Init::Normal(0.02),
        )?;
        let patch_shape = [d, config.num_channels, patch, patch];
        let patch = weights.tensor(
            &format!("{name}.embeddings.patch_embedding.weight"),
            &patch_shape,
            Init::Xavier,
        )?;
        let position = weights.tensor(
            &format!("{name}.embeddings.position_embedding.weight"),
            &[side * side + 1, d],
            Init::SinCos2d,
        )?;
        let pre_norm =
            LayerNorm::new(weights, &format!("{name}.pre_layrnorm"), d, config.norm_eps)?;
        let mut layers = Vec::with_capacity(run);
        for i in 0..config.num_layers {
            let layer = Layer::new(weights, &format!("{name}.encoder.layers.{i}"), &config)?;
            if i < run {
                layers.push(Shared::new(layer));
            }
        }
        LayerNorm::new(
            weights,
            &format!("{name}.post_layernorm"),
            d,
            config.norm_eps,
        )?;
        Ok(Self {
            class,
            patch,
            position,
            pre_norm,
            layers,
            config,
            run,
        })
    }

    /// Whether the forward reads the parameter `below` (its name after the tower's), or its gradient is zero by
    /// construction: a bias on all keys shifts every score of a query alike, and the softmax takes that out.
    pub fn reads(&self, below: &str, class_is_kept: bool) -> bool {
        if let Some(rest) = below.strip_prefix("encoder.layers.") {
            let layer = rest.split('.').next().and_then(|i| i.parse::<usize>().ok());
            return layer.is_some_and(|i| i < self.run) && !below.ends_with("k_proj.bias");
        }
        let class = below == "embeddings.class_embedding";
        !(below.starts_with("post_layernorm") || class && self.run == 0 && !class_is_kept)
    }

    /// Hidden states `[n, 1 + p, d]` of tiles `[n, channels, height, width]`, the class token first.
    pub fn forward(&self, pixels: &Tensor, recompute: Recompute) -> Result<Tensor, Error> {
        let d = self.config.hidden_size;
        let tiles = pixels.size()[0];
        let (patches, _) = patches(pixels, self.config.patch_size)?;
        let embedded = patches.f_linear(&self.patch.f_reshape([d, -1])?, None::<Tensor>)?;
        let class = self.class.f_expand([tiles, 1, d], false)?;
        let embedded = Tensor::f_cat(&[class, embedded], 1)?.f_add(&self.position)?;
        let mut hidden = self.pre_norm.forward(&embedded)?;
        for layer in &self.layers {
            hidden = match recompute {
                Recompute::Blocks => {
                    layer.again(&[&hidden], |layer, x| layer.forward(&x[0], Recompute::None))?
                }
                _ => layer.get().forward(&hidden, recompute)?,
            };
        }
        Ok(hidden)
    }

    /// The configuration.
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }
}

/// Flat patches `[n, p, channels · patch²]` of pictures `[n, channels, height, width]`, and their rows and columns. The
/// convolution whose stride is its kernel is one linear map of these. A last part of a picture that fills no patch is
/// left out, as the convolution does.
pub fn patches(pixels: &Tensor, size: i64) -> Result<(Tensor, (i64, i64)), Error> {
    let shape = pixels.size();
    let [n, c, h, w] = [shape[0], shape[1], shape[2] / size, shape[3] / size];
    let cut = pixels
        .f_narrow(2, 0, h * size)?
        .f_narrow(3, 0, w * size)?
        .f_reshape([n, c, h, size, w, size])?
        .f_permute([0, 2, 4, 1, 3, 5])?
        .f_reshape([n, h * w, c * size * size])?;
    Ok((cut, (h, w)))
}

impl Layer {
    fn new(weights: &mut Weights, name: &str, config: &ClipConfig) -> Result<Self, Error> {
        let (d, f, eps) = (
            config.hidden_size,
            config.intermediate_size,
            config.norm_eps,
        );
        let mut linear = |part: &str, inputs, outputs| {
            Linear::new(
                weights,
                &format!("{name}.{part}"),
                inputs,
                outputs,
                true,
                Init::Xavier,
            )
        };
        let key = linear("self_attn.k_proj", d, d)?;
        let value = linear("self_attn.v_proj", d, d)?;
        let query = linear("self_attn.q_proj", d, d)?;
        let output = linear("self_attn.out_proj", d, d)?;
        let fc1 = linear("mlp.fc1", d, f)?;
        let fc2 = linear("mlp.fc2", f, d)?;
        let norm1 = LayerNorm::new(weights, &format!("{name}.layer_norm1"), d, eps)?;
        let norm2 = LayerNorm::new(weights, &format!("{name}.layer_norm2"), d, eps)?;
        Ok(Self {
            norm1,
            key,
            value,
            query,
            output,
            norm2,
            fc1,
            fc2,
            activation: config.activation,
            num_heads: config.num_heads,
        })
    }

    fn forward(&self, x: &Tensor, recompute: Recompute) -> Result<Tensor, Error> {
        let normed = self.norm1.forward(x)?;
        let mixed = self.attention(&normed)?;
        recompute.remake(&normed, &mixed, || self.norm1.maker(x))?;
        let x = x.f_add(&mixed)?;
        let normed = self.norm2.forward(&x)?;
        let inner = self.fc1.forward(&normed)?;
        recompute.remake(&normed, &inner, || self.norm2.maker(&x))?;
        let active = self.activation.forward_keeping(&inner, recompute)?;
        let fed = self.fc2.forward(&active)?;
        recompute.remake(&active, &fed, || self.activation.maker(&inner))?;
        Ok(x.f_add(&fed)?)
    }

    #[expect(
        clippy::many_single_char_names,
        reason = "the shape letters of the field"
    )]
    fn attention(&self, x: &Tensor) -> Result<Tensor, Error> {
        let [n, p, d] = [x.size()[0], x.size()[1], x.size()[2]];
        let heads = |y: &Tensor| {
            y.f_reshape([n, p, self.num_heads, d / self.num_heads])?
                .f_transpose(1, 2)
        };
        let q = heads(&self.query.forward(x)?)?;
        // Its gradient is zero but for rounding; the noise must not reach an optimizer that scales it up.
        let k = heads(&self.key.forward_with_still_bias(x)?)?;
        let v = heads(&self.value.forward(x)?)?;
        let mixed = masked(&q, &k, &v, None)?;
        self.output
            .forward(&mixed.f_transpose(1, 2)?.f_reshape([n, p, d])?)
    }
}

//! Llama 3.2's vision tower.
//!
//! Every picture is filled up to the largest number of tiles, and every tile's tokens up to a multiple of eight. Padding
//! takes part: real tokens see it, and it sees them; only padding and padding do not see each other. That is what the
//! masks of `transformers` amount to, and what the published weights were trained with. No token knows its place but by
//! what was added to it, so real tokens stand first and what fills up tiles stands last: what real tokens see and what
//! padding sees are then two calls without a mask, which would be the largest tensor here, and one a layer.
//!
//! Shapes: n tiles of a picture with padding, p tokens of a tile, q the same filled up, w tower width.

use torch::Tensor;

use super::config::VisionConfig;
use crate::error::Error;
use crate::init::Init;
use crate::nn::attention::masked as attend;
use crate::nn::clip::patches;
use crate::nn::layers::{LayerNorm, Linear};
use crate::nn::shared::Shared;
use crate::recompute::Recompute;
use crate::weights::Weights;

/// Of the norms outside of the layers.
const NORM_EPS: f64 = 1e-5;

/// The tower.
#[derive(Debug)]
pub struct Tower {
    patch: Tensor,
    class: Tensor,
    pre_tile: GatedEmbedding,
    post_tile: GatedEmbedding,
    position: Tensor,
    tile_position: Tensor,
    position_gate: Tensor,
    norm_pre: LayerNorm,
    norm_post: LayerNorm,
    layers: Vec<Shared<Layer>>,
    global: Vec<Shared<Layer>>,
    config: VisionConfig,
}

/// One vector a tile for each arrangement.
#[derive(Debug)]
struct GatedEmbedding {
    embedding: Tensor,
    gate: Tensor,
}

#[derive(Debug)]
struct Layer {
    norm1: LayerNorm,
    norm2: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    fc1: Linear,
    fc2: Linear,
    gates: Option<(Tensor, Tensor)>,
}

impl Tower {
    /// Takes everything below `name`.
    pub fn new(weights: &mut Weights, name: &str, config: &VisionConfig) -> Result<Self, Error> {
        let (w, size, p) = (config.hidden_size, config.patch_size, config.tokens());
        let (rows, tiles) = (config.ratios.len() as i64 + 1, config.max_tiles);
        let normal = Init::Normal(0.02);
        let mut tensor = |part: &str, shape: &[i64], init| {
            weights.tensor(&format!("{name}.{part}"), shape, init)
        };
        let patch = tensor(
            "patch_embedding.weight",
            &[w, config.num_channels, size, size],
            Init::Xavier,
        )?;
        let class = tensor("class_embedding", &[w], normal)?;
        let at = "gated_positional_embedding";
        let position = tensor(&format!("{at}.embedding"), &[p, w], normal)?;
        let tile_position = tensor(
            &format!("{at}.tile_embedding.weight"),
            &[rows, tiles * p * w],
            normal,
        )?;
        let position_gate = tensor(&format!("{at}.gate"), &[1], Init::Zeros)?;
        let mut gated = |part: &str| -> Result<GatedEmbedding, Error> {
            Ok(GatedEmbedding {
                embedding: tensor(
                    &format!("{part}.embedding.weight"),
                    &[rows, tiles * w],
                    normal,
                )?,
                gate: tensor(&format!("{part}.gate"), &[1], Init::Zeros)?,
            })
        };
        let pre_tile = gated("pre_tile_positional_embedding")?;
        let post_tile = gated("post_tile_positional_embedding")?;
        let norm_pre = LayerNorm::new(weights, &format!("{name}.layernorm_pre"), w, NORM_EPS)?;
        let norm_post = LayerNorm::new(weights, &format!("{name}.layernorm_post"), w, NORM_EPS)?;
        let mut stack = |part: &str, count: usize, gated: bool| {
            (0..count)
                .map(|i| {
                    let name = format!("{name}.{part}.layers.{i}");
                    Ok(Shared::new(Layer::new(weights, &name, config, gated)?))
                })
                .collect::<Result<Vec<_>, Error>>()
        };
        let layers = stack("transformer", config.num_layers, false)?;
        let global = stack("global_transformer", config.num_global_layers, true)?;
        Ok(Self {
            patch,
            class,
            pre_tile,
            post_tile,
            position,
            tile_position,
            position_gate,
            norm_pre,
            norm_post,
            layers,
            global,
            config: config.clone(),
        })
    }

    /// What each of these arrangements (ids from 1) adds to the tokens of its tiles `[n, p, w]`. Taken for all pictures of a
    /// batch at once: each taking gives the whole table a gradient of its own.
    pub fn places(&self, arrangements: &[i64]) -> Result<Vec<Tensor>, Error> {
        let config = &self.config;
        let ids = Tensor::f_from_slice(arrangements)?.f_to_device(self.tile_position.device())?;
        let own = self.tile_position.f_index_select(0, &ids)?.f_reshape([
            -1,
            config.max_tiles,
            config.tokens(),
            config.hidden_size,
        ])?;
        Ok(self.position_gate.f_tanh()?.f_mul(&own)?.f_unbind(0)?)
    }

    /// Features `[n · p, w · (1 + intermediate layers)]` of one picture's real tiles `[tiles, channels, height, width]`.
    /// `arrangement` is its id, `places` what [`Tower::places`] gives for it.
    pub fn forward(
        &self,
        pixels: &Tensor,
        arrangement: i64,
        places: &Tensor,
        recompute: Recompute,
    ) -> Result<Tensor, Error> {
        let config = &self.config;
        let (w, n, p) = (config.hidden_size, config.max_tiles, config.tokens());
        let real = pixels.size()[0];
        let shape = pixels.size();
        let options = (pixels.kind(), pixels.device());
        let empty = Tensor::f_zeros([n - real, shape[1], shape[2], shape[3]], options)?;
        let (cut, _) = patches(&Tensor::f_cat(&[pixels, &empty], 0)?, config.patch_size)?;
        let mut x = cut.f_linear(&self.patch.f_reshape([w, -1])?, None::<Tensor>)?;
        x = x.f_add(&self.pre_tile.vectors(arrangement, n)?)?;
        let class = self.class.f_expand([n, 1, w], false)?;
        x = Tensor::f_cat(&[class, x], 1)?;
        let gate = self.position_gate.f_tanh()?;
        let shared = gate.f_neg()?.f_add_scalar(1.0)?.f_mul(&self.position)?;
        x = self.norm_pre.forward(&x.f_add(&shared)?.f_add(places)?)?;
        // Each tile is filled up to a multiple of eight.
        let fill = config.filled_tokens() - p;
        x = x.f_reshape([1, n * p, w])?;
        if fill > 0 {
            x = Tensor::f_cat(&[&x, &Tensor::f_zeros([1, n * fill, w], options)?], 1)?;
        }
        let seen = real * p;
        let mut states = Vec::with_capacity(self.layers.len());
        for (i, layer) in self.layers.iter().enumerate() {
            x = run(layer, &x, seen, config, recompute)?;
            let kept = config.intermediate_layers.contains(&i);
            states.push(kept.then(|| x.shallow_clone()));
        }
        let own = self.post_tile.vectors(arrangement, n)?;
        let rows = |each: i64| {
            own.f_expand([n, each, w], false)?
                .f_reshape([1, n * each, w])
        };
        let own = Tensor::f_cat(&[rows(p)?, rows(fill)?], 1)?;
        x = self.norm_post.forward(&x)?.f_add(&own)?;
        for layer in &self.global {
            x = run(layer, &x, seen, config, recompute)?;
        }
        let mut kept = vec![x.f_narrow(1, 0, n * p)?];
        if !config.intermediate_layers.is_empty() {
            // Stacked behind the width: element i of all kept layers lies together.
            let chosen: Vec<Tensor> = config
                .intermediate_layers
                .iter()
                .filter_map(|&i| states[i].as_ref())
                .map(|state| state.f_narrow(1, 0, n * p))
                .collect::<Result<_, _>>()?;
            kept.push(Tensor::f_stack(&chosen, -1)?.f_reshape([1, n * p, -1])?);
        }
        Ok(Tensor::f_cat(&kept, 2)?.f_reshape([n * p, -1])?)
    }
}

/// The layer's forward. The first `seen` tokens are real.
fn run(
    layer: &Shared<Layer>,
    x: &Tensor,
    seen: i64,
    config: &VisionConfig,
    recompute: Recompute,
) -> Result<Tensor, Error> {
    if recompute != Recompute::Blocks {
        return layer.get().forward(x, seen, config, recompute);
    }
    let config = config.clone();
    layer.again(&[x], move |layer, x| {
        layer.forward(&x[0], seen, &config, Recompute::None)
    })
}

impl GatedEmbedding {
    /// What it adds to each token of a tile `[n, 1, w]`.
    fn vectors(&self, arrangement: i64, tiles: i64) -> Result<Tensor, Error> {
        let own = self.embedding.f_select(0, arrangement)?;
        let own = own.f_reshape([tiles, 1, -1])?;
        Ok(own.f_mul(&self.gate.f_tanh()?)?)
    }
}

impl Layer {
    fn new(
        weights: &mut Weights,
        name: &str,
        config: &VisionConfig,
        is_global: bool,
    ) -> Result<Self, Error> {
        let (w, f, eps) = (
            config.hidden_size,
            config.intermediate_size,
            config.norm_eps,
        );
        let mut linear = |part: &str, inputs, outputs, bias| {
            let name = format!("{name}.{part}");
            Linear::new(weights, &name, inputs, outputs, bias, Init::Xavier)
        };
        let query = linear("self_attn.q_proj", w, w, false)?;
        let key = linear("self_attn.k_proj", w, w, false)?;
        let value = linear("self_attn.v_proj", w, w, false)?;
        let output = linear("self_attn.o_proj", w, w, false)?;
        let fc1 = linear("mlp.fc1", w, f, true)?;
        let fc2 = linear("mlp.fc2", f, w, true)?;
        let norm1 = LayerNorm::new(weights, &format!("{name}.input_layernorm"), w, eps)?;
        let after = format!("{name}.post_attention_layernorm");
        let norm2 = LayerNorm::new(weights, &after, w, eps)?;
        let gates = if is_global {
            let mut gate =
                |part: &str| weights.tensor(&format!("{name}.{part}"), &[1], Init::Normal(0.02));
            Some((gate("gate_attn")?, gate("gate_ffn")?))
        } else {
            None
        };
        Ok(Self {
            norm1,
            norm2,
            query,
            key,
            value,
            output,
            fc1,
            fc2,
            gates,
        })
    }

    /// The first `seen` tokens are real.
    fn forward(
        &self,
        x: &Tensor,
        seen: i64,
        config: &VisionConfig,
        recompute: Recompute,
    ) -> Result<Tensor, Error> {
        let through = |gate: Option<&Tensor>, x: Tensor| -> Result<Tensor, Error> {
            Ok(match gate {
                Some(gate) => gate.f_tanh()?.f_mul(&x)?,
                None => x,
            })
        };
        let gates = self.gates.as_ref();
        let normed = self.norm1.forward(x)?;
        let mixed = self.attention(&normed, seen, config.num_heads)?;
        recompute.remake(&normed, &mixed, || self.norm1.maker(x))?;
        let x = x.f_add(&through(gates.map(|g| &g.0), mixed)?)?;
        let normed = self.norm2.forward(&x)?;
        let inner = self.fc1.forward(&normed)?;
        recompute.remake(&normed, &inner, || self.norm2.maker(&x))?;
        let active = config.activation.forward_keeping(&inner, recompute)?;
        let fed = self.fc2.forward(&active)?;
        recompute.remake(&active, &fed, || config.activation.maker(&inner))?;
        Ok(x.f_add(&through(gates.map(|g| &g.1), fed)?)?)
    }

    /// Real tokens see all, padding sees the real ones.
    #[expect(
        clippy::many_single_char_names,
        reason = "the shape letters of the field"
    )]
    fn attention(&self, x: &Tensor, seen: i64, num_heads: i64) -> Result<Tensor, Error> {
        let [n, t, w] = [x.size()[0], x.size()[1], x.size()[2]];
        let heads = |linear: &Linear| -> Result<Tensor, Error> {
            Ok(linear
                .forward(x)?
                .f_reshape([n, t, num_heads, w / num_heads])?
                .f_transpose(1, 2)?)
        };
        let (q, k, v) = (heads(&self.query)?, heads(&self.key)?, heads(&self.value)?);
        // Each part is projected before they are put together, so that no copy is kept for the backward.
        let project = |mixed: &Tensor| -> Result<Tensor, Error> {
            let tokens = mixed.size()[2];
            let flat = mixed.f_transpose(1, 2)?.f_reshape([n, tokens, w])?;
            self.output.forward(&flat)
        };
        if seen == t {
            return project(&attend(&q, &k, &v, None)?);
        }
        let parts = q.f_split_with_sizes([seen, t - seen], 2)?;
        let real = project(&attend(&parts[0], &k, &v, None)?)?;
        let (k, v) = (k.f_narrow(2, 0, seen)?, v.f_narrow(2, 0, seen)?);
        let padding = project(&attend(&parts[1], &k, &v, None)?)?;
        Ok(Tensor::f_cat(&[real, padding], 1)?)
    }
}

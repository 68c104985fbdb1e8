//! Llama 3.2's vision tower.
//!
//! Every picture is filled up to the largest number of tiles, and every tile's tokens up to a multiple of eight. Padding
//! takes part: real tokens see it, and it sees them; only padding and padding do not see each other. That is what the
//! masks of `transformers` amount to, and what the published weights were trained with.
//!
//! Shapes: n tiles of a picture with padding, p tokens of a tile, q the same filled up, w tower width.

use torch::{Kind, Tensor};

use super::config::VisionConfig;
use crate::error::Error;
use crate::init::Init;
use crate::nn::attention::masked;
use crate::nn::clip::patches;
use crate::nn::layers::{LayerNorm, Linear};
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
    layers: Vec<Layer>,
    global: Vec<Layer>,
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
                .map(|i| Layer::new(weights, &format!("{name}.{part}.layers.{i}"), config, gated))
                .collect::<Result<Vec<_>, _>>()
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

    /// Features `[n · p, w · (1 + intermediate layers)]` of one picture's real tiles `[tiles, channels, height, width]`.
    /// `arrangement` is its id, from 1.
    #[expect(
        clippy::many_single_char_names,
        reason = "the shape letters of the field"
    )]
    pub fn forward(&self, pixels: &Tensor, arrangement: i64) -> Result<Tensor, Error> {
        let config = &self.config;
        let (w, n, p) = (config.hidden_size, config.max_tiles, config.tokens());
        let real = pixels.size()[0];
        let shape = pixels.size();
        let options = (pixels.kind(), pixels.device());
        let empty = Tensor::f_zeros([n - real, shape[1], shape[2], shape[3]], options)?;
        let (cut, _) = patches(&Tensor::f_cat(&[pixels, &empty], 0)?, config.patch_size)?;
        let mut x = cut.f_linear(&self.patch.f_reshape([w, -1])?, None::<Tensor>)?;
        x = self.pre_tile.add(&x, arrangement, n)?;
        let class = self.class.f_expand([n, 1, w], false)?;
        x = Tensor::f_cat(&[class, x], 1)?;
        let gate = self.position_gate.f_tanh()?;
        let shared = gate.f_neg()?.f_add_scalar(1.0)?.f_mul(&self.position)?;
        x = x.f_add(&shared)?;
        let own = self.tile_position.f_select(0, arrangement)?;
        x = x.f_add(&gate.f_mul(&own.f_reshape([n, p, w])?)?)?;
        x = self.norm_pre.forward(&x)?;
        let q = config.filled_tokens();
        let fill = Tensor::f_zeros([n, q - p, w], options)?;
        x = Tensor::f_cat(&[x, fill], 1)?.f_reshape([1, n * q, w])?;
        let visible = self.visible(real, q, &x)?;
        let mut kept = Vec::with_capacity(1 + config.intermediate_layers.len());
        let mut states = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            x = layer.forward(&x, visible.as_ref(), config)?;
            states.push(x.shallow_clone());
        }
        x = self.norm_post.forward(&x)?.f_reshape([n, q, w])?;
        x = self
            .post_tile
            .add(&x, arrangement, n)?
            .f_reshape([1, n * q, w])?;
        for layer in &self.global {
            x = layer.forward(&x, visible.as_ref(), config)?;
        }
        let real_tokens = |x: &Tensor| x.f_reshape([n, q, w])?.f_narrow(1, 0, p);
        kept.push(real_tokens(&x)?);
        if !config.intermediate_layers.is_empty() {
            // Stacked behind the width: element i of all kept layers lies together.
            let chosen: Vec<Tensor> = config
                .intermediate_layers
                .iter()
                .map(|&i| real_tokens(&states[i]))
                .collect::<Result<_, _>>()?;
            let chosen = Tensor::f_stack(&chosen, -1)?;
            kept.push(chosen.f_reshape([n, p, w * config.intermediate_layers.len() as i64])?);
        }
        Ok(Tensor::f_cat(&kept, 2)?.f_reshape([n * p, -1])?)
    }

    /// What sees what `[1, 1, n · q, n · q]`; none when nothing is padding.
    fn visible(&self, real: i64, q: i64, x: &Tensor) -> Result<Option<Tensor>, Error> {
        let (n, p) = (self.config.max_tiles, self.config.tokens());
        let padding: Vec<bool> = (0..n)
            .flat_map(|tile| (0..q).map(move |token| tile >= real || token >= p))
            .collect();
        if !padding.contains(&true) {
            return Ok(None);
        }
        let padding = Tensor::f_from_slice(&padding)?.f_to_device(x.device())?;
        let both = padding
            .f_unsqueeze(1)?
            .f_logical_and(&padding.f_unsqueeze(0)?)?;
        let visible = both.f_logical_not()?.f_unsqueeze(0)?.f_unsqueeze(0)?;
        debug_assert_eq!(visible.kind(), Kind::Bool);
        Ok(Some(visible))
    }
}

impl GatedEmbedding {
    /// Adds its vectors to tiles `[n, .., w]`.
    fn add(&self, x: &Tensor, arrangement: i64, tiles: i64) -> Result<Tensor, Error> {
        let own = self.embedding.f_select(0, arrangement)?;
        let own = own.f_reshape([tiles, 1, -1])?;
        Ok(x.f_add(&own.f_mul(&self.gate.f_tanh()?)?)?)
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

    fn forward(
        &self,
        x: &Tensor,
        visible: Option<&Tensor>,
        config: &VisionConfig,
    ) -> Result<Tensor, Error> {
        let through = |gate: Option<&Tensor>, x: Tensor| -> Result<Tensor, Error> {
            Ok(match gate {
                Some(gate) => gate.f_tanh()?.f_mul(&x)?,
                None => x,
            })
        };
        let gates = self.gates.as_ref();
        let mixed = self.attention(&self.norm1.forward(x)?, visible, config.num_heads)?;
        let x = x.f_add(&through(gates.map(|g| &g.0), mixed)?)?;
        let inner = self.fc1.forward(&self.norm2.forward(&x)?)?;
        let fed = self.fc2.forward(&config.activation.forward(&inner)?)?;
        Ok(x.f_add(&through(gates.map(|g| &g.1), fed)?)?)
    }

    fn attention(
        &self,
        x: &Tensor,
        visible: Option<&Tensor>,
        num_heads: i64,
    ) -> Result<Tensor, Error> {
        let [n, t, w] = [x.size()[0], x.size()[1], x.size()[2]];
        let heads = |linear: &Linear| -> Result<Tensor, Error> {
            Ok(linear
                .forward(x)?
                .f_reshape([n, t, num_heads, w / num_heads])?
                .f_transpose(1, 2)?)
        };
        let mixed = masked(
            &heads(&self.query)?,
            &heads(&self.key)?,
            &heads(&self.value)?,
            visible,
        )?;
        self.output
            .forward(&mixed.f_transpose(1, 2)?.f_reshape([n, t, w])?)
    }
}

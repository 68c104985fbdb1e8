//! The feed-forward part that a decoder's layers share, those that look at pictures included.
//!
//! Shapes: t packed tokens, d model width.

use torch::Tensor;

use crate::error::Error;
use crate::init::Init;
use crate::nn::activation::Activation;
use crate::nn::decoder_config::DecoderConfig;
use crate::nn::layers::Linear;
use crate::recompute::Recompute;
use crate::weights::Weights;

/// The gated feed-forward part.
#[derive(Debug)]
pub struct FeedForward {
    gate: Linear,
    up: Linear,
    down: Linear,
    activation: Activation,
}

impl FeedForward {
    /// Takes `name.gate_proj`, `name.up_proj` and `name.down_proj`.
    pub fn new(weights: &mut Weights, name: &str, config: &DecoderConfig) -> Result<Self, Error> {
        let normal = Init::Normal(config.initializer_range);
        let (d, f, bias) = (
            config.hidden_size,
            config.intermediate_size,
            config.mlp_bias,
        );
        let mut linear = |part: &str, inputs, outputs| {
            Linear::new(
                weights,
                &format!("{name}.{part}"),
                inputs,
                outputs,
                bias,
                normal,
            )
        };
        Ok(Self {
            gate: linear("gate_proj", d, f)?,
            up: linear("up_proj", d, f)?,
            down: linear("down_proj", f, d)?,
            activation: config.activation,
        })
    }

    /// `[t, d]` to `[t, d]`.
    pub fn forward(&self, x: &Tensor, recompute: Recompute) -> Result<Tensor, Error> {
        let (gate, up) = (self.gate.forward(x)?, self.up.forward(x)?);
        let gated = self.activation.gated_keeping(&gate, &up, recompute)?;
        let fed = self.down.forward(&gated)?;
        recompute.remake(&gated, &fed, || {
            let (activation, gate, up) =
                (self.activation, gate.shallow_clone(), up.shallow_clone());
            move || activation.gated(&gate, &up)
        })?;
        Ok(fed)
    }
}

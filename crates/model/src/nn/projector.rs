//! LLaVA's projector: two linear maps with an activation between them.
//!
//! Shapes: d model width, w tower width.

use torch::Tensor;

use crate::error::Error;
use crate::init::Init;
use crate::nn::activation::Activation;
use crate::nn::layers::Linear;
use crate::weights::Weights;

/// From the tower's features to the language model's width.
#[derive(Debug)]
pub struct Projector {
    linear1: Linear,
    linear2: Linear,
    activation: Activation,
}

impl Projector {
    /// Takes `name.linear_1` `[d, w]` and `name.linear_2` `[d, d]`.
    pub fn new(
        weights: &mut Weights,
        name: &str,
        (wide, d): (i64, i64),
        bias: bool,
        activation: Activation,
    ) -> Result<Self, Error> {
        let mut linear = |part: &str, inputs| {
            Linear::new(
                weights,
                &format!("{name}.{part}"),
                inputs,
                d,
                bias,
                Init::Xavier,
            )
        };
        Ok(Self {
            linear1: linear("linear_1", wide)?,
            linear2: linear("linear_2", d)?,
            activation,
        })
    }

    /// `[.., w]` to `[.., d]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        self.linear2
            .forward(&self.activation.forward(&self.linear1.forward(x)?)?)
    }
}

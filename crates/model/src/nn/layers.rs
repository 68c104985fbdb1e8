//! Linear maps and norms.

use torch::{Kind, Tensor, fused};

use crate::adapter::layer::LoraLayer;
use crate::error::Error;
use crate::init::Init;
use crate::weights::Weights;

/// `x · weightᵀ + bias`, and what an adapter adds to it.
#[derive(Debug)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Tensor,
    /// `[out]`.
    pub bias: Option<Tensor>,
    /// On a layer that a model's adapter targets.
    adapter: Option<LoraLayer>,
}

impl Linear {
    /// Takes `name.weight` and, if asked, `name.bias`; and the adapter of `name`, if it has one.
    pub fn new(
        weights: &mut Weights,
        name: &str,
        inputs: i64,
        outputs: i64,
        bias: bool,
        init: Init,
    ) -> Result<Self, Error> {
        let weight = weights.tensor(&format!("{name}.weight"), &[outputs, inputs], init)?;
        let bias = if bias {
            Some(weights.tensor(&format!("{name}.bias"), &[outputs], Init::Zeros)?)
        } else {
            None
        };
        Ok(Self {
            weight,
            bias,
            adapter: weights.adapter(name, (inputs, outputs))?,
        })
    }

    /// `[.., in]` to `[.., out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        self.with_bias(x, self.bias.as_ref())
    }

    /// As [`Linear::forward`], but no gradient comes to the bias.
    pub fn forward_with_still_bias(&self, x: &Tensor) -> Result<Tensor, Error> {
        self.with_bias(x, self.bias.as_ref().map(Tensor::detach).as_ref())
    }

    fn with_bias(&self, x: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, Error> {
        let base = torch::linear(x, &self.weight, bias)?;
        match &self.adapter {
            Some(adapter) => adapter.add(&base, x),
            None => Ok(base),
        }
    }
}

/// Layer norm with weight and bias.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// Takes `name.weight` and `name.bias`.
    pub fn new(weights: &mut Weights, name: &str, width: i64, eps: f64) -> Result<Self, Error> {
        let weight = weights.tensor(&format!("{name}.weight"), &[width], Init::Ones)?;
        let bias = weights.tensor(&format!("{name}.bias"), &[width], Init::Zeros)?;
        Ok(Self { weight, bias, eps })
    }

    /// Over the last dimension.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        Ok(x.f_layer_norm(
            self.weight.size(),
            Some(&self.weight),
            Some(&self.bias),
            self.eps,
            true,
        )?)
    }
}

/// Root-mean-square norm, in f32 inside, rounded before the weight as `transformers` does.
#[derive(Debug)]
pub struct RmsNorm {
    weight: Tensor,
    eps: f64,
}

impl RmsNorm {
    /// Takes `name.weight`.
    pub fn new(weights: &mut Weights, name: &str, width: i64, eps: f64) -> Result<Self, Error> {
        Ok(Self {
            weight: weights.tensor(&format!("{name}.weight"), &[width], Init::Ones)?,
            eps,
        })
    }

    /// Over the last dimension.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        if fused::is_fused(x) {
            return Ok(fused::rms_norm(x, &self.weight, self.eps)?);
        }
        let kind = x.kind();
        let inner = if kind == Kind::Double {
            kind
        } else {
            Kind::Float
        };
        let x = x.f_to_kind(inner)?;
        let square = x.f_square()?.f_mean_dim(&[-1i64][..], true, None::<Kind>)?;
        let normed = x.f_mul(&square.f_add_scalar(self.eps)?.f_rsqrt()?)?;
        Ok(normed.f_to_kind(kind)?.f_mul(&self.weight)?)
    }

    /// The sum of `x` and `added`, and its norm.
    pub fn forward_sum(&self, x: &Tensor, added: &Tensor) -> Result<(Tensor, Tensor), Error> {
        if fused::is_fused(x) {
            return Ok(fused::add_rms_norm(x, added, &self.weight, self.eps)?);
        }
        let sum = x.f_add(added)?;
        let normed = self.forward(&sum)?;
        Ok((sum, normed))
    }
}

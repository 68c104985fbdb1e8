//! Linear maps and norms.

use torch::{Kind, Tensor, fused, products};

use crate::adapter::layer::LoraLayer;
use crate::error::Error;
use crate::init::Init;
use crate::recompute::Recompute;
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

    /// Numbers of a result.
    pub fn outputs(&self) -> i64 {
        self.weight.size()[0]
    }

    /// Several of the same rows `[m, in]` at once, their results side by side: while decoding, where that saves time; nothing
    /// elsewhere.
    pub fn joined(maps: &[&Self], x: &Tensor) -> Result<Option<Tensor>, Error> {
        if maps.iter().any(|map| map.adapter.is_some()) {
            return Ok(None);
        }
        let maps: Vec<_> = maps.iter().map(|m| (&m.weight, m.bias.as_ref())).collect();
        Ok(products::joined(x, &maps)?)
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

    /// The norm of `x` as one that may be made again.
    pub fn maker(&self, x: &Tensor) -> impl Fn() -> Result<Tensor, Error> + Send + 'static {
        let own = Self {
            weight: self.weight.shallow_clone(),
            bias: self.bias.shallow_clone(),
            eps: self.eps,
        };
        let x = x.shallow_clone();
        move || own.forward(&x)
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

    /// `x`, or its sum with what is still to be added, and the norm of that.
    pub fn forward_after(
        &self,
        x: Tensor,
        added: Option<&Tensor>,
    ) -> Result<(Tensor, Tensor), Error> {
        if let Some(added) = added {
            return self.forward_sum(&x, added, Recompute::None);
        }
        let normed = self.forward(&x)?;
        Ok((x, normed))
    }

    /// The sum of `x` and `added`, and its norm.
    pub fn forward_sum(
        &self,
        x: &Tensor,
        added: &Tensor,
        recompute: Recompute,
    ) -> Result<(Tensor, Tensor), Error> {
        if fused::is_fused(x) {
            return Ok(fused::add_rms_norm(x, added, &self.weight, self.eps)?);
        }
        let sum = x.f_add(added)?;
        let normed = self.forward_keeping(&sum, recompute)?;
        Ok((sum, normed))
    }

    /// As [`RmsNorm::forward`], which keeps nothing but `x` where cheap things are computed again.
    pub fn forward_keeping(&self, x: &Tensor, recompute: Recompute) -> Result<Tensor, Error> {
        if recompute.is_composed(x) {
            let own = self.shared();
            return torch::recompute(&[x], move |x| own.forward(&x[0]));
        }
        self.forward(x)
    }

    /// The norm of `x` as one that may be made again.
    pub fn maker(&self, x: &Tensor) -> impl Fn() -> Result<Tensor, Error> + Send + 'static {
        let (own, x) = (self.shared(), x.shallow_clone());
        move || own.forward(&x)
    }

    fn shared(&self) -> Self {
        Self {
            weight: self.weight.shallow_clone(),
            eps: self.eps,
        }
    }
}

//! Activation functions by their names in `config.json`.

use torch::{Tensor, fused};

use crate::error::Error;
use crate::recompute::Recompute;

/// An activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// The exact Gaussian error linear unit.
    Gelu,
    /// Its approximation by a hyperbolic tangent.
    GeluTanh,
    /// CLIP's: x · σ(1.702 x).
    QuickGelu,
    /// x · σ(x).
    Silu,
    /// max(x, 0).
    Relu,
}

impl Activation {
    /// What [`Activation::parse`] knows.
    pub const NAMES: &str = "gelu, gelu_pytorch_tanh, quick_gelu, silu, swish, relu";

    /// None for an unknown name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "gelu" => Some(Self::Gelu),
            "gelu_pytorch_tanh" => Some(Self::GeluTanh),
            "quick_gelu" => Some(Self::QuickGelu),
            "silu" | "swish" => Some(Self::Silu),
            "relu" => Some(Self::Relu),
            _ => None,
        }
    }

    /// Element by element.
    pub fn forward(self, x: &Tensor) -> Result<Tensor, Error> {
        Ok(match self {
            Self::Gelu => x.f_gelu("none")?,
            Self::GeluTanh => x.f_gelu("tanh")?,
            Self::QuickGelu if fused::is_fused(x) => fused::quick_gelu(x)?,
            Self::QuickGelu => x.f_mul_scalar(1.702)?.f_sigmoid()?.f_mul(x)?,
            Self::Silu => x.f_silu()?,
            Self::Relu => x.f_relu()?,
        })
    }

    /// As [`Activation::forward`], which keeps nothing but `x` where cheap things are computed again.
    pub fn forward_keeping(self, x: &Tensor, recompute: Recompute) -> Result<Tensor, Error> {
        if self == Self::QuickGelu && recompute.is_composed(x) {
            return torch::recompute(&[x], move |x| self.forward(&x[0]));
        }
        self.forward(x)
    }

    /// What [`Activation::forward`] gives as something that may be made again.
    pub fn maker(self, x: &Tensor) -> impl Fn() -> Result<Tensor, Error> + Send + 'static {
        let x = x.shallow_clone();
        move || self.forward(&x)
    }

    /// As [`Activation::gated`], which keeps nothing but its inputs where cheap things are computed again.
    pub fn gated_keeping(
        self,
        gate: &Tensor,
        up: &Tensor,
        recompute: Recompute,
    ) -> Result<Tensor, Error> {
        // The fused one does so anyway; all others are composed.
        let is_fused = self == Self::Silu && fused::is_fused(gate);
        if recompute == Recompute::Cheap && !is_fused {
            return torch::recompute(&[gate, up], move |x| self.gated(&x[0], &x[1]));
        }
        self.gated(gate, up)
    }

    /// Of `gate`, times `up`: what is inside of a gated feed-forward part.
    pub fn gated(self, gate: &Tensor, up: &Tensor) -> Result<Tensor, Error> {
        Ok(match self {
            Self::Silu if fused::is_fused(gate) => fused::gated(gate, up)?,
            other => other.forward(gate)?.f_mul(up)?,
        })
    }
}

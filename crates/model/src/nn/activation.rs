//! Activation functions by their names in `config.json`.

use torch::{Tensor, fused};

use crate::error::Error;

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

    /// Of `gate`, times `up`: what is inside of a gated feed-forward part.
    pub fn gated(self, gate: &Tensor, up: &Tensor) -> Result<Tensor, Error> {
        Ok(match self {
            Self::Silu if fused::is_fused(gate) => fused::gated(gate, up)?,
            other => other.forward(gate)?.f_mul(up)?,
        })
    }
}

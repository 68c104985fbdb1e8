//! One of AdamW's moments, as it is kept.

use tch::{Kind, Tensor};

use super::eight_bit::BLOCK;
use crate::error::Error;

/// A moment of a parameter.
#[derive(Debug)]
pub enum Moment {
    /// f32 or bf16, of the parameter's shape.
    Whole(Tensor),
    /// Eight bits each.
    Blocks {
        /// `Uint8`, of the parameter's shape.
        codes: Tensor,
        /// f32, one for every [`BLOCK`] elements in their order in memory.
        scales: Tensor,
    },
}

impl Moment {
    /// Zeros for a parameter, in f32 or bf16.
    pub fn whole(parameter: &Tensor, kind: Kind) -> Result<Self, Error> {
        let zeros = Tensor::f_zeros(parameter.size(), (kind, parameter.device()))?;
        Ok(Self::Whole(zeros))
    }

    /// Zeros for a parameter, in eight bits.
    pub fn eight_bit(parameter: &Tensor) -> Result<Self, Error> {
        let device = parameter.device();
        let blocks = parameter.numel().div_ceil(BLOCK) as i64;
        Ok(Self::Blocks {
            codes: Tensor::f_zeros(parameter.size(), (Kind::Uint8, device))?,
            scales: Tensor::f_zeros([blocks], (Kind::Float, device))?,
        })
    }

    /// What it consists of.
    pub fn parts(&self) -> (&Tensor, Option<&Tensor>) {
        match self {
            Self::Whole(values) => (values, None),
            Self::Blocks { codes, scales } => (codes, Some(scales)),
        }
    }

    /// Whether libtorch's own AdamW takes it.
    pub fn is_f32(&self) -> bool {
        matches!(self, Self::Whole(values) if values.kind() == Kind::Float)
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        let (values, scales) = self.parts();
        values.numel() * values.kind().elt_size_in_bytes() + scales.map_or(0, |s| 4 * s.numel())
    }
}

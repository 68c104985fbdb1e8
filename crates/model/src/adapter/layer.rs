//! What an adapter adds to a linear layer: `scale · B(A(dropout(x)))` (Hu et al. 2021).

use std::sync::Arc;

use torch::{Kind, Tensor};

use super::dropout::Dropout;
use crate::error::Error;

/// The two matrices beside a frozen layer.
#[derive(Debug)]
pub struct LoraLayer {
    /// `[rank, in]`.
    pub a: Tensor,
    /// `[out, rank]`.
    pub b: Tensor,
    /// `alpha / rank`, or `alpha / √rank` (Kalajdzievski 2023).
    pub scale: f64,
    /// Of the whole adapter.
    pub dropout: Arc<Dropout>,
    /// Tells this layer's masks from others'.
    pub number: u64,
}

impl LoraLayer {
    /// `base`, the frozen layer's output for `x`, with the adapter's added to it. As in `peft`, a model in bf16 has its
    /// adapter computed in f32, and only the sum is rounded.
    pub fn add(&self, base: &Tensor, x: &Tensor) -> Result<Tensor, Error> {
        let (dropout, number, kind) = (Arc::clone(&self.dropout), self.number, self.a.kind());
        let seen = dropout.apply(&x.f_to_kind(kind)?, number)?;
        let low = torch::linear(&seen, &self.a, None)?;
        if low.requires_grad() && seen.data_ptr() != x.data_ptr() {
            // Of a wider or thinned copy the numbers that it was made of are kept, which other layers share.
            let x = x.shallow_clone();
            let again = move || Ok::<_, Error>(dropout.apply(&x.f_to_kind(kind)?, number)?);
            let _ = torch::remake(&seen, &low, again)?;
        }
        let added = torch::linear(&low, &self.b, None)?.f_mul_scalar(self.scale)?;
        Ok(base.f_add(&added)?.f_to_kind(base.kind())?)
    }
}

/// The dtype of A and B beside weights of this dtype, as `peft`'s `autocast_adapter_dtype` has it: never less than f32.
pub(crate) fn kind_beside(weights: Kind) -> Kind {
    match weights {
        Kind::BFloat16 | Kind::Half => Kind::Float,
        other => other,
    }
}

//! What a training computes again in the backward instead of keeping it.
//!
//! Whatever is chosen, losses and gradients are the same to the bit. A block of a decoder keeps, in numbers a token (d model
//! width, q and g widths of all queries and of all keys, f width inside of the feed-forward part):
//!
//! | tensor | kept for | `none` | `cheap` | `blocks` |
//! |---|---|---|---|---|
//! | input | norm | d | d | d |
//! | its norm | query, key and value | d | | |
//! | queries and keys with positions, values | attention | q + 2 g | q + 2 g | |
//! | what attention gives | itself, and the output | q | q | |
//! | sum with the input | norm | d | d | |
//! | its norm | gate and up | d | | |
//! | gate, up | their product | 2 f | 2 f | |
//! | their product | down | f | | |
//!
//! A block of a vision tower (w its width, f inside) keeps its input, the sum, two norms, queries, keys, values and what
//! attention gives (8 w; 2 w more in Qwen2-VL's, whose queries and keys lie in one tensor with the values), and what its
//! activation takes and gives (2 f). `cheap` leaves the norms and what the activation gives out (2 w + f).
//!
//! On devices and in dtypes without fused parts, a norm, a gated product and CLIP's activation keep several tensors of
//! their own; `cheap` makes them again from their inputs there.

use serde::{Deserialize, Serialize};
use torch::{Tensor, fused};

use crate::error::Error;

/// What is computed again in the backward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recompute {
    /// Nothing.
    #[default]
    None,
    /// Norms, gated products and activations.
    Cheap,
    /// Whole blocks of language model and vision tower: of each only its input is kept.
    Blocks,
}

impl Recompute {
    /// For what products between `made` and `output` keep of `made`: it is made again where cheap things are.
    pub(crate) fn remake<F>(
        self,
        made: &Tensor,
        output: &Tensor,
        maker: impl FnOnce() -> F,
    ) -> Result<(), Error>
    where
        F: Fn() -> Result<Tensor, Error> + Send + 'static,
    {
        if self == Self::Cheap && output.requires_grad() {
            let _ = torch::remake(made, output, maker())?;
        }
        Ok(())
    }

    /// Whether a cheap part of `x` keeps more than its inputs, and should not.
    pub(crate) fn is_composed(self, x: &Tensor) -> bool {
        self == Self::Cheap && !fused::is_fused(x)
    }
}

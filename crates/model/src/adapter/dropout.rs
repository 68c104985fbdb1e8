//! Dropout whose mask is a function of a key: a training that is resumed, and a layer that is computed again in the
//! backward, draw the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use torch::{TchError, Tensor};

use crate::init::mix;

/// What all layers of one adapter share: the share of inputs that is left out, and the key while a training draws.
#[derive(Debug, Default)]
pub struct Dropout {
    share: f64,
    /// 0 outside of training.
    key: AtomicU64,
}

impl Dropout {
    /// Leaves out this share of the inputs while a training draws.
    pub(crate) fn new(share: f64) -> Arc<Self> {
        let key = AtomicU64::new(0);
        Arc::new(Self { share, key })
    }

    /// The share of inputs that is left out.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// Draws for this microbatch until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>, draw: Draw) -> Dropping {
        // 0 would mean that nothing is drawn.
        self.key.store(draw.key() | 1, Ordering::Relaxed);
        Dropping(Some(Arc::clone(self)))
    }

    /// `x` with its mask for the layer of this number, or `x` as it is outside of training.
    pub(crate) fn apply(&self, x: &Tensor, layer: u64) -> Result<Tensor, TchError> {
        let key = self.key.load(Ordering::Relaxed);
        if key == 0 || self.share == 0.0 {
            return Ok(x.shallow_clone());
        }
        let kept = Tensor::f_from_slice(&mask(mix(key ^ layer), self.share, x.numel()))?
            .f_reshape(x.size())?
            .f_to_device(x.device())?;
        x.f_mul(&kept)?.f_mul_scalar(1.0 / (1.0 - self.share))
    }
}

/// Which mask is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Of the training.
    pub seed: u64,
    /// The optimizer step.
    pub step: u64,
    /// The microbatch within the step.
    pub microbatch: u64,
}

impl Draw {
    fn key(self) -> u64 {
        [self.seed, self.step, self.microbatch]
            .into_iter()
            .fold(
                0x6c6f_7261,
                |key, part| mix(key ^ mix(part.wrapping_add(1))),
            )
    }
}

/// While it lives, an adapter's dropout is active.
#[derive(Debug)]
pub struct Dropping(Option<Arc<Dropout>>);

impl Dropping {
    /// For a model without an adapter.
    pub(crate) fn nothing() -> Self {
        Self(None)
    }
}

impl Drop for Dropping {
    fn drop(&mut self) {
        if let Some(dropout) = &self.0 {
            dropout.key.store(0, Ordering::Relaxed);
        }
    }
}

/// Which of `count` inputs are kept; two are drawn from each 64 bits.
fn mask(key: u64, share: f64, count: usize) -> Vec<bool> {
    let below = (share * f64::from(u32::MAX)) as u32;
    let mut kept = Vec::with_capacity(count + 1);
    for pair in 0..count.div_ceil(2) as u64 {
        let bits = mix(key.wrapping_add(pair.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        kept.extend([(bits >> 32) as u32 >= below, bits as u32 >= below]);
    }
    kept.truncate(count);
    kept
}

#[cfg(test)]
mod tests {
    use torch::{Device, Kind};

    use super::*;

    const DRAW: Draw = Draw {
        seed: 7,
        step: 3,
        microbatch: 1,
    };

    #[test]
    fn a_mask_is_a_function_of_its_key_and_active_in_training_alone() {
        let dropout = Dropout::new(0.25);
        let x = Tensor::ones([200, 50], (Kind::Float, Device::Cpu));
        let drawn = |draw: Option<Draw>, layer| {
            let _guard = draw.map(|draw| dropout.begin(draw));
            dropout.apply(&x, layer).expect("a mask")
        };
        assert!(drawn(None, 1).equal(&x));
        let first = drawn(Some(DRAW), 1);
        assert!(drawn(None, 1).equal(&x), "the guard is gone");
        assert!(drawn(Some(DRAW), 1).equal(&first));
        for other in [
            drawn(Some(DRAW), 2),
            drawn(Some(Draw { seed: 8, ..DRAW }), 1),
            drawn(Some(Draw { step: 4, ..DRAW }), 1),
            drawn(
                Some(Draw {
                    microbatch: 2,
                    ..DRAW
                }),
                1,
            ),
        ] {
            assert!(!other.equal(&first));
        }
        // Of 10,000 inputs a quarter is 0, and the mean stays what it was: within five standard deviations.
        let zeros = 10_000.0 - first.count_nonzero(None::<i64>).double_value(&[]);
        assert!((zeros - 2500.0).abs() < 5.0 * 43.3, "{zeros}");
        assert!((first.max().double_value(&[]) - 1.0 / 0.75).abs() < 1e-6);
    }
}

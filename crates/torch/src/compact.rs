//! AdamW whose moments, weights or gradients are kept in fewer bits than it computes with.
//!
//! An element is read, widened to f32, updated as libtorch's fused AdamW does it (which multiplies and adds in one rounding
//! here and there, so that the last bit may differ), and rounded back: one pass on a processor. On other devices libtorch's
//! operators put together do the same, several times slower and with the same bits.
//!
//! **Rounding** to bf16 or to eight bits is stochastic: of the two neighbours the upper one is taken with the probability that
//! keeps the mean. A sum of many changes, each smaller than what bf16 can tell, then moves as far as it should on average,
//! where rounding to the nearest would not move at all.
//!
//! **Noise** is a function of a key and of the element's place, so that neither threads nor pieces nor a run that goes on change
//! it: element i draws the (i + 1)th number of SplitMix64 that starts from the key ([`noise`]). Its lowest 20 bits are for the
//! first moment, the next 20 for the second, the highest 16 for weights and sums; bf16 takes the upper 16 of its 20. Whoever
//! calls makes the key, of all that tells one rounding from another. [`key_from`] makes that of a slice, which then gets the bits
//! that it would have in the whole; in eight bits if it begins with a block.
//!
//! **Eight bits** are explained at [`eight_bit_value`].

mod composed;
mod eight_bit;
mod factors;
mod moment;
mod noise;

use std::ffi::c_int;

use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

pub use self::eight_bit::{BLOCK, eight_bit_value};
pub use self::moment::Moment;
pub use self::noise::{key_from, noise};

use self::factors::Factors;
use crate::error::Error;
use crate::shim::check;

unsafe extern "C" {
    fn adm_adamw(
        factors: *const Factors,
        key: u64,
        weight: *mut C_tensor,
        gradient: *mut C_tensor,
        average: *mut C_tensor,
        average_scales: *mut C_tensor,
        square: *mut C_tensor,
        square_scales: *mut C_tensor,
    ) -> c_int;
    fn adm_add_rounded(
        key: u64,
        sum: *mut C_tensor,
        more: *mut C_tensor,
        out: *mut C_tensor,
    ) -> c_int;
}

/// Elements that are norms of one piece of a gradient.
const PIECE: i64 = 1 << 22;

/// One update of one parameter. All tensors lie on one device and have as many elements.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// What is updated in place: f32, or bf16 that is rounded stochastically.
    pub weight: &'a Tensor,
    /// f32 or bf16.
    pub gradient: &'a Tensor,
    /// What the gradient is multiplied with first.
    pub gradient_factor: f64,
    /// The first moment, updated in place.
    pub average: &'a Moment,
    /// The second moment, updated in place.
    pub square: &'a Moment,
    /// Which update of this parameter it is, from 1.
    pub step: u64,
    /// What the noise is drawn with; another one for every step and parameter.
    pub key: u64,
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

/// Applies the update: by one pass over memory on a processor, else by libtorch's operators.
///
/// ```
/// use torch::compact::{Moment, Update, update};
/// use torch::{Kind, Tensor};
///
/// let weight = Tensor::from_slice(&[1.0_f32, -2.0]).to_kind(Kind::BFloat16);
/// let gradient = Tensor::from_slice(&[0.5_f32, -0.5]);
/// let moments = [Moment::eight_bit(&weight)?, Moment::eight_bit(&weight)?];
/// update(&Update {
///     weight: &weight, gradient: &gradient, gradient_factor: 1.0, average: &moments[0], square: &moments[1],
///     step: 1, key: 7, learning_rate: 0.25, beta1: 0.9, beta2: 0.999, weight_decay: 0.0, epsilon: 1e-8,
/// })?;
/// // The first step is the rate against the gradient's sign.
/// assert_eq!(Vec::<f32>::try_from(weight.to_kind(Kind::Float))?, [0.75, -1.75]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn update(update: &Update) -> Result<(), Error> {
    let _guard = tch::no_grad_guard();
    let gradient = update.gradient.f_contiguous()?;
    let is_plain = update.weight.device() == Device::Cpu && update.weight.is_contiguous();
    if !is_plain {
        return update_composed(update);
    }
    let factors = Factors::of(update_numbers(update));
    let (average, square) = (update.average.parts(), update.square.parts());
    let pointer = |tensor: Option<&Tensor>| {
        tensor.map_or(std::ptr::null_mut(), |tensor| tensor.as_ptr().cast_mut())
    };
    // SAFETY: live tensors, whose dtypes, sizes, devices and layouts the shim checks; null stands for no scales.
    check(unsafe {
        adm_adamw(
            &raw const factors,
            update.key,
            update.weight.as_ptr().cast_mut(),
            gradient.as_ptr().cast_mut(),
            average.0.as_ptr().cast_mut(),
            pointer(average.1),
            square.0.as_ptr().cast_mut(),
            pointer(square.1),
        )
    })
}

/// As [`update`], by libtorch's operators wherever the tensors are: what devices without a loop of their own do.
pub fn update_composed(update: &Update) -> Result<(), Error> {
    let _guard = tch::no_grad_guard();
    composed::update(&composed::Step {
        factors: &Factors::of(update_numbers(update)),
        key: update.key,
        weight: update.weight,
        gradient: update.gradient,
        average: update.average,
        square: update.square,
    })
}

fn update_numbers(update: &Update) -> factors::Numbers {
    factors::Numbers {
        gradient_factor: update.gradient_factor,
        step: update.step,
        learning_rate: update.learning_rate,
        betas: [update.beta1, update.beta2],
        weight_decay: update.weight_decay,
        epsilon: update.epsilon,
    }
}

/// `sum + more` in place, rounded stochastically: a sum in bf16, and f32 or bf16 of the same shape.
pub fn add_rounded(sum: &Tensor, more: &Tensor, key: u64) -> Result<(), Error> {
    let _guard = tch::no_grad_guard();
    if sum.device() != Device::Cpu {
        return composed::add(Some(sum), more, key, sum);
    }
    let more = more.f_contiguous()?;
    let (sum, more) = (sum.as_ptr().cast_mut(), more.as_ptr().cast_mut());
    // SAFETY: live tensors, whose dtypes, sizes, devices and layouts the shim checks; it reads an element before it writes it.
    check(unsafe { adm_add_rounded(key, sum, more, sum) })
}

/// The same values in bf16, rounded stochastically.
pub fn rounded(values: &Tensor, key: u64) -> Result<Tensor, Error> {
    let _guard = tch::no_grad_guard();
    let out = Tensor::f_empty(values.size(), (Kind::BFloat16, values.device()))?;
    if values.device() != Device::Cpu {
        composed::add(None, values, key, &out)?;
        return Ok(out);
    }
    let values = values.f_contiguous()?;
    let more = values.as_ptr().cast_mut();
    // SAFETY: live tensors, whose dtypes, sizes, devices and layouts the shim checks; null stands for no sum.
    check(unsafe { adm_add_rounded(key, std::ptr::null_mut(), more, out.as_ptr().cast_mut()) })?;
    Ok(out)
}

/// The L2 norm of a tensor of few bits, summed in more: libtorch's own would be rounded to the tensor's dtype.
pub fn norm(tensor: &Tensor) -> Result<f64, Error> {
    let _guard = tch::no_grad_guard();
    let flat = tensor.f_reshape([-1])?;
    let count = tensor.numel() as i64;
    let mut squares = 0.0;
    for start in (0..count).step_by(PIECE as usize) {
        let piece = flat.f_narrow(0, start, PIECE.min(count - start))?;
        let part = piece
            .f_to_kind(Kind::Float)?
            .f_norm()?
            .f_double_value(&[])?;
        squares += part * part;
    }
    Ok(squares.sqrt())
}

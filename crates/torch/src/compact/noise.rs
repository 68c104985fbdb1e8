//! The numbers that stochastic rounding draws.

use tch::{Device, Kind, Tensor};

use crate::error::Error;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const FIRST: u64 = 0xbf58_476d_1ce4_e5b9;
const SECOND: u64 = 0x94d0_49bb_1331_11eb;

/// What element `index` draws: the number after `index` others of SplitMix64 (Steele, Lea and Flood, 2014) that starts from
/// `key`.
///
/// ```
/// // The numbers that others publish for this start.
/// let drawn = [0, 1, 2].map(|index| torch::compact::noise(1_234_567, index));
/// assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
/// ```
pub fn noise(key: u64, index: u64) -> u64 {
    let z = key.wrapping_add(index.wrapping_add(1).wrapping_mul(GOLDEN));
    let z = (z ^ (z >> 30)).wrapping_mul(FIRST);
    let z = (z ^ (z >> 27)).wrapping_mul(SECOND);
    z ^ (z >> 31)
}

/// The key with which the elements of a slice that begins at element `start` draw what they would as a part of the whole.
///
/// ```
/// use torch::compact::{key_from, noise};
/// assert_eq!(noise(key_from(7, 1000), 5), noise(7, 1005));
/// ```
pub fn key_from(key: u64, start: u64) -> u64 {
    key.wrapping_add(start.wrapping_mul(GOLDEN))
}

/// What elements from `start` on draw, the 64 bits as `Int64`.
pub(super) fn drawn(key: u64, start: i64, count: i64, device: Device) -> Result<Tensor, Error> {
    let places = Tensor::f_arange_start(start + 1, start + 1 + count, (Kind::Int64, device))?;
    let z = places
        .f_mul_scalar(GOLDEN as i64)?
        .f_add_scalar(key as i64)?;
    let z = shifted_in(&z, 30)?.f_mul_scalar(FIRST as i64)?;
    let z = shifted_in(&z, 27)?.f_mul_scalar(SECOND as i64)?;
    shifted_in(&z, 31)
}

/// `z ^ (z >> by)` without a sign.
fn shifted_in(z: &Tensor, by: u32) -> Result<Tensor, Error> {
    Ok(z.f_bitwise_xor_tensor(&bits(z, by, 64 - by)?)?)
}

/// So many bits from bit `from` on.
pub(super) fn bits(z: &Tensor, from: u32, count: u32) -> Result<Tensor, Error> {
    let mask = (1_i64 << count) - 1;
    Ok(z.f_bitwise_right_shift_tensor_scalar(i64::from(from))?
        .f_bitwise_and(mask)?)
}

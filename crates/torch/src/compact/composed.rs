//! The loops of `adamw_loops.cpp` by libtorch's operators, for devices without such loops: every operation rounds by itself
//! there too, so the bits are the same.

use tch::{Kind, Tensor};

use super::eight_bit::{BLOCK, LARGEST, eight_bit_value, octaves};
use super::factors::Factors;
use super::moment::Moment;
use super::noise::{bits, drawn};
use crate::error::Error;

/// Elements that are worked on at a time, since an element takes some hundred bytes on its way: a whole number of blocks.
const PIECE: usize = 4096 * BLOCK;

/// The bits of 1 in f32, and the distance of two octaves.
const ONE: i64 = 127 << 23;
const OCTAVE: i64 = 1 << 23;

/// One update.
pub(super) struct Step<'a> {
    pub factors: &'a Factors,
    pub key: u64,
    pub weight: &'a Tensor,
    pub gradient: &'a Tensor,
    pub average: &'a Moment,
    pub square: &'a Moment,
}

pub(super) fn update(step: &Step) -> Result<(), Error> {
    let flat = |tensor: &Tensor| tensor.f_reshape([-1]);
    // Where a weight does not lie in a row, this is a copy.
    let weight = flat(step.weight)?;
    let gradient = flat(step.gradient)?;
    let (average, square) = (Flat::of(step.average)?, Flat::of(step.square)?);
    let factors = step.factors;
    let times = |tensor: &Tensor, factor: f32| tensor.f_mul_scalar(f64::from(factor));
    for (start, count) in pieces(weight.numel()) {
        let noise = drawn(step.key, start, count, weight.device())?;
        let before = weight.f_narrow(0, start, count)?;
        let pulled = gradient.f_narrow(0, start, count)?.f_to_kind(Kind::Float)?;
        let pulled = times(&pulled, factors.gradient)?;
        let first = average.read(true, start, count)?;
        let apart = pulled.f_sub(&first)?;
        let first = if factors.average_part < 0.5 {
            first.f_add(&times(&apart, factors.average_part)?)?
        } else {
            pulled.f_sub(&times(&apart, 1.0 - factors.average_part)?)?
        };
        let more = times(&pulled, factors.square_part)?.f_mul(&pulled)?;
        let second = square.read(false, start, count)?;
        let second = times(&second, factors.square_kept)?.f_add(&more)?;
        // Some devices divide by a number through its inverse, and not by a tensor.
        let root = second.f_full_like(f64::from(factors.root))?;
        // The root of MKL, which libtorch takes in f32, is a last bit off now and then; through f64 it is right.
        let divisor = second
            .f_to_kind(Kind::Double)?
            .f_sqrt()?
            .f_to_kind(Kind::Float)?
            .f_div(&root)?
            .f_add_scalar(f64::from(factors.epsilon))?;
        let moved = times(&first, factors.step)?.f_div(&divisor)?;
        let after = times(&before.f_to_kind(Kind::Float)?, factors.decay)?.f_add(&moved)?;
        average.write(&first, true, &bits(&noise, 0, 20)?, start)?;
        square.write(&second, false, &bits(&noise, 20, 20)?, start)?;
        write(&before, &after, &bits(&noise, 48, 16)?)?;
    }
    if !step.weight.is_contiguous() {
        let shaped = weight.f_view_as(step.weight)?;
        step.weight.shallow_clone().f_copy_(&shaped)?;
    }
    Ok(())
}

/// `sum + more` in bf16 with noise; `out` may be the sum.
pub(super) fn add(
    sum: Option<&Tensor>,
    more: &Tensor,
    key: u64,
    out: &Tensor,
) -> Result<(), Error> {
    let (more, out) = (more.f_reshape([-1])?, out.f_view([-1])?);
    let sum = sum.map(|sum| sum.f_view([-1])).transpose()?;
    for (start, count) in pieces(out.numel()) {
        let mut values = more.f_narrow(0, start, count)?.f_to_kind(Kind::Float)?;
        if let Some(sum) = &sum {
            let before = sum.f_narrow(0, start, count)?.f_to_kind(Kind::Float)?;
            values = before.f_add(&values)?;
        }
        let noise = drawn(key, start, count, out.device())?;
        write(
            &out.f_narrow(0, start, count)?,
            &values,
            &bits(&noise, 48, 16)?,
        )?;
    }
    Ok(())
}

fn pieces(elements: usize) -> impl Iterator<Item = (i64, i64)> {
    let starts = (0..elements).step_by(PIECE);
    starts.map(move |start| (start as i64, PIECE.min(elements - start) as i64))
}

/// Writes f32 to f32 as it is, to bf16 with 16 bits of noise.
fn write(to: &Tensor, values: &Tensor, noise16: &Tensor) -> Result<(), Error> {
    let mut to = to.shallow_clone();
    if to.kind() == Kind::Float {
        to.f_copy_(values)?;
        return Ok(());
    }
    // What is no number stays none.
    let noise = noise16
        .f_to_kind(Kind::Int)?
        .f_masked_fill(&values.f_isnan()?, 0)?;
    let rounded = values
        .f_view_dtype(Kind::Int)?
        .f_add(&noise)?
        .f_bitwise_right_shift_tensor_scalar(16)?
        .f_to_kind(Kind::Int16)?
        .f_view_dtype(Kind::BFloat16)?;
    to.f_copy_(&rounded)?;
    Ok(())
}

/// A moment in a row.
struct Flat {
    values: Tensor,
    scales: Option<Tensor>,
}

impl Flat {
    fn of(moment: &Moment) -> Result<Self, Error> {
        let (values, scales) = moment.parts();
        Ok(Self {
            values: values.f_view([-1])?,
            scales: scales.map(Tensor::shallow_clone),
        })
    }

    fn read(&self, has_sign: bool, start: i64, count: i64) -> Result<Tensor, Error> {
        let values = self.values.f_narrow(0, start, count)?;
        let Some(scales) = &self.scales else {
            return Ok(values.f_to_kind(Kind::Float)?);
        };
        let map: Vec<f32> = (0..=u8::MAX)
            .map(|code| eight_bit_value(code, has_sign))
            .collect();
        let map = Tensor::f_from_slice(&map)?.f_to_device(values.device())?;
        let parts = map.f_index_select(0, &values.f_to_kind(Kind::Int64)?)?;
        let scales = scales.f_narrow(0, start / BLOCK as i64, blocks(count))?;
        Ok(parts.f_mul(&spread(&scales, count)?)?)
    }

    fn write(
        &self,
        from: &Tensor,
        has_sign: bool,
        noise20: &Tensor,
        start: i64,
    ) -> Result<(), Error> {
        let count = from.numel() as i64;
        let to = self.values.f_narrow(0, start, count)?;
        let Some(scales) = &self.scales else {
            return write(&to, from, &bits(noise20, 4, 16)?);
        };
        let sizes = from.f_abs()?;
        let most = sizes
            .f_constant_pad_nd([0, blocks(count) * BLOCK as i64 - count])?
            .f_view([-1, BLOCK as i64])?
            .f_amax([1], false)?;
        let found = most.f_div(&most.f_full_like(LARGEST)?)?;
        let scale = spread(&found, count)?;
        let part = sizes
            .f_div(&scale)?
            .f_where_self(&scale.f_gt(0.0)?, &sizes.f_zeros_like()?)?
            .f_clamp_max(LARGEST)?
            .f_mul_scalar(2.0_f64.powi(octaves(has_sign)))?;
        let straight = part
            .f_add_scalar(1.0)?
            .f_view_dtype(Kind::Int)?
            .f_sub_scalar(ONE)?;
        let curved = part.f_view_dtype(Kind::Int)?.f_sub_scalar(ONE - OCTAVE)?;
        let code = straight
            .f_where_self(&part.f_lt(1.0)?, &curved)?
            .f_add(&noise20.f_to_kind(Kind::Int)?)?
            .f_bitwise_right_shift_tensor_scalar(20)?;
        let code = if has_sign {
            // The sign bit as the eighth.
            let sign = bits(&from.f_view_dtype(Kind::Int)?, 24, 8)?.f_bitwise_and(128)?;
            code.f_add(&sign)?
        } else {
            // Never down to nothing.
            let least = from.f_gt(0.0)?.f_to_kind(Kind::Int)?;
            code.f_maximum(&least)?
        };
        to.shallow_clone().f_copy_(&code)?;
        scales
            .f_narrow(0, start / BLOCK as i64, blocks(count))?
            .f_copy_(&found)?;
        Ok(())
    }
}

fn blocks(count: i64) -> i64 {
    count.div_euclid(BLOCK as i64) + i64::from(count.rem_euclid(BLOCK as i64) > 0)
}

/// A block's number for each of its elements.
fn spread(of_blocks: &Tensor, count: i64) -> Result<Tensor, Error> {
    Ok(of_blocks
        .f_repeat_interleave_self_int(BLOCK as i64, 0, None)?
        .f_narrow(0, 0, count)?)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Tensor};

    use super::*;
    use crate::compact::{add_rounded, noise};

    /// Values over many octaves, of both signs.
    fn values(count: i64) -> Tensor {
        let places = Tensor::arange_start(1, count + 1, (Kind::Float, Device::Cpu));
        (&places * 0.731).sin() * (&places * 0.013).sin().exp2()
    }

    #[test]
    fn operators_draw_the_numbers_of_one_element_at_a_time() {
        let found = drawn(0xdead_beef_dead_beef, 5, 300, Device::Cpu).expect("drawn");
        let found = Vec::<i64>::try_from(found).expect("numbers");
        let expected: Vec<i64> = (5..305)
            .map(|index| noise(0xdead_beef_dead_beef, index) as i64)
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_sum_by_operators_has_the_bits_of_the_loop() {
        for count in [1, 255, 256, 700, PIECE as i64 + 3] {
            let (start, more) = (
                values(count).to_kind(Kind::BFloat16),
                values(count).flip([0]),
            );
            let (by_loop, by_operators) = (start.copy(), start.copy());
            add_rounded(&by_loop, &more, 11).expect("sum");
            add(Some(&by_operators), &more, 11, &by_operators).expect("sum");
            assert!(by_loop.equal(&by_operators), "{count}");
            assert!(!by_loop.equal(&start), "{count}");
        }
    }
}

//! What eight bits stand for.

/// Elements of a block, which share a scale; a parameter's last block may be shorter. No block has elements of two parameters.
pub const BLOCK: usize = 256;

/// The largest of all values; a block's scale is its largest size divided by this.
pub(super) const LARGEST: f64 = 1.875;

/// How many octaves below 1 the straight part of the map begins, with a sign and without.
pub(super) fn octaves(has_sign: bool) -> i32 {
    if has_sign { 14 } else { 30 }
}

/// What a code stands for, as a part of its block's scale.
///
/// The map is that of a small floating-point number with three bits of fraction: eight values to an octave, an eighth to a
/// sixteenth apart, and at the lower end eight in a straight line down to 0. The largest code is the block's largest number.
///
/// - With a sign (first moments): one bit of sign, four of exponent; sizes from 2⁻¹⁷ to 1.875.
/// - Without (second moments): five bits of exponent; from 2⁻³³ to 1.875, twice the octaves, as these are squares. Below the
///   smallest, and not 0, is the smallest: what is divided by the root of a vanished second moment would leap. So whatever a
///   first moment is rounded to, its step is no larger than some rates: 2⁻¹⁷ over the root of 2⁻³³ is below 1.
pub fn eight_bit_value(code: u8, has_sign: bool) -> f32 {
    let (sign, size) = if has_sign {
        (if code < 128 { 1.0 } else { -1.0 }, code % 128)
    } else {
        (1.0, code)
    };
    let step = 2.0_f32.powi(-octaves(has_sign));
    let value = if size < 8 {
        f32::from(size) / 8.0
    } else {
        (8.0 + f32::from(size % 8)) / 8.0 * 2.0_f32.powi(i32::from(size / 8) - 1)
    };
    sign * value * step
}

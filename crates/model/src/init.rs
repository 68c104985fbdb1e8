//! Random starts that depend on names and seeds alone: the same on every machine, at any number of threads.

/// How a new tensor is filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// Normal with this standard deviation.
    Normal(f64),
    /// Uniform within ±√(6 / (fan in + fan out)); Glorot and Bengio 2010.
    Xavier,
    /// Uniform within ±1/√(fan in): what `peft` starts an adapter's A with (He et al. 2015 with a = √5).
    Kaiming,
    /// Row 0 (the class token) zero, the other rows the two-dimensional sine-cosine code of a square grid; a start
    /// that a small tower needs to learn at all from few pictures.
    SinCos2d,
}

impl Init {
    /// Row-major values of a tensor.
    pub(crate) fn values(self, seed: u64, name: &str, shape: &[i64]) -> Vec<f32> {
        let length = shape.iter().product::<i64>() as usize;
        let key = mix(seed) ^ key(name);
        match self {
            Self::Zeros => vec![0.0; length],
            Self::Ones => vec![1.0; length],
            Self::Normal(std) => normals(key, length, std),
            Self::Xavier => {
                let rows = shape[0];
                let bound = (6.0 / (rows + length as i64 / rows) as f64).sqrt();
                (0..length as u64)
                    .map(|i| (bound * unit(key, i)) as f32)
                    .collect()
            }
            Self::Kaiming => {
                let bound = (shape[0] as f64 / length as f64).sqrt();
                (0..length as u64)
                    .map(|i| (bound * unit(key, i)) as f32)
                    .collect()
            }
            Self::SinCos2d => sin_cos_2d(shape[0] as usize, shape[1] as usize)
                .unwrap_or_else(|| normals(key, length, 0.02)),
        }
    }
}

/// A number in [-1, 1) with 24 random bits, exact in f32: the golden tests' weights, made alike in Python and here.
///
/// ```
/// assert_eq!(model::init::hashed("model.image_newline", 0), model::init::hashed("model.image_newline", 0));
/// ```
pub fn hashed(name: &str, index: u64) -> f64 {
    unit(key(name), index)
}

/// FNV-1a over the bytes of the name.
pub(crate) fn key(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The output function of splitmix64.
pub(crate) fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn unit(key: u64, index: u64) -> f64 {
    let bits = mix(key.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    (bits >> 40) as f64 / f64::from(1 << 23) - 1.0
}

/// Box and Muller's transform, two values a pair.
fn normals(key: u64, length: usize, std: f64) -> Vec<f32> {
    let mut values = Vec::with_capacity(length + 1);
    for pair in 0..length.div_ceil(2) as u64 {
        // (0, 1]: the logarithm must be finite.
        let radius = (-2.0 * (1.0 - f64::midpoint(unit(key, 2 * pair), 1.0)).ln()).sqrt() * std;
        let (sin, cos) = (std::f64::consts::PI * unit(key, 2 * pair + 1)).sin_cos();
        values.extend([(radius * cos) as f32, (radius * sin) as f32]);
    }
    values.truncate(length);
    values
}

/// None where the rows are no square grid after the first, or the width has no four equal parts.
fn sin_cos_2d(rows: usize, width: usize) -> Option<Vec<f32>> {
    let side = (rows - 1).isqrt();
    if side * side + 1 != rows || !width.is_multiple_of(4) {
        return None;
    }
    let quarter = width / 4;
    let mut values = vec![0.0; rows * width];
    for (cell, row) in values.chunks_exact_mut(width).skip(1).enumerate() {
        for (half, place) in [cell / side, cell % side].into_iter().enumerate() {
            for i in 0..quarter {
                let angle = place as f64 / 10_000f64.powf(i as f64 / quarter as f64);
                row[half * 2 * quarter + i] = angle.sin() as f32;
                row[half * 2 * quarter + quarter + i] = angle.cos() as f32;
            }
        }
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normals_have_the_asked_spread() {
        let values = Init::Normal(0.5).values(7, "w", &[100, 101]);
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
        assert!(
            mean.abs() < 0.02 && (variance.sqrt() - 0.5).abs() < 0.02,
            "{mean} {variance}"
        );
        assert_ne!(values, Init::Normal(0.5).values(8, "w", &[100, 101]));
    }

    #[test]
    fn an_adapter_starts_as_peft_starts_it() {
        // Uniform within ±1/√64: a variance of 1/(3 · 64).
        let values = Init::Kaiming.values(7, "a", &[100, 64]);
        let largest = values.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
        let variance = values.iter().map(|v| v.powi(2)).sum::<f32>() / values.len() as f32;
        assert!(largest <= 0.125 && largest > 0.1249, "{largest}");
        assert!((variance * 192.0 - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn positions_differ_and_the_class_row_is_zero() {
        let values = Init::SinCos2d.values(0, "p", &[10, 8]);
        assert!(values[..8].iter().all(|&v| v == 0.0));
        assert_ne!(values[8..16], values[16..24]);
    }
}

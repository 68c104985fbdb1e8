//! Rotary position embeddings: `default` (Su et al. 2021, half-split as in Llama), `llama3` scaling, and the positions
//! along several axes of Qwen2-VL's text (M-RoPE) and vision towers.
//!
//! Shapes: t tokens, h heads, e head width, a axes.

use std::f64::consts::PI;

use torch::{Device, Kind, Tensor, fused};

use crate::error::Error;

/// How frequencies are made.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeConfig {
    /// Base of the geometric series.
    pub theta: f64,
    /// Llama 3.1's scaling, if any.
    pub llama3: Option<Llama3>,
    /// M-RoPE: how many frequencies belong to time, height, width and so on again. Their sum is e / 2.
    pub sections: Option<Vec<i64>>,
}

/// Llama 3.1's scaling of long wavelengths.
#[derive(Clone, Debug, PartialEq)]
pub struct Llama3 {
    /// Divides the frequencies of long wavelengths.
    pub factor: f64,
    /// Wavelengths above context ÷ this are long.
    pub low_freq_factor: f64,
    /// Wavelengths below context ÷ this are left alone.
    pub high_freq_factor: f64,
    /// The context before scaling, in tokens.
    pub original_context: f64,
}

/// The frequencies of one head width.
#[derive(Debug)]
pub struct Rope {
    /// `[e / 2]`, always f32: `transformers` computes angles in f32 whatever the dtype of the model.
    frequencies: Tensor,
    sections: Option<Vec<i64>>,
}

impl Rope {
    /// For heads of `width`.
    pub fn new(config: &RopeConfig, width: i64, device: Device) -> Result<Self, Error> {
        let exponents = Tensor::f_arange_start_step(0, width, 2, (Kind::Float, Device::Cpu))?
            .f_div_scalar(width)?;
        let mut frequencies = Tensor::f_pow_scalar(config.theta, &exponents)?.f_reciprocal()?;
        if let Some(scaling) = &config.llama3 {
            frequencies = scaling.apply(&frequencies)?;
        }
        Ok(Self {
            frequencies: frequencies.f_to_device(device)?,
            sections: config.sections.clone(),
        })
    }

    /// Cosines and sines `[t, 1, e / 2]` of the positions `[t]`, or of `[3, t]` along time, height and width.
    pub fn angles(&self, positions: &Tensor, kind: Kind) -> Result<(Tensor, Tensor), Error> {
        let positions = positions.f_to_kind(Kind::Float)?;
        let angles = match (&self.sections, positions.dim()) {
            (Some(sections), 2) => {
                let mut start = 0;
                let mut parts = Vec::with_capacity(sections.len());
                for (i, &length) in sections.iter().enumerate() {
                    let own = self.frequencies.f_narrow(0, start, length)?;
                    parts.push(positions.f_select(0, i as i64 % 3)?.f_outer(&own)?);
                    start += length;
                }
                Tensor::f_cat(&parts, 1)?
            }
            _ => positions.f_outer(&self.frequencies)?,
        };
        let angles = angles.f_unsqueeze(1)?;
        Ok((
            angles.f_cos()?.f_to_kind(kind)?,
            angles.f_sin()?.f_to_kind(kind)?,
        ))
    }

    /// Cosines and sines `[t, 1, a · e / 2]` of positions `[a, t]`: each axis has the same frequencies, set side by side.
    pub fn axial_angles(&self, positions: &Tensor) -> Result<(Tensor, Tensor), Error> {
        let axes: Vec<Tensor> = positions
            .f_to_kind(Kind::Float)?
            .f_unbind(0)?
            .iter()
            .map(|axis| axis.f_outer(&self.frequencies))
            .collect::<Result<_, _>>()?;
        let angles = Tensor::f_cat(&axes, 1)?.f_unsqueeze(1)?;
        Ok((angles.f_cos()?, angles.f_sin()?))
    }
}

impl Llama3 {
    fn apply(&self, frequencies: &Tensor) -> Result<Tensor, Error> {
        let (low, high) = (
            self.original_context / self.low_freq_factor,
            self.original_context / self.high_freq_factor,
        );
        let wavelengths = frequencies.f_reciprocal()?.f_mul_scalar(2.0 * PI)?;
        let scaled = frequencies.f_div_scalar(self.factor)?;
        let smooth = wavelengths
            .f_reciprocal()?
            .f_mul_scalar(self.original_context)?
            .f_sub_scalar(self.low_freq_factor)?
            .f_div_scalar(self.high_freq_factor - self.low_freq_factor)?;
        // The order of operations is that of `transformers`: a last bit of a frequency is multiplied by the position.
        let part = smooth
            .f_neg()?
            .f_add_scalar(1.0)?
            .f_mul(frequencies)?
            .f_div_scalar(self.factor)?;
        let blend = part.f_add(&smooth.f_mul(frequencies)?)?;
        let long = scaled.f_where_self(&wavelengths.f_gt(low)?, frequencies)?;
        let medium = wavelengths
            .f_ge(high)?
            .f_logical_and(&wavelengths.f_le(low)?)?;
        Ok(blend.f_where_self(&medium, &long)?)
    }
}

/// Rotates the heads `[t, h, e]`: element i pairs with element i + e / 2.
pub fn rotate(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor, Error> {
    if fused::is_fused(x) && cos.kind() == x.kind() {
        return Ok(fused::rotate(x, cos, sin)?);
    }
    let halves = x.f_chunk(2, -1)?;
    let (first, second) = (&halves[0], &halves[1]);
    let left = first.f_mul(cos)?.f_sub(&second.f_mul(sin)?)?;
    let right = second.f_mul(cos)?.f_add(&first.f_mul(sin)?)?;
    Ok(Tensor::f_cat(&[left, right], -1)?)
}

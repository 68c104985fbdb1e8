//! Image processor settings that the families share, and normalisation.

use serde_json::Value;

use crate::resize::Kernel;

/// Mean and deviation of OpenAI's CLIP.
pub(crate) const CLIP: ([f32; 3], [f32; 3]) = (
    [0.481_454_66, 0.457_827_5, 0.408_210_73],
    [0.268_629_54, 0.261_302_6, 0.275_777_1],
);

/// Levels less a mean, divided by a deviation; both in levels of 0 to 255.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Normalisation {
    mean: [f32; 3],
    std: [f32; 3],
}

impl Normalisation {
    /// From `rescale_factor`, `image_mean` and `image_std`; what is wrong is said in words.
    pub fn parse(settings: &Value, presets: ([f32; 3], [f32; 3])) -> Result<Self, String> {
        let rescale = settings["rescale_factor"].as_f64().unwrap_or(1.0 / 255.0);
        if rescale <= 0.0 {
            return Err(format!(
                "has `rescale_factor` {rescale}; expected a small number, 1/255"
            ));
        }
        let levels = (1.0 / rescale) as f32;
        let mean = three(settings, "image_mean", presets.0)?;
        let std = three(settings, "image_std", presets.1)?;
        if std.contains(&0.0) {
            return Err(format!(
                "has `image_std` {}; they must not be zero",
                settings["image_std"]
            ));
        }
        Ok(Self {
            mean: mean.map(|m| m * levels),
            std: std.map(|s| s * levels),
        })
    }

    /// Appends a part of a picture, channel by channel: `height × width` pixels from `top`, `left` of rows of `stride`
    /// pixels.
    pub fn append(
        &self,
        rgb: &[u8],
        stride: usize,
        (top, left): (usize, usize),
        (height, width): (usize, usize),
        out: &mut Vec<f32>,
    ) {
        for channel in 0..3 {
            let (mean, std) = (self.mean[channel], self.std[channel]);
            for row in 0..height {
                let start = ((top + row) * stride + left) * 3;
                let line = rgb[start..start + width * 3].chunks_exact(3);
                out.extend(line.map(|pixel| (f32::from(pixel[channel]) - mean) / std));
            }
        }
    }

    /// The levels that are 0 after normalisation, rounded down.
    pub fn background(&self) -> [u8; 3] {
        self.mean.map(|mean| mean as u8)
    }
}

/// The kernel that `resample` names.
pub(crate) fn kernel(settings: &Value, preset: u64) -> Result<Kernel, String> {
    match settings["resample"].as_u64().unwrap_or(preset) {
        2 => Ok(Kernel::Bilinear),
        // The pinned torchvision has no Lanczos kernel and takes the bicubic one.
        1 | 3 => Ok(Kernel::Bicubic),
        other => Err(format!(
            "has `resample` {other}; known are 1 (Lanczos), 2 (bilinear), 3 (bicubic)"
        )),
    }
}

/// Steps that cannot be left out.
pub(crate) fn needs(settings: &Value, keys: &[&str]) -> Result<(), String> {
    match keys.iter().find(|key| settings[**key] == false) {
        Some(key) => Err(format!(
            "has `{key}` false, which is not implemented; set it to true"
        )),
        None => Ok(()),
    }
}

/// A whole number.
pub(crate) fn number(value: &Value) -> Option<usize> {
    value.as_u64().map(|n| n as usize)
}

fn three(settings: &Value, key: &str, preset: [f32; 3]) -> Result<[f32; 3], String> {
    let Some(list) = settings[key].as_array() else {
        return Ok(preset);
    };
    let values: Vec<f32> = list
        .iter()
        .filter_map(Value::as_f64)
        .map(|value| value as f32)
        .collect();
    values
        .try_into()
        .map_err(|_| format!("has `{key}` {}; expected three numbers", settings[key]))
}

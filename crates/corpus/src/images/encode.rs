//! Pictures into files.

use std::path::Path;

use image::RgbImage;

use super::error::ImageError;

/// Writes a PNG file.
pub fn encode_png(picture: &RgbImage, path: &Path) -> Result<(), ImageError> {
    picture
        .save_with_format(path, image::ImageFormat::Png)
        .map_err(|e| ImageError::Write {
            path: path.to_owned(),
            problem: e.to_string(),
        })
}

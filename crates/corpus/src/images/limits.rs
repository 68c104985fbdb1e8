//! How large files and pictures may be.

use std::path::Path;

use super::error::ImageError;

/// Larger files are refused.
pub const MAX_BYTES: u64 = 200_000_000;
/// Pictures with more pixels are refused.
pub const MAX_PIXELS: u64 = 100_000_000;

/// An error for a picture with too many pixels.
pub(super) fn check_size(width: u64, height: u64, path: &Path) -> Result<(), ImageError> {
    if width.saturating_mul(height) <= MAX_PIXELS {
        return Ok(());
    }
    Err(ImageError::TooLarge {
        path: path.to_owned(),
        found: format!("{width} × {height} px"),
        limit: format!("{MAX_PIXELS} px in all"),
    })
}

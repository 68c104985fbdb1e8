//! Files into pictures.

use std::io::{Cursor, Read as _};
use std::path::Path;
use std::time::Duration;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits, Rgb, RgbImage};

use super::error::ImageError;
use super::kind::looks_like_svg;
use super::limits::{MAX_BYTES, MAX_PIXELS, check_size};
use super::{jpeg, palette, svg, watch};
use crate::shards;

/// What becomes of transparent pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alpha {
    /// They lie on white.
    #[default]
    White,
    /// They show the colours that are stored in them, as Pillow's `convert("RGB")` gives; drawings are on white.
    Dropped,
}

/// Decodes a picture file, in at most the time of [`set_time_limit`](super::set_time_limit). Transparent pixels lie on white.
pub fn decode(path: &Path) -> Result<RgbImage, ImageError> {
    decode_as(path, Alpha::White)
}

/// As [`decode`], with another rule for transparent pixels.
pub fn decode_as(path: &Path, alpha: Alpha) -> Result<RgbImage, ImageError> {
    decode_owned(read(path)?, path, watch::time_limit(), alpha)
}

/// Reads a picture file as it is; anything but a file of at most [`MAX_BYTES`] is refused before it is opened. A picture that lies
/// inside of a data file is read from there ([`shards`]).
pub fn read(path: &Path) -> Result<Vec<u8>, ImageError> {
    let io = |source| ImageError::Io {
        path: path.to_owned(),
        source,
    };
    let found = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let inside = shards::read(path).map_err(io)?;
            return inside.ok_or_else(|| io(error));
        }
        found => found.map_err(io)?,
    };
    if !found.is_file() {
        return Err(io(std::io::Error::other("it is not a file")));
    }
    let mut bytes = Vec::with_capacity(found.len().min(MAX_BYTES) as usize);
    // One byte more than allowed tells a file that grows while it is read.
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if found.len() > MAX_BYTES || bytes.len() as u64 > MAX_BYTES {
        return Err(ImageError::TooLarge {
            path: path.to_owned(),
            found: format!("{} bytes", found.len().max(bytes.len() as u64)),
            limit: format!("{MAX_BYTES} bytes"),
        });
    }
    Ok(bytes)
}

/// Decodes the content of a picture file, in at most the time of [`set_time_limit`](super::set_time_limit); `path` is for messages only.
///
/// ```
/// let grey = image::GrayImage::from_pixel(2, 3, image::Luma([7]));
/// let mut png = std::io::Cursor::new(Vec::new());
/// grey.write_to(&mut png, image::ImageFormat::Png)?;
/// let picture = corpus::images::decode_bytes(&png.into_inner(), std::path::Path::new("grey.png"))?;
/// assert_eq!((picture.dimensions(), picture.get_pixel(1, 2).0), ((2, 3), [7; 3]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode_bytes(bytes: &[u8], path: &Path) -> Result<RgbImage, ImageError> {
    decode_owned(bytes.to_vec(), path, watch::time_limit(), Alpha::White)
}

pub(super) fn decode_owned(
    bytes: Vec<u8>,
    path: &Path,
    limit: Duration,
    alpha: Alpha,
) -> Result<RgbImage, ImageError> {
    let name = path.to_owned();
    watch::within(limit, path, move || decode_unwatched(&bytes, &name, alpha))
}

fn decode_unwatched(bytes: &[u8], path: &Path, alpha: Alpha) -> Result<RgbImage, ImageError> {
    if looks_like_svg(bytes) {
        return svg::draw(bytes, path);
    }
    let broken = |problem: String| ImageError::Decode {
        path: path.to_owned(),
        problem,
    };
    let paletted = palette::of(bytes);
    let mut decoder = open(paletted.as_ref().map_or(bytes, |it| &it.bytes), path)?;
    if bytes.starts_with(b"\xff\xd8") && !jpeg::is_whole(bytes) {
        return Err(broken("the file is cut off".to_owned()));
    }
    let orientation = decoder.orientation().map_err(|e| broken(e.to_string()))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| broken(e.to_string()))?;
    if let Some(paletted) = &paletted {
        picture = paletted.coloured(&picture).into();
    }
    picture.apply_orientation(orientation);
    Ok(flat(picture, alpha))
}

/// Width and height as [`decode_bytes`] would give them, from the head of the file.
pub fn size(bytes: &[u8], path: &Path) -> Result<(u32, u32), ImageError> {
    if looks_like_svg(bytes) {
        return svg::size(bytes, path);
    }
    let paletted = palette::of(bytes);
    let mut decoder = open(paletted.as_ref().map_or(bytes, |it| &it.bytes), path)?;
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().map_err(|e| ImageError::Decode {
        path: path.to_owned(),
        problem: e.to_string(),
    })?;
    let turned = matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    Ok(if turned {
        (height, width)
    } else {
        (width, height)
    })
}

/// The decoder for the content, after the picture's size was checked.
fn open<'a>(
    bytes: &'a [u8],
    path: &Path,
) -> Result<impl image::ImageDecoder + use<'a>, ImageError> {
    let broken = |problem: String| ImageError::Decode {
        path: path.to_owned(),
        problem,
    };
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| broken(e.to_string()))?;
    #[cfg(not(feature = "codecs"))]
    if let Some(image::ImageFormat::WebP | image::ImageFormat::Gif | image::ImageFormat::Tiff) =
        reader.format()
    {
        return Err(broken(crate::absent::CODECS.to_owned()));
    }
    let mut limits = Limits::default();
    // Eight bytes a pixel are 16-bit RGBA.
    limits.max_alloc = Some(MAX_PIXELS * 8);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|e| broken(e.to_string()))?;
    let (width, height) = decoder.dimensions();
    check_size(u64::from(width), u64::from(height), path)?;
    Ok(decoder)
}

/// Colours of 8 bits without transparency.
fn flat(picture: DynamicImage, alpha: Alpha) -> RgbImage {
    let high = |v: u16| (v >> 8) as u8;
    let rgba = match picture {
        DynamicImage::ImageLuma16(grey) => {
            return RgbImage::from_fn(grey.width(), grey.height(), |x, y| {
                Rgb([high(grey.get_pixel(x, y).0[0]); 3])
            });
        }
        DynamicImage::ImageRgb16(rgb) => {
            return RgbImage::from_fn(rgb.width(), rgb.height(), |x, y| {
                Rgb(rgb.get_pixel(x, y).0.map(high))
            });
        }
        DynamicImage::ImageLumaA16(grey) => {
            image::RgbaImage::from_fn(grey.width(), grey.height(), |x, y| {
                let [l, a] = grey.get_pixel(x, y).0.map(high);
                image::Rgba([l, l, l, a])
            })
        }
        DynamicImage::ImageRgba16(rgba) => {
            image::RgbaImage::from_fn(rgba.width(), rgba.height(), |x, y| {
                image::Rgba(rgba.get_pixel(x, y).0.map(high))
            })
        }
        other if !other.color().has_alpha() => return other.into_rgb8(),
        other => other.into_rgba8(),
    };
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0;
        if alpha == Alpha::Dropped {
            return Rgb([r, g, b]);
        }
        // Rounded, so that opaque pixels stay as they are.
        Rgb([r, g, b].map(|c| {
            ((u16::from(c) * u16::from(a) + 255 * (255 - u16::from(a)) + 127) / 255) as u8
        }))
    })
}

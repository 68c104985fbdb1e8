//! Pictures from files: PNG, JPEG, WebP, GIF (the first frame), BMP, TIFF and SVG, found by content, as 8-bit RGB, turned
//! as EXIF says.
//!
//! Transparent pixels lie on white unless a model wants it otherwise ([`Alpha`]). Of 16 bits the upper eight are taken, as
//! Pillow does with colours (its grey pictures of 16 bits saturate at 255, which nobody wants). Sizes are checked before
//! memory is asked for, and decoding has a time limit.

use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits, Rgb, RgbImage};

mod jpeg;
mod palette;
mod svg;
mod watch;

pub use svg::{decode_svg, render_svg_rgba};
pub use watch::{MAX_TIME, set_time_limit};

/// Larger files are refused.
pub const MAX_BYTES: u64 = 200_000_000;
/// Pictures with more pixels are refused.
pub const MAX_PIXELS: u64 = 100_000_000;

/// What becomes of transparent pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alpha {
    /// They lie on white.
    #[default]
    White,
    /// They show the colours that are stored in them, as Pillow's `convert("RGB")` gives; drawings are on white.
    Dropped,
}

/// Why a picture cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file cannot be read.
    #[error("picture `{}` cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("picture `{}` cannot be written: {problem}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system or the encoder said.
        problem: String,
    },
    /// The content is not a picture that we can decode.
    #[error("picture `{}` cannot be decoded: {problem}; expected PNG, JPEG, WebP, GIF, BMP, TIFF or SVG", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        problem: String,
    },
    /// It is too large.
    #[error("picture `{}` is too large: {found}; at most {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        found: String,
        /// The limit.
        limit: String,
    },
    /// Whether it can be used is not known. This is no reason to leave a picture out: a faster or less busy machine
    /// would decide otherwise.
    #[error("picture `{}` was not decoded: {problem}", path.display())]
    Unfinished {
        /// The file.
        path: PathBuf,
        /// What stopped it.
        problem: String,
    },
}

/// Decodes a picture file, in at most the time of [`set_time_limit`]. Transparent pixels lie on white.
pub fn decode(path: &Path) -> Result<RgbImage, ImageError> {
    decode_as(path, Alpha::White)
}

/// As [`decode`], with another rule for transparent pixels.
pub fn decode_as(path: &Path, alpha: Alpha) -> Result<RgbImage, ImageError> {
    decode_owned(read(path)?, path, watch::time_limit(), alpha)
}

/// Reads a picture file as it is; anything but a file of at most [`MAX_BYTES`] is refused before it is opened.
pub fn read(path: &Path) -> Result<Vec<u8>, ImageError> {
    let io = |source| ImageError::Io {
        path: path.to_owned(),
        source,
    };
    let found = std::fs::metadata(path).map_err(io)?;
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

/// Decodes the content of a picture file, in at most the time of [`set_time_limit`]; `path` is for messages only.
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

fn decode_owned(
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

/// The usual ending of a picture file whose name is `path`; `None` if it has none of a picture.
///
/// ```
/// use corpus::images::extension_of;
/// assert_eq!(extension_of("a/b.JPEG".as_ref()), Some("jpg"));
/// assert_eq!(extension_of("a/b.txt".as_ref()), None);
/// ```
pub fn extension_of(path: &Path) -> Option<&'static str> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match ending.as_str() {
        "png" => "png",
        "jpg" | "jpeg" | "jpe" | "jfif" => "jpg",
        "webp" => "webp",
        "gif" => "gif",
        "bmp" => "bmp",
        "tif" | "tiff" => "tif",
        "svg" => "svg",
        _ => return None,
    })
}

/// The usual ending for a file with this content; `bin` if it is no picture that we know.
pub fn extension(bytes: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 7] = [
        (b"\x89PNG", "png"),
        (b"\xff\xd8", "jpg"),
        (b"GIF8", "gif"),
        (b"BM", "bmp"),
        (b"II*\0", "tif"),
        (b"MM\0*", "tif"),
        (b"II+\0", "tif"),
    ];
    if bytes.get(..4) == Some(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return "webp";
    }
    if looks_like_svg(bytes) {
        return "svg";
    }
    let found = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic));
    found.map_or("bin", |(_, ending)| ending)
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
    let mut limits = Limits::default();
    // Eight bytes a pixel are 16-bit RGBA.
    limits.max_alloc = Some(MAX_PIXELS * 8);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|e| broken(e.to_string()))?;
    let (width, height) = decoder.dimensions();
    check_size(u64::from(width), u64::from(height), path)?;
    Ok(decoder)
}

/// Writes a PNG file.
pub fn encode_png(picture: &RgbImage, path: &Path) -> Result<(), ImageError> {
    picture
        .save_with_format(path, image::ImageFormat::Png)
        .map_err(|e| ImageError::Write {
            path: path.to_owned(),
            problem: e.to_string(),
        })
}

fn check_size(width: u64, height: u64, path: &Path) -> Result<(), ImageError> {
    if width.saturating_mul(height) <= MAX_PIXELS {
        return Ok(());
    }
    Err(ImageError::TooLarge {
        path: path.to_owned(),
        found: format!("{width} × {height} px"),
        limit: format!("{MAX_PIXELS} px in all"),
    })
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

fn looks_like_svg(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]);
    let head = head.trim_start_matches('\u{feff}').trim_start();
    head.starts_with("<svg")
        || (head.starts_with("<?xml") || head.starts_with("<!--")) && head.contains("<svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(picture: &DynamicImage) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        picture
            .write_to(&mut out, image::ImageFormat::Png)
            .expect("encode");
        out.into_inner()
    }

    fn here(bytes: &[u8]) -> Result<RgbImage, ImageError> {
        decode_bytes(bytes, Path::new("x"))
    }

    #[test]
    fn transparent_pixels_lie_on_white() {
        let rgba =
            image::RgbaImage::from_raw(2, 1, vec![200, 0, 0, 0, 0, 100, 0, 255]).expect("picture");
        let found = here(&png(&DynamicImage::ImageRgba8(rgba))).expect("decoded");
        assert_eq!(found.into_raw(), [255, 255, 255, 0, 100, 0]);
    }

    #[test]
    fn grey_and_sixteen_bit_become_rgb() {
        let grey = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(1, 1, vec![0xffff_u16])
            .expect("picture");
        assert_eq!(
            here(&png(&DynamicImage::ImageLuma16(grey)))
                .expect("decoded")
                .into_raw(),
            [255; 3]
        );
    }

    #[test]
    fn jpeg_is_turned_as_its_exif_says() {
        let mut wide = RgbImage::new(16, 8);
        wide.enumerate_pixels_mut()
            .filter(|(x, ..)| *x < 8)
            .for_each(|(.., p)| *p = Rgb([255; 3]));
        let mut plain = Cursor::new(Vec::new());
        wide.write_to(&mut plain, image::ImageFormat::Jpeg)
            .expect("encode");
        let plain = plain.into_inner();
        // A TIFF block with one entry: orientation 6, a quarter turn clockwise.
        let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let mut turned = plain[..2].to_vec();
        turned.extend([0xff, 0xe1, 0, exif.len() as u8 + 2]);
        turned.extend(exif);
        turned.extend(&plain[2..]);
        let found = here(&turned).expect("decoded");
        assert_eq!(found.dimensions(), (8, 16));
        assert!(found.get_pixel(4, 1).0[0] > 200 && found.get_pixel(4, 14).0[0] < 50);
    }

    #[test]
    fn svg_is_drawn_on_white() {
        let svg = br##"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="4" height="2"><rect width="2" height="2" fill="#102030"/></svg>"##;
        let found = here(svg).expect("decoded");
        assert_eq!(
            (found.get_pixel(0, 0).0, found.get_pixel(3, 1).0),
            ([16, 32, 48], [255; 3])
        );
    }

    #[test]
    fn webp_is_read() {
        let mut out = Cursor::new(Vec::new());
        RgbImage::from_pixel(3, 3, Rgb([9, 8, 7]))
            .write_to(&mut out, image::ImageFormat::WebP)
            .expect("encode");
        assert_eq!(
            here(&out.into_inner()).expect("decoded").get_pixel(1, 1).0,
            [9, 8, 7]
        );
    }

    #[test]
    fn tiff_is_read() {
        // The same six pixels, saved by PIL 13.0.0 plain and with `compression="tiff_lzw"`.
        let files = [
            "49492a00080000000a0000010400010000000300000001010400010000000200000002010300030000008600000003010300010000\
             000100000006010300010000000200000011010400010000008c00000015010300010000000300000016010400010000000200000017\
             01040001000000120000001c010300010000000100000000000000080008000800ff000000ff000000ff010203040506070809",
            "49492a001a000000803fc0103814100202018100a060382013010a0000010300010000000300000001010300010000000200000002\
             0103000300000098000000030103000100000005000000060103000100000002000000110104000100000008000000150103000100000\
             0030000001601030001000000020000001701040001000000120000001c010300010000000100000000000000080008000800",
        ];
        for hex in files {
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
            let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            let picture = here(&bytes).expect("decoded");
            assert_eq!(picture.dimensions(), (3, 2));
            let expected = [255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3, 4, 5, 6, 7, 8, 9];
            assert_eq!(picture.into_raw(), expected);
            assert!(here(&bytes[..bytes.len() / 2]).is_err());
        }
    }

    #[test]
    fn broken_and_huge_files_are_errors_in_words() {
        let good = png(&DynamicImage::new_rgb8(40, 40));
        for (bytes, part) in [
            (&good[..good.len() / 2], "cannot be decoded"),
            (b"hello", "PNG, JPEG"),
            (b"", "decoded"),
        ] {
            let message = here(bytes).expect_err("broken").to_string();
            assert!(message.contains(part), "{message}");
        }
        let mut huge = good;
        // Width and height of the header, whose checksum is not looked at first by every decoder: either error will do.
        huge[16..24].copy_from_slice(&[0, 0, 0x9c, 0x40, 0, 0, 0x9c, 0x40]);
        assert!(here(&huge).is_err());
        let svg = br#"<svg xmlns="http://www.w3.org/2000/svg" width="40000" height="40000"/>"#;
        assert!(
            here(svg)
                .expect_err("huge")
                .to_string()
                .contains("too large")
        );
    }

    #[test]
    fn a_jpeg_that_is_cut_off_is_an_error_and_not_half_grey() {
        let mut out = Cursor::new(Vec::new());
        let picture = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, 9]));
        picture
            .write_to(&mut out, image::ImageFormat::Jpeg)
            .expect("encode");
        let bytes = out.into_inner();
        assert!(here(&bytes).is_ok());
        for cut in 0..bytes.len() {
            assert!(here(&bytes[..cut]).is_err(), "{cut} of {}", bytes.len());
        }
        let message = here(&bytes[..bytes.len() - 2])
            .expect_err("cut off")
            .to_string();
        assert!(
            message.contains("`x` cannot be decoded: the file is cut off"),
            "{message}"
        );
    }

    #[test]
    fn a_picture_that_takes_too_long_is_not_called_broken() {
        let picture = RgbImage::from_fn(1500, 1500, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
        let bytes = png(&DynamicImage::ImageRgb8(picture));
        let found = |limit| decode_owned(bytes.clone(), Path::new("x"), limit, Alpha::White);
        let error = found(Duration::from_micros(1)).expect_err("too slow");
        assert!(matches!(error, ImageError::Unfinished { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            "picture `x` was not decoded: it took more than 0.000001 s; save it in a smaller or simpler form, or allow \
             more with `--image-seconds`"
        );
        assert!(found(MAX_TIME).is_ok());
    }

    #[test]
    fn only_files_are_read() {
        let folder = tempfile::tempdir().expect("folder");
        let message = decode(folder.path()).expect_err("folder").to_string();
        assert!(message.ends_with("it is not a file"), "{message}");
        let message = decode(&folder.path().join("a.png"))
            .expect_err("missing")
            .to_string();
        assert!(message.contains("a.png` cannot be read"), "{message}");
        let large = folder.path().join("large.png");
        std::fs::File::create(&large)
            .and_then(|file| file.set_len(MAX_BYTES + 1))
            .expect("file");
        let message = decode(&large).expect_err("large").to_string();
        assert!(
            message.contains("is too large: 200000001 bytes; at most 200000000 bytes"),
            "{message}"
        );
    }

    #[test]
    fn drawings_are_fitted_into_a_square() {
        let svg = br##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="10 10 20 10"><rect x="10" y="10" width="20" height="10" fill="#f00" fill-opacity=".5"/></svg>"##;
        let path = Path::new("x");
        let clear = render_svg_rgba(svg, 8, path).expect("drawn");
        let column: Vec<_> = (0..8).map(|y| clear.get_pixel(3, y).0).collect();
        let (none, red) = ([0; 4], [255, 0, 0, 128]);
        assert_eq!(column, [none, none, red, red, red, red, none, none]);
        let white = decode_svg(svg, 8, path).expect("drawn");
        assert_eq!(
            (white.get_pixel(0, 0).0, white.get_pixel(3, 3).0),
            ([255; 3], [255, 127, 127])
        );
        assert_eq!(size(svg, path).expect("size"), (20, 10));
        assert!(decode_svg(svg, 0, path).is_err());
    }
}

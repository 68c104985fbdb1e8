//! Pictures as they are sent: decoded and encoded anew, so that nothing but pixels leaves.

use std::io::Cursor;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use corpus::images;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ImageFormat, RgbImage, imageops};

use crate::settings::{PictureFormat, Pictures};

/// Quality of a sent JPEG.
const QUALITY: u8 = 95;

/// A picture as a data URL.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub url: String,
    /// Whether it was scaled down.
    pub scaled: bool,
}

/// Reads a picture and encodes it anew: pixels as a model of this program would see them (turned as the file says, transparent
/// parts on white), without EXIF, profiles or texts.
pub(crate) fn encode(path: &Path, pictures: Pictures) -> Result<Sent, String> {
    let picture = images::decode(path).map_err(|error| corpus::causes(&error))?;
    let (picture, scaled) = fitted(picture, pictures.max_side);
    let mut bytes = Cursor::new(Vec::new());
    let (kind, written) = match pictures.format {
        PictureFormat::Png => ("png", picture.write_to(&mut bytes, ImageFormat::Png)),
        PictureFormat::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
            ("jpeg", picture.write_with_encoder(encoder))
        }
    };
    written.map_err(|error| format!("`{}` cannot be encoded: {error}", path.display()))?;
    let text = STANDARD.encode(bytes.into_inner());
    Ok(Sent {
        url: format!("data:image/{kind};base64,{text}"),
        scaled,
    })
}

/// The picture with no side over `most`, and whether it was scaled.
fn fitted(picture: RgbImage, most: Option<u32>) -> (RgbImage, bool) {
    let (width, height) = picture.dimensions();
    let longest = width.max(height);
    let Some(most) = most.filter(|most| longest > *most) else {
        return (picture, false);
    };
    let side = |side: u32| {
        let scaled = f64::from(side) * f64::from(most) / f64::from(longest);
        (scaled.round() as u32).max(1)
    };
    let scaled = imageops::resize(&picture, side(width), side(height), FilterType::Lanczos3);
    (scaled, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(sent: &Sent) -> RgbImage {
        let (_, text) = sent.url.split_once(',').expect("data");
        let bytes = STANDARD.decode(text).expect("base64");
        image::load_from_memory(&bytes).expect("picture").to_rgb8()
    }

    #[test]
    fn pixels_leave_and_nothing_else() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("a.jpg");
        let picture = RgbImage::from_fn(40, 20, |x, y| image::Rgb([x as u8 * 6, y as u8 * 9, 7]));
        picture.save(&path).expect("saved");
        // A comment and a camera's notes right after the start of the file.
        let mut bytes = std::fs::read(&path).expect("read");
        let secret = b"\xff\xe1\x00\x14Exif\x00\x00by Dr. Secret\xff\xfe\x00\x08SECRET";
        bytes.splice(2..2, secret.iter().copied());
        std::fs::write(&path, &bytes).expect("written");
        let expected = images::decode(&path).expect("decoded");
        let sent = encode(&path, Pictures::default()).expect("sent");
        assert!(!sent.scaled);
        assert_eq!(decoded(&sent), expected);
        let (_, text) = sent.url.split_once(',').expect("data");
        let bytes = STANDARD.decode(text).expect("base64");
        let holds = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
        assert!(!holds(b"Exif") && !holds(b"SECRET") && !holds(b"Secret"));
    }

    #[test]
    fn a_large_picture_is_scaled_to_its_longer_side() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("a.png");
        RgbImage::new(400, 100).save(&path).expect("saved");
        let pictures = Pictures {
            format: PictureFormat::Jpeg,
            max_side: Some(64),
            ..Pictures::default()
        };
        let sent = encode(&path, pictures).expect("sent");
        assert!(sent.scaled && sent.url.starts_with("data:image/jpeg;base64,"));
        assert_eq!(decoded(&sent).dimensions(), (64, 16));
        assert!(encode(&folder.path().join("none.png"), pictures).is_err());
    }
}

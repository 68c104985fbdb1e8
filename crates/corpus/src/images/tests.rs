use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use image::{DynamicImage, Rgb, RgbImage};

use super::decode::decode_owned;
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
#[cfg(feature = "codecs")]
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
#[cfg(feature = "codecs")]
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

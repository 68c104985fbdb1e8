//! Pictures decode to the pixels that Pillow reads; see `golden/README.md`.

#![cfg(feature = "codecs")]

use std::collections::BTreeMap;
use std::path::Path;

use corpus::images::Alpha;
use serde::Deserialize;

#[derive(Deserialize)]
struct Truth {
    size: (u32, u32),
    /// On white.
    pixels: String,
    /// With the transparency dropped, where that is something else.
    dropped: Option<String>,
}

fn pixels(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// The most that a pixel may differ: decoders of lossy formats round, and scale coarse colour, in their own ways.
fn tolerance(name: &str) -> u8 {
    match name {
        // Colour at half the resolution.
        "plain.jpg" | "progressive.jpg" => 4,
        name if name.contains(".jpg") => 2,
        _ => 0,
    }
}

#[test]
fn pictures_are_what_pillow_reads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let truth = std::fs::read(folder.join("pictures.json")).expect("golden");
    let truth: BTreeMap<String, Truth> = serde_json::from_slice(&truth).expect("golden");
    assert_eq!(truth.len(), 45);
    let mut wrong = Vec::new();
    let mut transparent = 0;
    for (name, truth) in truth {
        let path = folder.join("pictures").join(&name);
        let bytes = corpus::images::read(&path).expect("file");
        let size = corpus::images::size(&bytes, &path).expect("size");
        assert_eq!(size, truth.size, "{name}");
        transparent += usize::from(truth.dropped.is_some());
        let dropped = truth.dropped.as_ref().unwrap_or(&truth.pixels);
        for (alpha, expected) in [(Alpha::White, &truth.pixels), (Alpha::Dropped, dropped)] {
            let picture = match corpus::images::decode_as(&path, alpha) {
                Ok(picture) => picture,
                Err(error) => {
                    wrong.push(error.to_string());
                    continue;
                }
            };
            assert_eq!(picture.dimensions(), truth.size, "{name}");
            let expected = pixels(expected);
            let both = picture.as_raw().iter().zip(&expected);
            let off = both.map(|(a, b)| a.abs_diff(*b)).max();
            if off > Some(tolerance(&name)) {
                wrong.push(format!("{name}, {alpha:?}: differs by {off:?}"));
            }
        }
    }
    assert_eq!(transparent, 8);
    assert_eq!(wrong, Vec::<String>::new());
}

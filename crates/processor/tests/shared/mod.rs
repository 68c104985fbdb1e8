//! What the comparisons with transformers share.

use std::path::{Path, PathBuf};

use corpus::{Sample, Turn};
use image::{Rgb, RgbImage};
use serde_json::Value;

/// Where golden values and model folders are.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// One list of a golden file.
pub fn golden(file: &str, key: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(Path::new(ROOT).join(file)).expect("golden");
    let mut json: Value = serde_json::from_str(&text).expect("json");
    serde_json::from_value(json[key].take()).expect("list")
}

/// A sample without an origin.
pub fn sample(turns: Vec<Turn>, images: Vec<PathBuf>) -> Sample {
    Sample {
        id: "s".to_owned(),
        images,
        turns,
        end: false,
        origin: Value::Null,
    }
}

/// The picture of `make.py`.
pub fn noise(height: u32, width: u32, folder: &Path) -> PathBuf {
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let edge = (x / 9 + y / 7) % 2 * 128;
        Rgb([0, 1, 2]
            .map(|c| ((x * 73 + y * 151 + c * 57 + (x * y) % 251 * 31 + edge) % 256) as u8))
    });
    let path = folder.join(format!("{height}x{width}.png"));
    corpus::images::encode_png(&picture, &path).expect("png");
    path
}

/// The checksum of `make.py`.
pub fn digest(numbers: impl Iterator<Item = i64>) -> String {
    let step = |total: u64, number: i64| {
        total
            .wrapping_mul(1_000_003)
            .wrapping_add(number as u64 + 1)
    };
    numbers.fold(0, step).to_string()
}

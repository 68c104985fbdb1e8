//! A build without tables and rarer pictures says so, file by file: `cargo test -p adamllm-corpus --no-default-features`.

#![cfg(not(any(feature = "tables", feature = "codecs")))]

use std::path::Path;

use corpus::formats::{Options, read_pairs};

#[test]
fn tables_and_rarer_pictures_are_errors_that_name_the_whole_build() {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/formats/ours/pairs.parquet");
    let error = read_pairs(&golden, &Options::default()).expect_err("no tables");
    let expected = "Parquet and Arrow are not read or written: this build is the demo's; `cargo build --release` makes one that does";
    assert!(error.to_string().contains(expected), "{error}");
    let folder = tempfile::tempdir().expect("folder");
    let gif = folder.path().join("one.gif");
    // One white pixel, written by Pillow 12.
    let bytes = b"GIF87a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
    std::fs::write(&gif, bytes).expect("picture");
    let error = corpus::images::decode(&gif).expect_err("no codec");
    assert!(
        error
            .to_string()
            .contains("WebP, GIF and TIFF are not read"),
        "{error}"
    );
    let webp = corpus::images::decode_bytes(b"RIFF\x1a\0\0\0WEBPVP8L", &gif).expect_err("no codec");
    assert!(
        webp.to_string().contains("`cargo build --release`"),
        "{webp}"
    );
}

//! SHA-256 of files, and its digits.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// The digest of an open file; `path` is its name in errors.
pub fn of_file(mut file: File, path: &Path) -> Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        let length = file
            .read(&mut block)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        if length == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&block[..length]);
    }
}

/// The digest of the file at a path.
pub fn of_path(path: &Path) -> Result<[u8; 32]> {
    let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    of_file(file, path)
}

/// In lower-case digits of base 16.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

//! Content digests: what manifests and checkpoints name their files by.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// SHA-256 of bytes, in hexadecimal.
pub fn bytes(data: &[u8]) -> String {
    hex(&Sha256::digest(data))
}

/// The SHA-256 of pieces one after the other, for what does not fit into memory.
///
/// ```
/// let mut digest = corpus::digest::Growing::default();
/// digest.add("a");
/// digest.add("bc");
/// assert_eq!(digest.finish(), corpus::digest::bytes(b"abc"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Growing(Sha256);

impl Growing {
    /// The next piece.
    pub fn add(&mut self, piece: impl AsRef<[u8]>) {
        self.0.update(piece.as_ref());
    }

    /// The digest of all pieces, in hexadecimal.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// The first 128 bits of the SHA-256 of bytes, to remember that they were seen without keeping them.
pub fn short(data: impl AsRef<[u8]>) -> u128 {
    let digest = Sha256::digest(data.as_ref());
    digest
        .iter()
        .take(16)
        .fold(0, |all, &byte| all << 8 | u128::from(byte))
}

/// SHA-256 of a file's content, in hexadecimal; the file is read in pieces.
pub fn file(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&piece[..n]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
        text.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn is_the_published_digest_of_abc() {
        assert_eq!(
            super::bytes(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn files_are_read_whole() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x");
        let data = vec![7; (1 << 20) + 3];
        std::fs::write(&path, &data).expect("write");
        assert_eq!(super::file(&path).expect("read"), super::bytes(&data));
        assert!(super::file(&folder.path().join("y")).is_err());
    }
}

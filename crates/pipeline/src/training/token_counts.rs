//! How many tokens each sample has, four bytes a sample, in a file beside what a stage hands on.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

/// Its name; what begins with a dot is no part of what a stage gives.
pub const FILE: &str = ".token-counts";

/// Writes the counts in the order of the samples, and behind them their digest.
///
/// Gives [`Error::Io`].
pub fn write(path: &Path, counts: &[u32]) -> Result<()> {
    let mut bytes: Vec<u8> = counts
        .iter()
        .flat_map(|count| count.to_le_bytes())
        .collect();
    bytes.extend(corpus::digest::bytes(&bytes).into_bytes());
    let aside = corpus::sealed::aside(path);
    fs::write(&aside, bytes)
        .and_then(|()| fs::rename(&aside, path))
        .map_err(Error::io("write", path))
}

/// The counts of so many samples; nothing if the file is not there, not whole or of others.
pub fn read(path: &Path, samples: usize) -> Option<Vec<u32>> {
    let bytes = fs::read(path).ok()?;
    let (counts, rest) = bytes.split_at_checked(4 * samples)?;
    if corpus::digest::bytes(counts).as_bytes() != rest {
        return None;
    }
    let (counts, _) = counts.as_chunks::<4>();
    Some(
        counts
            .iter()
            .map(|&count| u32::from_le_bytes(count))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_read() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join(FILE);
        assert_eq!(read(&path, 3), None);
        for counts in [vec![7, 0, u32::MAX], Vec::new()] {
            write(&path, &counts).expect("write");
            assert_eq!(read(&path, counts.len()), Some(counts.clone()));
            assert_eq!(read(&path, counts.len() + 1), None);
            assert_eq!(
                counts.len().checked_sub(1).and_then(|few| read(&path, few)),
                None
            );
        }
        write(&path, &[1, 2]).expect("write");
        let mut bytes = fs::read(&path).expect("read");
        bytes[0] ^= 1;
        fs::write(&path, bytes).expect("write");
        assert_eq!(read(&path, 2), None);
    }
}

//! The file of completions, with a checksum of each block beside it.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use corpus::jsonl::{Appender, read_prefix};
use corpus::{Completion, Request};
use run::events::Reporter;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The checksum of what lies before `end` and after the line before.
#[derive(Debug, Serialize, Deserialize)]
struct Sum {
    end: u64,
    sha256: String,
}

/// A file of completions that grows by blocks.
pub(super) struct CompletionsFile {
    path: PathBuf,
    file: Appender,
    sums: Appender,
    /// Bytes of the file that have a checksum.
    summed: u64,
}

impl CompletionsFile {
    /// Opens it after cutting off what is no whole block of these requests or is damaged; gives what is left.
    pub fn open(
        path: &Path,
        requests: &[Request],
        size: usize,
        report: Reporter<'_>,
    ) -> Result<(Self, Vec<Completion>)> {
        let mut stored: Vec<(Completion, u64)> = read_prefix(path)?;
        let sums_path = sums_of(path);
        let mut sums: Vec<(Sum, u64)> = read_prefix(&sums_path)?;
        if !sums.is_empty() {
            let sound = sound_bytes(path, &sums)?;
            let before = stored.len();
            stored.retain(|(_, end)| *end <= sound);
            if before / size > stored.len() / size {
                report.warn(format!(
                    "`{}` is damaged after {} records; what follows is done again",
                    path.display(),
                    stored.len()
                ));
            }
        }
        let fits = stored
            .iter()
            .zip(requests)
            .take_while(|((c, _), r)| c.id == r.id)
            .count();
        let whole = if fits == requests.len() {
            fits
        } else {
            fits / size * size
        };
        stored.truncate(whole);
        let keep = stored.last().map_or(0, |(_, end)| *end);
        let file = Appender::open(path, keep)?;
        sums.retain(|(sum, _)| sum.end <= keep);
        let sums_file = Appender::open(&sums_path, sums.last().map_or(0, |(_, end)| *end))?;
        let mut opened = Self {
            path: path.to_owned(),
            file,
            sums: sums_file,
            summed: sums.last().map_or(0, |(sum, _)| sum.end),
        };
        if opened.summed < keep {
            opened.add_sum()?;
        }
        Ok((opened, stored.into_iter().map(|(c, _)| c).collect()))
    }

    /// Makes a block durable.
    pub fn append(&mut self, block: &[Completion]) -> Result<()> {
        self.file.append(block)?;
        self.add_sum()
    }

    /// Notes the checksum of what has none.
    fn add_sum(&mut self) -> Result<()> {
        let reading = Error::io("read", &self.path);
        let mut file = File::open(&self.path).map_err(&reading)?;
        file.seek(SeekFrom::Start(self.summed)).map_err(&reading)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(&reading)?;
        let end = self.summed + bytes.len() as u64;
        // A checksum that a failing machine loses costs its block, no more; so there is nothing to wait for.
        self.sums.write(&[Sum {
            end,
            sha256: corpus::digest::bytes(&bytes),
        }])?;
        self.summed = end;
        Ok(())
    }
}

/// The file of a file of completions' checksums.
pub(crate) fn sums_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sums");
    PathBuf::from(name)
}

/// How many bytes at the start of the file have their checksums.
fn sound_bytes(path: &Path, sums: &[(Sum, u64)]) -> Result<u64> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(Error::io("read", path))?,
    };
    let mut sound = 0;
    for (sum, _) in sums {
        let end = usize::try_from(sum.end).unwrap_or(usize::MAX);
        match bytes.get(sound..end) {
            Some(part) if corpus::digest::bytes(part) == sum.sha256 => sound = end,
            _ => break,
        }
    }
    Ok(sound as u64)
}

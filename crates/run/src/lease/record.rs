//! The file of a lease: who holds it, and a counter that tells that the holder works.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use serde::Deserialize;

use crate::process::Process;

/// What the file of a lease says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Record {
    /// Who holds it.
    pub process: Process,
    /// What tells this lease from every other one.
    pub token: String,
    /// Grows for as long as the holder works.
    pub counter: u64,
    /// Whether the holder has given it back.
    pub is_released: bool,
}

impl Record {
    /// Reads it; nothing if nobody wrote it to its end, or it is damaged.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The record in a file, if there is one that can be read.
    pub fn read(path: &Path) -> Option<Self> {
        Self::parse(&fs::read(path).ok()?)
    }

    /// Writes the record over the one before it, which is as long, so that a full disk has room for it. It goes into the open
    /// file and not to a name: a holder that was taken for dead cannot come back and write over another one's lease. Who reads
    /// in the middle of it finds a mixture of two counters, or something that is no JSON, and looks again.
    pub fn write(&self, file: &File) -> io::Result<()> {
        let process = serde_json::to_string(&self.process)?;
        let text = format!(
            "{{\"process\":{process},\"token\":\"{}\",\"counter\":{:>20},\"is_released\":{:<5}}}\n",
            self.token, self.counter, self.is_released
        );
        file.write_all_at(text.as_bytes(), 0)?;
        // Network file systems send what was written when a handle is closed. To wait for the disk would be too much: a lease
        // that a loss of power takes away is nobody's.
        file.try_clone().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_as_long_whatever_it_says() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("record");
        let file = File::create(&path).expect("file");
        let mut record = Record {
            process: Process::this(),
            token: "abc".to_owned(),
            counter: 1,
            is_released: false,
        };
        let mut length = None;
        for (counter, is_released) in [(u64::MAX, false), (7, true), (8, false)] {
            record.counter = counter;
            record.is_released = is_released;
            record.write(&file).expect("written");
            assert_eq!(Record::read(&path).as_ref(), Some(&record));
            let now = fs::metadata(&path).expect("there").len();
            assert_eq!(now, *length.get_or_insert(now));
        }
    }

    #[test]
    fn what_is_no_record_is_told_apart() {
        assert_eq!(Record::parse(b""), None);
        assert_eq!(Record::parse(b"{\"token\":\"a\"}"), None);
    }
}

//! What this process has taken of the machine so far, as Linux counts it.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// What the kernel tells of this process.
const STAT: &str = "/proc/self/stat";

/// Counts since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Pages that the kernel had to give without reading them from a disk.
    pub minor_faults: u64,
    /// Seconds of processors in the program, all threads together.
    pub user: f64,
    /// Seconds of processors in the kernel.
    pub system: f64,
}

impl Usage {
    /// Up to now. An error where the system does not tell: a zero would look like a measurement.
    pub fn now() -> Result<Self> {
        let text =
            std::fs::read_to_string(STAT).with_context(|| format!("cannot read `{STAT}`"))?;
        Self::parse(&text).with_context(|| format!("`{STAT}` lacks what proc(5) says of it"))
    }

    /// From a line of `/proc/PID/stat`.
    fn parse(line: &str) -> Option<Self> {
        // The program's name may hold anything, blanks and brackets too.
        let words: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| words.get(at)?.parse::<u64>().ok();
        // The kernel tells times in hundredths, whatever its own tick is.
        let seconds = |at: usize| number(at).map(|ticks| ticks as f64 / 100.0);
        Some(Self {
            minor_faults: number(7)?,
            user: seconds(11)?,
            system: seconds(12)?,
        })
    }

    /// What was taken after `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            minor_faults: self.minor_faults - earlier.minor_faults,
            user: self.user - earlier.user,
            system: self.system - earlier.system,
        }
    }

    /// The seconds, for a file.
    pub fn seconds(self) -> Value {
        json!({"user": self.user, "system": self.system})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// proc(5): the 10th field is `minflt`, the 14th `utime`, the 15th `stime`.
    #[test]
    fn reads_the_fields_that_the_manual_names() {
        let line =
            "812 (a b) c) R 1 812 812 0 -1 4194304 1234 0 7 0 250 31 0 0 20 0 3 0 99 1000 50";
        let expected = Usage {
            minor_faults: 1234,
            user: 2.5,
            system: 0.31,
        };
        assert_eq!(Usage::parse(line), Some(expected));
        assert_eq!(Usage::parse("812 (a"), None);
    }

    #[test]
    fn work_is_seen() {
        let before = Usage::now().expect("counts");
        let pages = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert_eq!(pages[pages.len() - 1], 1);
        let used = Usage::now().expect("counts").since(before);
        assert!(used.minor_faults > 0);
    }
}

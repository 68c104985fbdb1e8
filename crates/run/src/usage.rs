//! What a training took, from the lines that it wrote.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::memory::Needs;
use crate::plan::bytes;

/// The file in a training's folder that has a line for each step.
pub const METRICS: &str = "metrics.jsonl";

/// The file in a training's folder that says what it was planned to take, as [`Needs`].
pub const PLANNED: &str = "planned-memory.json";

/// Of a line what is summed up here; earlier versions wrote less.
#[derive(Deserialize)]
struct Line {
    tokens: u64,
    seconds: f64,
    data_wait_seconds: f64,
    #[serde(default)]
    padding: f64,
    #[serde(default)]
    mfu: f64,
    #[serde(default)]
    peak_rss_bytes: u64,
    #[serde(default)]
    peak_memory_bytes: u64,
    #[serde(default)]
    wasted_memory_bytes: u64,
}

/// What the steps of a training took together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Tokens, pictures included.
    pub tokens: u64,
    /// Wall time.
    pub seconds: f64,
    /// Of it, the share in which samples were waited for.
    pub waiting: f64,
    /// Of what was computed, the share that was padding; steps count by their tokens.
    pub padding: f64,
    /// Operations that were of use, as a share of what the machine's matrix products reach; 0 where that is not known.
    pub mfu: f64,
    /// The largest resident memory of the program.
    pub peak_rss_bytes: u64,
    /// The largest memory that tensors were given.
    pub peak_memory_bytes: u64,
    /// Of it, what none had asked for.
    pub wasted_memory_bytes: u64,
    /// What they were planned to take at the most; 0 where nobody planned.
    pub planned_memory_bytes: u64,
}

impl Usage {
    /// Of the training in a folder; nothing where no step was finished there. Damaged lines are passed over.
    pub fn read(folder: &Path) -> Option<Self> {
        let file = BufReader::new(File::open(folder.join(METRICS)).ok()?);
        let lines = file.lines().map_while(Result::ok);
        let mut found = Self::of(lines.filter_map(|line| serde_json::from_str(&line).ok()))?;
        let planned = std::fs::read(folder.join(PLANNED)).ok();
        let planned = planned.and_then(|text| serde_json::from_slice::<Needs>(&text).ok());
        found.planned_memory_bytes = planned.map_or(0, |needs| needs.total());
        Some(found)
    }

    fn of(lines: impl Iterator<Item = Line>) -> Option<Self> {
        let mut all = Self::default();
        let (mut waited, mut padded, mut used) = (0.0, 0.0, 0.0);
        for line in lines {
            all.tokens += line.tokens;
            all.seconds += line.seconds;
            waited += line.data_wait_seconds;
            used += line.mfu * line.seconds;
            padded += line.padding * line.tokens as f64;
            all.peak_rss_bytes = all.peak_rss_bytes.max(line.peak_rss_bytes);
            if line.peak_memory_bytes > all.peak_memory_bytes {
                all.peak_memory_bytes = line.peak_memory_bytes;
                all.wasted_memory_bytes = line.wasted_memory_bytes;
            }
        }
        if all.seconds <= 0.0 {
            return None;
        }
        all.waiting = waited / all.seconds;
        all.mfu = used / all.seconds;
        all.padding = padded / (all.tokens as f64).max(1.0);
        Some(all)
    }

    /// Tokens of a second.
    pub fn speed(&self) -> f64 {
        self.tokens as f64 / self.seconds
    }

    /// Speed, waiting, padding and memory in a few words.
    pub fn text(&self) -> String {
        let held = match self.peak_memory_bytes {
            0 => String::new(),
            held => format!(
                " ({} in tensors, of which {} idle{})",
                bytes(held),
                bytes(self.wasted_memory_bytes),
                match self.planned_memory_bytes {
                    0 => String::new(),
                    planned => format!("; at most {} were planned", bytes(planned)),
                }
            ),
        };
        let used = match 100.0 * self.mfu {
            used if used > 0.0 => format!(", {used:.1} % of what matrix products reach here"),
            _ => String::new(),
        };
        format!(
            "{:.0} tokens a second{used}, {:.1} % of the time waiting for samples, {:.1} % of the computation padding, at most {} \
             of memory{held}",
            self.speed(),
            100.0 * self.waiting,
            100.0 * self.padding,
            bytes(self.peak_rss_bytes),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_add_up() {
        let folder = tempfile::tempdir().expect("folder");
        assert_eq!(Usage::read(folder.path()), None);
        // The first line is an earlier version's; the last one is torn.
        let text = r#"{"step": 1, "loss": 2.0, "tokens": 100, "padding": 0.0, "seconds": 1.0, "data_wait_seconds": 0.5, "peak_rss_bytes": 3000000000}
{"step": 2, "loss": 1.0, "tokens": 300, "padding": 0.2, "seconds": 3.0, "data_wait_seconds": 0.1, "mfu": 0.4, "peak_rss_bytes": 3100000000, "peak_memory_bytes": 2000000000, "wasted_memory_bytes": 50000000}
{"step": 3, "loss": 1.0, "tokens": 300, "padding": 0.2, "seconds": 4.0, "data_wait_seconds": 0.1, "peak_rss_bytes": 3100000000, "peak_memory_bytes": 1900000000, "wasted_memory_bytes": 90000000}
{"step": 4, "lo"#;
        std::fs::write(folder.path().join(METRICS), text).expect("write");
        let found = Usage::read(folder.path()).expect("three steps");
        assert_eq!((found.tokens, found.seconds), (700, 8.0));
        assert!((found.waiting - 0.7 / 8.0).abs() < 1e-12, "{found:?}");
        assert!((found.padding - 120.0 / 700.0).abs() < 1e-12, "{found:?}");
        assert_eq!(
            found.text(),
            "88 tokens a second, 15.0 % of what matrix products reach here, 8.8 % of the time waiting for samples, 17.1 % of the computation padding, at most 3100 MB \
             of memory (2000 MB in tensors, of which 50 MB idle)"
        );
        let needs = Needs {
            weights: 1_500_000_000,
            workspace: 600_000_000,
            ..Needs::default()
        };
        let text = serde_json::to_string(&needs).expect("JSON");
        std::fs::write(folder.path().join(PLANNED), text).expect("write");
        let found = Usage::read(folder.path()).expect("three steps").text();
        assert!(
            found.ends_with(
                "(2000 MB in tensors, of which 50 MB idle; at most 2100 MB were planned)"
            ),
            "{found}"
        );
    }
}

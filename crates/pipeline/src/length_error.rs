//! Samples that do not fit, and records that are lost before a training.

use std::fmt;
use std::path::PathBuf;

use corpus::rejects::Groups;

/// Why a training does not begin with these samples.
#[derive(Debug, thiserror::Error)]
pub enum LengthError {
    /// Samples are too long, and the recipe says that this is an error.
    #[error("{0}\nraise it, or set `too_long` to `truncate_text` or `drop`")]
    TooLong(LongSamples),
    /// More records were lost on the way than the recipe allows.
    #[error(
        "{:.1} % of the records are lost before the training, more than `data.max_bad` = {max_bad} allows: {unusable} of \
         {read} that were read cannot be used, and {left_out} of {samples} samples made of the others are left \
         out (`{}` names each):\n{}\nmend them, raise `max_seq_len`, or raise `data.max_bad`",
        lost * 100.0,
        list.display(),
        groups.indented("  ")
    )]
    Lost {
        /// The share that is lost, of one.
        lost: f64,
        /// The share that may be.
        max_bad: f64,
        /// Records that were read.
        read: usize,
        /// Those of them that cannot be used.
        unusable: usize,
        /// Samples that were made of the others.
        samples: usize,
        /// Those of them that are left out.
        left_out: usize,
        /// The file that names each of these.
        list: PathBuf,
        /// What is wrong with them.
        groups: Groups<String>,
    },
    /// Samples cannot be made ready for the model.
    #[error(
        "{count} of {samples} samples cannot be prepared (`{}` names each):\n{}",
        list.display(),
        groups.indented("  ")
    )]
    Unprepared {
        /// How many.
        count: usize,
        /// Of how many.
        samples: usize,
        /// The file that names each of them.
        list: PathBuf,
        /// What is wrong with them.
        groups: Groups<String>,
    },
}

/// Samples with more tokens than the model is to be trained with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongSamples {
    /// How many.
    pub count: usize,
    /// Of how many.
    pub samples: usize,
    /// The most tokens that a sample may have.
    pub limit: usize,
    /// The file that has all of them.
    pub path: PathBuf,
    /// Ids and tokens of the first few.
    pub first: Vec<(String, usize)>,
}

impl fmt::Display for LongSamples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.first.iter();
        write!(
            f,
            "{} of {} samples have more than `max_seq_len` = {} tokens with their pictures expanded; all of them are in \
             `{}`:\n{}",
            self.count,
            self.samples,
            self.limit,
            self.path.display(),
            lines(first.map(|(id, tokens)| format!("`{id}`: {tokens} tokens")))
        )
    }
}

fn lines(rows: impl Iterator<Item = String>) -> String {
    let rows: Vec<String> = rows.map(|row| format!("  {row}")).collect();
    rows.join("\n")
}

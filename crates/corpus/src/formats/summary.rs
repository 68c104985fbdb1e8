//! What a person would want to know of a data file before using it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{Format, Loaded, Row};

/// Counts over a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// What the file is.
    pub format: Format,
    /// By what it was recognised.
    pub why: String,
    /// Rows that can be used.
    pub num_rows: usize,
    /// Rows that cannot, by reason.
    pub rejected: BTreeMap<String, usize>,
    /// Different pictures that the usable rows name.
    pub num_images: usize,
    /// Rows by how many pictures they name.
    pub images_a_row: BTreeMap<usize, usize>,
    /// Different groups; 0 if no row has one.
    pub num_groups: usize,
    /// Length of the texts (captions; of a sample all turns).
    pub characters: Lengths,
    /// Rows whose text another row has too, to the letter.
    pub num_repeated: usize,
    /// See [`Loaded::notes`].
    pub notes: Vec<String>,
}

/// Lengths in characters; all 0 if there is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Lengths {
    /// The shortest.
    pub min: usize,
    /// Half are shorter.
    pub median: usize,
    /// Sum by number.
    pub mean: f64,
    /// The longest.
    pub max: usize,
}

/// Counts what [`Loaded`] holds.
pub fn summary<T: Row>(loaded: &Loaded<T>) -> Summary {
    let mut rejected = BTreeMap::new();
    for row in &loaded.rejected {
        *rejected.entry(row.reason.clone()).or_default() += 1;
    }
    let mut images = BTreeSet::new();
    let mut images_a_row = BTreeMap::new();
    let mut groups = BTreeSet::new();
    let mut texts: BTreeMap<String, usize> = BTreeMap::new();
    let mut lengths = Vec::with_capacity(loaded.rows.len());
    for row in &loaded.rows {
        images.extend(row.images());
        *images_a_row.entry(row.images().len()).or_default() += 1;
        groups.extend(row.group());
        let text = row.text();
        lengths.push(text.chars().count());
        *texts.entry(text).or_default() += 1;
    }
    Summary {
        format: loaded.format,
        why: loaded.why.clone(),
        num_rows: loaded.rows.len(),
        rejected,
        num_images: images.len(),
        images_a_row,
        num_groups: groups.len(),
        characters: Lengths::of(lengths),
        num_repeated: texts.values().filter(|&&count| count > 1).sum(),
        notes: loaded.notes.clone(),
    }
}

impl Lengths {
    fn of(mut lengths: Vec<usize>) -> Self {
        lengths.sort_unstable();
        let (Some(&min), Some(&max)) = (lengths.first(), lengths.last()) else {
            return Self::default();
        };
        let mean = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
        let median = lengths[lengths.len() / 2];
        Self {
            min,
            median,
            mean,
            max,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "format: {} ({})", self.format.as_str(), self.why)?;
        writeln!(f, "rows: {}", self.num_rows)?;
        for (reason, count) in &self.rejected {
            writeln!(f, "left out, {reason}: {count}")?;
        }
        let counts: Vec<String> = self
            .images_a_row
            .iter()
            .map(|(images, rows)| format!("{rows} rows with {images}"))
            .collect();
        writeln!(f, "pictures: {} ({})", self.num_images, counts.join(", "))?;
        if self.num_groups > 0 {
            writeln!(f, "groups: {}", self.num_groups)?;
        }
        let Lengths {
            min,
            median,
            mean,
            max,
        } = self.characters;
        writeln!(
            f,
            "characters: {min} to {max}, median {median}, mean {mean:.0}"
        )?;
        if self.num_repeated > 0 {
            writeln!(
                f,
                "rows whose text occurs more than once: {}",
                self.num_repeated
            )?;
        }
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

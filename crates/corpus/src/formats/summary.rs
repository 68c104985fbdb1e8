//! What a person would want to know of a data file before using it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::format::Format;
use super::load::Loaded;
use super::row::Row;
use crate::rejects::Groups;
use crate::{Rejected, digest};

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
    pub rejected: Groups<String>,
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
    let mut tally = Tally::default();
    for row in &loaded.rejected {
        tally.reject(row);
    }
    for row in &loaded.rows {
        tally.add(row);
    }
    tally.summary(loaded.format, &loaded.why, loaded.notes.clone())
}

/// Counts records one by one; of names and texts it keeps 16 bytes each.
#[derive(Debug, Default)]
pub struct Tally {
    rejected: Groups<String>,
    images: HashSet<u128>,
    images_a_row: BTreeMap<usize, usize>,
    groups: HashSet<u128>,
    texts: HashMap<u128, u32>,
    lengths: Vec<u32>,
}

impl Tally {
    /// A record that can be used.
    pub fn add<T: Row>(&mut self, row: &T) {
        let images = row.images().iter();
        self.images
            .extend(images.map(|path| digest::short(path.as_os_str().as_encoded_bytes())));
        *self.images_a_row.entry(row.images().len()).or_default() += 1;
        self.groups.extend(row.group().map(digest::short));
        let text = row.text();
        self.lengths.push(text.chars().count() as u32);
        *self.texts.entry(digest::short(&text)).or_default() += 1;
    }

    /// A record that cannot be used.
    pub fn reject(&mut self, row: &Rejected) {
        self.rejected.add_rejected(row);
    }

    /// Lengths of the texts in characters, in file order.
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// The counts.
    pub fn summary(&self, format: Format, why: &str, notes: Vec<String>) -> Summary {
        let repeated = self.texts.values().filter(|&&count| count > 1);
        Summary {
            format,
            why: why.to_owned(),
            num_rows: self.lengths.len(),
            rejected: self.rejected.clone(),
            num_images: self.images.len(),
            images_a_row: self.images_a_row.clone(),
            num_groups: self.groups.len(),
            characters: Lengths::of(self.lengths.clone()),
            num_repeated: repeated.map(|&count| count as usize).sum(),
            notes,
        }
    }
}

impl Lengths {
    /// Of numbers in any order.
    pub fn of(mut lengths: Vec<u32>) -> Self {
        lengths.sort_unstable();
        let (Some(&min), Some(&max)) = (lengths.first(), lengths.last()) else {
            return Self::default();
        };
        let sum: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
        Self {
            min: min as usize,
            median: lengths[lengths.len() / 2] as usize,
            mean: sum as f64 / lengths.len() as f64,
            max: max as usize,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "format: {} ({})", self.format.as_str(), self.why)?;
        writeln!(f, "rows: {}", self.num_rows)?;
        for group in self.rejected.by_size() {
            writeln!(f, "left out, {}: {}", group.kind, group.count)?;
        }
        if self.num_rows == 0 {
            return self.write_notes(f);
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
        self.write_notes(f)
    }
}

impl Summary {
    fn write_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

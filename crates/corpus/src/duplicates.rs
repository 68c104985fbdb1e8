//! Pictures that occur more than once in a data set: the same file, or the same picture resized or compressed again.
//!
//! ```
//! use corpus::duplicates::Duplicates;
//! use corpus::fingerprint::Fingerprint;
//! let tiles = |side: u32, shade: u32| image::RgbImage::from_fn(side, side, |x, y| {
//!     let tile = 5 * x / side * 37 + 5 * y / side * 91 + shade;
//!     image::Rgb([(tile % 256) as u8, (2 * tile % 256) as u8, 9])
//! });
//! let mut found = Duplicates::default();
//! for (row, picture) in [tiles(100, 0), tiles(200, 0), tiles(100, 99)].iter().enumerate() {
//!     found.add(row, &picture.as_raw()[..], &Fingerprint::new(picture));
//! }
//! assert_eq!(found.groups(), [vec![0, 1]]);
//! ```

use std::collections::HashMap;

use rayon::prelude::*;

use crate::digest;
use crate::fingerprint::{COPY_BITS, Fingerprint, Sketch};

/// Pictures by the rows that they belong to.
#[derive(Debug, Default)]
pub struct Duplicates {
    /// First row of each file content, by its place in `sketches`.
    places: HashMap<u128, usize>,
    rows: Vec<Vec<usize>>,
    /// Apart from the sketches, so that comparing all pairs reads little memory.
    hashes: Vec<u64>,
    sketches: Vec<Sketch>,
}

impl Duplicates {
    /// Adds a row's picture: its file's content and what it shows.
    pub fn add(&mut self, row: usize, content: &[u8], fingerprint: &Fingerprint) {
        let name = Self::name(content);
        self.add_content(name, || fingerprint.into());
        self.add_row(row, name);
    }

    /// A short name of a file's content.
    pub fn name(content: &[u8]) -> u128 {
        digest::short(content)
    }

    /// Adds a picture by the name of its content; one that is known is left as it is.
    pub fn add_content(&mut self, name: u128, sketch: impl FnOnce() -> Sketch) {
        let next = self.rows.len();
        if *self.places.entry(name).or_insert(next) == next {
            let sketch = sketch();
            self.hashes.push(sketch.hash);
            self.sketches.push(sketch);
            self.rows.push(Vec::new());
        }
    }

    /// Says that a row has a picture that was added.
    pub fn add_row(&mut self, row: usize, name: u128) {
        if let Some(&place) = self.places.get(&name) {
            // A row with the same picture twice repeats no other row.
            if self.rows[place].last() != Some(&row) {
                self.rows[place].push(row);
            }
        }
    }

    /// Different contents of files.
    pub fn num_contents(&self) -> usize {
        self.rows.len()
    }

    /// Rows whose picture's file an earlier row has too.
    pub fn num_exact(&self) -> usize {
        self.rows
            .iter()
            .map(|rows| rows.len().saturating_sub(1))
            .sum()
    }

    /// Groups of two rows or more that show the same picture, each in order; the groups in the order of their first row.
    ///
    /// All pairs are compared, on all cores: half a million million for a million pictures.
    pub fn groups(&self) -> Vec<Vec<usize>> {
        let near: Vec<(usize, usize)> = (0..self.hashes.len())
            .into_par_iter()
            .flat_map_iter(|i| {
                let hash = self.hashes[i];
                let later = self.hashes[i + 1..].iter().enumerate();
                later.filter_map(move |(j, other)| {
                    let j = i + 1 + j;
                    let close = (hash ^ other).count_ones() <= COPY_BITS;
                    (close && self.sketches[i].is_copy(&self.sketches[j])).then_some((i, j))
                })
            })
            .collect();
        let mut parent: Vec<usize> = (0..self.rows.len()).collect();
        for (i, j) in near {
            let (a, b) = (root(&mut parent, i), root(&mut parent, j));
            parent[a.max(b)] = a.min(b);
        }
        let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
        for (place, rows) in self.rows.iter().enumerate() {
            let root = root(&mut parent, place);
            groups.entry(root).or_default().extend(rows);
        }
        let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
        for group in &mut groups {
            group.sort_unstable();
            group.dedup();
        }
        groups.retain(|group| group.len() > 1);
        groups.sort_unstable();
        groups
    }
}

/// The smallest member that stands for the group of `at`.
fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}

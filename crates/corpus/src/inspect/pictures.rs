//! Opens the pictures of records: which are sound, how large they are, and which of them are the same.

use std::collections::HashMap;
use std::path::Path;

use rayon::prelude::*;

use super::inspection::PictureFindings;
use crate::duplicates::Duplicates;
use crate::fingerprint::{Fingerprint, Sketch};
use crate::formats::{Entry, Inside, Row, Tally};
use crate::{Rejected, digest, images};

/// What was seen so far.
#[derive(Default)]
pub(super) struct Pictures {
    widths: Vec<u32>,
    heights: Vec<u32>,
    pixels: Vec<u32>,
    duplicates: Duplicates,
    /// Ids and normalised captions of the rows whose pictures were looked at.
    ids: Vec<(String, u128)>,
    /// Files that were looked at, by their path.
    seen: HashMap<u128, Result<u128, String>>,
}

/// What one picture is: content's name, size, and what it looks like.
struct Look {
    name: u128,
    width: u32,
    height: u32,
    sketch: Sketch,
}

fn look_at(path: &Path, inside: &[Inside]) -> Result<Look, String> {
    let content = match inside.iter().find(|picture| picture.path == path) {
        Some(picture) => picture.bytes.clone(),
        None => images::read(path).map_err(|e| e.to_string())?,
    };
    let picture = images::decode_bytes(&content, path).map_err(|e| e.to_string())?;
    Ok(Look {
        name: Duplicates::name(&content),
        width: picture.width(),
        height: picture.height(),
        sketch: (&Fingerprint::new(&picture)).into(),
    })
}

/// Words alone, in lower case, so that captions differ only where they say something else.
fn normalised(text: &str) -> String {
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

impl Pictures {
    /// Looks at the pictures on all cores; gives the records whose pictures are sound.
    pub(super) fn look<T: Row + Send + Sync>(
        &mut self,
        chunk: Vec<Entry<T>>,
        tally: &mut Tally,
        rejected: &mut Vec<Rejected>,
    ) -> Vec<Entry<T>> {
        let mut wanted: Vec<(u128, &Path, &[Inside])> = Vec::new();
        for entry in &chunk {
            for path in entry.record.images() {
                let key = digest::short(path.as_os_str().as_encoded_bytes());
                if !self.seen.contains_key(&key) && !wanted.iter().any(|(k, ..)| *k == key) {
                    wanted.push((key, path, &entry.inside));
                }
            }
        }
        let looks: Vec<(u128, Result<Look, String>)> = wanted
            .into_par_iter()
            .map(|(key, path, inside)| (key, look_at(path, inside)))
            .collect();
        for (key, look) in looks {
            let known = match look {
                Ok(look) => {
                    self.widths.push(look.width);
                    self.heights.push(look.height);
                    self.pixels.push(look.width.saturating_mul(look.height));
                    self.duplicates.add_content(look.name, || look.sketch);
                    Ok(look.name)
                }
                Err(problem) => Err(problem),
            };
            self.seen.insert(key, known);
        }
        let mut sound = Vec::with_capacity(chunk.len());
        'rows: for entry in chunk {
            let mut names = Vec::new();
            for path in entry.record.images() {
                let key = digest::short(path.as_os_str().as_encoded_bytes());
                match &self.seen[&key] {
                    Ok(name) => names.push(*name),
                    Err(problem) => {
                        let bad = Rejected {
                            id: entry.record.id().to_owned(),
                            stage: "read".to_owned(),
                            reason: "broken-image".to_owned(),
                            detail: problem.clone(),
                        };
                        tally.reject(&bad);
                        rejected.push(bad);
                        continue 'rows;
                    }
                }
            }
            let row = self.ids.len();
            let caption = digest::short(normalised(&entry.record.text()));
            self.ids.push((entry.record.id().to_owned(), caption));
            for name in names {
                self.duplicates.add_row(row, name);
            }
            sound.push(entry);
        }
        sound
    }

    /// What all of them are.
    pub(super) fn findings(self) -> PictureFindings {
        let groups = self.duplicates.groups();
        let exact = self.duplicates.num_exact();
        let rows: usize = groups.iter().map(|group| group.len() - 1).sum();
        let doubles = groups.iter().map(|group| self.doubles(group)).sum();
        let ids = |group: &Vec<usize>| group.iter().map(|&row| self.ids[row].0.clone()).collect();
        PictureFindings {
            contents: self.duplicates.num_contents(),
            exact,
            near: rows.saturating_sub(exact),
            doubles,
            groups: groups.iter().map(ids).collect(),
            widths: self.widths,
            heights: self.heights,
            pixels: self.pixels,
        }
    }

    /// Rows of a group that repeat the caption of an earlier one too.
    fn doubles(&self, group: &[usize]) -> usize {
        let mut captions: Vec<u128> = group.iter().map(|&row| self.ids[row].1).collect();
        captions.sort_unstable();
        let all = captions.len();
        captions.dedup();
        all - captions.len()
    }
}

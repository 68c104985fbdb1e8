//! The findings, and the same for programs.

use serde_json::{Value, json};

use super::histogram::histogram;
use crate::formats::{Kind, Lengths, RootAbove, Summary};
use crate::{Rejected, Sample};

/// What a data file holds.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What the records were read as.
    pub kind: Kind,
    /// Counts over the usable records.
    pub summary: Summary,
    /// Where names of pictures start, if that is neither the file's own folder nor one that was named.
    pub root_above: Option<RootAbove>,
    /// What was left out, in file order within a few hundred records.
    pub rejected: Vec<Rejected>,
    /// None if the text alone was looked at.
    pub pictures: Option<PictureFindings>,
    /// What lengths are counts of: `characters` or `tokens`.
    pub unit: &'static str,
    /// Lengths of the usable records, in file order.
    pub lengths: Vec<u32>,
    /// The longest records with their ids, the longest first.
    pub longest: Vec<(u32, String)>,
    /// The record that was asked for, as it would be trained on.
    pub sample: Option<Sample>,
    /// Its text in runs of learned and not learned.
    pub shown: Vec<(String, bool)>,
}

/// What the pictures of a data file are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PictureFindings {
    /// Widths of the files that were opened.
    pub widths: Vec<u32>,
    /// Their heights.
    pub heights: Vec<u32>,
    /// Their pixels.
    pub pixels: Vec<u32>,
    /// Different contents of files.
    pub contents: usize,
    /// Rows whose picture's file an earlier row has too.
    pub exact: usize,
    /// Rows that show an earlier row's picture resized or compressed again.
    pub near: usize,
    /// Rows that repeat both the picture and the caption of an earlier one.
    pub doubles: usize,
    /// Ids of rows that show the same picture.
    pub groups: Vec<Vec<String>>,
}

impl Inspection {
    /// The same for programs.
    pub fn document(&self) -> Value {
        let longest: Vec<Value> = self
            .longest
            .iter()
            .map(|(length, id)| json!({"id": id, "length": length}))
            .collect();
        let pictures = self.pictures.as_ref().map(|found| {
            json!({
                "width": Lengths::of(found.widths.clone()), "height": Lengths::of(found.heights.clone()),
                "pixels": histogram(&found.pixels), "contents": found.contents,
            })
        });
        let duplicates = self.pictures.as_ref().map(|found| {
            json!({
                "exact": found.exact, "near": found.near, "pairs": found.doubles, "groups": found.groups,
            })
        });
        json!({
            "summary": self.summary, "rejected": self.rejected, "kind": self.kind,
            "image_root": self.root_above.as_ref().map(|above| &above.path),
            "pictures": pictures, "duplicates": duplicates,
            "lengths": {
                "unit": self.unit, "summary": Lengths::of(self.lengths.clone()), "histogram": histogram(&self.lengths),
            },
            "longest": longest, "sample": self.sample,
        })
    }
}

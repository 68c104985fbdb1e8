//! Pictures of a test set among those that were trained on: the same file, the same picture resized or compressed
//! again, and a crop of it.

use std::collections::HashMap;

use corpus::fingerprint::{Coarse, Fingerprint, Window};
use serde::{Deserialize, Serialize};

pub use corpus::looks::Look;

/// Bits of 63 in which a picture and its copy may differ; bits drawn by chance would do so once in 360. What is within the
/// limit is compared cell by cell, so that a wide limit costs time and hardly any false alarm.
const LEAK_BITS: u32 = 20;
/// Bits of 63 in which a picture's window and a crop may differ.
const CROP_BITS: u32 = 14;

/// Mean differences of brightness and colours of a window and a crop.
const CROP_MEAN: f32 = 4.0;
const CROP_COLOUR: f32 = 5.0;
/// Hashes that are compared at once: so many that mostly none of them is near.
const BLOCK: usize = 64;

/// What two pictures have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likeness {
    /// The same file.
    SameFile,
    /// The same picture in another size or compression.
    Copy,
    /// One is a part of the other.
    Crop,
}

/// A test picture and one that was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PictureMatch {
    /// The test item.
    pub item: String,
    /// What was trained on.
    pub trained: String,
    /// What they have in common.
    pub likeness: Likeness,
    /// Mean difference of brightness of the small copies, in levels of 0 to 255.
    pub difference: f32,
}

/// What a picture may be by its hashes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Candidate {
    Copy,
    Crop,
}

/// The pictures of a test set, ready to be looked for.
#[derive(Clone, Debug, Default)]
pub struct PictureIndex {
    ids: Vec<String>,
    looks: Vec<Look>,
    /// Pictures by their files' contents, in order.
    by_name: HashMap<u128, Vec<usize>>,
    /// Hashes apart from the rest, so that comparing them reads little memory.
    hashes: Vec<u64>,
    windows: Vec<[u64; 9]>,
    coarse: Vec<Coarse>,
}

impl PictureIndex {
    /// Adds a test item's picture.
    pub fn add(&mut self, item: &str, look: Look) {
        let at = self.ids.len();
        self.ids.push(item.to_owned());
        self.by_name.entry(look.name).or_default().push(at);
        self.hashes.push(look.fingerprint.hash);
        self.windows.push(look.fingerprint.windows);
        self.coarse.push(look.fingerprint.coarse());
        self.looks.push(look);
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The test items whose picture is the trained one in some way. With `crops` also those of which one is a crop.
    pub fn matches(&self, trained: &str, look: &Look, crops: bool) -> Vec<PictureMatch> {
        let same: &[usize] = self.by_name.get(&look.name).map_or(&[], Vec::as_slice);
        let same_file = |&at: &usize| self.found(at, trained, Likeness::SameFile, 0.0);
        let mut found: Vec<PictureMatch> = same.iter().map(same_file).collect();
        // What is a copy need not be a crop too.
        let mut copy = None;
        for (at, how) in self.candidates(&look.fingerprint, crops) {
            if copy == Some(at) || same.binary_search(&at).is_ok() {
                continue;
            }
            let (likeness, difference) = match how {
                Candidate::Copy => (Likeness::Copy, self.copy(at, look)),
                Candidate::Crop => (Likeness::Crop, self.crop(at, look)),
            };
            if let Some(difference) = difference {
                found.push(self.found(at, trained, likeness, difference));
                copy = Some(at);
            }
        }
        found
    }

    /// Pictures whose hashes are near enough to be looked at, in order: first as a copy, then, as another entry, as a crop.
    fn candidates(&self, look: &Fingerprint, crops: bool) -> Vec<(usize, Candidate)> {
        let (mut found, coarse) = (Vec::new(), look.coarse());
        near(&self.hashes, look.hash, LEAK_BITS, |at| {
            if self.coarse[at].may_be_copy(&coarse) {
                found.push((at, Candidate::Copy));
            }
        });
        if crops {
            near(self.windows.as_flattened(), look.hash, CROP_BITS, |at| {
                found.push((at / look.windows.len(), Candidate::Crop));
            });
            for &window in &look.windows {
                near(&self.hashes, window, CROP_BITS, |at| {
                    found.push((at, Candidate::Crop));
                });
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The verified difference if both are the same picture.
    fn copy(&self, at: usize, look: &Look) -> Option<f32> {
        let (mine, other) = (&self.looks[at].fingerprint, &look.fingerprint);
        if !mine.may_be_copy(other) {
            return None;
        }
        let difference = mine.difference(Window::WHOLE, other);
        difference.is_copy().then_some(difference.mean)
    }

    /// The verified difference if one of both pictures is a crop of the other.
    fn crop(&self, at: usize, look: &Look) -> Option<f32> {
        let (mine, other) = (&self.looks[at].fingerprint, &look.fingerprint);
        best_window(mine, other).or_else(|| best_window(other, mine))
    }

    fn found(&self, at: usize, trained: &str, likeness: Likeness, difference: f32) -> PictureMatch {
        PictureMatch {
            item: self.ids[at].clone(),
            trained: trained.to_owned(),
            likeness,
            difference,
        }
    }
}

/// Calls back for the place of each hash that is near to the one that is sought.
fn near(hashes: &[u64], sought: u64, bits: u32, mut found: impl FnMut(usize)) {
    let is_near = |hash: &u64| (hash ^ sought).count_ones() <= bits;
    for (block, hashes) in hashes.chunks(BLOCK).enumerate() {
        let count: u64 = hashes.iter().map(|hash| u64::from(is_near(hash))).sum();
        if count > 0 {
            let places = hashes.iter().enumerate().filter(|(_, hash)| is_near(hash));
            places.for_each(|(at, _)| found(block * BLOCK + at));
        }
    }
}

/// The difference in the window of `whole` that `part` fits best, if it fits well. Only windows whose hash is near are
/// looked at.
fn best_window(whole: &Fingerprint, part: &Fingerprint) -> Option<f32> {
    let near = |hash: &u64| (hash ^ part.hash).count_ones() <= CROP_BITS;
    if !whole.windows.iter().any(near) || !whole.may_hold(part, CROP_MEAN, CROP_COLOUR) {
        return None;
    }
    let look = |window: Window, best: &mut (f32, Option<Window>)| {
        if let Some(mean) = whole.mean_below(window, part, best.0) {
            *best = (mean, Some(window));
        }
    };
    // Nothing that a shift by a fortieth could mend.
    let mut best = (28.0_f32.next_up(), None);
    for (window, hash) in Fingerprint::window_places().into_iter().zip(&whole.windows) {
        if near(hash) {
            look(window, &mut best);
        }
    }
    // Then each edge a little, as long as it helps.
    let mut step = 0.025;
    while step > 0.004 {
        let (before, at) = (best.0, best.1?);
        for (dx, dy, dw, dh) in [
            (step, 0.0, 0.0, 0.0),
            (-step, 0.0, 0.0, 0.0),
            (0.0, step, 0.0, 0.0),
            (0.0, -step, 0.0, 0.0),
            (0.0, 0.0, step, step),
            (0.0, 0.0, -step, -step),
            (-step, -step, step, step),
            (step, step, -step, -step),
        ] {
            let window = Window {
                x: (at.x + dx).clamp(0.0, 0.2),
                y: (at.y + dy).clamp(0.0, 0.2),
                width: at.width + dw,
                height: at.height + dh,
            };
            if window.x + window.width <= 1.001 && window.y + window.height <= 1.001 {
                look(window, &mut best);
            }
        }
        if best.0 >= before {
            step /= 2.0;
        }
    }
    let difference = whole.difference(best.1?, part);
    let fits = difference.mean <= CROP_MEAN
        && difference.most <= 36.0
        && difference.colour <= CROP_COLOUR
        && difference.most_colour <= 22.0;
    fits.then_some(difference.mean)
}

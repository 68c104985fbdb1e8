//! Pictures of a test set among those that were trained on: the same file, the same picture resized or compressed
//! again, and a crop of it.

use std::collections::HashMap;

use corpus::digest;
use corpus::fingerprint::{Difference, Fingerprint, Window};
use serde::{Deserialize, Serialize};

/// Bits of 63 in which a picture and its copy may differ; bits drawn by chance would do so once in 360. What is within the
/// limit is compared cell by cell, so that a wide limit costs time and hardly any false alarm.
const LEAK_BITS: u32 = 20;
/// Bits of 63 in which a picture's window and a crop may differ.
const CROP_BITS: u32 = 14;

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

/// A picture's file and look.
#[derive(Clone, Debug)]
pub struct Look {
    digest: String,
    fingerprint: Fingerprint,
}

impl Look {
    /// The look of a picture from its file's content and the fingerprint of what it shows.
    pub fn new(content: &[u8], fingerprint: Fingerprint) -> Self {
        Self {
            digest: digest::bytes(content),
            fingerprint,
        }
    }
}

/// The pictures of a test set, ready to be looked for.
#[derive(Clone, Debug, Default)]
pub struct PictureIndex {
    ids: Vec<String>,
    looks: Vec<Look>,
    by_digest: HashMap<String, Vec<usize>>,
    /// Hashes apart from the rest, so that comparing them reads little memory.
    hashes: Vec<u64>,
    windows: Vec<[u64; 9]>,
}

impl PictureIndex {
    /// Adds a test item's picture.
    pub fn add(&mut self, item: &str, look: Look) {
        let at = self.ids.len();
        self.ids.push(item.to_owned());
        self.by_digest
            .entry(look.digest.clone())
            .or_default()
            .push(at);
        self.hashes.push(look.fingerprint.hash);
        self.windows.push(look.fingerprint.windows);
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
        let mut found = Vec::new();
        let same = self.by_digest.get(&look.digest);
        for &at in same.into_iter().flatten() {
            found.push(self.found(at, trained, Likeness::SameFile, 0.0));
        }
        let is_same = |at: usize| same.is_some_and(|those| those.contains(&at));
        for at in 0..self.ids.len() {
            let hash = self.hashes[at];
            if (hash ^ look.fingerprint.hash).count_ones() <= LEAK_BITS && !is_same(at) {
                let difference = self.looks[at]
                    .fingerprint
                    .difference(Window::WHOLE, &look.fingerprint);
                if difference.is_copy() {
                    found.push(self.found(at, trained, Likeness::Copy, difference.mean));
                    continue;
                }
            }
            if crops
                && !is_same(at)
                && let Some(difference) = self.crop(at, look)
            {
                found.push(self.found(at, trained, Likeness::Crop, difference));
            }
        }
        found
    }

    /// The verified difference if one of both pictures is a crop of the other.
    fn crop(&self, at: usize, look: &Look) -> Option<f32> {
        let (mine, other) = (&self.looks[at].fingerprint, &look.fingerprint);
        best_window(mine, &self.windows[at], other)
            .or_else(|| best_window(other, &other.windows, mine))
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

/// The difference in the window of `whole` that `part` fits best, if it fits well. `hashes` are those of its windows; only
/// windows whose hash is near are looked at.
fn best_window(whole: &Fingerprint, hashes: &[u64; 9], part: &Fingerprint) -> Option<f32> {
    let near = |hash: &u64| (hash ^ part.hash).count_ones() <= CROP_BITS;
    if !hashes.iter().any(near) {
        return None;
    }
    let look = |window: Window, best: &mut Option<(Difference, Window)>| {
        let difference = whole.difference(window, part);
        if best.is_none_or(|(least, _)| difference.mean < least.mean) {
            *best = Some((difference, window));
        }
    };
    let mut best: Option<(Difference, Window)> = None;
    for (window, hash) in Fingerprint::window_places().into_iter().zip(hashes) {
        if near(hash) {
            look(window, &mut best);
        }
    }
    // Nothing that a shift by a fortieth could mend.
    if best?.0.mean > 28.0 {
        return None;
    }
    // Then each edge a little, as long as it helps.
    let mut step = 0.025;
    while step > 0.004 {
        let (before, at) = best?;
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
        if best?.0.mean >= before.mean {
            step /= 2.0;
        }
    }
    let (difference, _) = best?;
    let fits = difference.mean <= 4.0
        && difference.most <= 36.0
        && difference.colour <= 5.0
        && difference.most_colour <= 22.0;
    fits.then_some(difference.mean)
}

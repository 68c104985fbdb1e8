//! Filtered populations with a known truth: how often do the intervals from a sample of both sides hold it?
//!
//! Each side has exactly its share of right items. Pairs have 1 to 5 items; where they matter their shares follow a beta
//! distribution of intra-cluster correlation 0.3. The score of an item lies in its side's half of 0 to 1, and is the larger of two
//! random numbers if the item is right, the smaller if it is wrong.

use std::collections::{HashMap, HashSet};

use corpus::seed::Rng;
use evaluation::statistics::{
    Clusters, Drawn, Filter, ScoredStratum, Share, ThresholdPoint, threshold_curve,
};

use crate::simulation::beta;

/// Items drawn of each side.
const DRAWN: usize = 100;
const CORRELATION: f64 = 0.3;

/// How items are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// Singly, from items that have nothing to do with each other.
    Single,
    /// Singly, from pairs of several items, whose names the intervals are told.
    OfPairs,
    /// Pairs with all their items on that side.
    WholePairs,
}

/// A world.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// Items of the population.
    pub total: usize,
    /// The share that the filter keeps.
    pub kept: f64,
    /// The right share of the kept items.
    pub right_kept: f64,
    /// The right share of the dropped items.
    pub right_dropped: f64,
    /// How items are drawn.
    pub design: Design,
}

/// The thresholds, in the order of [`Found::curve`].
pub const THRESHOLDS: [f64; 3] = [0.25, 0.5, 0.75];

/// Percent of intervals that hold the truth.
#[derive(Clone, Debug)]
pub struct Found {
    /// Of precision, recall, F1, accuracy, and the right share before the filter.
    pub filter: [f64; 5],
    /// Precision and recall at each threshold; empty if they were not asked for.
    pub curve: Vec<[f64; 2]>,
}

#[derive(Clone, Copy)]
struct Item {
    score: f64,
    right: bool,
    pair: usize,
}

/// One side of the filter; the items of a pair lie together.
struct Side {
    items: Vec<Item>,
    /// Where each pair begins, and the end.
    starts: Vec<usize>,
}

impl Side {
    fn new(total: usize, share: f64, base: f64, design: Design, rng: &mut Rng) -> Self {
        let mut starts = vec![0];
        let mut right = Vec::with_capacity(total);
        let weight = (1.0 - CORRELATION) / CORRELATION;
        while right.len() < total {
            let (size, chance) = if design == Design::Single {
                (1, share)
            } else {
                let chance = beta(rng, share * weight, (1.0 - share) * weight);
                (1 + rng.below(5), chance)
            };
            for _ in 0..size.min(total - right.len()) {
                right.push(rng.chance(chance));
            }
            starts.push(right.len());
        }
        // Random items are turned until the share is exact.
        let wanted = (share * total as f64).round() as usize;
        let mut count = right.iter().filter(|&&right| right).count();
        while count != wanted {
            let at = rng.below(total);
            if right[at] == (count > wanted) {
                right[at] = !right[at];
                count = if right[at] { count + 1 } else { count - 1 };
            }
        }
        let mut items = Vec::with_capacity(total);
        for (pair, bounds) in starts.windows(2).enumerate() {
            for &right in &right[bounds[0]..bounds[1]] {
                let (one, other) = (rng.unit(), rng.unit());
                let unit = if right {
                    one.max(other)
                } else {
                    one.min(other)
                };
                let score = base + unit / 2.0;
                items.push(Item { score, right, pair });
            }
        }
        Self { items, starts }
    }

    fn draw(&self, design: Design, rng: &mut Rng) -> Vec<Item> {
        if design != Design::WholePairs {
            let places = places(self.items.len(), DRAWN, rng);
            return places.into_iter().map(|at| self.items[at]).collect();
        }
        // A pair has 3 items in the mean.
        let pairs = places(self.starts.len() - 1, DRAWN / 3, rng);
        let items = |pair: usize| self.items[self.starts[pair]..self.starts[pair + 1]].to_vec();
        pairs.into_iter().flat_map(items).collect()
    }
}

/// Different places below `total`.
fn places(total: usize, count: usize, rng: &mut Rng) -> Vec<usize> {
    let (mut places, mut seen) = (Vec::with_capacity(count), HashSet::new());
    while places.len() < count.min(total) {
        let at = rng.below(total);
        if seen.insert(at) {
            places.push(at);
        }
    }
    places
}

/// Runs a world so many times, with the threshold curve or without.
pub fn run(world: World, repetitions: usize, with_curve: bool) -> Found {
    let mut rng = Rng::new(corpus::seed::hash(23, &format!("{world:?}")));
    let kept = (world.kept * world.total as f64).round() as usize;
    let sides = [
        Side::new(kept, world.right_kept, 0.5, world.design, &mut rng),
        Side::new(
            world.total - kept,
            world.right_dropped,
            0.0,
            world.design,
            &mut rng,
        ),
    ];
    // A census is the truth.
    let samples: Vec<Vec<Item>> = sides.iter().map(|side| side.items.clone()).collect();
    let truth = measures(&filter(&sides, &samples, None));
    let curve_truth = curve(&sides, &samples, None);
    let mut known: HashMap<[usize; 2], [Option<Share>; 5]> = HashMap::new();
    let mut held = [0; 5];
    let mut curve_held = vec![[0; 2]; if with_curve { THRESHOLDS.len() } else { 0 }];
    for _ in 0..repetitions {
        let samples: Vec<Vec<Item>> = sides
            .iter()
            .map(|side| side.draw(world.design, &mut rng))
            .collect();
        let clusters: Option<Vec<Clusters>> = (world.design != Design::Single).then(|| {
            let of = |sample: &Vec<Item>| {
                let keys: Vec<String> = sample.iter().map(|item| item.pair.to_string()).collect();
                Clusters::new(&keys)
            };
            samples.iter().map(of).collect()
        });
        let found = if clusters.is_none() {
            // Only how many are right matters.
            let count = |at: usize| samples[at].iter().filter(|item| item.right).count();
            *known
                .entry([count(0), count(1)])
                .or_insert_with(|| measures(&filter(&sides, &samples, None)))
        } else {
            measures(&filter(&sides, &samples, clusters.as_deref()))
        };
        for ((held, found), truth) in held.iter_mut().zip(found).zip(truth) {
            *held += holds(found, truth);
        }
        if with_curve {
            let found = curve(&sides, &samples, clusters.as_deref());
            for ((held, found), truth) in curve_held.iter_mut().zip(found).zip(&curve_truth) {
                held[0] += holds(found.precision, truth.precision);
                held[1] += holds(found.recall, truth.recall);
            }
        }
    }
    let percent = |count: usize| 100.0 * count as f64 / repetitions as f64;
    Found {
        filter: held.map(percent),
        curve: curve_held.iter().map(|held| held.map(percent)).collect(),
    }
}

/// Whether an interval holds the truth; where there is none it does not.
fn holds(found: Option<Share>, truth: Option<Share>) -> usize {
    let truth = truth.expect("the truth is known").value;
    usize::from(found.is_some_and(|f| f.low <= truth + 1e-9 && truth <= f.high + 1e-9))
}

fn measures(filter: &Filter) -> [Option<Share>; 5] {
    [
        filter.precision,
        filter.recall,
        filter.f1,
        Some(filter.accuracy),
        Some(filter.right_before),
    ]
}

fn filter(sides: &[Side], samples: &[Vec<Item>], clusters: Option<&[Clusters]>) -> Filter {
    let right: Vec<Vec<bool>> = samples
        .iter()
        .map(|sample| sample.iter().map(|item| item.right).collect())
        .collect();
    let drawn = |at: usize| Drawn {
        total: sides[at].items.len(),
        right: &right[at],
        clusters: clusters.map(|clusters| &clusters[at]),
    };
    Filter::measure(drawn(0), drawn(1)).expect("a sample")
}

fn curve(
    sides: &[Side],
    samples: &[Vec<Item>],
    clusters: Option<&[Clusters]>,
) -> Vec<ThresholdPoint> {
    let items: Vec<Vec<(f64, bool)>> = samples
        .iter()
        .map(|sample| sample.iter().map(|item| (item.score, item.right)).collect())
        .collect();
    let strata: Vec<ScoredStratum> = sides
        .iter()
        .enumerate()
        .map(|(at, side)| ScoredStratum {
            total: side.items.len(),
            items: &items[at],
            clusters: clusters.map(|clusters| &clusters[at]),
        })
        .collect();
    threshold_curve(&strata, &THRESHOLDS).expect("a sample")
}

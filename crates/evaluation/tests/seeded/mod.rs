//! Trainings with a known truth: how often do intervals over seeds hold it?
//!
//! The difference of an item is 2 points, and normal effects of its seed, of its cluster and of both together; the variance of
//! clusters is 9.

use std::ops::Range;

use corpus::seed::Rng;
use evaluation::statistics::{OverSeeds, SeedRow};

/// How many items lie in a cluster.
#[derive(Clone, Copy, Debug)]
pub enum Clusters {
    /// One.
    Single,
    /// From 1 to 9, alike often; items of a cluster share its effects and add one of their own.
    Unequal,
}

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub enum Tasks {
    /// One task.
    One,
    /// The mean of three that share pictures: an item of each cluster, items of the first third of the clusters, and items of the
    /// second half of them together with as many others.
    Shared,
    /// The mean of two that share none: one on all clusters, and one on a fifth as many others.
    Uneven,
}

/// A world; variances are multiples of that of clusters.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// How many seeds are trained.
    pub seeds: usize,
    /// How many clusters are seen.
    pub clusters: usize,
    /// How much seeds differ.
    pub seed_variance: f64,
    /// How much a cluster differs from seed to seed beyond that.
    pub rest_variance: f64,
    /// How large clusters are.
    pub sizes: Clusters,
    /// Of how many tasks the mean is.
    pub tasks: Tasks,
}

/// What was counted.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Intervals that hold the truth, in percent.
    pub held: f64,
    /// Their mean width in points.
    pub width: f64,
    /// The mean of their degrees of freedom.
    pub freedom: f64,
}

const TRUTH: f64 = 2.0;
const DEVIATION: f64 = 3.0;

/// Runs a world so many times.
pub fn run(world: World, repetitions: usize) -> Found {
    let mut rng = Rng::new(corpus::seed::hash(29, &format!("{world:?}")));
    let names: Vec<String> = (0..18 * world.clusters).map(|n| n.to_string()).collect();
    let (mut held, mut width, mut freedom) = (0, 0.0, 0.0);
    for _ in 0..repetitions {
        let found = match world.tasks {
            Tasks::One => OverSeeds::new(&draw(world, &names, &mut rng)),
            Tasks::Shared | Tasks::Uneven => {
                OverSeeds::of_average(&draw_tasks(world, &names, &mut rng))
            }
        }
        .expect("rows");
        let [low, high] = found.interval;
        held += usize::from(low <= TRUTH && TRUTH <= high);
        width += high - low;
        freedom += found.freedom.expect("a spread");
    }
    let count = repetitions as f64;
    Found {
        held: 100.0 * held as f64 / count,
        width: width / count,
        freedom: freedom / count,
    }
}

fn draw<'a>(world: World, names: &'a [String], rng: &mut Rng) -> Vec<SeedRow<'a>> {
    let effect = |rng: &mut Rng, variance: f64| DEVIATION * variance.sqrt() * normal(rng);
    let seeds: Vec<f64> = (0..world.seeds)
        .map(|_| effect(rng, world.seed_variance))
        .collect();
    let (mut rows, mut item) = (Vec::new(), 0);
    for cluster in 0..world.clusters {
        let of_cluster = effect(rng, 1.0);
        let of_both: Vec<f64> = (0..world.seeds)
            .map(|_| effect(rng, world.rest_variance))
            .collect();
        let (size, alone) = match world.sizes {
            Clusters::Single => (1, 0.0),
            Clusters::Unequal => (1 + rng.below(9), 1.0),
        };
        for _ in 0..size {
            for (seed, of_seed) in seeds.iter().enumerate() {
                let difference = TRUTH + of_seed + of_cluster + of_both[seed] + effect(rng, alone);
                rows.push(SeedRow {
                    seed: seed as u64,
                    item: &names[item],
                    cluster: &names[cluster],
                    one: (50.0 + difference).clamp(0.0, 100.0),
                    other: 50.0,
                });
            }
            item += 1;
        }
    }
    rows
}

/// Tasks whose clusters and seeds have one effect each.
fn draw_tasks<'a>(world: World, names: &'a [String], rng: &mut Rng) -> Vec<Vec<SeedRow<'a>>> {
    let effect = |rng: &mut Rng, variance: f64| DEVIATION * variance.sqrt() * normal(rng);
    let count = world.clusters;
    let parts: &[(Range<usize>, Clusters)] = match world.tasks {
        Tasks::One => &[(0..count, world.sizes)],
        Tasks::Shared => &[
            (0..count, Clusters::Single),
            (0..count / 3, world.sizes),
            (count / 2..count / 2 + count, world.sizes),
        ],
        Tasks::Uneven => &[
            (0..count, world.sizes),
            (count..count + count / 5, world.sizes),
        ],
    };
    let seeds: Vec<f64> = (0..world.seeds)
        .map(|_| effect(rng, world.seed_variance))
        .collect();
    let clusters: Vec<Vec<f64>> = (0..2 * count)
        .map(|_| {
            let of_cluster = effect(rng, 1.0);
            let of_seed = |seed: &f64| seed + of_cluster + effect(rng, world.rest_variance);
            seeds.iter().map(of_seed).collect()
        })
        .collect();
    let mut tasks = Vec::new();
    for (part, sizes) in parts {
        let (mut rows, mut item) = (Vec::new(), 0);
        for cluster in part.clone() {
            let (size, alone) = match sizes {
                Clusters::Single => (1, 0.0),
                Clusters::Unequal => (1 + rng.below(9), 1.0),
            };
            for _ in 0..size {
                for (seed, of_both) in clusters[cluster].iter().enumerate() {
                    let difference = TRUTH + of_both + effect(rng, alone);
                    rows.push(SeedRow {
                        seed: seed as u64,
                        item: &names[item],
                        cluster: &names[cluster],
                        one: (50.0 + difference).clamp(0.0, 100.0),
                        other: 50.0,
                    });
                }
                item += 1;
            }
        }
        tasks.push(rows);
    }
    tasks
}

/// Box and Muller (1958).
fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.unit()).ln()).sqrt() * (2.0 * std::f64::consts::PI * rng.unit()).cos()
}

//! Worlds with a known truth: how often do the intervals hold it, how often do the tests cry out for nothing?
//!
//! Each cluster has its own share of right answers, drawn from a beta distribution with intra-cluster correlation `rho`.
//! Cluster sizes are uniform from 1 to twice the mean less one.

use corpus::seed::Rng;
use evaluation::statistics::{Bootstrap, Clusters, interval, paired, permutation};

/// A world.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// How many clusters are seen.
    pub clusters: usize,
    /// The mean number of items in one.
    pub size: usize,
    /// The true share of right answers.
    pub share: f64,
    /// How alike the items of a cluster are, 0 to 1.
    pub rho: f64,
    /// How much better the second system truly is.
    pub gain: f64,
}

/// What was counted, in percent.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Intervals of the mean that hold the truth.
    pub mean: f64,
    /// Intervals of the paired difference that hold the truth.
    pub difference: f64,
    /// Permutation tests with p ≤ 0.05.
    pub rejected: f64,
}

/// Runs a world so many times.
pub fn run(world: World, repetitions: usize, resamples: usize) -> Found {
    let mut rng = Rng::new(corpus::seed::hash(17, &format!("{world:?}")));
    let mut counts = [0; 3];
    for repetition in 0..repetitions {
        let (base, adapted, keys) = draw(world, &mut rng);
        let clusters = Clusters::new(&keys);
        let bootstrap = Bootstrap {
            resamples,
            ..Bootstrap::new(repetition as u64)
        };
        let one = interval(&base, &clusters, &bootstrap).expect("scores");
        let both = paired(&base, &adapted, &clusters, &bootstrap).expect("scores");
        let holds = |low: f64, high: f64, truth: f64| {
            usize::from(low <= truth + 1e-9 && truth <= high + 1e-9)
        };
        counts[0] += holds(one.low, one.high, 100.0 * world.share);
        counts[1] += holds(both.low, both.high, 100.0 * world.gain);
        // The test is the slow part and the same in every repetition.
        if repetition % 10 == 0 {
            let p = permutation(&base, &adapted, &clusters, repetition as u64).expect("scores");
            counts[2] += usize::from(p <= 0.05);
        }
    }
    let percent = |count: usize, of: usize| 100.0 * count as f64 / of as f64;
    Found {
        mean: percent(counts[0], repetitions),
        difference: percent(counts[1], repetitions),
        rejected: percent(counts[2], repetitions.div_ceil(10)),
    }
}

fn draw(world: World, rng: &mut Rng) -> (Vec<f64>, Vec<f64>, Vec<String>) {
    let (mut base, mut adapted, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for cluster in 0..world.clusters {
        let share = if world.rho > 0.0 {
            let weight = (1.0 - world.rho) / world.rho;
            beta(rng, world.share * weight, (1.0 - world.share) * weight)
        } else {
            world.share
        };
        for _ in 0..=rng.below(2 * world.size - 1) {
            let before = rng.chance(share);
            // Two trainings of one model agree more often than two strangers.
            let kept = if rng.chance(0.6) {
                before
            } else {
                rng.chance(share)
            };
            let after = kept || rng.chance(world.gain / (1.0 - world.share));
            base.push(if before { 100.0 } else { 0.0 });
            adapted.push(if after { 100.0 } else { 0.0 });
            keys.push(cluster.to_string());
        }
    }
    (base, adapted, keys)
}

/// A number of a beta distribution.
pub fn beta(rng: &mut Rng, a: f64, b: f64) -> f64 {
    let (x, y) = (gamma(rng, a), gamma(rng, b));
    x / (x + y)
}

/// Marsaglia and Tsang (2000).
fn gamma(rng: &mut Rng, shape: f64) -> f64 {
    if shape < 1.0 {
        return gamma(rng, shape + 1.0) * (1.0 - rng.unit()).powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    loop {
        let normal = (-2.0 * (1.0 - rng.unit()).ln()).sqrt()
            * (2.0 * std::f64::consts::PI * rng.unit()).cos();
        let cube = (1.0 + normal / (9.0 * d).sqrt()).powi(3);
        let bound = 0.5 * normal * normal + d - d * cube + d * cube.max(1e-300).ln();
        if cube > 0.0 && (1.0 - rng.unit()).ln() < bound {
            return d * cube;
        }
    }
}

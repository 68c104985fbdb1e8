//! Intervals hold the truth about as often as they say. The full measurements are `examples/coverage.rs` and
//! `examples/sampled.rs`.

use crate::drawn;
use crate::simulation::{World, run};

#[test]
fn intervals_hold_the_truth() {
    for (size, share, rho, gain) in [(1, 0.3, 0.0, 0.0), (5, 0.5, 0.3, 0.0), (5, 0.8, 0.0, 0.1)] {
        let world = World {
            clusters: 60,
            size,
            share,
            rho,
            gain,
        };
        let found = run(world, 600, 400);
        // Two standard errors of 600 repetitions are 1.8 points.
        let holds = 92.5..=97.8;
        assert!(
            holds.contains(&found.mean) && holds.contains(&found.difference),
            "{world:?}: {found:?}"
        );
        assert!(gain > 0.0 || found.rejected <= 12.0, "{world:?}: {found:?}");
    }
}

#[test]
fn intervals_of_a_filter_hold_the_truth() {
    for (total, right_kept, right_dropped, design) in [
        (1_000, 0.8, 0.2, drawn::Design::Single),
        (500_000, 0.9, 0.06, drawn::Design::Single),
        (20_000, 0.8, 0.2, drawn::Design::OfPairs),
        (20_000, 0.8, 0.2, drawn::Design::WholePairs),
    ] {
        let world = drawn::World {
            total,
            kept: 0.3,
            right_kept,
            right_dropped,
            design,
        };
        let found = drawn::run(world, 600, true);
        let curve = found.curve.iter().flatten();
        for held in found.filter.iter().chain(curve) {
            assert!((92.0..=98.5).contains(held), "{world:?}: {found:?}");
        }
    }
}

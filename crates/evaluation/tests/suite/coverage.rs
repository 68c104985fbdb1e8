//! Intervals hold the truth about as often as they say. The full measurement is `examples/coverage.rs`.

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

//! Measures on simulated trainings how often intervals over seeds and clusters hold the truth.
//!
//!     cargo run --release -p adamllm-evaluation --example seeds -- [REPETITIONS]
//!
//! With 10,000 repetitions every world of five seeds or more has 94.0 to 96.6 % of the intervals holding the truth; of three
//! seeds it is 92.3 to 96.2 %, and of two 87.4 to 96.4 %. Of the mean of several tasks over five seeds it is 94.2 to 95.4 %, and 92.6 to
//! 94.5 % where one of them has only ten clusters, which [`OverSeeds`](evaluation::statistics::OverSeeds) calls too few.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "../tests/seeded/mod.rs"]
mod seeded;

use seeded::{Clusters, Tasks, World, run};

fn main() {
    let repetitions = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(10_000);
    println!("{repetitions} repetitions; percent of intervals at 95 % that hold the truth");
    println!("variances are multiples of that of clusters");
    println!("tasks   seeds  clusters  size  of seeds  of the rest |  held  width  freedom");
    let measure = |tasks, seeds, clusters, rest_variance, sizes| {
        for seed_variance in [0.0, 0.05, 1.0, 4.0] {
            let world = World {
                seeds,
                clusters,
                seed_variance,
                rest_variance,
                sizes,
                tasks,
            };
            let found = run(world, repetitions);
            let tasks = match tasks {
                Tasks::One => "one",
                Tasks::Shared => "shared",
                Tasks::Uneven => "uneven",
            };
            let size = match sizes {
                Clusters::Single => "1",
                Clusters::Unequal => "1-9",
            };
            println!(
                "{tasks:6}  {seeds:5}  {clusters:8}  {size:>4}  {seed_variance:8}  {rest_variance:11} | {:5.1}  {:5.2}  {:7.1}",
                found.held, found.width, found.freedom
            );
        }
    };
    for rest_variance in [0.1, 1.0, 4.0] {
        measure(Tasks::One, 5, 50, rest_variance, Clusters::Single);
    }
    for (seeds, clusters) in [(2, 50), (3, 50), (10, 50), (5, 20), (5, 300)] {
        measure(Tasks::One, seeds, clusters, 1.0, Clusters::Single);
    }
    measure(Tasks::One, 5, 50, 1.0, Clusters::Unequal);
    for sizes in [Clusters::Single, Clusters::Unequal] {
        measure(Tasks::Shared, 5, 50, 1.0, sizes);
        measure(Tasks::Uneven, 5, 50, 1.0, sizes);
        measure(Tasks::Uneven, 5, 200, 1.0, sizes);
    }
}

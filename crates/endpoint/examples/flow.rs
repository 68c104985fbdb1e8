//! How a fleet of endpoints is driven, in virtual time, against servers of several kinds:
//!
//!     cargo run --release -p adamllm-endpoint --example flow -- [WORD]
//!
//! One table a server: every tenth of the time, the answers and tokens a second, how many requests were on their way at most and in
//! the mean, and how many of them were refused. A word picks the scenarios that have it in their name. Whoever tunes the constants
//! of `window/climb.rs` and `window/ceiling.rs` looks here for what it costs elsewhere.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

#[path = "../tests/flow/scenarios.rs"]
mod scenarios;
#[path = "../tests/flow/simulator.rs"]
mod simulator;

use simulator::{Outcome, Scenario};

/// A name and what it stands for.
type Named = (&'static str, fn() -> Scenario);

const ALL: [Named; 22] = [
    ("limit of 32 at once", || scenarios::limit_of_32(None)),
    ("limit of 32 at once, Retry-After: 1", || {
        scenarios::limit_of_32(Some(1.0))
    }),
    ("limit of 32, 12, then 80", scenarios::limit_that_changes),
    ("batch of 64", scenarios::batch_of_64),
    ("steep batch of 64", scenarios::steep_batch_of_64),
    ("batch of 64, 32, 64", scenarios::batch_that_halves),
    ("600 a minute, Retry-After", || {
        scenarios::minute_of_600(true)
    }),
    ("600 a minute, silent", || scenarios::minute_of_600(false)),
    ("nine of ten refused for a minute", scenarios::storm),
    ("all refused for a minute", scenarios::full_storm),
    ("one of three dies", scenarios::three_of_which_one_dies),
    ("one of five fails", scenarios::faulty),
    ("limit of 32 far away", scenarios::limit_far_away),
    ("slow limit of 4", scenarios::slow_limit_of_4),
    ("one of three refused for a minute", scenarios::drizzle),
    ("choking", scenarios::choking),
    ("batch in step", scenarios::batch_in_step),
    ("batch of all lengths", scenarios::batch_of_all_lengths),
    ("one of twenty refused", scenarios::sporadic),
    ("bucket of 20 a second", scenarios::bucket_of_20),
    ("one by one", scenarios::one_by_one),
    ("fleet of batches", scenarios::fleet_of_batches),
];

fn main() {
    let word = std::env::args().nth(1).unwrap_or_default();
    for (name, scenario) in ALL.iter().filter(|it| it.0.contains(&word)) {
        let scenario = scenario();
        let outcome = simulator::play(&scenario);
        println!("{name}");
        for (at, notice) in &outcome.notices {
            println!("  {at:7.1} s  {notice:?}");
        }
        print(&scenario, &outcome);
    }
}

fn print(scenario: &Scenario, outcome: &Outcome) {
    for (index, server) in outcome.per_server.iter().enumerate() {
        println!(
            "  server {index}, at most {} at once there",
            server.most_at_once
        );
        println!("    seconds       answers/s   tokens/s  on way: mean  most   refused");
        for tenth in 0..10 {
            let from = scenario.seconds * f64::from(tenth) / 10.0;
            let to = scenario.seconds * f64::from(tenth + 1) / 10.0;
            let on_way = server
                .at_once
                .get(from as usize..to as usize)
                .unwrap_or_default();
            println!(
                "    {from:6.0} {to:6.0}  {:9.1}  {:9.0}  {:12.1}  {:4}  {:6.2} %",
                server.rate(from, to),
                server.tokens(from, to),
                on_way.iter().sum::<usize>() as f64 / on_way.len().max(1) as f64,
                on_way.iter().max().unwrap_or(&0),
                100.0 * server.refused_share(from, to),
            );
        }
    }
}

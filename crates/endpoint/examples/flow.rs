//! How a fleet of endpoints is driven, in virtual time, against servers of several kinds:
//!
//!     cargo run --release -p adamllm-endpoint --example flow -- [WORD]
//!
//! One table a server: for every tenth of the time, how many requests it was asked, the answers and tokens a second, how many were on
//! their way at least and at most, and which share was refused. A word picks the scenarios that have it in their name. Whoever tunes the constants
//! of `window/climb.rs` and `window/ceiling.rs` looks here for what it costs elsewhere. `--bench` measures what the fleet itself costs.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

#[path = "../tests/flow/scenarios.rs"]
mod scenarios;
#[path = "../tests/flow/simulator.rs"]
mod simulator;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use endpoint::{Address, Fleet, Limits, Pick};
use simulator::{Outcome, Says, Scenario};

/// A name and what it stands for.
type Named = (&'static str, fn() -> Scenario);

const ALL: [Named; 24] = [
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
    ("bucket of 20 a second", || {
        scenarios::bucket_of_20(Says::Exactly)
    }),
    ("bucket of 20 a second, whole seconds", || {
        scenarios::bucket_of_20(Says::WholeSeconds)
    }),
    ("bucket of 20 a second, silent", || {
        scenarios::bucket_of_20(Says::Nothing)
    }),
    ("one by one", scenarios::one_by_one),
    ("fleet of batches", scenarios::fleet_of_batches),
];

fn main() {
    let word = std::env::args().nth(1).unwrap_or_default();
    if word == "--bench" {
        bench();
        return;
    }
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

/// How many requests a second can be picked, sent and ended, with 64 of them on their way.
fn bench() {
    const REQUESTS: u32 = 1_000_000;
    for endpoints in [1, 4, 16] {
        let addresses: Result<Vec<Address>, _> = (0..endpoints)
            .map(|at| Address::parse(&format!("http://host-{at}:8000/v1")))
            .collect();
        let addresses = addresses.expect("addresses");
        let mut fleet = Fleet::new(&addresses, &Limits::default());
        let (start, mut on_way) = (Instant::now(), VecDeque::new());
        for at in 0..REQUESTS {
            // A microsecond of the fleet's time each.
            let now = start + Duration::from_micros(at.into());
            while on_way.len() < 64
                && let Pick::Go(index) = fleet.pick(now, 300, None)
            {
                on_way.push_back(fleet.sent(now, index, 300));
            }
            let sent = on_way.pop_front().expect("one is always allowed");
            fleet.ended(now, sent, Ok(300));
        }
        let seconds = start.elapsed().as_secs_f64();
        let rate = f64::from(REQUESTS) / seconds;
        println!("{endpoints:2} endpoints: {rate:.0} requests a second");
    }
}

fn print(scenario: &Scenario, outcome: &Outcome) {
    for (index, server) in outcome.per_server.iter().enumerate() {
        println!(
            "  server {index}, at most {} at once there",
            server.most_at_once
        );
        println!("    seconds         asked  answers/s   tokens/s    on way   refused");
        for tenth in 0..10 {
            let from = scenario.seconds * f64::from(tenth) / 10.0;
            let to = scenario.seconds * f64::from(tenth + 1) / 10.0;
            println!(
                "    {from:6.0} {to:6.0}  {:7}  {:9.1}  {:9.0}  {:3} - {:3}  {:6.2} %",
                server.arrivals(from, to),
                server.rate(from, to),
                server.tokens(from, to),
                server.least_on_way(from as usize, to as usize),
                server.most_on_way(from as usize, to as usize),
                100.0 * server.refused_share(from, to),
            );
        }
    }
}

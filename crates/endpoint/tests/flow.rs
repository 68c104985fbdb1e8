//! What a fleet of endpoints makes of servers of many kinds, in virtual time. What is possible is computed from what a server is
//! like, beside each test.

#[path = "flow/scenarios.rs"]
mod scenarios;
#[path = "flow/simulator.rs"]
mod simulator;

use endpoint::Notice;
use simulator::{Outcome, Says, Scenario, play};

fn seeded(scenario: &Scenario) -> impl Iterator<Item = (u64, Outcome)> {
    (1..=3).map(|seed| {
        let scenario = Scenario {
            seed,
            ..scenario.clone()
        };
        (seed, play(&scenario))
    })
}

#[track_caller]
fn at_least(what: &str, found: f64, share: f64, possible: f64) {
    let least = share * possible;
    assert!(
        found >= least,
        "{what}: {found:.2} of {possible:.2}, not {least:.2}"
    );
}

#[track_caller]
fn at_most(what: &str, found: f64, most: f64) {
    assert!(found <= most, "{what}: {found:.4} is more than {most:.4}");
}

/// 32 at once of 0.3 s each.
const OF_32: f64 = 32.0 / 0.3;

#[test]
fn a_limit_at_once_is_found_and_hardly_ever_refuses() {
    let all = [
        scenarios::limit_of_32(None),
        scenarios::limit_of_32(Some(1.0)),
        scenarios::limit_far_away(),
    ];
    for scenario in &all {
        for (seed, outcome) in seeded(scenario) {
            let server = &outcome.per_server[0];
            at_least(
                &format!("seed {seed}"),
                server.rate(30.0, 120.0),
                0.95,
                OF_32,
            );
            at_least(
                &format!("seed {seed}, early"),
                server.rate(5.0, 30.0),
                0.85,
                OF_32,
            );
            at_most("refused", server.refused_share(0.0, 120.0), 0.005);
            at_most(
                "refused of the first",
                server.refused_share(0.0, 20.0),
                0.02,
            );
            at_most("refused later", server.refused_share(30.0, 120.0), 0.002);
        }
    }
}

#[test]
fn a_slow_endpoint_is_not_asked_in_vain_for_every_tenth_request() {
    let outcome = play(&scenarios::slow_limit_of_4());
    let server = &outcome.per_server[0];
    at_least("answers a second", server.rate(240.0, 2400.0), 0.9, 0.4);
    at_most("refused", server.refused_share(240.0, 2400.0), 0.01);
}

#[test]
fn a_limit_that_falls_and_rises_is_followed() {
    let outcome = play(&scenarios::limit_that_changes());
    let server = &outcome.per_server[0];
    at_least("32 at once", server.rate(20.0, 60.0), 0.9, OF_32);
    at_least("12 at once", server.rate(70.0, 120.0), 0.9, 40.0);
    at_least("80 at once", server.rate(190.0, 240.0), 0.9, 80.0 / 0.3);
    at_most("refused", server.refused_share(0.0, 240.0), 0.02);
}

#[test]
fn a_server_that_queues_is_filled_and_not_flooded() {
    // 64 sequences at once: 64 / (0.020 + 64 * 0.0003) and 64 / (0.010 + 64 * 0.0005) tokens a second.
    let (flat, steep) = (1632.6, 1523.8);
    let all = [
        (scenarios::batch_of_64(), flat, 120.0),
        (scenarios::steep_batch_of_64(), steep, 120.0),
        (scenarios::batch_in_step(), flat, 120.0),
        (scenarios::batch_of_all_lengths(), flat, 600.0),
    ];
    for (scenario, possible, from) in &all {
        let outcome = play(scenario);
        let server = &outcome.per_server[0];
        let found = server.tokens(*from, scenario.seconds);
        at_least("tokens a second", found, 0.9, *possible);
        at_most("at once", server.most_at_once as f64, 3.0 * 64.0);
    }
}

#[test]
fn a_server_that_answers_one_after_the_other_has_no_line_before_it() {
    for allowed in [256, 8, 3] {
        let mut scenario = scenarios::one_by_one();
        scenario.limits.concurrency = allowed;
        let outcome = play(&scenario);
        let server = &outcome.per_server[0];
        // 300 tokens in the mean, 100,000 a second.
        at_least(
            "answers a second",
            server.rate(10.0, 60.0),
            0.97,
            1000.0 / 3.0,
        );
        at_most("on their way", server.most_on_way(10, 60) as f64, 3.0);
        at_most(
            "at first",
            server.most_at_once as f64,
            allowed.min(16) as f64,
        );
    }
}

#[test]
fn a_server_that_gets_less_done_under_load_is_held_at_its_best() {
    let outcome = play(&scenarios::choking());
    let server = &outcome.per_server[0];
    // n / (0.008 + 0.0001 n + 0.000005 n^2) is largest for n = 40: 2000 tokens a second.
    at_least("tokens a second", server.tokens(60.0, 600.0), 0.93, 2000.0);
    at_most("at once", server.most_at_once as f64, 80.0);
    let (least, most) = (server.least_on_way(120, 600), server.most_on_way(120, 600));
    assert!(least >= 20 && most <= 60, "between {least} and {most}");
}

#[test]
fn a_capacity_that_halves_and_comes_back_is_found_out() {
    let outcome = play(&scenarios::batch_that_halves());
    let server = &outcome.per_server[0];
    // 64 / (0.005 + 64 * 0.0001) and 32 / (0.005 + 32 * 0.0001) tokens a second.
    at_least("all", server.tokens(60.0, 400.0), 0.9, 5614.0);
    at_least("half", server.tokens(410.0, 1000.0), 0.9, 3902.4);
    at_most(
        "at once with half",
        server.most_on_way(600, 1000) as f64,
        96.0,
    );
    at_least("all again", server.tokens(1150.0, 1600.0), 0.9, 5614.0);
}

#[test]
fn a_limit_a_minute_is_waited_for() {
    for (says, refused) in [(true, 0.005), (false, 0.03)] {
        let outcome = play(&scenarios::minute_of_600(says));
        let server = &outcome.per_server[0];
        for minute in 0..5 {
            let from = 60.0 * f64::from(minute);
            // One that arrives at the end of a minute is answered in the next.
            let answers = server.rate(from, from + 60.0) * 60.0;
            at_least(&format!("minute {minute}"), answers, 0.98, 600.0);
        }
        at_most("refused", server.refused_share(0.0, 300.0), refused);
        let told = outcome.notices.iter();
        let told = told
            .filter(|it| matches!(it.1, Notice::Paused { .. }))
            .count();
        assert_eq!(told, 1, "a pause a minute is told once");
        if says {
            assert_eq!(server.arrivals(20.0, 60.0), 0, "it said how long to wait");
        }
    }
}

#[test]
fn a_bucket_is_emptied_as_fast_as_it_fills() {
    // What says less is asked more often.
    for (says, refused) in [
        (Says::Exactly, 0.03),
        (Says::WholeSeconds, 0.12),
        (Says::Nothing, 0.12),
    ] {
        let outcome = play(&scenarios::bucket_of_20(says));
        let server = &outcome.per_server[0];
        at_least("answers a second", server.rate(30.0, 300.0), 0.85, 20.0);
        at_most("refused", server.refused_share(0.0, 300.0), refused);
    }
}

#[test]
fn a_minute_of_refusals_is_sat_out_and_then_all_goes_on() {
    for scenario in [scenarios::storm(), scenarios::full_storm()] {
        for (_, outcome) in seeded(&scenario) {
            let server = &outcome.per_server[0];
            at_least("before", server.rate(10.0, 30.0), 0.9, OF_32);
            at_most("asked meanwhile", server.arrivals(30.0, 90.0) as f64, 100.0);
            // The longest pause is 30 s.
            at_least("after", server.rate(130.0, 180.0), 0.95, OF_32);
        }
    }
    let outcome = play(&scenarios::drizzle());
    let server = &outcome.per_server[0];
    at_least("after", server.rate(145.0, 180.0), 0.95, 2.0 * OF_32);
}

#[test]
fn refusals_that_have_nothing_to_do_with_how_many_are_sent_stop_nothing() {
    for (_, outcome) in seeded(&scenarios::sporadic()) {
        let server = &outcome.per_server[0];
        at_least(
            "answers a second",
            server.rate(40.0, 120.0),
            0.15,
            2.0 * OF_32,
        );
    }
}

#[test]
fn one_request_of_five_that_fails_takes_no_endpoint_out() {
    for (_, outcome) in seeded(&scenarios::faulty()) {
        assert_eq!(outcome.notices, []);
        let server = &outcome.per_server[0];
        at_least(
            "answers a second",
            server.rate(10.0, 60.0),
            0.9,
            2.0 * OF_32,
        );
    }
}

#[test]
fn an_endpoint_that_dies_is_left_out_and_taken_back_and_nothing_is_lost() {
    for (seed, outcome) in seeded(&scenarios::three_of_which_one_dies()) {
        let [first, second, third] = &outcome.per_server[..] else {
            panic!("three servers");
        };
        let both = |from, to| first.rate(from, to) + third.rate(from, to);
        at_least("the others meanwhile", both(25.0, 80.0), 0.9, 50.0);
        at_most(
            "asked while it is dead",
            second.arrivals(20.1, 80.0) as f64,
            0.0,
        );
        for (from, to) in [(5.0, 20.0), (105.0, 140.0)] {
            let all = both(from, to) + second.rate(from, to);
            for (server, share) in [(first, 4.0 / 7.0), (second, 2.0 / 7.0), (third, 1.0 / 7.0)] {
                let found = server.rate(from, to) / all / share;
                assert!(
                    (0.85..1.15).contains(&found),
                    "seed {seed}: {found} of {share}"
                );
            }
        }
        let told: Vec<_> = outcome.notices.iter().map(|it| &it.1).collect();
        let address = "http://server-1:8000/v1".to_owned();
        let problem = "connection reset".to_owned();
        let expected = [
            &Notice::Down {
                address: address.clone(),
                problem,
            },
            &Notice::Back { address },
        ];
        assert_eq!(told, expected);
        let back = outcome.notices[1].0;
        // Asked 5, 15, 35 and 75 seconds after it died.
        assert!((95.0..97.0).contains(&back), "back at {back}");
    }
    let scenario = Scenario {
        requests: Some(6000),
        ..scenarios::three_of_which_one_dies()
    };
    assert_eq!(play(&scenario).answered, 6000);
}

#[test]
fn ten_thousand_requests_are_shared_by_speed() {
    let outcome = play(&scenarios::fleet_of_batches());
    assert_eq!(outcome.answered, 10_000);
    // 3 million tokens at 5614 + 2807 + 1403.5 a second take 305 s; half a minute is for finding out.
    at_most("seconds", outcome.ended, 305.0 + 30.0);
    let tokens = |at: usize| outcome.per_server[at].tokens(60.0, 280.0);
    let all: f64 = (0..3).map(tokens).sum();
    for (at, share) in [4.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0].into_iter().enumerate() {
        let found = tokens(at) / all / share;
        assert!((0.85..1.15).contains(&found), "{found} of {share}");
    }
}

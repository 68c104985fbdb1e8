use std::time::{Duration, Instant};

use corpus::seed::Rng;

use super::*;

/// A fleet, what time it is, and what it told.
struct Play {
    fleet: Fleet,
    now: Instant,
    told: Vec<Notice>,
}

fn address(at: usize) -> Address {
    Address::parse(&format!("http://host-{at}:8000/v1")).unwrap()
}

impl Play {
    fn new(endpoints: usize) -> Self {
        Self::limited(endpoints, &Limits::default())
    }

    fn limited(endpoints: usize, limits: &Limits) -> Self {
        let addresses: Vec<Address> = (0..endpoints).map(address).collect();
        Self {
            fleet: Fleet::new(&addresses, limits),
            now: Instant::now(),
            told: Vec::new(),
        }
    }

    fn pass(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
    }

    fn pick(&mut self, avoid: Option<usize>) -> Pick {
        self.fleet.pick(self.now, 100, avoid)
    }

    fn send(&mut self, index: usize) -> Sent {
        self.fleet.sent(self.now, index, 100)
    }

    fn end(&mut self, sent: Sent, result: Result<u64, &Failure>) {
        self.told.extend(self.fleet.ended(self.now, sent, result));
    }

    /// Sends one to an endpoint and ends it half a second later.
    fn one(&mut self, index: usize, result: Result<u64, &Failure>) {
        let sent = self.send(index);
        self.pass(0.5);
        self.end(sent, result);
    }

    fn wait(&mut self) -> f64 {
        match self.pick(None) {
            Pick::Wait(Some(at)) => (at - self.now).as_secs_f64(),
            other => panic!("{other:?}"),
        }
    }
}

fn server() -> Failure {
    Failure::Server {
        problem: "502".to_owned(),
        retry_after: None,
    }
}

fn broken() -> Failure {
    Failure::Broken("half an answer".to_owned())
}

fn unreachable() -> Failure {
    Failure::Unreachable("connection refused".to_owned())
}

fn too_many(seconds: Option<f64>) -> Failure {
    Failure::TooMany {
        retry_after: seconds.map(Duration::from_secs_f64),
    }
}

fn down(at: usize, problem: &str) -> Notice {
    Notice::Down {
        address: address(at).to_string(),
        problem: problem.to_owned(),
    }
}

fn back(at: usize) -> Notice {
    Notice::Back {
        address: address(at).to_string(),
    }
}

#[test]
fn begins_with_eight_at_once_or_what_the_user_allows() {
    for (allowed, first) in [(256, 8), (3, 3), (1, 1), (0, 1)] {
        let limits = Limits {
            concurrency: allowed,
            ..Limits::default()
        };
        let mut play = Play::limited(1, &limits);
        let mut sent = Vec::new();
        while let Pick::Go(index) = play.pick(None) {
            sent.push(play.send(index));
        }
        assert_eq!(sent.len(), first);
        assert_eq!(play.fleet.in_flight(), first);
        assert_eq!(
            play.pick(None),
            Pick::Wait(None),
            "nothing but an end brings room"
        );
        assert_eq!(play.fleet.next_event(play.now), None);
    }
}

#[test]
fn the_least_busy_goes_first_and_the_one_that_failed_last() {
    let mut play = Play::new(3);
    let mut sent = Vec::new();
    for expected in [0, 1, 2, 0, 1, 2] {
        assert_eq!(play.pick(None), Pick::Go(expected));
        sent.push(play.send(expected));
    }
    assert_eq!(play.pick(Some(0)), Pick::Go(1));
    let all = |play: &mut Play, index: usize| {
        while play.fleet.limit(play.now, index) > play.fleet.members[index].window.in_flight() {
            let _on_its_way = play.send(index);
        }
    };
    all(&mut play, 1);
    all(&mut play, 2);
    assert_eq!(play.pick(Some(0)), Pick::Go(0), "nobody else has room");
}

#[test]
fn three_failures_in_a_row_leave_an_endpoint_out_and_are_told_once() {
    for (failure, problem) in [
        (server(), "502"),
        (broken(), "half an answer"),
        (unreachable(), "connection refused"),
    ] {
        let mut play = Play::new(2);
        let late = play.send(0);
        play.one(0, Err(&failure));
        play.one(0, Err(&failure));
        assert_eq!(play.told, []);
        play.one(0, Err(&failure));
        assert_eq!(play.told, [down(0, problem)]);
        play.end(late, Err(&failure));
        assert_eq!(play.told.len(), 1);
        for _ in 0..5 {
            assert_eq!(
                play.pick(Some(1)),
                Pick::Go(1),
                "its share goes to the other"
            );
            let sent = play.send(1);
            play.end(sent, Ok(100));
        }
    }
}

#[test]
fn an_answer_or_a_refusal_in_between_is_a_sign_of_life() {
    for life in [
        Ok(100),
        Err(too_many(None)),
        Err(Failure::Refused("no".to_owned())),
    ] {
        let mut play = Play::new(1);
        for _ in 0..5 {
            play.one(0, Err(&server()));
            play.one(0, Err(&server()));
            play.one(0, life.as_ref().map(|tokens| *tokens));
            assert_eq!(play.fleet.silent_for(play.now), Duration::ZERO);
            play.pass(70.0);
        }
        let is_down = |it: &Notice| matches!(it, Notice::Down { .. });
        assert!(!play.told.iter().any(is_down), "{:?}", play.told);
    }
}

#[test]
fn an_endpoint_that_answered_a_moment_ago_is_given_more_time() {
    let mut play = Play::new(1);
    let sent: Vec<Sent> = (0..16).map(|_| play.send(0)).collect();
    play.pass(0.1);
    let sure = play.send(0);
    play.end(sure, Ok(100));
    for (at, sent) in sent.into_iter().enumerate() {
        assert_eq!(play.told, [], "{at}");
        play.end(sent, Err(&broken()));
    }
    assert_eq!(play.told, [down(0, "half an answer")], "sixteen are enough");
}

#[test]
fn one_that_is_down_is_asked_after_5_10_20_40_60_60_seconds() {
    let mut play = Play::new(1);
    for _ in 0..3 {
        play.one(0, Err(&unreachable()));
    }
    for pause in [5.0, 10.0, 20.0, 40.0, 60.0, 60.0] {
        assert!(
            (play.wait() - pause).abs() < 1e-6,
            "{} of {pause}",
            play.wait()
        );
        assert_eq!(
            play.fleet.next_event(play.now),
            Some(play.now + Duration::from_secs_f64(pause))
        );
        play.pass(pause - 0.001);
        assert!(play.fleet.due(play.now).is_empty());
        play.pass(0.002);
        assert_eq!(play.fleet.due(play.now), [0]);
        assert!(play.fleet.due(play.now).is_empty(), "once");
        assert_eq!(play.pick(None), Pick::Wait(None), "it is being asked");
        play.fleet.probed(play.now, 0, false);
    }
    assert_eq!(play.told.len(), 1);
    assert!(play.fleet.silent_for(play.now) >= Duration::from_secs(195));
}

#[test]
fn one_that_gives_a_sign_of_life_shows_with_one_request_whether_it_works() {
    let mut play = Play::new(1);
    for _ in 0..3 {
        play.one(0, Err(&server()));
    }
    // It says that it lives and fails: down as before, for longer, and nobody is told.
    play.pass(5.0);
    assert_eq!(play.fleet.due(play.now), [0]);
    play.fleet.probed(play.now, 0, true);
    assert_eq!(play.pick(None), Pick::Go(0));
    let sent = play.send(0);
    assert_eq!(play.pick(None), Pick::Wait(None), "one is enough");
    play.fleet.abandoned(play.now, sent);
    assert_eq!(play.pick(None), Pick::Go(0), "that one told nothing");
    play.one(0, Err(&server()));
    assert_eq!(play.told, [down(0, "502")]);
    assert!((play.wait() - 10.0).abs() < 1e-6);
    assert!(
        play.fleet.silent_for(play.now) > Duration::from_secs(6),
        "a probe is no answer"
    );
    // It works.
    play.pass(10.0);
    assert_eq!(play.fleet.due(play.now), [0]);
    play.fleet.probed(play.now, 0, true);
    play.one(0, Ok(100));
    assert_eq!(play.told, [down(0, "502"), back(0)]);
    assert_eq!(play.fleet.silent_for(play.now), Duration::ZERO);
    assert_eq!(play.fleet.limit(play.now, 0), 2, "and is met gently");
    play.pass(10.0);
    assert_eq!(play.fleet.limit(play.now, 0), 8);
    // After a second answer it counts as well, and is asked soon the next time.
    play.one(0, Ok(100));
    for _ in 0..3 {
        play.one(0, Err(&server()));
    }
    play.pass(2.0);
    assert!((play.wait() - 3.0).abs() < 1e-6, "{}", play.wait());
}

#[test]
fn silence_counts_from_the_first_failure_and_not_while_one_waits_for_long_answers() {
    let mut play = Play::new(2);
    let sent = play.send(0);
    play.pass(3000.0);
    assert_eq!(play.fleet.silent_for(play.now), Duration::ZERO);
    play.end(sent, Err(&broken()));
    play.pass(7.0);
    assert_eq!(play.fleet.silent_for(play.now), Duration::from_secs(7));
    play.one(1, Err(&broken()));
    assert_eq!(
        play.fleet.silent_for(play.now),
        Duration::from_secs_f64(7.5)
    );
    play.one(1, Ok(1));
    assert_eq!(play.fleet.silent_for(play.now), Duration::ZERO);
}

#[test]
fn a_long_retry_after_is_kept_to_the_moment_and_told() {
    let mut play = Play::new(1);
    play.one(0, Ok(100));
    let others: Vec<Sent> = (0..3).map(|_| play.send(0)).collect();
    play.one(0, Err(&too_many(Some(20.0))));
    let told = Notice::Paused {
        address: address(0).to_string(),
        pause: Duration::from_secs(20),
    };
    assert_eq!(play.told, [told]);
    assert!((play.wait() - 20.0).abs() < 1e-6);
    // Others that left before are told to wait for longer.
    for sent in others {
        play.end(sent, Err(&too_many(Some(25.0))));
    }
    assert!((play.wait() - 25.0).abs() < 1e-6);
    assert_eq!(play.told.len(), 1);
    play.pass(24.999);
    assert!(matches!(play.pick(None), Pick::Wait(Some(_))));
    play.pass(0.001);
    assert_eq!(play.pick(None), Pick::Go(0));
    let _first = play.send(0);
    assert!(
        (play.wait() - 0.5).abs() < 1e-5,
        "the second one half a second later"
    );
}

#[test]
fn limits_a_minute_are_kept_at_each_endpoint() {
    let limits = Limits {
        requests_per_minute: Some(60),
        ..Limits::default()
    };
    let mut play = Play::limited(2, &limits);
    for expected in [0, 1] {
        assert_eq!(play.pick(None), Pick::Go(expected));
        play.one(expected, Ok(100));
    }
    let wait = play.wait();
    // One a second, of which half a second passed for each.
    assert!((wait - (1.001 - 1.0)).abs() < 0.01 || wait < 0.01, "{wait}");
}

#[test]
fn absurd_counts_and_pauses_break_nothing() {
    let limits = Limits {
        tokens_per_minute: Some(6000),
        ..Limits::default()
    };
    let mut play = Play::limited(1, &limits);
    let sent = play.fleet.sent(play.now, 0, u64::MAX);
    play.pass(1.0);
    play.end(sent, Ok(u64::MAX));
    assert!(play.wait() <= 301.0);
    let too_many = Failure::TooMany {
        retry_after: Some(Duration::MAX),
    };
    play.one(0, Err(&too_many));
    assert!(play.wait() <= 24.0 * 3600.0);
}

#[test]
fn an_empty_fleet_waits_for_nothing() {
    let mut play = Play::new(0);
    assert_eq!(play.pick(None), Pick::Wait(None));
    assert_eq!(play.fleet.next_event(play.now), None);
}

#[test]
fn whatever_happens_there_is_something_to_wait_for_and_no_limit_is_exceeded() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let limits = Limits {
            concurrency: 1 + rng.below(40),
            requests_per_minute: rng.chance(0.3).then(|| 1 + rng.below(2000) as u64),
            tokens_per_minute: rng.chance(0.3).then(|| 1 + rng.below(200_000) as u64),
            ..Limits::default()
        };
        let endpoints = 1 + rng.below(3);
        let mut play = Play::limited(endpoints, &limits);
        let (mut sent, mut probing) = (Vec::new(), Vec::new());
        let mut went = 0;
        // Each kind of end is as likely as the seed says.
        let weights: Vec<usize> = (0..6).map(|_| rng.below(10)).collect();
        for _ in 0..2000 {
            probing.extend(play.fleet.due(play.now));
            let avoid = rng.chance(0.2).then(|| rng.below(endpoints));
            let tokens = rng.below(5000) as u64;
            match play.fleet.pick(play.now, tokens, avoid) {
                Pick::Go(index) => {
                    sent.push(play.fleet.sent(play.now, index, tokens));
                    went += 1;
                    let on_way = sent.iter().filter(|it| it.index() == index).count();
                    assert!(on_way <= limits.concurrency);
                    assert_eq!(play.fleet.in_flight(), sent.len());
                    continue;
                }
                Pick::Wait(at) => {
                    let next = at.into_iter().chain(play.fleet.next_event(play.now)).min();
                    assert!(
                        next.is_none_or(|it| it > play.now),
                        "seed {seed}: at once again"
                    );
                    let ends = !sent.is_empty() || !probing.is_empty();
                    assert!(ends || at.is_some(), "seed {seed}: waits for ever");
                    if !ends || next.is_some() && rng.chance(0.5) {
                        play.now = next.unwrap();
                        continue;
                    }
                }
            }
            play.pass(rng.unit());
            if !probing.is_empty() && (sent.is_empty() || rng.chance(0.5)) {
                play.fleet
                    .probed(play.now, probing.remove(0), rng.chance(0.5));
            } else if !sent.is_empty() {
                let it = sent.swap_remove(rng.below(sent.len()));
                let sum = weights.iter().sum::<usize>().max(1);
                let mut drawn = rng.below(sum);
                let kind = weights.iter().position(|&weight| {
                    let is_it = drawn < weight;
                    drawn = drawn.saturating_sub(weight);
                    is_it
                });
                match kind {
                    Some(0) => play.end(it, Err(&server())),
                    Some(1) => play.end(it, Err(&broken())),
                    Some(2) => play.end(it, Err(&unreachable())),
                    Some(3) => {
                        let asked = rng.chance(0.5).then(|| 10.0 * rng.unit());
                        play.end(it, Err(&too_many(asked)));
                    }
                    Some(4) => play.fleet.abandoned(play.now, it),
                    _ => play.end(it, Ok(rng.below(5000) as u64)),
                }
            }
        }
        assert!(went > 5, "seed {seed}: {went}");
        // Once all is well again everybody is back within a minute or two.
        for it in sent {
            play.end(it, Ok(1));
        }
        for _ in 0..2000 {
            for index in probing.drain(..).chain(play.fleet.due(play.now)) {
                play.fleet.probed(play.now, index, true);
            }
            match play.fleet.pick(play.now, 1, None) {
                Pick::Go(index) => {
                    let it = play.fleet.sent(play.now, index, 1);
                    play.pass(0.1);
                    play.end(it, Ok(1));
                }
                Pick::Wait(at) => play.now = at.expect("nothing is on its way"),
            }
        }
        let are_open = play.fleet.members.iter().all(|it| it.health.is_open());
        assert!(are_open, "seed {seed}");
    }
}

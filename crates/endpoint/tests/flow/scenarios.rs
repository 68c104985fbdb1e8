//! What a fleet has to cope with.

use endpoint::Limits;

use super::simulator::{Kind, Says, Scenario, Server};

fn scenario(servers: Vec<Server>, seconds: f64) -> Scenario {
    Scenario {
        servers,
        limits: Limits::default(),
        seconds,
        requests: None,
        tokens: (200, 400),
        seed: 7,
    }
}

/// 300 ms, up to 200 ms more or less, and so many at once.
fn limited(at_once: Vec<(f64, usize)>, retry_after: Option<f64>) -> Server {
    Server::new(Kind::Limited {
        at_once,
        mean: 0.3,
        spread: 0.2,
        retry_after,
    })
}

/// One that takes 32 at once and refuses the rest; 107 answers a second at best.
pub fn limit_of_32(retry_after: Option<f64>) -> Scenario {
    scenario(vec![limited(vec![(0.0, 32)], retry_after)], 120.0)
}

/// One that takes 32 at once, 12 from second 60 on, and 80 from second 120 on.
pub fn limit_that_changes() -> Scenario {
    let at_once = vec![(0.0, 32), (60.0, 12), (120.0, 80)];
    scenario(vec![limited(at_once, Some(1.0))], 240.0)
}

fn batch(slots: Vec<(f64, usize)>, step: f64, grows: f64) -> Server {
    let chokes = 0.0;
    Server::new(Kind::Batch {
        slots,
        step,
        grows,
        chokes,
    })
}

/// 64 sequences at once, the rest waits in line. A token of each takes 20 ms and 0.3 ms more for each sequence.
pub fn batch_of_64() -> Scenario {
    scenario(vec![batch(vec![(0.0, 64)], 0.020, 0.0003)], 1200.0)
}

/// As [`batch_of_64`], with a batch that costs more the larger it is.
pub fn steep_batch_of_64() -> Scenario {
    scenario(vec![batch(vec![(0.0, 64)], 0.010, 0.0005)], 1200.0)
}

/// Half of the sequences from second 400 on, all again from second 1000 on.
pub fn batch_that_halves() -> Scenario {
    let slots = vec![(0.0, 64), (400.0, 32), (1000.0, 64)];
    scenario(vec![batch(slots, 0.005, 0.0001)], 1600.0)
}

/// 600 requests a minute by the clock.
pub fn minute_of_600(says: bool) -> Scenario {
    let kind = Kind::Minute {
        requests: 600,
        mean: 0.3,
        spread: 0.2,
        says,
    };
    scenario(vec![Server::new(kind)], 300.0)
}

/// Nine of ten requests are refused for a whole minute.
pub fn storm() -> Scenario {
    let mut server = limited(vec![(0.0, 32)], None);
    server.storm = Some((30.0, 90.0, 0.9));
    scenario(vec![server], 180.0)
}

/// Every request is refused for a whole minute.
pub fn full_storm() -> Scenario {
    let mut server = limited(vec![(0.0, 32)], None);
    server.storm = Some((30.0, 90.0, 1.0));
    scenario(vec![server], 180.0)
}

/// Three that do 40, 20 and 10 requests a second; the second one is dead from second 20 to second 80.
pub fn three_of_which_one_dies() -> Scenario {
    let server = |at_once| {
        Server::new(Kind::Limited {
            at_once: vec![(0.0, at_once)],
            mean: 0.8,
            spread: 0.3,
            retry_after: None,
        })
    };
    let mut second = server(16);
    second.dead = Some((20.0, 80.0));
    scenario(vec![server(32), second, server(8)], 140.0)
}

/// One of five requests fails.
pub fn faulty() -> Scenario {
    let mut server = limited(vec![(0.0, 64)], None);
    server.fails = 0.2;
    scenario(vec![server], 60.0)
}

/// As [`limit_of_32`], but far away: a refusal takes 100 ms.
pub fn limit_far_away() -> Scenario {
    let mut server = limited(vec![(0.0, 32)], None);
    server.lag = 0.1;
    scenario(vec![server], 120.0)
}

/// One that takes 4 at once, of which each takes 7 to 13 seconds.
pub fn slow_limit_of_4() -> Scenario {
    let kind = Kind::Limited {
        at_once: vec![(0.0, 4)],
        mean: 10.0,
        spread: 3.0,
        retry_after: None,
    };
    scenario(vec![Server::new(kind)], 2400.0)
}

/// One of three requests is refused for a minute, whatever is on its way.
pub fn drizzle() -> Scenario {
    let mut server = limited(vec![(0.0, 64)], None);
    server.storm = Some((30.0, 90.0, 0.33));
    scenario(vec![server], 180.0)
}

/// One that gets less done the more is asked of it, from 40 sequences at once on.
pub fn choking() -> Scenario {
    // Tokens a second are n / (step + grows n + chokes n^2): at most where n is the root of step / chokes.
    let kind = Kind::Batch {
        slots: vec![(0.0, 1000)],
        step: 0.008,
        grows: 0.0001,
        chokes: 0.000_005,
    };
    scenario(vec![Server::new(kind)], 600.0)
}

/// As [`batch_of_64`], with answers of one length: all that left together end together.
pub fn batch_in_step() -> Scenario {
    Scenario {
        tokens: (300, 300),
        ..batch_of_64()
    }
}

/// As [`batch_of_64`], with answers of 20 to 2000 tokens.
pub fn batch_of_all_lengths() -> Scenario {
    Scenario {
        tokens: (20, 2000),
        seconds: 6000.0,
        ..batch_of_64()
    }
}

/// One request after the other, each in 3 ms or so.
pub fn one_by_one() -> Scenario {
    scenario(vec![batch(vec![(0.0, 1)], 0.000_01, 0.0)], 60.0)
}

/// Three that batch, of speeds 4 : 2 : 1, and as many requests as a stage has.
pub fn fleet_of_batches() -> Scenario {
    let servers = vec![
        batch(vec![(0.0, 64)], 0.005, 0.0001),
        batch(vec![(0.0, 64)], 0.010, 0.0002),
        batch(vec![(0.0, 64)], 0.020, 0.0004),
    ];
    Scenario {
        requests: Some(10_000),
        ..scenario(servers, 600.0)
    }
}

/// One of twenty requests is refused, whatever is on its way.
pub fn sporadic() -> Scenario {
    let mut server = limited(vec![(0.0, 64)], None);
    server.storm = Some((0.0, 120.0, 0.05));
    scenario(vec![server], 120.0)
}

/// 20 requests a second, 40 of them at a time, as a bucket has it.
pub fn bucket_of_20(says: Says) -> Scenario {
    let kind = Kind::Bucket {
        a_second: 20.0,
        holds: 40.0,
        mean: 2.0,
        spread: 1.0,
        says,
    };
    scenario(vec![Server::new(kind)], 300.0)
}

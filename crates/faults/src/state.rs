//! What all connections of a server share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::chance;
use crate::fault::Fault;
use crate::log::Log;
use crate::schedule::Faults;
use crate::setup::Setup;

/// The question that a latency is drawn for.
const HOW_LONG: u64 = 2;

/// What all connections of a server share.
pub(crate) struct State {
    pub setup: Setup,
    faults: Mutex<Faults>,
    log: Mutex<Log>,
    numbers: AtomicU64,
    present: AtomicUsize,
    /// Until when everybody is told to be too many, and what they are told to wait.
    busy: Mutex<Option<(Instant, Option<Duration>)>>,
    started: Instant,
    strays: Mutex<Vec<Stray>>,
}

/// Somebody who followed a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Where to.
    pub path: String,
    /// Whether a key came along.
    pub brought_key: bool,
}

/// A panic of a responder is the test's own; what was counted before it still holds.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub fn new(setup: Setup) -> std::io::Result<Self> {
        Ok(Self {
            faults: Mutex::new(setup.faults.clone()),
            log: Mutex::new(Log::to_file(setup.log.as_deref())?),
            setup,
            numbers: AtomicU64::new(0),
            present: AtomicUsize::new(0),
            busy: Mutex::new(None),
            started: Instant::now(),
            strays: Mutex::new(Vec::new()),
        })
    }

    /// The number of a new arrival, and its presence while it is there.
    pub fn enter(&self) -> (u64, Present<'_>) {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst) + 1;
        let at_once = self.present.fetch_add(1, Ordering::SeqCst) + 1;
        let state = self;
        (number, Present { state, at_once })
    }

    pub fn log(&self) -> MutexGuard<'_, Log> {
        locked(&self.log)
    }

    pub fn strays(&self) -> MutexGuard<'_, Vec<Stray>> {
        locked(&self.strays)
    }

    /// Seconds since the server's start.
    pub fn now(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    pub fn set_faults(&self, faults: Faults) {
        *locked(&self.faults) = faults;
    }

    /// What an arrival meets. One that makes everybody wait begins here, and whoever comes in that time meets it too.
    pub fn fault(&self, number: u64) -> Option<Fault> {
        let mut busy = locked(&self.busy);
        let now = Instant::now();
        if let Some((until, retry_after)) = *busy
            && now < until
        {
            return Some(Fault::TooMany(retry_after));
        }
        let fault = locked(&self.faults).at(self.setup.seed, number)?;
        if let Fault::TooManyFor {
            length,
            retry_after,
        } = fault
        {
            *busy = Some((now + length, retry_after));
        }
        Some(fault)
    }

    /// How long the answer to an arrival takes.
    pub fn latency(&self, number: u64) -> Duration {
        let Setup {
            seed,
            latency,
            jitter,
            ..
        } = self.setup;
        let drawn = chance::share(seed, number, HOW_LONG);
        (latency + jitter.mul_f64(2.0 * drawn)).saturating_sub(jitter)
    }
}

/// Somebody is there, until it is dropped.
pub(crate) struct Present<'a> {
    state: &'a State,
    /// How many were there when this one came, itself included.
    pub at_once: usize,
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.state.present.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_stays_within_its_jitter_and_fills_it() {
        let ms = Duration::from_millis;
        let setup = Setup {
            latency: ms(300),
            jitter: ms(200),
            ..Setup::default()
        };
        let state = State::new(setup).unwrap();
        let all: Vec<f64> = (0..2_000).map(|n| state.latency(n).as_secs_f64()).collect();
        let (least, most) = all.iter().fold((f64::MAX, 0.0_f64), |(least, most), x| {
            (least.min(*x), most.max(*x))
        });
        assert!((0.1..0.102).contains(&least) && (0.498..=0.5).contains(&most));
        let mean = all.iter().sum::<f64>() / 2_000.0;
        assert!((mean - 0.3).abs() < 0.01, "{mean}");
    }
}

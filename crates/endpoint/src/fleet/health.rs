//! Whether an endpoint lives.

use std::time::{Duration, Instant};

/// So many failures in a row are needed to leave an endpoint out.
const FEW: u32 = 3;

/// If it could be reached and did answer a moment ago, so many are: one request of five that goes wrong is no reason.
const MANY: u32 = 16;
const MOMENT: Duration = Duration::from_secs(1);

/// When it is asked again for the first time, and at the longest.
const FIRST_PROBE: Duration = Duration::from_secs(5);
const LONGEST_PROBE: Duration = Duration::from_mins(1);

/// Whether an endpoint lives, as far as its answers tell.
#[derive(Debug)]
pub(super) struct Health {
    state: State,
    failures: u32,
    unreachable: u32,
    /// When a request left first since the last sign of life, and how many did.
    asked: Option<Instant>,
    sent: u32,
    /// How long it is left alone the next time that it goes down.
    wait: Duration,
    /// Counts changes, so that a request that left before one is not taken for news.
    generation: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    /// It is left out; asked again at that time, or being asked.
    Down {
        probe: Option<Instant>,
    },
    /// It gave a sign of life and shows with one request whether it works.
    OnTrial {
        is_out: bool,
    },
}

/// It is left out from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Down;

/// It takes part again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Back;

impl Health {
    pub(super) fn new() -> Self {
        Self {
            state: State::Up,
            failures: 0,
            unreachable: 0,
            asked: None,
            sent: 0,
            wait: FIRST_PROBE,
            generation: 0,
        }
    }

    /// Whether a request may go there.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Up | State::OnTrial { is_out: false })
    }

    /// When it is to be asked for a sign of life, if it is down and not being asked.
    pub(super) fn probe(&self) -> Option<Instant> {
        match self.state {
            State::Down { probe } => probe,
            _ => None,
        }
    }

    pub(super) fn probing(&mut self) {
        self.state = State::Down { probe: None };
    }

    /// Whether it did give one. True if requests may go there again.
    pub(super) fn probed(&mut self, now: Instant, ok: bool) -> bool {
        if !matches!(self.state, State::Down { .. }) {
            return false;
        }
        if ok {
            self.generation += 1;
            self.state = State::OnTrial { is_out: false };
        } else {
            self.down(now);
        }
        ok
    }

    /// A request leaves; what is returned goes back with its end.
    pub(super) fn sent(&mut self, now: Instant) -> u32 {
        self.asked.get_or_insert(now);
        self.sent += 1;
        if matches!(self.state, State::OnTrial { .. }) {
            self.state = State::OnTrial { is_out: true };
        }
        self.generation
    }

    pub(super) fn abandoned(&mut self, generation: u32) {
        if generation == self.generation && matches!(self.state, State::OnTrial { .. }) {
            self.state = State::OnTrial { is_out: false };
        }
    }

    /// A request got an answer, if only that there are too many. Something if the endpoint is back by that.
    pub(super) fn lives(&mut self, now: Instant, generation: u32) -> Option<Back> {
        (self.asked, self.sent) = (None, 0);
        (self.failures, self.unreachable) = (0, 0);
        match self.state {
            // With one answer alone it may be down again at once, and is to be asked less and less often.
            State::Up => {
                self.wait = FIRST_PROBE;
                None
            }
            // One that left long ago came through: worth to ask now.
            State::Down { probe: Some(_) } => {
                self.state = State::Down { probe: Some(now) };
                None
            }
            State::OnTrial { .. } if generation == self.generation => {
                self.state = State::Up;
                Some(Back)
            }
            _ => None,
        }
    }

    /// A request came to nothing. Something if the endpoint is down by that.
    pub(super) fn failed(
        &mut self,
        now: Instant,
        generation: u32,
        is_unreachable: bool,
    ) -> Option<Down> {
        if generation != self.generation {
            return None;
        }
        self.failures += 1;
        self.unreachable = if is_unreachable {
            self.unreachable + 1
        } else {
            0
        };
        match self.state {
            State::Up => {
                let was_here = self.asked.is_none_or(|it| now < it + MOMENT);
                let enough = if was_here { MANY } else { FEW };
                // Failures are quick and answers are slow: of many that left together the failures come first.
                let are_most = 2 * self.failures > self.sent;
                if self.unreachable < FEW && !(self.failures >= enough && are_most) {
                    return None;
                }
                self.down(now);
                Some(Down)
            }
            // Whoever watches knows already that it is down.
            State::OnTrial { .. } => {
                self.down(now);
                None
            }
            State::Down { .. } => None,
        }
    }

    fn down(&mut self, now: Instant) {
        self.generation += 1;
        self.state = State::Down {
            probe: Some(now + self.wait),
        };
        self.wait = (2 * self.wait).min(LONGEST_PROBE);
        (self.failures, self.unreachable) = (0, 0);
    }
}

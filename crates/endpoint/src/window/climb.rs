//! How many requests at once bring the most work, found by trying.
//!
//! Work a second is measured at a level, then at another for about as long, and the better one stays: more requests at once are
//! better if they bring clearly more, fewer if they cost next to nothing. So the level comes to rest where work stops to grow, which
//! is where a server begins to queue. It never asks how long an answer takes: a batch that is larger takes longer and may still be
//! worth it.

use std::time::{Duration, Instant};

use super::speed::{Growth, Speed};

/// More at once stays if work grows with at least this exponent: half as many again have to bring 8 % more.
const WORTH_MORE: f64 = 0.2;

/// Fewer at once stay if work falls with at most this exponent: a third less may cost 2.4 %.
const WORTH_LESS: f64 = 0.06;

/// There are no fewer, so that one is there when the other is done.
const FEWEST: usize = 2;

/// How much wider the next try is while work still grows about as the requests do, and otherwise.
const FAR: f64 = 2.0;
const NEAR: f64 = 1.5;

/// An exponent above it is "about as the requests do".
const STRAIGHT: f64 = 0.7;

/// So many standard errors away from what it is compared with, an exponent is taken to be sure.
const SURE: f64 = 1.5;

/// A try that stays undecided ends after so many rounds (a round is as many answers as requests at once).
const LONGEST_TRY: usize = 10;

/// A round is no fewer answers.
const SMALLEST_ROUND: usize = 8;

/// Rounds after which more at once may turn out to be of no use; that they are of use may show earlier.
const SHORTEST_REFUSAL: usize = 3;

/// Rounds between two tries that changed nothing, at first and after many.
const SHORTEST_REST: usize = 4;
const LONGEST_REST: usize = 64;

/// After this time so many rounds are enough.
const REST_ENDS: Duration = Duration::from_mins(1);
const LATE: usize = 16;

/// Going down is left out so often after it proved not to be worth it many times.
const MOST_SKIPPED: u32 = 7;

/// Requests that get 30 % more or 25 % less done than when the level was chosen are a reason to look again soon.
const SURPRISE: f64 = 0.27;

/// What a try is compared with is no older than twice so many rounds.
const FRESH: usize = 8;

/// Less than this share of what is allowed on its way means that there is too little to do.
const FULL: f64 = 0.75;

#[derive(Debug)]
pub(super) struct Climb {
    most: usize,
    /// Where it stands between tries.
    level: usize,
    /// What is allowed now: on the way to the level that is tried.
    limit: usize,
    /// The level that is tried.
    trying: Option<usize>,
    /// Whether every try so far was worth it: then half a round has to do.
    is_first: bool,
    factor: f64,
    next: Direction,
    /// Turns of going down that are left out, and how many were after the last one: going down costs work while it is tried.
    skip: u32,
    skipped: u32,
    /// What a request got done in a second when the level was last chosen.
    expected: Option<f64>,
    /// Answers that are let pass before it counts, since they began before the limit was what it is.
    settle: usize,
    speed: Option<Speed>,
    /// At `level`, before a try.
    base: Option<Speed>,
    rest: Rest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// The time between two tries.
#[derive(Debug)]
struct Rest {
    rounds: usize,
    answers: usize,
    began: Option<Instant>,
}

/// What an endpoint is like when an answer of it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// Whether as many are on their way as may be.
    pub(super) is_full: bool,
    /// What it lets be at once, if it ever refused.
    pub(super) learned: Option<usize>,
}

impl Climb {
    pub(super) fn new(first: usize, most: usize) -> Self {
        Self {
            most,
            level: first.min(most),
            limit: first.min(most),
            trying: None,
            is_first: true,
            factor: FAR,
            next: Direction::Up,
            skip: 0,
            skipped: 0,
            expected: None,
            settle: 0,
            speed: None,
            base: None,
            rest: Rest {
                rounds: 1,
                answers: 0,
                began: None,
            },
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// So many were on their way until now.
    pub(super) fn pass(&mut self, now: Instant, in_flight: usize) {
        if let Some(speed) = &mut self.speed {
            speed.pass(now, in_flight);
        }
    }

    /// An answer ended, of no tokens if there was none and time was spent on it.
    pub(super) fn answered(&mut self, now: Instant, tokens: f64, took: Duration, state: State) {
        let goal = self.trying.unwrap_or(self.level);
        if self.limit < goal {
            if state.is_full && tokens > 0.0 {
                let step = if self.is_first { 2 } else { 1 };
                self.limit = goal.min(self.limit + step);
                self.settle = self.round(self.limit);
                self.speed = None;
            }
            return;
        }
        if self.settle > 0 {
            self.settle -= 1;
            return;
        }
        let allowed = self.limit.min(state.learned.unwrap_or(self.most));
        let round = self.round(allowed);
        let speed = self.speed.get_or_insert_with(|| Speed::new(now));
        speed.count(tokens, took);
        if speed.answers() < round || !speed.is_a_span() {
            return;
        }
        if speed.at_once() < FULL * allowed as f64 {
            // There is too little to do to find out anything.
            self.speed = None;
            return;
        }
        match self.trying {
            Some(to) => self.judge(to, round),
            None => self.rest(now, round, state.learned),
        }
    }

    /// Answers that are one round.
    fn round(&self, at_once: usize) -> usize {
        let answers = if self.is_first {
            at_once.div_ceil(2)
        } else {
            at_once
        };
        answers.max(SMALLEST_ROUND)
    }

    /// Compares what is tried with what was before, and takes one of both once that is sure.
    fn judge(&mut self, to: usize, round: usize) {
        let (Some(base), Some(speed)) = (&self.base, &self.speed) else {
            return self.keep_level();
        };
        let Some(growth) = base.growth(speed) else {
            return self.keep_level();
        };
        let is_up = to > self.level;
        let worth = if is_up { WORTH_MORE } else { WORTH_LESS };
        let above = growth.exponent - worth;
        let is_sure = above.abs() > SURE * growth.error;
        if !is_sure && speed.answers() < LONGEST_TRY * round {
            return;
        }
        if is_up == (above > 0.0) {
            self.take(to, growth);
        } else if !is_up || speed.answers() >= SHORTEST_REFUSAL * round {
            self.keep_level();
        }
    }

    /// Measures at the level until it is time for the next try.
    fn rest(&mut self, now: Instant, round: usize, learned: Option<usize>) {
        let (answers, of_one) = match &self.speed {
            Some(speed) => (speed.answers(), speed.of_one()),
            None => return,
        };
        if answers == SHORTEST_REST * round {
            let expected = *self.expected.get_or_insert(of_one);
            if (of_one / expected).ln().abs() > SURPRISE {
                // It is not the endpoint that it was.
                self.expected = Some(of_one);
                self.rest.rounds = self.rest.rounds.min(SHORTEST_REST);
                self.skip = 0;
                self.base = None;
            }
        }
        let rest = &mut self.rest;
        rest.answers += 1;
        let lasted = now.saturating_duration_since(*rest.began.get_or_insert(now));
        let is_enough = rest.answers >= rest.rounds.saturating_sub(1) * round;
        let is_late = lasted >= REST_ENDS && rest.answers >= LATE * round;
        if is_enough || is_late {
            self.begin(learned);
        } else if answers >= FRESH * round {
            self.base = self.speed.take();
        }
    }

    /// Begins a try, up and down in turn as long as neither is worth it.
    fn begin(&mut self, learned: Option<usize>) {
        let allowed = self.level.min(learned.unwrap_or(self.most));
        let up = (self.level as f64 * self.factor).ceil() as usize;
        let up = up.min(self.most);
        let down = ((allowed as f64 / NEAR).floor() as usize).max(FEWEST);
        let can_rise = up > self.level && learned.is_none_or(|it| self.level <= it);
        let can_fall = down < allowed && !self.is_first;
        self.rest.answers = 0;
        self.rest.began = None;
        let is_skipped = self.next == Direction::Down && self.skipped < self.skip;
        let to = match self.next {
            Direction::Up if can_rise => up,
            Direction::Down if can_fall && !is_skipped => down,
            Direction::Down if can_rise => {
                self.skipped += 1;
                up
            }
            Direction::Down => {
                self.skipped += 1;
                return;
            }
            Direction::Up => {
                // It goes no higher.
                self.is_first = false;
                self.next = Direction::Down;
                return;
            }
        };
        if to > self.level && learned == Some(self.level) {
            // Beyond what it refused the endpoint is asked in another way.
            (self.level, self.limit) = (to, to);
            return;
        }
        self.base = match (self.speed.take(), self.base.take()) {
            (Some(new), Some(old)) if new.answers() < FRESH / 2 * allowed => Some(new.joined(&old)),
            (new, old) => new.or(old),
        };
        self.trying = Some(to);
        self.next = if to > self.level {
            Direction::Down
        } else {
            Direction::Up
        };
        if to < self.level {
            self.limit = to;
            self.settle = allowed - to + self.round(to);
        }
    }

    /// What was tried is the level from now on, and the next try goes the same way.
    fn take(&mut self, to: usize, growth: Growth) {
        let is_up = to > self.level;
        self.factor = if is_up && growth.exponent > STRAIGHT {
            FAR
        } else {
            NEAR
        };
        self.next = if is_up {
            Direction::Up
        } else {
            Direction::Down
        };
        (self.level, self.limit) = (to, to);
        self.trying = None;
        self.base = None;
        self.rest = Rest {
            rounds: 1,
            answers: 0,
            began: None,
        };
        (self.skip, self.skipped, self.expected) = (0, 0, None);
    }

    fn keep_level(&mut self) {
        if self.trying.take().is_some_and(|it| it < self.level) {
            self.skip = (2 * self.skip + 1).min(MOST_SKIPPED);
            self.skipped = 0;
        }
        self.is_first = false;
        self.factor = NEAR;
        self.rest = Rest {
            rounds: (2 * self.rest.rounds).clamp(SHORTEST_REST, LONGEST_REST),
            answers: 0,
            began: None,
        };
        self.limit = self.limit.min(self.level);
        self.disturbed();
    }

    /// The endpoint refused, or took more than ever: up to `wanted` is what is wanted of it until fewer prove to be enough.
    pub(super) fn follow(&mut self, wanted: usize) {
        let goal = self.trying.take().unwrap_or(self.level).max(self.level);
        self.level = goal.max(wanted).min(self.most);
        self.limit = self.level;
        self.is_first = false;
        self.factor = NEAR;
        self.rest.rounds = self.rest.rounds.max(SHORTEST_REST);
        self.disturbed();
    }

    /// What was going on is no measure of anything.
    pub(super) fn disturbed(&mut self) {
        self.speed = None;
        self.base = None;
        self.settle = self.round(self.limit.min(self.level));
    }
}

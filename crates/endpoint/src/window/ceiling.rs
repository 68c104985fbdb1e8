//! What an endpoint lets be at once, and how long it wants to be left alone, learned from its refusals (429).
//!
//! A refusal has one of two causes: too many at once, where requests that were sent before are still being answered and one that
//! is sent after one of them ended is taken; or too many a minute, where nothing is taken until time has passed. The first teaches a
//! number, the second a pause.

use std::time::{Duration, Instant};

/// A pause that an endpoint asks for and that is longer than this means "a minute", not "at once".
const LONG: Duration = Duration::from_secs(5);

/// So many refusals, each of a request that left after the one before had been refused, with none taken in between, mean it too.
const ROW: u32 = 4;

/// How long an endpoint rests that refuses everything and does not say for how long: doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// After a pause one may go, and twice as many each time this has passed without a refusal.
const DOUBLES: Duration = Duration::from_millis(500);

/// How long it takes until one more than was learned is tried, at first and after many that were refused, and how many answers,
/// so that slow endpoints are not asked for every tenth request.
const FIRST_TRIAL: Duration = Duration::from_secs(5);
const LONGEST_TRIAL: Duration = Duration::from_mins(1);
const ANSWERS_BETWEEN: usize = 150;

/// After a refusal of as many as were taken before, the limit may have been lower for a moment only, and fewer answers have to do.
const ANSWERS_AFTER_FALL: usize = 10;

/// An endpoint that refuses less than this share of the last so many requests, however few are on their way, has another reason
/// than their number: half of what it took lately has to do.
const SPORADIC: f64 = 0.15;
const LAST: f64 = 50.0;

/// "Lately".
const PROVES: Duration = Duration::from_mins(1);

/// After this time without a refusal the next one is not of the same fall.
const FALL_ENDS: Duration = Duration::from_secs(5);

/// A refusal within this time shows that what was taken last was taken as an exception.
const HOLDS: Duration = Duration::from_secs(30);

/// So many trials go up by one each after that.
const CAREFUL: u32 = 8;

/// A pause that an endpoint asks for and that is shorter than this is a moment: all it needs is not to be asked meanwhile.
const MOMENT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Ceiling {
    learned: Option<usize>,
    trial: Trial,
    fall: Option<Instant>,
    proved: Proved,
    /// Which share of the last requests was refused.
    refused_share: f64,
    row: Option<Row>,
    pause: Option<Pause>,
    /// Until when nothing is sent, though it is no pause.
    moment: Option<Instant>,
    /// The length of the last pause that was chosen here, and not asked for.
    last_pause: Duration,
}

/// How one more than was learned is tried.
#[derive(Debug)]
struct Trial {
    /// How many more; doubled as long as they are taken.
    step: usize,
    /// How many of them may still leave.
    left: usize,
    wait: Duration,
    not_before: Option<Instant>,
    answers: usize,
    needed: usize,
    /// When one more was taken last.
    raised: Option<Instant>,
    /// So many trials go up by one only, since what was taken last time was refused soon after.
    careful: u32,
}

/// The most at once of which one was answered lately: in this span of [`PROVES`] and the one before.
#[derive(Debug, Default)]
struct Proved {
    since: Option<Instant>,
    this: usize,
    before: usize,
}

impl Proved {
    fn answered(&mut self, now: Instant, at_once: usize) {
        if self.since.is_none_or(|it| now >= it + PROVES) {
            self.since = Some(now);
            (self.this, self.before) = (0, self.this);
        }
        self.this = self.this.max(at_once);
    }
}

/// Refusals without anything taken in between.
#[derive(Debug)]
struct Row {
    since: Instant,
    last: Instant,
    length: u32,
    /// Requests that left since.
    sent: u32,
    learned_before: Option<usize>,
}

#[derive(Debug)]
struct Pause {
    ends: Instant,
}

impl Pause {
    /// How often the number at once has doubled since its end.
    fn doublings(&self, now: Instant) -> u32 {
        let since = now.saturating_duration_since(self.ends).as_millis();
        u32::try_from(since / DOUBLES.as_millis()).unwrap_or(u32::MAX)
    }
}

impl Ceiling {
    pub(super) fn new() -> Self {
        Self {
            learned: None,
            trial: Trial {
                step: 1,
                left: 0,
                wait: FIRST_TRIAL,
                not_before: None,
                answers: 0,
                needed: ANSWERS_BETWEEN,
                raised: None,
                careful: 0,
            },
            fall: None,
            proved: Proved::default(),
            refused_share: 0.0,
            row: None,
            pause: None,
            moment: None,
            last_pause: Duration::ZERO,
        }
    }

    pub(super) fn learned(&self) -> Option<usize> {
        self.learned
    }

    /// The most at once now, if there is any limit. `wanted` is what would be sent without one.
    pub(super) fn limit(&self, now: Instant, wanted: usize) -> usize {
        let taken = match self.learned {
            Some(learned) if self.trial.left > 0 || self.may_try(now) => {
                wanted.min(learned + self.trial.step)
            }
            Some(learned) => wanted.min(learned),
            None => wanted,
        };
        if self.moment.is_some_and(|it| now < it) {
            return 0;
        }
        match &self.pause {
            None => taken,
            Some(pause) if now < pause.ends => 0,
            Some(pause) => taken.min(1 << pause.doublings(now).min(30)),
        }
    }

    fn may_try(&self, now: Instant) -> bool {
        let trial = &self.trial;
        trial.answers >= trial.needed && trial.not_before.is_some_and(|it| now >= it)
    }

    /// When the limit rises by itself, given how many are wanted.
    pub(super) fn next_event(&self, now: Instant, wanted: usize) -> Option<Instant> {
        if let Some(moment) = self.moment.filter(|&it| now < it) {
            return Some(moment);
        }
        if let Some(pause) = &self.pause {
            if now < pause.ends {
                return Some(pause.ends);
            }
            let doublings = pause.doublings(now);
            if doublings < 30 && (1 << doublings) < wanted {
                return Some(pause.ends + DOUBLES * (doublings + 1));
            }
        }
        let trial = &self.trial;
        let is_near = trial.answers >= trial.needed && self.learned.is_some_and(|it| it < wanted);
        trial.not_before.filter(|&it| is_near && it > now)
    }

    /// A request leaves as one of so many. Says whether it is one more than was learned.
    pub(super) fn sent(&mut self, now: Instant, at_once: usize) -> bool {
        if let Some(row) = &mut self.row {
            row.sent += 1;
        }
        if self.learned.is_none_or(|it| at_once <= it) {
            return false;
        }
        if self.trial.left == 0 {
            self.trial.left = self.trial.step;
        }
        self.trial.left -= 1;
        self.put_off(now);
        true
    }

    fn put_off(&mut self, now: Instant) {
        self.trial.not_before = Some(now + self.trial.wait);
        self.trial.answers = 0;
    }

    /// A request was answered that left at `sent` as one of so many. Says whether more were taken than ever.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        sent: Instant,
        at_once: usize,
        is_trial: bool,
    ) -> bool {
        self.proved.answered(now, at_once);
        if self.row.as_ref().is_some_and(|row| sent >= row.since) {
            self.row = None;
        }
        if self.pause.as_ref().is_some_and(|pause| sent >= pause.ends) {
            self.last_pause = Duration::ZERO;
        }
        self.trial.answers += 1;
        self.refused_share -= self.refused_share / LAST;
        let Some(learned) = self.learned.filter(|_| is_trial) else {
            return false;
        };
        if at_once <= learned {
            return false;
        }
        self.learned = Some(at_once);
        if self.trial.careful > 0 {
            self.trial.careful -= 1;
            self.put_off(now);
        } else {
            self.trial.step *= 2;
            self.trial.left = self.trial.step;
        }
        self.trial.raised = Some(now);
        true
    }

    /// A request was refused that left at `sent` when the endpoint had taken so many at most; so many are on their way now, it
    /// among them. Says for how long the endpoint is to be left alone, if it is.
    pub(super) fn refused(
        &mut self,
        now: Instant,
        sent: Instant,
        taken: usize,
        in_flight: usize,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        if let Some(pause) = self.pause.as_mut().filter(|it| sent < it.ends) {
            // It left before the pause and tells nothing new, except perhaps for how long.
            if let Some(asked) = asked.filter(|&it| it > LONG) {
                pause.ends = pause.ends.max(now + asked);
            }
            return None;
        }
        let taken = taken.max(1);
        self.refused_share += (1.0 - self.refused_share) / LAST;
        let before = self.learned;
        let row = self.row.get_or_insert(Row {
            since: now,
            last: now,
            length: 1,
            sent: 0,
            learned_before: before,
        });
        if sent >= row.last && now > row.since {
            row.length += 1;
            row.last = now;
        }
        let is_alone = in_flight <= 1;
        let row_length = row.length;
        let is_moment = asked.is_some_and(|it| it < MOMENT);
        let is_row = row.length >= ROW && 2 * row.length > row.sent && !is_moment;
        let is_minute = is_row || is_alone && !is_moment || asked.is_some_and(|it| it > LONG);
        if is_minute {
            self.learned = row.learned_before;
            self.row = None;
            self.last_pause = (2 * self.last_pause).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            let length = asked.unwrap_or_default().max(self.last_pause);
            self.pause = Some(Pause { ends: now + length });
            self.trial.left = 0;
            self.trial.step = 1;
            self.put_off(now);
            return Some(length);
        }
        let floor = if self.refused_share < SPORADIC {
            self.proved.this.max(self.proved.before).div_ceil(2)
        } else {
            1
        };
        // What is refused again after it was tried with less is met with a margin.
        let margin = if row_length > 1 { taken / 16 } else { 0 };
        let taken = taken - margin;
        let learned = before.map_or(taken, |it| it.min(taken.max(floor)));
        let is_new_fall = self.fall.is_none_or(|it| now >= it + FALL_ENDS);
        self.fall = Some(now);
        let was_raised = self.trial.raised.is_some_and(|it| now < it + HOLDS);
        if was_raised && is_moment {
            self.trial.careful = CAREFUL;
        }
        if is_new_fall || before.is_none() {
            let is_less = before.is_none_or(|it| learned < it);
            (self.trial.wait, self.trial.needed) = if is_less && !was_raised {
                (FIRST_TRIAL, ANSWERS_AFTER_FALL)
            } else {
                ((2 * self.trial.wait).min(LONGEST_TRIAL), ANSWERS_BETWEEN)
            };
        }
        if let Some(asked) = asked.filter(|&it| it < MOMENT) {
            // What it asks for is enough for one request, and there are many that wait.
            let longer = asked * (1 << (row_length - 1).min(10));
            self.moment = Some(now + longer.min(2 * MOMENT));
        }
        self.learned = Some(learned);
        self.trial.step = 1;
        self.trial.left = 0;
        if before != Some(learned) {
            self.put_off(now);
        }
        None
    }

    /// The endpoint was away and is to be met gently.
    pub(super) fn returned(&mut self, now: Instant) {
        self.row = None;
        self.pause = Some(Pause { ends: now });
    }
}

//! What an endpoint lets be at once, and how long it wants to be left alone, learned from its refusals (429).
//!
//! A refusal has one of four causes, and nothing says which:
//!
//! - too many at once: what left before is still being answered, and one more is taken as soon as one has ended. It teaches a number,
//!   and once in a while one more than that is tried;
//! - too many a second: fewer at once are refused as well. It teaches a smaller number and to wait for a moment, which grows;
//! - too many a minute: nothing is taken, or the endpoint asks for a long time. It teaches a pause, and no number;
//! - others that use it too: some are refused, however few there are. Half of what was taken lately has to do.

mod pause;
mod row;
mod trial;

use std::time::{Duration, Instant};

use pause::Pause;
use row::Row;
use trial::Trial;

/// A time that an endpoint asks for and that is longer than this means "a minute".
const LONG: Duration = Duration::from_secs(5);

/// One that is shorter than this means "a second".
const MOMENT: Duration = Duration::from_secs(1);

/// What stands for it where an endpoint does not ask for any, and the longest that it grows to.
const SILENT_MOMENT: Duration = Duration::from_millis(100);
const LONGEST_MOMENT: Duration = Duration::from_secs(2);

/// How long an endpoint rests that takes nothing and does not say for how long: doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An endpoint that refuses less than this share of about the last so many requests does so however few are on their way.
const SPORADIC: f64 = 0.15;
const LAST: f64 = 50.0;

/// What was taken between one and two of these ago was taken lately.
const LATELY: Duration = Duration::from_mins(1);

/// After this time without a refusal the next one is news.
const QUIET: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Ceiling {
    learned: Option<usize>,
    proved: Proved,
    trial: Trial,
    row: Option<Row>,
    last_refusal: Option<Instant>,
    /// Which share of the last requests was refused.
    refused_share: f64,
    /// Until when nothing is sent, though it is no pause.
    moment: Option<Instant>,
    pause: Option<Pause>,
    /// The length of the last pause that was chosen here, and not asked for.
    last_pause: Duration,
}

/// A refusal of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    /// When the request left.
    pub(super) sent: Instant,
    /// How many the endpoint had taken then, at most.
    pub(super) taken: usize,
    /// Whether no other request is on its way.
    pub(super) is_alone: bool,
    /// How long the endpoint asks to wait.
    pub(super) asked: Option<Duration>,
}

/// The most at once of which one was answered lately: in this span of [`LATELY`] and the one before.
#[derive(Debug, Default)]
struct Proved {
    since: Option<Instant>,
    this: usize,
    before: usize,
}

impl Proved {
    fn answered(&mut self, now: Instant, at_once: usize) {
        if self.since.is_none_or(|it| now >= it + LATELY) {
            self.since = Some(now);
            (self.this, self.before) = (0, self.this);
        }
        self.this = self.this.max(at_once);
    }

    fn most(&self) -> usize {
        self.this.max(self.before)
    }
}

impl Ceiling {
    pub(super) fn new() -> Self {
        Self {
            learned: None,
            proved: Proved::default(),
            trial: Trial::new(),
            row: None,
            last_refusal: None,
            refused_share: 0.0,
            moment: None,
            pause: None,
            last_pause: Duration::ZERO,
        }
    }

    /// The most at once that it took, if it ever refused more.
    pub(super) fn learned(&self) -> Option<usize> {
        self.learned
    }

    /// The most at once now. `wanted` is what would be sent to an endpoint that refuses nothing.
    pub(super) fn limit(&self, now: Instant, wanted: usize) -> usize {
        if self.moment.is_some_and(|it| now < it) {
            return 0;
        }
        let learned = self
            .learned
            .map_or(wanted, |it| it + self.trial.allows(now));
        let gentle = self.pause.as_ref().map_or(wanted, |it| it.allows(now));
        wanted.min(learned).min(gentle)
    }

    /// When the limit rises by itself, given how many are wanted.
    pub(super) fn next_event(&self, now: Instant, wanted: usize) -> Option<Instant> {
        if let Some(moment) = self.moment.filter(|&it| now < it) {
            return Some(moment);
        }
        let pause = self.pause.as_ref();
        if let Some(at) = pause.and_then(|it| it.allows_more(now, wanted)) {
            return Some(at);
        }
        let is_bound = self.learned.is_some_and(|it| it < wanted);
        self.trial.allows_more(now).filter(|_| is_bound)
    }

    /// A request leaves as one of so many. Says whether it is one more than was learned.
    pub(super) fn sent(&mut self, now: Instant, at_once: usize) -> bool {
        if let Some(next) = self.row.as_mut().and_then(|it| it.sent(now)) {
            self.moment = self.moment.max(Some(next));
        }
        let is_trial = self.learned.is_some_and(|it| at_once > it);
        if is_trial {
            self.trial.sent(now);
        }
        is_trial
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
        self.trial.answered();
        self.refused_share -= self.refused_share / LAST;
        self.row.take_if(|it| it.is_ended_by(sent));
        if self.pause.as_ref().is_some_and(|it| sent >= it.ends) {
            self.last_pause = Duration::ZERO;
        }
        match self.learned {
            Some(learned) if is_trial && at_once > learned => {
                self.learned = Some(at_once);
                self.trial.taken(now, learned, self.proved.most());
                true
            }
            _ => false,
        }
    }

    /// A request was refused. Says for how long the endpoint is to be left alone, if it is.
    pub(super) fn refused(&mut self, now: Instant, refusal: Refusal) -> Option<Duration> {
        let Refusal { sent, asked, .. } = refusal;
        if let Some(pause) = self.pause.as_mut().filter(|it| sent < it.ends) {
            // It left before the pause and tells nothing new, except perhaps for how long.
            if let Some(asked) = asked.filter(|&it| it > LONG) {
                pause.ends = pause.ends.max(now + asked);
            }
            return None;
        }
        self.refused_share += (1.0 - self.refused_share) / LAST;
        let row = self.row.get_or_insert_with(|| Row::new(now, self.learned));
        row.refused(now, sent);
        let is_moment = asked.is_some_and(|it| it < MOMENT);
        let takes_nothing = (row.is_long() || refusal.is_alone) && !is_moment;
        if takes_nothing || asked.is_some_and(|it| it > LONG) {
            return Some(self.rest(now, asked));
        }
        let (is_row, dense) = (row.is_row(), row.dense_length());
        if is_moment || dense > 1 {
            // What it asks for is enough for one request, and there are many that wait.
            let moment = asked.unwrap_or(SILENT_MOMENT).min(MOMENT);
            let grown = moment * (1 << (dense - 1).min(10));
            self.moment = Some(now + grown.min(LONGEST_MOMENT));
        }
        if is_moment || dense > 2 {
            self.trial.beware(now);
        }
        self.learn(now, refusal.taken.max(1), is_row, dense);
        None
    }

    /// Nothing is taken for now, however few there are: that says nothing about how many may be.
    fn rest(&mut self, now: Instant, asked: Option<Duration>) -> Duration {
        if let Some(row) = self.row.take() {
            self.learned = row.learned;
        }
        self.last_pause = (2 * self.last_pause).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        let length = self.last_pause.max(asked.unwrap_or_default());
        self.pause = Some(Pause { ends: now + length });
        self.trial.stop();
        self.trial.put_off(now);
        length
    }

    /// It had taken so many at most when it refused.
    fn learn(&mut self, now: Instant, taken: usize, is_row: bool, dense: u32) {
        let before = self.learned;
        // What is refused though fewer were tried is met with a margin.
        let taken = if is_row { taken - taken / 16 } else { taken };
        let is_sporadic = self.refused_share < SPORADIC && dense <= 2;
        let floor = if is_sporadic {
            self.proved.most().div_ceil(2)
        } else {
            1
        };
        let learned = before.map_or(taken, |it| it.min(taken.max(floor)));
        let is_news = self.last_refusal.is_none_or(|it| now >= it + QUIET);
        self.last_refusal = Some(now);
        if is_news || before.is_none() {
            let is_less = before.is_none_or(|it| learned < it);
            self.trial.refused(now, is_less);
        }
        self.learned = Some(learned);
        self.trial.stop();
        if before != Some(learned) {
            self.trial.put_off(now);
        }
    }

    /// The endpoint was away and is to be met gently.
    pub(super) fn returned(&mut self, now: Instant) {
        self.row = None;
        self.pause = Some(Pause { ends: now });
    }
}

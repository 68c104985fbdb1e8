//! Which endpoint a request goes to, when, and which of them live.
//!
//! Takes what happens (a request was sent, it ended so) and says what may be done. It has no clock, no connection and no thread
//! of its own: whoever drives it says what time it is.

mod health;

use std::time::{Duration, Instant};

use crate::address::Address;
use crate::failure::Failure;
use crate::notice::Notice;
use crate::rates::Rates;
use crate::settings::Limits;
use crate::window::{Ending, Slot, Window};
use health::Health;

/// A pause of this length is worth to be told, and not again within the other.
const TOLD_FROM: Duration = Duration::from_secs(5);
const TOLD_EVERY: Duration = Duration::from_mins(10);

/// No endpoint is left alone for longer, whatever it asks for.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// Several endpoints that share the work, each as much as it can do.
#[derive(Debug)]
pub struct Fleet {
    members: Vec<Member>,
    /// The first failure since the last sign of life of any.
    silent_since: Option<Instant>,
}

#[derive(Debug)]
struct Member {
    address: Address,
    window: Window,
    rates: Rates,
    health: Health,
    told_pause: Option<Instant>,
}

/// Whether a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// To the endpoint of this number; [`Fleet::sent`] has to follow.
    Go(usize),
    /// Not now. At that time it is worth to ask again; without one, when the next request or probe ends. Something that ends
    /// earlier may change it.
    Wait(Option<Instant>),
}

/// A request on its way; it is given back to [`Fleet::ended`] or [`Fleet::abandoned`].
#[derive(Debug)]
#[must_use = "a request that is never said to have ended holds its place for ever"]
pub struct Sent {
    index: usize,
    tokens: u64,
    slot: Slot,
    generation: u32,
}

impl Sent {
    /// The endpoint that it went to.
    pub fn index(&self) -> usize {
        self.index
    }
}

impl Fleet {
    /// All of them are taken to live.
    pub fn new(addresses: &[Address], limits: &Limits) -> Self {
        let member = |address: &Address| Member {
            address: address.clone(),
            window: Window::new(limits.concurrency),
            rates: Rates::new(limits),
            health: Health::new(),
            told_pause: None,
        };
        Self {
            members: addresses.iter().map(member).collect(),
            silent_since: None,
        }
    }

    /// Where a request of about so many tokens (read and written) may go now: to the endpoint that is least busy for what it can do.
    /// One that failed at an endpoint says so in `avoid`: if another one has room it goes there.
    pub fn pick(&mut self, now: Instant, tokens: u64, avoid: Option<usize>) -> Pick {
        let (mut best, mut wait) = (None, None);
        for (index, member) in self.members.iter_mut().enumerate() {
            match member.room(now, tokens) {
                Ok(busy) => {
                    let rank = (avoid == Some(index), busy);
                    if best.is_none_or(|(least, _)| rank < least) {
                        best = Some((rank, index));
                    }
                }
                Err(at) => wait = earlier(wait, at),
            }
        }
        best.map_or(Pick::Wait(wait), |(_, index)| Pick::Go(index))
    }

    /// A request of about so many tokens leaves for an endpoint.
    pub fn sent(&mut self, now: Instant, index: usize, tokens: u64) -> Sent {
        let member = &mut self.members[index];
        member.rates.take(now, tokens);
        Sent {
            index,
            tokens,
            slot: member.window.sent(now),
            generation: member.health.sent(now),
        }
    }

    /// A request ended: with an answer, of so many tokens (read and written), or without.
    pub fn ended(
        &mut self,
        now: Instant,
        sent: Sent,
        result: Result<u64, &Failure>,
    ) -> Vec<Notice> {
        let Sent {
            index,
            tokens,
            slot,
            generation,
        } = sent;
        let member = &mut self.members[index];
        let ending = match result {
            Ok(found) => {
                member.rates.correct(now, tokens, found);
                Ending::Answer(found)
            }
            Err(Failure::TooMany { retry_after }) => {
                Ending::TooMany(retry_after.map(|it| it.min(LONGEST_PAUSE)))
            }
            Err(Failure::Server { .. } | Failure::Broken(_)) => Ending::Wasted,
            Err(_) => Ending::Nothing,
        };
        let pause = member.window.ended(now, &slot, ending);
        let mut notices = Vec::from_iter(pause.and_then(|pause| member.paused(now, pause)));
        let problem = match result {
            Err(
                Failure::Unreachable(problem)
                | Failure::Broken(problem)
                | Failure::Server { problem, .. },
            ) => problem,
            Ok(_)
            | Err(
                Failure::TooMany { .. }
                | Failure::Refused(_)
                | Failure::Unauthorized(_)
                | Failure::Hopeless(_),
            ) => {
                self.silent_since = None;
                let change = member.health.lives(now, generation);
                notices.extend(change.map(|_| Notice::Back {
                    address: member.address.to_string(),
                }));
                return notices;
            }
        };
        self.silent_since.get_or_insert(now);
        let is_unreachable = matches!(result, Err(Failure::Unreachable(_)));
        let change = member.health.failed(now, generation, is_unreachable);
        notices.extend(change.map(|_| Notice::Down {
            address: member.address.to_string(),
            problem: problem.clone(),
        }));
        notices
    }

    /// A request was given up here, which says nothing about its endpoint.
    pub fn abandoned(&mut self, now: Instant, sent: Sent) {
        let Sent {
            index,
            slot,
            generation,
            ..
        } = sent;
        let member = &mut self.members[index];
        member.window.ended(now, &slot, Ending::Nothing);
        member.health.abandoned(generation);
    }

    /// The endpoints that are down and are to be asked now whether they are back, each once: what comes of it goes to
    /// [`Self::probed`].
    pub fn due(&mut self, now: Instant) -> Vec<usize> {
        let mut due = Vec::new();
        for (index, member) in self.members.iter_mut().enumerate() {
            if member.health.probe().is_some_and(|at| at <= now) {
                member.health.probing();
                due.push(index);
            }
        }
        due
    }

    /// Whether an endpoint that was asked for a sign of life gave one. One request shows then whether it works; its answer is what
    /// [`Notice::Back`] waits for.
    pub fn probed(&mut self, now: Instant, index: usize, ok: bool) {
        let member = &mut self.members[index];
        if member.health.probed(now, ok) {
            member.window.returned(now);
        }
    }

    /// How long requests have failed without a sign of life from any endpoint: nothing while none failed since the last one. A
    /// refusal is a sign of life, an answered probe is none.
    pub fn silent_for(&self, now: Instant) -> Duration {
        let since = self.silent_since;
        since.map_or(Duration::ZERO, |it| now.saturating_duration_since(it))
    }

    /// When to ask [`Self::pick`] and [`Self::due`] again if nothing ends before. What a request has to wait for its share of a minute
    /// is said by [`Pick::Wait`] alone.
    pub fn next_event(&self, now: Instant) -> Option<Instant> {
        let next = |member: &Member| {
            if member.health.is_open() {
                member.window.next_event(now)
            } else {
                member.health.probe()
            }
        };
        self.members.iter().map(next).fold(None, earlier)
    }

    /// How many requests are on their way.
    pub fn in_flight(&self) -> usize {
        self.members.iter().map(|it| it.window.in_flight()).sum()
    }

    /// How many requests may be on their way to an endpoint at once, as far as is known now.
    pub fn limit(&self, now: Instant, index: usize) -> usize {
        self.members[index].window.limit(now)
    }
}

impl Member {
    /// How busy it would be with one more, in millionths of what it can do at once; or when it may have room.
    fn room(&mut self, now: Instant, tokens: u64) -> Result<u64, Option<Instant>> {
        if !self.health.is_open() {
            return Err(self.health.probe());
        }
        let (in_flight, limit) = (self.window.in_flight(), self.window.limit(now));
        if in_flight >= limit {
            return Err(self.window.next_event(now));
        }
        match self.rates.wait(now, tokens) {
            Some(wait) => Err(Some(now + wait)),
            None => Ok((in_flight as u64 + 1) * 1_000_000 / limit as u64),
        }
    }

    fn paused(&mut self, now: Instant, pause: Duration) -> Option<Notice> {
        let is_old = self.told_pause.is_none_or(|it| now >= it + TOLD_EVERY);
        (pause >= TOLD_FROM && is_old).then(|| {
            self.told_pause = Some(now);
            Notice::Paused {
                address: self.address.to_string(),
                pause,
            }
        })
    }
}

#[cfg(test)]
mod tests;

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

//! Which endpoint a request goes to, when, and which of them live.
//!
//! Takes what happens (a request was sent, it ended so) and says what may be done. It has no clock, no connection and no thread
//! of its own: whoever drives it says what time it is.

use std::time::{Duration, Instant};

use crate::address::Address;
use crate::failure::Failure;
use crate::notice::Notice;
use crate::rates::Rates;
use crate::settings::Limits;
use crate::window::{Slot, Window};

/// Several endpoints that share the work.
#[derive(Debug)]
pub struct Fleet {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    address: Address,
    window: Window,
    rates: Rates,
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
        };
        Self {
            members: addresses.iter().map(member).collect(),
        }
    }

    /// Where a request of about so many tokens (read and written) may go now. One that failed at an endpoint says so in `avoid`: if
    /// another one has room it goes there.
    pub fn pick(&mut self, now: Instant, tokens: u64, avoid: Option<usize>) -> Pick {
        let _ = (tokens, avoid);
        let free = self.members.iter().position(|it| it.window.has_room(now));
        free.map_or(Pick::Wait(None), Pick::Go)
    }

    /// A request of about so many tokens leaves for an endpoint.
    pub fn sent(&mut self, now: Instant, index: usize, tokens: u64) -> Sent {
        let member = &mut self.members[index];
        member.rates.take(now, tokens);
        let slot = member.window.sent(now);
        Sent {
            index,
            tokens,
            slot,
        }
    }

    /// A request ended: with an answer, of so many tokens (read and written), or without.
    pub fn ended(
        &mut self,
        now: Instant,
        sent: Sent,
        result: Result<u64, &Failure>,
    ) -> Vec<Notice> {
        let member = &mut self.members[sent.index];
        if let Ok(tokens) = result {
            member.rates.correct(now, sent.tokens, tokens);
        }
        member.window.abandoned(now, sent.slot);
        Vec::new()
    }

    /// A request was given up here, which says nothing about its endpoint.
    pub fn abandoned(&mut self, now: Instant, sent: Sent) {
        self.members[sent.index].window.abandoned(now, sent.slot);
    }

    /// The endpoints that are down and are to be asked now whether they are back, each once: the answer goes to [`Self::probed`].
    pub fn due(&mut self, now: Instant) -> Vec<usize> {
        let _ = now;
        Vec::new()
    }

    /// Whether an endpoint that was asked for a sign of life gave one.
    pub fn probed(&mut self, now: Instant, index: usize, ok: bool) -> Vec<Notice> {
        let _ = (now, index, ok);
        Vec::new()
    }

    /// How long requests have failed without a sign of life from any endpoint: 0 while there is no failure since the last one.
    pub fn silent_for(&self, now: Instant) -> Duration {
        let _ = now;
        Duration::ZERO
    }

    /// When to ask [`Self::pick`] and [`Self::due`] again if nothing ends before.
    pub fn next_event(&self, now: Instant) -> Option<Instant> {
        let _ = (now, self.members.first().map(|it| &it.address));
        None
    }

    /// How many requests are on their way.
    pub fn in_flight(&self) -> usize {
        self.members.iter().map(|it| it.window.in_flight()).sum()
    }
}

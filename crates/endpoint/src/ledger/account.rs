//! The sums of a ledger, and whether they leave room for one more request.

use std::collections::{BTreeMap, HashMap};

use crate::prices::{Money, Usage};

use super::amount::{Amount, Caps, Settlement, Spent};
use super::error::{Exhausted, Refusal};

/// The sums of all places, and what is open.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    places: BTreeMap<String, Account>,
    run: Tally,
    open: HashMap<u64, Open>,
    /// The last number that was given.
    last: u64,
}

#[derive(Debug, Default)]
struct Account {
    tally: Tally,
    /// How many requests of a content were paid, or may be.
    payments: HashMap<u128, u32>,
}

/// A request that waits for its settlement.
#[derive(Debug)]
struct Open {
    place: String,
    what: u128,
    amount: Amount,
}

/// A sum that cannot overflow, so that what is taken from it again is what was added.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    cost: u128,
    tokens: u128,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    paid: Sum,
    uncertain: Sum,
    open: Sum,
    usage: Usage,
    requests: u64,
    answered: u64,
    free: u64,
    paid_twice: u64,
}

/// Whether a cap leaves room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Yes,
    /// Not before something open is settled.
    Later,
    Never,
}

impl Accounts {
    /// Whether both caps leave room for a request of a place.
    pub(super) fn room(
        &self,
        place: &str,
        caps: &Caps,
        caps_of_run: &Caps,
        wanted: Amount,
    ) -> Result<(), Refusal> {
        let nothing = Tally::default();
        let own = self.places.get(place).map_or(&nothing, |own| &own.tally);
        let own = own.room(Some(place), caps, wanted)?;
        let run = self.run.room(None, caps_of_run, wanted)?;
        match (own, run) {
            (Room::Yes, Room::Yes) => Ok(()),
            _ => Err(Refusal::Wait),
        }
    }

    /// The number of the next request.
    pub(super) fn next(&self) -> u64 {
        self.last.saturating_add(1)
    }

    /// Takes a request in. False where another number is next: requests are numbered without a gap.
    pub(super) fn reserve(&mut self, number: u64, place: &str, what: &str, amount: Amount) -> bool {
        if number != self.next() {
            return false;
        }
        self.last = number;
        if !self.places.contains_key(place) {
            self.places.insert(place.to_owned(), Account::default());
        }
        let what = corpus::digest::short(what);
        let mut again = false;
        if let Some(account) = self.places.get_mut(place) {
            let payments = account.payments.entry(what).or_default();
            *payments += 1;
            again = *payments > 1;
        }
        self.each(place, |tally| {
            tally.requests += 1;
            tally.open.add(amount);
            tally.paid_twice += u64::from(again);
        });
        let place = place.to_owned();
        self.open.insert(
            number,
            Open {
                place,
                what,
                amount,
            },
        );
        true
    }

    /// Settles a request. None for one that is not open, else what is counted for it.
    pub(super) fn settle(&mut self, number: u64, settlement: &Settlement) -> Option<Amount> {
        let Open {
            place,
            what,
            amount,
        } = self.open.remove(&number)?;
        let mut once_less = false;
        if matches!(settlement, Settlement::Free)
            && let Some(account) = self.places.get_mut(&place)
            && let Some(payments) = account.payments.get_mut(&what)
        {
            once_less = *payments > 1;
            *payments -= 1;
            if *payments == 0 {
                account.payments.remove(&what);
            }
        }
        let counted = match settlement {
            Settlement::Paid { usage, cost } => Amount {
                cost: *cost,
                tokens: usage.tokens(),
            },
            Settlement::Uncounted | Settlement::Uncertain => amount,
            Settlement::Free => Amount::default(),
        };
        self.each(&place, |tally| {
            tally.open.take(amount);
            tally.paid_twice -= u64::from(once_less);
            match settlement {
                Settlement::Paid { .. } | Settlement::Uncounted => {
                    tally.answered += 1;
                    tally.paid.add(counted);
                }
                Settlement::Free => tally.free += 1,
                Settlement::Uncertain => tally.uncertain.add(counted),
            }
            if let Settlement::Paid { usage, .. } = settlement {
                tally.usage = tally.usage.plus(*usage);
            }
        });
        Some(counted)
    }

    /// Takes all that is open for uncertain: the process that it left from is gone.
    pub(super) fn abandon(&mut self) {
        let numbers: Vec<u64> = self.open.keys().copied().collect();
        for number in numbers {
            self.settle(number, &Settlement::Uncertain);
        }
    }

    /// What a place spent.
    pub(super) fn of(&self, place: &str) -> Spent {
        self.places
            .get(place)
            .map(|account| account.tally.spent())
            .unwrap_or_default()
    }

    /// What all places spent together.
    pub(super) fn of_all(&self) -> Spent {
        self.run.spent()
    }

    /// What each place spent.
    pub(super) fn by_place(&self) -> BTreeMap<String, Spent> {
        let spent = |(place, account): (&String, &Account)| (place.clone(), account.tally.spent());
        self.places.iter().map(spent).collect()
    }

    fn each(&mut self, place: &str, mut change: impl FnMut(&mut Tally)) {
        change(&mut self.run);
        if let Some(account) = self.places.get_mut(place) {
            change(&mut account.tally);
        }
    }
}

impl Tally {
    fn room(&self, place: Option<&str>, caps: &Caps, wanted: Amount) -> Result<Room, Exhausted> {
        let settled = self.paid.cost + self.uncertain.cost;
        let cost = room(
            caps.cost.map(|cap| cap.0),
            settled,
            self.open.cost,
            wanted.cost.0,
        );
        if let (Room::Never, Some(cap)) = (cost, caps.cost) {
            return Err(Exhausted::Cost {
                place: place.map(str::to_owned),
                cap,
                paid: self.paid.amount().cost,
                uncertain: self.uncertain.amount().cost,
                wanted: wanted.cost,
            });
        }
        let settled = self.paid.tokens + self.uncertain.tokens;
        let tokens = room(caps.tokens, settled, self.open.tokens, wanted.tokens);
        if let (Room::Never, Some(cap)) = (tokens, caps.tokens) {
            return Err(Exhausted::Tokens {
                place: place.map(str::to_owned),
                cap,
                paid: self.paid.amount().tokens,
                uncertain: self.uncertain.amount().tokens,
                wanted: wanted.tokens,
            });
        }
        Ok(match (cost, tokens) {
            (Room::Yes, Room::Yes) => Room::Yes,
            _ => Room::Later,
        })
    }

    fn spent(&self) -> Spent {
        Spent {
            paid: self.paid.amount(),
            uncertain: self.uncertain.amount(),
            open: self.open.amount(),
            usage: self.usage,
            requests: self.requests,
            answered: self.answered,
            free: self.free,
            paid_twice: self.paid_twice,
        }
    }
}

fn room(cap: Option<u64>, settled: u128, open: u128, wanted: u64) -> Room {
    let Some(cap) = cap.map(u128::from) else {
        return Room::Yes;
    };
    let without_open = settled + u128::from(wanted);
    if without_open > cap {
        Room::Never
    } else if without_open + open > cap {
        Room::Later
    } else {
        Room::Yes
    }
}

impl Sum {
    fn add(&mut self, amount: Amount) {
        self.cost += u128::from(amount.cost.0);
        self.tokens += u128::from(amount.tokens);
    }

    fn take(&mut self, amount: Amount) {
        self.cost -= u128::from(amount.cost.0);
        self.tokens -= u128::from(amount.tokens);
    }

    /// As it is shown: the most that fits where it is more.
    fn amount(self) -> Amount {
        Amount {
            cost: Money(u64::try_from(self.cost).unwrap_or(u64::MAX)),
            tokens: u64::try_from(self.tokens).unwrap_or(u64::MAX),
        }
    }
}

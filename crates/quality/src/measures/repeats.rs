//! Tasks that are like other ones.

use std::collections::{BTreeMap, HashSet};

use corpus::seed::hash;
use serde::{Deserialize, Serialize};

use super::percent::percent;
use super::words::{all, mixed};

/// Requests of the sample that self-BLEU is of.
const SAMPLED: usize = 1000;
/// Different requests among which near-duplicates are looked for; beyond, a sample by content.
const MOST_REQUESTS: usize = 600_000;
/// Words and pairs of words that are kept of a request.
const MOST_SHINGLES: usize = 64;
/// Requests are near-duplicates from this share of common shingles on, as 4 of 5.
const ALIKE: (usize, usize) = (4, 5);
/// Bands of so many smallest hashes each: two requests that just are alike share one band in 98 of 100 cases.
const BANDS: u64 = 8;
const ROWS: u64 = 4;
/// Others of a band that each is held against.
const HELD_AGAINST: usize = 16;

/// How alike the tasks of a set are. Case, punctuation and white space do not count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repeats {
    /// Requests.
    pub instructions: usize,
    /// Of these, how many repeat another one: all but one of each.
    pub instructions_repeated: usize,
    /// The same in percent.
    pub instructions_percent: f64,
    /// Exchanges that repeat request and response of another one: all but one of each.
    pub exchanges_repeated: usize,
    /// The same in percent.
    pub exchanges_percent: f64,
    /// Different requests among which near-duplicates were looked for; all, up to 600,000, and then a sample by content, in
    /// which fewer have one.
    pub near_looked_at: usize,
    /// Of these, how many have a near-duplicate that is not the same: of the words and pairs of neighbouring words of both,
    /// four of five are common (Jaccard). Candidates are found by minhashes, which miss 2 of 100 at just that share and fewer above.
    pub near: usize,
    /// The same in percent.
    pub near_percent: f64,
    /// Self-BLEU of a seeded sample of 1,000 requests, 0 to 1; none of fewer than two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_bleu: Option<f64>,
}

pub(super) struct Repeating {
    seed: u64,
    instructions: usize,
    requests: HashSet<u64>,
    exchanges: HashSet<u64>,
    looked_at: LookedAt,
    /// Requests by the hash of their place, the first ones.
    sample: BTreeMap<(u64, u64), String>,
}

impl Repeating {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            instructions: 0,
            requests: HashSet::new(),
            exchanges: HashSet::new(),
            looked_at: LookedAt::new(MOST_REQUESTS),
            sample: BTreeMap::new(),
        }
    }

    /// An exchange: the words of both, the request's text, and the item with the exchange's number.
    pub(super) fn add(
        &mut self,
        asked: &[u64],
        said: &[u64],
        request: &str,
        (id, at): (&str, usize),
    ) {
        self.instructions += 1;
        let both = all(asked);
        if self.requests.insert(both) {
            self.looked_at.add(both, asked);
        }
        self.exchanges.insert(all(&[both, all(said)]));
        let place = mixed(hash(self.seed, id).wrapping_add(at as u64));
        let place = (place, hash(!self.seed, id));
        let is_full = self.sample.len() >= SAMPLED;
        if is_full
            && self
                .sample
                .last_key_value()
                .is_some_and(|(last, _)| place >= *last)
        {
            return;
        }
        self.sample.insert(place, request.to_owned());
        if self.sample.len() > SAMPLED {
            self.sample.pop_last();
        }
    }

    /// The sampled requests.
    pub(super) fn sample(&self) -> Vec<&str> {
        self.sample.values().map(String::as_str).collect()
    }

    pub(super) fn finish(self) -> Repeats {
        let repeated = |distinct: usize| self.instructions - distinct;
        let (requests, exchanges) = (
            repeated(self.requests.len()),
            repeated(self.exchanges.len()),
        );
        drop((self.requests, self.exchanges));
        let looked_at = self.looked_at.requests.len();
        let near = self.looked_at.num_near();
        Repeats {
            instructions: self.instructions,
            instructions_repeated: requests,
            instructions_percent: percent(requests, self.instructions),
            exchanges_repeated: exchanges,
            exchanges_percent: percent(exchanges, self.instructions),
            near_looked_at: looked_at,
            near,
            near_percent: percent(near, looked_at),
            self_bleu: None,
        }
    }
}

/// Different requests as sets of shingles.
struct LookedAt {
    most: usize,
    /// Requests whose hash is not above are looked at.
    below: u64,
    /// The hash of each and where its shingles lie.
    requests: Vec<Request>,
    shingles: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Request {
    hash: u64,
    start: u32,
    len: u32,
}

impl LookedAt {
    fn new(most: usize) -> Self {
        Self {
            most,
            below: u64::MAX,
            requests: Vec::new(),
            shingles: Vec::new(),
        }
    }

    fn add(&mut self, hash: u64, words: &[u64]) {
        if hash > self.below || words.is_empty() {
            return;
        }
        let single = words.iter().map(|&word| mixed(word) as u32);
        let pairs = words.windows(2).map(|pair| all(pair) as u32);
        let mut shingles: Vec<u32> = single.chain(pairs).collect();
        shingles.sort_unstable();
        shingles.dedup();
        shingles.truncate(MOST_SHINGLES);
        self.requests.push(Request {
            hash,
            start: self.shingles.len() as u32,
            len: shingles.len() as u32,
        });
        self.shingles.extend(shingles);
        while self.requests.len() > self.most {
            self.below /= 2;
            self.shrink();
        }
    }

    /// Lets go of requests that are no longer looked at.
    fn shrink(&mut self) {
        let mut shingles = Vec::new();
        let below = self.below;
        self.requests.retain_mut(|request| {
            let keeps = request.hash <= below;
            if keeps {
                let start = request.start as usize;
                request.start = shingles.len() as u32;
                shingles.extend_from_slice(&self.shingles[start..start + request.len as usize]);
            }
            keeps
        });
        self.shingles = shingles;
    }

    fn shingles(&self, request: Request) -> &[u32] {
        let start = request.start as usize;
        &self.shingles[start..start + request.len as usize]
    }

    /// Requests that have a near-duplicate.
    fn num_near(mut self) -> usize {
        // By content, so that the order in which they came does not matter.
        self.requests.sort_unstable_by_key(|request| request.hash);
        let mut is_near = vec![false; self.requests.len()];
        let mut band: Vec<(u64, u32)> = Vec::with_capacity(self.requests.len());
        for number in 0..BANDS {
            band.clear();
            let keys = self.requests.iter().enumerate().map(|(at, request)| {
                let shingles = self.shingles(*request);
                let rows = (0..ROWS).map(|row| {
                    let salt = mixed(number * ROWS + row + 1);
                    let hashes = shingles.iter().map(|&one| mixed(u64::from(one) ^ salt));
                    hashes.min().unwrap_or_default()
                });
                (rows.fold(0, |key, least| mixed(key ^ least)), at as u32)
            });
            band.extend(keys);
            band.sort_unstable();
            for group in band.chunk_by(|a, b| a.0 == b.0) {
                self.mark(group, &mut is_near);
            }
        }
        is_near.into_iter().filter(|&near| near).count()
    }

    /// Marks the near-duplicates among requests that share a band.
    fn mark(&self, group: &[(u64, u32)], is_near: &mut [bool]) {
        for (at, &(_, one)) in group.iter().enumerate() {
            let one = one as usize;
            for &(_, other) in group[at + 1..].iter().take(HELD_AGAINST) {
                let other = other as usize;
                if is_near[one] && is_near[other] {
                    continue;
                }
                let (a, b) = (
                    self.shingles(self.requests[one]),
                    self.shingles(self.requests[other]),
                );
                if are_alike(a, b) {
                    is_near[one] = true;
                    is_near[other] = true;
                }
            }
        }
    }
}

/// Whether two sorted sets have enough in common.
fn are_alike(a: &[u32], b: &[u32]) -> bool {
    let (mut at, mut common) = (0, 0);
    for one in a {
        while b.get(at).is_some_and(|other| other < one) {
            at += 1;
        }
        common += usize::from(b.get(at) == Some(one));
    }
    common * ALIKE.1 >= (a.len() + b.len() - common) * ALIKE.0
}

//! Servers in virtual time, and a fleet that works through a queue of requests at them: events in order, nothing sleeps.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use corpus::seed::Rng;
use endpoint::{Address, Failure, Fleet, Limits, Notice, Pick, Sent};

/// What a server is like.
#[derive(Clone, Debug)]
pub struct Server {
    pub kind: Kind,
    /// Between these two seconds no connection comes about, and what was on its way is lost.
    pub dead: Option<(f64, f64)>,
    /// Between these two seconds this share of requests is refused whatever else holds.
    pub storm: Option<(f64, f64, f64)>,
    /// This share of requests ends with a failure of the server.
    pub fails: f64,
    /// How long it takes until a refusal is back, in seconds.
    pub lag: f64,
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// So many at once from a second on (the last entry that has begun counts), the rest is refused at once; each takes `mean`
    /// seconds, evenly up to `spread` more or less.
    Limited {
        at_once: Vec<(f64, usize)>,
        mean: f64,
        spread: f64,
        retry_after: Option<f64>,
    },
    /// A batch of at most so many, the rest waits in line; a token of each takes `step + grows * batch` seconds, and `chokes` more
    /// for the square of all that are there.
    Batch {
        slots: Vec<(f64, usize)>,
        step: f64,
        grows: f64,
        chokes: f64,
    },
    /// So many a second in a bucket that holds so many, as hosted services have it; each takes `mean` seconds, evenly up to `spread`
    /// more or less. A refusal says how long it takes until there is one, in whole seconds or not, or nothing.
    Bucket {
        a_second: f64,
        holds: f64,
        mean: f64,
        spread: f64,
        says: Says,
    },
    /// So many a minute by the clock, each takes `mean` seconds evenly up to `spread` more or less.
    Minute {
        requests: u64,
        mean: f64,
        spread: f64,
        says: bool,
    },
}

/// How a server says how long to wait.
#[derive(Clone, Copy, Debug)]
pub enum Says {
    Exactly,
    WholeSeconds,
    Nothing,
}

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub servers: Vec<Server>,
    pub limits: Limits,
    pub seconds: f64,
    /// Requests in the queue; it is refilled without end if there are none.
    pub requests: Option<usize>,
    /// Tokens of a request, evenly between the two.
    pub tokens: (u64, u64),
    pub seed: u64,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Outcome {
    pub per_server: Vec<Tally>,
    pub notices: Vec<(f64, Notice)>,
    /// Answers to requests of the queue, each counted once.
    pub answered: usize,
    /// When the last of them came.
    pub ended: f64,
}

/// What one server saw.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// When a request arrived, when it was answered and of how many tokens, when it was refused.
    pub arrived: Vec<f64>,
    pub answered: Vec<(f64, u64)>,
    pub refused: Vec<f64>,
    /// How many were on their way at each whole second, and the limit of the fleet.
    pub at_once: Vec<usize>,
    pub most_at_once: usize,
}

impl Tally {
    /// Answers a second between two seconds.
    pub fn rate(&self, from: f64, to: f64) -> f64 {
        let inside = |it: &&(f64, u64)| (from..to).contains(&it.0);
        self.answered.iter().filter(inside).count() as f64 / (to - from)
    }

    /// Tokens a second between two seconds.
    pub fn tokens(&self, from: f64, to: f64) -> f64 {
        let inside = |it: &&(f64, u64)| (from..to).contains(&it.0);
        let tokens = self.answered.iter().filter(inside).map(|it| it.1);
        tokens.sum::<u64>() as f64 / (to - from)
    }

    /// How many requests were on their way at most, and at least, at the whole seconds between two.
    pub fn most_on_way(&self, from: usize, to: usize) -> usize {
        self.on_way(from, to).iter().copied().max().unwrap_or(0)
    }

    pub fn least_on_way(&self, from: usize, to: usize) -> usize {
        self.on_way(from, to).iter().copied().min().unwrap_or(0)
    }

    /// Nothing after the end.
    fn on_way(&self, from: usize, to: usize) -> &[usize] {
        let end = self.at_once.len();
        &self.at_once[from.min(end)..to.min(end)]
    }

    /// How many requests arrived between two seconds.
    pub fn arrivals(&self, from: f64, to: f64) -> usize {
        let inside = |it: &&f64| (from..to).contains(*it);
        self.arrived.iter().filter(inside).count()
    }

    /// Which share of the requests that arrived between two seconds was refused.
    pub fn refused_share(&self, from: f64, to: f64) -> f64 {
        let count = |times: &[f64]| times.iter().filter(|it| (from..to).contains(*it)).count();
        count(&self.refused) as f64 / count(&self.arrived).max(1) as f64
    }
}

impl Server {
    /// One that is always well.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            dead: None,
            storm: None,
            fails: 0.0,
            lag: 0.001,
        }
    }

    fn is_dead(&self, now: f64) -> bool {
        self.dead.is_some_and(|(from, to)| now >= from && now < to)
    }
}

/// The last entry that has begun.
fn at(steps: &[(f64, usize)], now: f64) -> usize {
    let begun = steps.iter().take_while(|it| it.0 <= now);
    begun.last().map_or(0, |it| it.1)
}

/// A request of the queue.
#[derive(Clone, Debug)]
struct Work {
    id: usize,
    tokens: u64,
    tries: u32,
    failed_at: Option<usize>,
}

#[derive(Debug)]
enum Event {
    /// A request ends at a server, so.
    Ends { id: usize, how: How },
    /// The next of a batch is ready, if nothing changed in it since.
    Ready { server: usize, version: u64 },
    /// A server dies.
    Dies { server: usize },
    /// A server that died is asked.
    Probe { server: usize },
    /// A request comes back into the queue.
    Again(Work),
    /// Nothing, but it is worth to look.
    Look,
    /// A whole second.
    Second,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Answered,
    Refused(Option<f64>),
    Failed,
    Lost,
    Unreachable,
}

/// What runs at a server that batches.
#[derive(Debug, Default)]
struct Batch {
    /// Tokens that each sequence has got since the beginning.
    progress: f64,
    moved: f64,
    /// Seconds a token since then.
    pace: f64,
    running: BTreeSet<(u64, usize)>,
    waiting: VecDeque<usize>,
    version: u64,
}

struct Times {
    heap: BinaryHeap<(std::cmp::Reverse<u64>, std::cmp::Reverse<u64>)>,
    events: BTreeMap<u64, Event>,
    count: u64,
}

impl Times {
    /// To the nearest nanosecond.
    fn add(&mut self, at: f64, event: Event) {
        let reverse = std::cmp::Reverse;
        self.heap
            .push((reverse((at * 1e9) as u64), reverse(self.count)));
        self.events.insert(self.count, event);
        self.count += 1;
    }

    fn next(&mut self) -> Option<(f64, Event)> {
        let (at, number) = self.heap.pop()?;
        let event = self.events.remove(&number.0)?;
        Some((at.0 as f64 / 1e9, event))
    }
}

struct Simulation<'a> {
    scenario: &'a Scenario,
    start: Instant,
    now: f64,
    rng: Rng,
    times: Times,
    fleet: Fleet,
    queue: VecDeque<Work>,
    drawn: usize,
    /// Requests on their way by the number of their sending, with what the fleet gave for them.
    on_way: BTreeMap<usize, (Work, Sent)>,
    sendings: usize,
    done: BTreeSet<usize>,
    /// How many a server has taken.
    taken: Vec<usize>,
    minutes: Vec<(u64, u64)>,
    buckets: Vec<Option<(f64, f64)>>,
    batches: Vec<Batch>,
    looks: Option<f64>,
    outcome: Outcome,
}

/// Plays a scenario.
pub fn play(scenario: &Scenario) -> Outcome {
    let addresses: Vec<Address> = (0..scenario.servers.len())
        .map(|at| Address::parse(&format!("http://server-{at}:8000/v1")).expect("an address"))
        .collect();
    let count = addresses.len();
    let mut simulation = Simulation {
        scenario,
        start: Instant::now(),
        now: 0.0,
        rng: Rng::new(scenario.seed),
        times: Times {
            heap: BinaryHeap::new(),
            events: BTreeMap::new(),
            count: 0,
        },
        fleet: Fleet::new(&addresses, &scenario.limits),
        queue: VecDeque::new(),
        drawn: 0,
        on_way: BTreeMap::new(),
        sendings: 0,
        done: BTreeSet::new(),
        taken: vec![0; count],
        minutes: vec![(0, 0); count],
        buckets: vec![None; count],
        batches: (0..count).map(|_| Batch::default()).collect(),
        looks: None,
        outcome: Outcome {
            per_server: vec![Tally::default(); count],
            ..Outcome::default()
        },
    };
    simulation.run();
    simulation.outcome
}

impl Simulation<'_> {
    fn run(&mut self) {
        for (server, it) in self.scenario.servers.iter().enumerate() {
            if let Some((from, _)) = it.dead {
                self.times.add(from, Event::Dies { server });
            }
        }
        for second in 0..=self.scenario.seconds as usize {
            self.times.add(second as f64, Event::Second);
        }
        self.pump();
        while let Some((at, event)) = self.times.next() {
            if at > self.scenario.seconds {
                break;
            }
            self.now = at;
            self.happens(event);
            self.pump();
            if self.scenario.requests == Some(self.outcome.answered) {
                break;
            }
        }
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_secs_f64(self.now)
    }

    fn seconds(&self, at: Instant) -> f64 {
        // A nanosecond more, so that what was waited for has come.
        at.saturating_duration_since(self.start).as_secs_f64() + 2e-9
    }

    /// Sends what may be sent.
    fn pump(&mut self) {
        let now = self.instant();
        for server in self.fleet.due(now) {
            self.times.add(self.now + 0.01, Event::Probe { server });
        }
        loop {
            if self.queue.is_empty() && self.scenario.requests.is_none_or(|it| self.drawn < it) {
                let (low, high) = self.scenario.tokens;
                let tokens = low + self.rng.below((high - low + 1) as usize) as u64;
                let id = self.drawn;
                self.drawn += 1;
                self.queue.push_back(Work {
                    id,
                    tokens,
                    tries: 0,
                    failed_at: None,
                });
            }
            let Some(first) = self.queue.front() else {
                break;
            };
            match self.fleet.pick(now, first.tokens, first.failed_at) {
                Pick::Go(server) => self.send(server),
                Pick::Wait(at) => {
                    let next = self.fleet.next_event(now);
                    self.look(at.into_iter().chain(next).min());
                    break;
                }
            }
        }
    }

    fn look(&mut self, at: Option<Instant>) {
        let Some(at) = at.map(|it| self.seconds(it)) else {
            return;
        };
        if self.looks.is_none_or(|it| it <= self.now || at < it) {
            self.looks = Some(at);
            self.times.add(at, Event::Look);
        }
    }

    fn send(&mut self, server: usize) {
        let mut work = self.queue.pop_front().expect("there is one");
        work.tries += 1;
        let sent = self.fleet.sent(self.instant(), server, work.tokens);
        let (id, now) = (self.sendings, self.now);
        self.sendings += 1;
        self.on_way.insert(id, (work, sent));
        let tally = &mut self.outcome.per_server[server];
        tally.arrived.push(now);
        let it = &self.scenario.servers[server];
        if it.is_dead(now) {
            self.times.add(
                now + 0.001,
                Event::Ends {
                    id,
                    how: How::Unreachable,
                },
            );
            return;
        }
        let refuse = |after: Option<f64>| Event::Ends {
            id,
            how: How::Refused(after),
        };
        if let Some((from, to, share)) = it.storm
            && (from..to).contains(&now)
            && self.rng.chance(share)
        {
            self.times.add(now + it.lag, refuse(None));
            return;
        }
        if self.rng.chance(it.fails) {
            self.times.add(
                now + 0.01,
                Event::Ends {
                    id,
                    how: How::Failed,
                },
            );
            return;
        }
        match &it.kind {
            Kind::Limited {
                at_once,
                mean,
                spread,
                retry_after,
            } => {
                if self.taken[server] >= at(at_once, now) {
                    self.times.add(now + it.lag, refuse(*retry_after));
                    return;
                }
                let took = mean + spread * (2.0 * self.rng.unit() - 1.0);
                self.times.add(
                    now + took,
                    Event::Ends {
                        id,
                        how: How::Answered,
                    },
                );
            }
            Kind::Minute {
                requests,
                mean,
                spread,
                says,
            } => {
                let minute = (now / 60.0) as u64;
                if self.minutes[server].0 != minute {
                    self.minutes[server] = (minute, 0);
                }
                if self.minutes[server].1 >= *requests {
                    let rest = 60.0 * (minute + 1) as f64 - now;
                    self.times
                        .add(now + 0.001, refuse(says.then(|| rest.ceil())));
                    return;
                }
                self.minutes[server].1 += 1;
                let took = mean + spread * (2.0 * self.rng.unit() - 1.0);
                self.times.add(
                    now + took,
                    Event::Ends {
                        id,
                        how: How::Answered,
                    },
                );
            }
            Kind::Bucket {
                a_second,
                holds,
                mean,
                spread,
                says,
            } => {
                let (left, filled) = self.buckets[server].unwrap_or((*holds, now));
                let left = holds.min(left + (now - filled) * a_second);
                self.buckets[server] = Some((left, now));
                if left < 1.0 {
                    let wait = (1.0 - left) / a_second;
                    let wait = match says {
                        Says::Exactly => Some(wait),
                        Says::WholeSeconds => Some(wait.ceil()),
                        Says::Nothing => None,
                    };
                    self.times.add(now + it.lag, refuse(wait));
                    return;
                }
                self.buckets[server] = Some((left - 1.0, now));
                let took = mean + spread * (2.0 * self.rng.unit() - 1.0);
                let how = How::Answered;
                self.times.add(now + took, Event::Ends { id, how });
            }
            Kind::Batch { .. } => {
                self.batches[server].waiting.push_back(id);
                self.advance(server);
            }
        }
        self.taken[server] += 1;
        let tally = &mut self.outcome.per_server[server];
        tally.most_at_once = tally.most_at_once.max(self.taken[server]);
    }

    /// Moves a batch to now, lets in who waits, and says when the next is ready.
    fn advance(&mut self, server: usize) {
        let Kind::Batch {
            slots,
            step,
            grows,
            chokes,
        } = &self.scenario.servers[server].kind
        else {
            return;
        };
        let batch = &mut self.batches[server];
        if batch.pace > 0.0 {
            batch.progress += (self.now - batch.moved) / batch.pace;
        }
        batch.moved = self.now;
        while let Some(&(until, id)) = batch.running.first() {
            // Events are told apart by nanoseconds.
            if (until as f64 / 1e6 - batch.progress) * batch.pace > 2e-9 {
                break;
            }
            batch.running.remove(&(until, id));
            self.times.add(
                self.now,
                Event::Ends {
                    id,
                    how: How::Answered,
                },
            );
        }
        while batch.running.len() < at(slots, self.now) {
            let Some(id) = batch.waiting.pop_front() else {
                break;
            };
            let tokens = self.on_way.get(&id).map_or(1, |it| it.0.tokens);
            let until = (batch.progress + tokens as f64) * 1e6;
            batch.running.insert((until as u64, id));
        }
        let (running, all) = (
            batch.running.len(),
            batch.running.len() + batch.waiting.len(),
        );
        batch.pace = step + grows * running as f64 + chokes * (all * all) as f64;
        batch.version += 1;
        if let Some(&(until, _)) = batch.running.first() {
            let rest = (until as f64 / 1e6 - batch.progress).max(0.0);
            let ready = self.now + rest * batch.pace;
            let version = batch.version;
            self.times.add(ready, Event::Ready { server, version });
        }
    }

    fn happens(&mut self, event: Event) {
        let now = self.instant();
        match event {
            Event::Look => self.looks = None,
            Event::Second => {
                for server in 0..self.taken.len() {
                    let on_way = self.on_way.values().filter(|it| it.1.index() == server);
                    self.outcome.per_server[server].at_once.push(on_way.count());
                }
            }
            Event::Again(work) => self.queue.push_front(work),
            Event::Probe { server } => {
                let is_well = !self.scenario.servers[server].is_dead(self.now);
                self.fleet.probed(now, server, is_well);
            }
            Event::Dies { server } => {
                let lost = self.on_way.iter().filter(|it| it.1.1.index() == server);
                let lost: Vec<usize> = lost.map(|it| *it.0).collect();
                self.batches[server] = Batch::default();
                self.batches[server].moved = self.now;
                for id in lost {
                    self.times.add(self.now, Event::Ends { id, how: How::Lost });
                }
            }
            Event::Ready { server, version } => {
                if self.batches[server].version == version {
                    self.advance(server);
                }
            }
            Event::Ends { id, how } => self.ends(id, how),
        }
    }

    fn ends(&mut self, id: usize, how: How) {
        // What a dead server had is told once.
        let Some((mut work, sent)) = self.on_way.remove(&id) else {
            return;
        };
        let (now, server) = (self.instant(), sent.index());
        let tally = &mut self.outcome.per_server[server];
        let failure = match how {
            How::Answered => None,
            How::Refused(after) => {
                tally.refused.push(self.now);
                let retry_after = after.map(Duration::from_secs_f64);
                Some(Failure::TooMany { retry_after })
            }
            How::Failed => Some(Failure::Server {
                problem: "500".to_owned(),
                retry_after: None,
            }),
            How::Lost => Some(Failure::Broken("connection reset".to_owned())),
            How::Unreachable => Some(Failure::Unreachable("connection refused".to_owned())),
        };
        if matches!(how, How::Answered | How::Lost) {
            self.taken[server] = self.taken[server].saturating_sub(1);
        }
        let result = failure.as_ref().map_or(Ok(work.tokens), Err);
        let notices = self.fleet.ended(now, sent, result);
        self.outcome
            .notices
            .extend(notices.into_iter().map(|it| (self.now, it)));
        if let Some(failure) = failure {
            work.failed_at = Some(server);
            let asked = match failure {
                Failure::TooMany {
                    retry_after: Some(it),
                } => it.as_secs_f64(),
                _ => 0.0,
            };
            let doubled = 0.5 * f64::from(1 << (work.tries - 1).min(6));
            let drawn = doubled.min(30.0) * self.rng.unit();
            self.times
                .add(self.now + drawn.max(asked), Event::Again(work));
        } else {
            tally.answered.push((self.now, work.tokens));
            assert!(self.done.insert(work.id), "answered twice");
            self.outcome.answered += 1;
            self.outcome.ended = self.now;
        }
    }
}

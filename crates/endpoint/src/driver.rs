//! The loop that drives jobs through a fleet: one thread, any number of exchanges at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{Id, JoinError, JoinSet};

use crate::attempt::Exchange;
use crate::books::{Books, Watch};
use crate::error::Error;
use crate::failure::Failure;
use crate::fleet::{Fleet, Pick, Sent};
use crate::job::{Done, Job, Kept, What};
use crate::learned::Learned;
use crate::ledger::{Refusal, Settlement, Ticket};
use crate::notice::Notice;
use crate::prices::Usage;
use crate::queue::Queue;
use crate::settings::Settings;
use crate::tries::{Ended, Flight, Tried, Waiting, attempted};
use crate::wire::question::LIMITS;
use crate::{probe, retry};

/// How often a stop is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// How long what is on its way may still come home when the rest is given up.
const GRACE: Duration = Duration::from_secs(15);
/// So many requests that are refused before any is answered: it is not the requests.
const REFUSED: usize = 5;

/// Drives jobs.
pub(crate) struct Driver<'a> {
    settings: Arc<Settings>,
    books: Books,
    exchange: Exchange,
    learned: &'a mut Learned,
    fleet: Fleet,
    tries: JoinSet<Tried>,
    flights: HashMap<Id, Flight>,
    probes: JoinSet<(usize, bool)>,
    /// What goes before new jobs.
    queue: Queue,
    /// Jobs that ask the same as one that is on its way or waits.
    same: HashMap<Arc<str>, Vec<Arc<Job>>>,
    refused: usize,
    known: u64,
    scaled: u64,
    last_problem: String,
}

impl<'a> Driver<'a> {
    pub fn new(
        settings: Arc<Settings>,
        books: Books,
        exchange: Exchange,
        learned: &'a mut Learned,
    ) -> Self {
        let fleet = Fleet::new(&settings.addresses, &settings.limits);
        Self {
            settings,
            books,
            exchange,
            learned,
            fleet,
            tries: JoinSet::new(),
            flights: HashMap::new(),
            probes: JoinSet::new(),
            queue: Queue::default(),
            same: HashMap::new(),
            refused: 0,
            known: 0,
            scaled: 0,
            last_problem: String::new(),
        }
    }

    /// Answers that were kept already.
    pub fn known(&self) -> u64 {
        self.known
    }

    /// Pictures that were scaled down.
    pub fn scaled(&self) -> u64 {
        self.scaled
    }

    /// Until all jobs are done, or something ends them.
    pub async fn run(
        &mut self,
        jobs: &mut dyn Iterator<Item = Job>,
        watch: &mut Watch<'_>,
        done: &mut Done<'_>,
    ) -> Result<(), Error> {
        let mut jobs = jobs.fuse();
        let ended = loop {
            if (watch.stop)() {
                break Err(Error::Stopped);
            }
            let now = Instant::now();
            for index in self.fleet.due(now) {
                self.look(index);
            }
            let wake = match self.start(&mut jobs, now, done) {
                Ok(wake) => wake,
                Err(error) => break Err(error),
            };
            if self.flights.is_empty() && self.queue.is_empty() {
                break Ok(());
            }
            let silent = self.fleet.silent_for(now);
            if silent > self.settings.limits.patience {
                break Err(Error::Silent {
                    silent,
                    problem: self.last_problem.clone(),
                });
            }
            if let Err(error) = self.wait(wake, watch, done).await {
                break Err(error);
            }
        };
        if ended.is_err() {
            self.come_home(done).await;
        }
        ended
    }

    /// Sends what may be sent. Gives when it is worth to look again, if nothing ends before.
    fn start(
        &mut self,
        jobs: &mut dyn Iterator<Item = Job>,
        now: Instant,
        done: &mut Done<'_>,
    ) -> Result<Instant, Error> {
        let mut wake = now + LOOK;
        loop {
            let waiting = match self.queue.pop(now) {
                Some(waiting) => waiting,
                None => match jobs.next() {
                    Some(job) => match self.taken(job, done)? {
                        Some(waiting) => waiting,
                        None => continue,
                    },
                    None => break,
                },
            };
            let tokens = waiting.job.likely_tokens(self.learned.picture_tokens);
            let index = match self.fleet.pick(now, tokens, waiting.avoid) {
                Pick::Go(index) => index,
                Pick::Wait(at) => {
                    wake = at.map_or(wake, |at| wake.min(at));
                    self.queue.push_back(waiting);
                    break;
                }
            };
            let ticket = match self.reserved(&waiting) {
                Ok(ticket) => ticket,
                Err(Refusal::Wait) => {
                    self.queue.push_back(waiting);
                    break;
                }
                Err(Refusal::Spent(cap)) => return Err(Error::Spent(cap)),
                Err(Refusal::Failed(error)) => return Err(error.into()),
            };
            let sent = self.fleet.sent(now, index, tokens);
            self.send(waiting, sent, ticket);
        }
        let others = [self.queue.next_due(), self.fleet.next_event(now)];
        Ok(others.into_iter().flatten().fold(wake, Instant::min))
    }

    /// A new job: what can be answered without an endpoint is answered at once.
    fn taken(&mut self, job: Job, done: &mut Done<'_>) -> Result<Option<Waiting>, Error> {
        let settings = &self.settings;
        if !job.request.images.is_empty() && !settings.send_images {
            let address = settings.addresses.first();
            return Err(Error::PicturesStay {
                id: job.request.id.clone(),
                pictures: job.request.images.len(),
                address: address.map(ToString::to_string).unwrap_or_default(),
            });
        }
        let key = match job.problem(settings) {
            Some(problem) => Err(problem),
            None => job.key(settings),
        };
        let key: Arc<str> = match key {
            Ok(key) => key.into(),
            Err(problem) => {
                done(&job, Err(problem)).map_err(Error::Sink)?;
                return Ok(None);
            }
        };
        if let Some(cache) = &self.books.cache {
            let kept = cache.get(&key)?;
            if let Some(kept) = kept.and_then(|kept| serde_json::from_value(kept).ok()) {
                self.known += 1;
                done(&job, Ok(kept)).map_err(Error::Sink)?;
                return Ok(None);
            }
        }
        let job = Arc::new(job);
        if let Some(others) = self.same.get_mut(&key) {
            others.push(job);
            return Ok(None);
        }
        self.same.insert(Arc::clone(&key), Vec::new());
        Ok(Some(Waiting {
            job,
            key,
            tries: 0,
            times: 0,
            avoid: None,
        }))
    }

    fn reserved(&self, waiting: &Waiting) -> Result<Option<Ticket>, Refusal> {
        let Some(ledger) = &self.books.ledger else {
            return Ok(None);
        };
        let settings = &self.settings;
        let most = waiting.job.most(settings, self.learned.picture_tokens);
        let ticket = ledger.reserve(&settings.place, &settings.caps, &waiting.key, most)?;
        Ok(Some(ticket))
    }

    /// Lets a job leave once its reservation is on the disk.
    fn send(&mut self, waiting: Waiting, sent: Sent, ticket: Option<Ticket>) {
        let task = self.tries.spawn(attempted(
            self.exchange.clone(),
            Arc::clone(&self.settings),
            Arc::clone(&waiting.job),
            self.learned.words(),
            sent.index(),
            ticket,
        ));
        self.flights.insert(task.id(), Flight { waiting, sent });
    }

    /// Looks whether an endpoint that was down is back.
    fn look(&mut self, index: usize) {
        let exchange = self.exchange.clone();
        let address = self.settings.addresses[index].clone();
        self.probes
            .spawn(async move { (index, probe::lives(&exchange, &address).await) });
    }

    /// Waits until something ends or until `wake`.
    async fn wait(
        &mut self,
        wake: Instant,
        watch: &mut Watch<'_>,
        done: &mut Done<'_>,
    ) -> Result<(), Error> {
        tokio::select! {
            Some(tried) = self.tries.join_next_with_id() => {
                self.ended(tried, watch, done)?;
                // What else has ended meanwhile.
                while let Some(tried) = self.tries.try_join_next_with_id() {
                    self.ended(tried, watch, done)?;
                }
            }
            Some(probed) = self.probes.join_next() => {
                if let Ok((index, lives)) = probed {
                    self.fleet.probed(Instant::now(), index, lives);
                }
            }
            () = tokio::time::sleep_until(wake.into()) => {}
        }
        Ok(())
    }

    /// A try ended.
    fn ended(
        &mut self,
        tried: Result<(Id, Tried), JoinError>,
        watch: &mut Watch<'_>,
        done: &mut Done<'_>,
    ) -> Result<(), Error> {
        let now = Instant::now();
        let (id, tried) = match tried {
            Ok(tried) => tried,
            Err(error) => return Err(Error::Client(error.to_string())),
        };
        let Some(Flight { waiting, sent }) = self.flights.remove(&id) else {
            return Ok(());
        };
        self.scaled += tried.scaled;
        let index = sent.index();
        let read = tried
            .outcome
            .map(|value| waiting.job.read(&value, &self.settings));
        let outcome = match read {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(problem)) if self.lacks_likelihoods(&waiting.job) => {
                return Err(Error::NoLikelihoods {
                    address: self.settings.addresses[index].to_string(),
                    problem: self.clean(&problem),
                });
            }
            Ok(Err(problem)) => Err(Ended::Failure(Failure::Broken(self.clean(&problem)))),
            Err(ended) => Err(ended),
        };
        match outcome {
            Ok((kept, usage)) => {
                let tokens = usage.map_or(0, |usage| usage.tokens());
                let notices = self.fleet.ended(now, sent, Ok(tokens));
                notices.into_iter().for_each(&mut *watch.notice);
                self.learned.answered = true;
                self.keep(&waiting, kept, usage, tried.ticket, watch, done)
            }
            Err(Ended::Request(problem)) => {
                self.fleet.abandoned(now, sent);
                self.settle(tried.ticket, Settlement::Free)?;
                self.finish(&waiting, &Err(problem), done)
            }
            Err(Ended::Ledger(error)) => {
                self.fleet.abandoned(now, sent);
                Err(error.into())
            }
            Err(Ended::Failure(failure)) => {
                let settlement = if failure.may_be_paid() {
                    Settlement::Uncertain
                } else {
                    Settlement::Free
                };
                self.settle(tried.ticket, settlement)?;
                let notices = self.fleet.ended(now, sent, Err(&failure));
                notices.into_iter().for_each(&mut *watch.notice);
                self.failed(waiting, index, failure, now, done)
            }
        }
    }

    /// Whether none of the first answers that should have told a likelihood did: it is not chance.
    fn lacks_likelihoods(&mut self, job: &Job) -> bool {
        let unscored = self.learned.unscored.as_mut();
        let Some(unscored) = unscored.filter(|_| matches!(job.what, What::Score { .. })) else {
            return false;
        };
        *unscored += 1;
        *unscored >= REFUSED
    }

    /// Keeps an answer, settles what it cost, and gives it to all who asked for it.
    fn keep(
        &mut self,
        waiting: &Waiting,
        mut kept: Kept,
        usage: Option<Usage>,
        ticket: Option<Ticket>,
        watch: &mut Watch<'_>,
        done: &mut Done<'_>,
    ) -> Result<(), Error> {
        if matches!(kept, Kept::Likelihood { .. }) {
            self.learned.unscored = None;
        }
        let settlement = match waiting.job.settlement(usage, &kept, &self.settings) {
            Ok(settlement) => {
                if let Some(usage) = usage {
                    self.learned.count(&waiting.job, &usage);
                }
                settlement
            }
            Err(problem) => {
                if let Kept::Answer(answer) = &mut kept {
                    answer.usage = None;
                }
                if !std::mem::replace(&mut self.learned.told_count, true) {
                    (watch.notice)(Notice::WrongCount { problem });
                }
                Settlement::Uncounted
            }
        };
        if let Some(cache) = &self.books.cache {
            let unreadable = |error: serde_json::Error| Error::Sink(error.to_string());
            let value = serde_json::to_value(&kept).map_err(unreadable)?;
            kept = serde_json::from_value(cache.put(&waiting.key, &value)?).map_err(unreadable)?;
        }
        self.settle(ticket, settlement)?;
        self.finish(waiting, &Ok(kept), done)
    }

    fn settle(&self, ticket: Option<Ticket>, settlement: Settlement) -> Result<(), Error> {
        match (&self.books.ledger, ticket) {
            (Some(ledger), Some(ticket)) => Ok(ledger.settle(ticket, settlement)?),
            _ => Ok(()),
        }
    }

    /// Gives what came of a job to it and to those that asked the same.
    fn finish(
        &mut self,
        waiting: &Waiting,
        outcome: &Result<Kept, String>,
        done: &mut Done<'_>,
    ) -> Result<(), Error> {
        let others = self.same.remove(&waiting.key).unwrap_or_default();
        for job in std::iter::once(&waiting.job).chain(&others) {
            done(job, outcome.clone()).map_err(Error::Sink)?;
        }
        Ok(())
    }

    /// What becomes of a job whose try failed.
    fn failed(
        &mut self,
        mut waiting: Waiting,
        index: usize,
        failure: Failure,
        now: Instant,
        done: &mut Done<'_>,
    ) -> Result<(), Error> {
        let address = &self.settings.addresses[index];
        self.last_problem = format!("{address}: {failure}");
        let hopeless = |problem: String| Error::Hopeless {
            address: address.to_string(),
            problem,
        };
        match failure {
            Failure::Unauthorized(problem) => Err(probe::key(&self.settings, address, problem)),
            Failure::Hopeless(problem) => Err(hopeless(problem)),
            Failure::Refused(problem) => {
                if self.learned.limit == LIMITS[0] && problem.contains(LIMITS[1]) {
                    // A newer model that wants the other word.
                    self.learned.limit = LIMITS[1];
                }
                if problem.contains(LIMITS[1]) && waiting.times == 0 {
                    waiting.times += 1;
                    self.queue.push(waiting);
                    return Ok(());
                }
                self.refused += 1;
                if !self.learned.answered && self.refused >= REFUSED {
                    return Err(hopeless(problem));
                }
                self.finish(&waiting, &Err(problem), done)
            }
            failure => {
                let retry_after = match &failure {
                    Failure::TooMany { retry_after } | Failure::Server { retry_after, .. } => {
                        *retry_after
                    }
                    _ => None,
                };
                waiting.times += 1;
                if !matches!(failure, Failure::TooMany { .. } | Failure::Unreachable(_)) {
                    waiting.tries += 1;
                    waiting.avoid = Some(index);
                }
                if waiting.tries >= self.settings.limits.attempts {
                    let tries = waiting.tries;
                    let told = format!("{failure} (tried {tries} times)");
                    if !self.learned.answered {
                        return Err(hopeless(told));
                    }
                    return self.finish(&waiting, &Err(told), done);
                }
                let id = &waiting.job.request.id;
                let pause = retry::pause(self.settings.seed, id, waiting.times, retry_after);
                self.queue.push_later(now + pause, waiting);
                Ok(())
            }
        }
    }

    /// The text without the key.
    fn clean(&self, text: &str) -> String {
        match &self.settings.key {
            Some(key) => key.scrubbed(text),
            None => text.to_owned(),
        }
    }

    /// Takes what is on its way and still comes within a short time: it is paid for.
    async fn come_home(&mut self, done: &mut Done<'_>) {
        let until = tokio::time::Instant::now() + GRACE;
        let mut unheard = |_: Notice| {};
        let never = || false;
        let mut watch = Watch {
            stop: &never,
            notice: &mut unheard,
        };
        while !self.flights.is_empty() {
            let next = tokio::time::timeout_at(until, self.tries.join_next_with_id());
            let Ok(Some(tried)) = next.await else { break };
            // What ended all is told already.
            let _ = self.ended(tried, &mut watch, done);
        }
        self.tries.abort_all();
        self.probes.abort_all();
    }
}

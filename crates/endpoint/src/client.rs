//! The client: requests to endpoints, completions back.

use std::sync::Arc;
use std::time::Duration;

use corpus::{Completion, Request};
use reqwest::{Certificate, Proxy, redirect};
use tokio::runtime::{Builder, Runtime};

use crate::attempt::Exchange;
use crate::books::{Books, Watch};
use crate::driver::Driver;
use crate::error::Error;
use crate::job::{Done, Job, Kept, What};
use crate::learned::Learned;
use crate::ledger::Spent;
use crate::notice::Notice;
use crate::probe;
use crate::settings::Settings;
use crate::wire::Need;
use crate::wire::scoring::Likelihood;

/// A request and the answers whose likelihood is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The request.
    pub request: Request,
    /// What it may be answered with.
    pub answers: Vec<String>,
    /// Tokens of the request's prompt, if an answer to it counted them; else it is asked once more for one token.
    pub prompt_tokens: Option<usize>,
}

/// A client of the endpoints that serve one model.
///
/// It runs requests of any number at once on the thread that calls it, and returns when all are answered.
#[derive(Debug)]
pub struct Client {
    settings: Arc<Settings>,
    books: Books,
    exchange: Exchange,
    runtime: Runtime,
    learned: Learned,
    /// Answers that were taken from those that were kept.
    known: u64,
}

impl Client {
    /// A client; nothing leaves the machine yet.
    ///
    /// Gives [`Error::NoAddress`], [`Error::Certificates`], [`Error::Proxy`] and [`Error::Client`].
    pub fn open(settings: Settings, books: Books) -> Result<Self, Error> {
        if settings.addresses.is_empty() {
            return Err(Error::NoAddress);
        }
        // Another part of the process may have chosen already; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(settings.timeouts.connect)
            .pool_max_idle_per_host(settings.limits.concurrency)
            .pool_idle_timeout(Duration::from_secs(50))
            .user_agent(concat!("adamllm/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &settings.ca_file {
            let failed = |problem: String| Error::Certificates {
                path: path.clone(),
                problem,
            };
            let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
            let found = Certificate::from_pem_bundle(&text);
            let found = found.map_err(|error| failed(error.to_string()))?;
            if found.is_empty() {
                return Err(failed("it holds none".to_owned()));
            }
            http = http.tls_certs_merge(found);
        }
        if let Some(address) = &settings.proxy {
            let proxy = Proxy::all(address).map_err(|error| Error::Proxy {
                proxy: address.clone(),
                problem: error.to_string(),
            })?;
            http = http.proxy(proxy);
        }
        let client = http
            .build()
            .map_err(|error| Error::Client(error.to_string()))?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(cores)
            .build()
            .map_err(|error| Error::Client(error.to_string()))?;
        let exchange = Exchange {
            client,
            key: settings.key.clone(),
            timeouts: settings.timeouts,
            patience: settings.limits.patience,
        };
        let learned = Learned::new(&settings);
        Ok(Self {
            settings: Arc::new(settings),
            books,
            exchange,
            runtime,
            learned,
            known: 0,
        })
    }

    /// Looks whether the endpoints have the model and these services, before anything is asked: it costs nothing. One of several
    /// that cannot be reached is told and left out until it answers.
    ///
    /// Gives [`Error::Unreachable`], [`Error::NoKey`], [`Error::WrongKey`], [`Error::NoModel`], [`Error::NoService`] and
    /// [`Error::NoOpenTurns`].
    pub fn probe(&mut self, needs: &[Need], notice: &mut dyn FnMut(Notice)) -> Result<(), Error> {
        let looking = probe::look(&self.exchange, &self.settings, needs, notice);
        self.learned.speaks_more = self.runtime.block_on(looking)?;
        Ok(())
    }

    /// Gives every request one completion, in any order. One that fails, or that the model or the endpoint refuses, gets a
    /// completion with the reason.
    ///
    /// What was answered before is taken from the cache. Each request is reserved in the ledger before it leaves. A stop lets
    /// those that are on their way come home for some seconds, since they are paid for.
    ///
    /// Gives [`Error::Spent`], [`Error::Silent`], [`Error::WrongKey`], [`Error::Hopeless`], [`Error::PicturesStay`],
    /// [`Error::Stopped`], [`Error::Sink`], [`Error::Ledger`] and [`Error::Cache`].
    pub fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        watch: &mut Watch<'_>,
        sink: &mut dyn FnMut(Completion) -> Result<(), String>,
    ) -> Result<(), Error> {
        let mut jobs = requests.enumerate().map(|(number, request)| Job {
            number,
            request,
            what: What::Complete,
        });
        self.drive(&mut jobs, watch, &mut |job, outcome| {
            sink(match outcome {
                Ok(Kept::Answer(answer)) => answer.completion(&job.request.id),
                Ok(Kept::Likelihood { .. }) => Completion::failed(
                    &job.request.id,
                    "a likelihood in place of an answer".to_owned(),
                ),
                Err(problem) => Completion::failed(&job.request.id, problem),
            })
        })
    }

    /// How likely the model goes on with each answer after its request, in the order of both; none where an endpoint refuses the
    /// request (it is too long, say).
    ///
    /// After a raw prompt any server with `echo` will do; after turns it takes vLLM's `prompt_logprobs`.
    ///
    /// Gives what [`Client::generate`] gives.
    pub fn likelihoods(
        &mut self,
        asked: &[Scored],
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Vec<Option<Likelihood>>>, Error> {
        let before = self.prompt_tokens(asked, watch)?;
        let mut found: Vec<Vec<Option<Likelihood>>> = Vec::with_capacity(asked.len());
        found.extend(asked.iter().map(|one| vec![None; one.answers.len()]));
        let mut places = Vec::new();
        let mut all = Vec::new();
        for (at, (one, before)) in asked.iter().zip(before).enumerate() {
            for (nth, answer) in one.answers.iter().enumerate() {
                places.push((at, nth));
                all.push((&one.request, answer, before));
            }
        }
        let mut jobs = all
            .iter()
            .enumerate()
            .map(|(number, (request, answer, before))| Job {
                number,
                request: (*request).clone(),
                what: What::Score {
                    answer: (*answer).clone(),
                    before: *before,
                },
            });
        self.drive(&mut jobs, watch, &mut |job, outcome| {
            if let Ok(Kept::Likelihood {
                log_probability,
                tokens,
            }) = outcome
            {
                let (at, nth) = places[job.number];
                found[at][nth] = Some(Likelihood {
                    log_probability,
                    tokens,
                });
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Where answers begin: characters of raw prompts, tokens of turns where their texts do not tell.
    fn prompt_tokens(
        &mut self,
        asked: &[Scored],
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Option<usize>>, Error> {
        let known = |one: &Scored| match &one.request.prompt {
            Some(prompt) => Some(prompt.chars().count()),
            None => one.prompt_tokens.filter(|count| *count > 0),
        };
        let mut before: Vec<Option<usize>> = asked.iter().map(known).collect();
        let open: Vec<usize> = (0..asked.len())
            .filter(|&at| before[at].is_none())
            .collect();
        let mut jobs = open.iter().map(|&number| {
            let mut request = asked[number].request.clone();
            request.decoding.max_new_tokens = 1;
            request.decoding.logprobs = false;
            request.decoding.top_logprobs = 0;
            Job {
                number,
                request,
                what: What::Complete,
            }
        });
        self.drive(&mut jobs, watch, &mut |job, outcome| {
            if let Ok(Kept::Answer(answer)) = outcome {
                let tokens = answer.usage.map(|usage| usage.prompt_tokens);
                before[job.number] = tokens.and_then(|tokens| usize::try_from(tokens).ok());
            }
            Ok(())
        })?;
        Ok(before)
    }

    fn drive(
        &mut self,
        jobs: &mut dyn Iterator<Item = Job>,
        watch: &mut Watch<'_>,
        done: &mut Done<'_>,
    ) -> Result<(), Error> {
        let mut driver = Driver::new(
            Arc::clone(&self.settings),
            self.books.clone(),
            self.exchange.clone(),
            &mut self.learned,
        );
        let ended = self.runtime.block_on(driver.run(jobs, watch, done));
        self.known += driver.known();
        let scaled = driver.scaled();
        if let Some(side) = self.settings.pictures.max_side.filter(|_| scaled > 0) {
            (watch.notice)(Notice::ScaledDown {
                pictures: scaled,
                side,
            });
        }
        ended
    }

    /// What was spent for this place so far, in this run and in those before it that kept the same ledger.
    pub fn spent(&self) -> Spent {
        let ledger = self.books.ledger.as_ref();
        ledger.map_or_else(Spent::default, |it| it.spent(&self.settings.place))
    }

    /// How many answers were taken from those that were kept.
    pub fn known(&self) -> u64 {
        self.known
    }
}

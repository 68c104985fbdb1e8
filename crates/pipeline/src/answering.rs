//! Requests through a model: a task's questions, for a run and for benchmarks alike, or whatever else is to be written.

use std::path::Path;

use corpus::{Completion, Request, Sample};
use endpoint::{Client, Need, Notice};
use evaluation::tasks::Item;
use generate::{Generator, Likelihood, LocalGenerator};
use model::Mllm;
use processor::Processor;
use run::events::Reporter;

use crate::by_likelihood::ByLikelihood;
use crate::endpoints::{self, AskedPlace, AskedThere, Place, tell};
use crate::error::{Error, Result};
use crate::generation::Generation;
use crate::likelihood;
use crate::remote::{Remote, RemoteRanking};
use crate::runner::{self, Progress, Together};
use crate::stage::Site;

/// Who answers, and how.
pub enum Answerer<'a> {
    /// A model of this machine.
    Local(Local<'a>),
    /// A model of this machine, and others of others: all processes of a run answer together.
    Together(Local<'a>, Shared<'a>),
    /// A model at an endpoint.
    Endpoint(There),
}

/// A model of this machine.
#[derive(Clone, Copy)]
pub struct Local<'a> {
    /// The model.
    pub model: &'a dyn Mllm,
    /// Its processor.
    pub processor: &'a dyn Processor,
    /// How much is generated together.
    pub generation: Generation,
    /// Seed of sampling.
    pub seed: u64,
}

/// The processes that answer together.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a>(Together<'a>);

impl<'a> Local<'a> {
    /// As what answers in a stage: together with the other processes of the run, if there are any.
    pub(crate) fn of_stage(self, site: &Site<'a>) -> Answerer<'a> {
        let world = &site.engine.world;
        if world.is_alone() {
            return Answerer::Local(self);
        }
        let together = Together {
            world,
            own: site.folder,
            whole: site.whole,
        };
        Answerer::Together(self, Shared(together))
    }

    fn write(
        &self,
        requests: &[Request],
        file: &Path,
        progress: Progress<'_>,
        together: Option<Together<'_>>,
    ) -> Result<Vec<Completion>> {
        let options = self.generation.options(self.seed);
        let mut generator = LocalGenerator::new(self.model, self.processor, options);
        let block = self.generation.block;
        through(&mut generator, requests, file, block, progress, together)
    }

    fn rank(
        &self,
        items: &[&Item],
        requests: &[Request],
        file: &Path,
        progress: Progress<'_>,
        together: Option<Together<'_>>,
    ) -> Result<Vec<Completion>> {
        let (room, block) = (self.generation.cache_tokens, self.generation.block);
        let mut ranking = ByLikelihood::new(self.model, self.processor, room, block, items)?;
        through(&mut ranking, requests, file, block, progress, together)
    }

    fn complete(&self, request: Request, sink: &mut Sink<'_>) -> Result<()> {
        let options = self.generation.options(self.seed);
        let mut generator = LocalGenerator::new(self.model, self.processor, options);
        Ok(generator.generate(&mut std::iter::once(request), sink)?)
    }

    fn likely(&self, requests: &[&Request], answer: &str) -> Result<Vec<Option<Likelihood>>> {
        let room = self.generation.cache_tokens;
        likelihood::of_answers(self.model, self.processor, requests, answer, room)
    }

    fn likely_turns(&self, samples: &[Sample]) -> Result<Vec<Option<Likelihood>>> {
        let room = self.generation.cache_tokens;
        let found = likelihood::of_samples(self.model, self.processor, samples, room)?;
        Ok(found.into_iter().map(Some).collect())
    }
}

/// Who hears of completions.
type Sink<'a> = dyn FnMut(Completion) -> Result<(), String> + 'a;

/// Requests through a generator of this process, or through those of all processes.
fn through(
    generator: &mut dyn Generator,
    requests: &[Request],
    file: &Path,
    block: usize,
    progress: Progress<'_>,
    together: Option<Together<'_>>,
) -> Result<Vec<Completion>> {
    match together {
        Some(together) => together.run(generator, requests, file, block, progress),
        None => runner::run(generator, requests, file, block, progress),
    }
}

/// A model at an endpoint.
#[derive(Debug)]
pub struct There {
    /// What it answers for, as errors name it.
    pub section: String,
    /// Its client.
    pub client: Client,
    /// Requests whose completions are made durable together.
    pub block: usize,
}

impl There {
    /// Of a stage, after a look whether it can be asked.
    ///
    /// Gives [`Error::EndpointSetting`] and [`Error::Endpoint`].
    pub(crate) fn open(site: &Site<'_>, asked: AskedPlace<'_>, seed: u64) -> Result<Self> {
        let place = Place {
            section: asked.section,
            place: asked.place,
            seed,
            control_tokens: &[],
        };
        let books = site.run.join(endpoints::FOLDER);
        let mut there = Self {
            section: asked.section.to_owned(),
            client: site.engine.endpoints.client(place, &books)?,
            block: site.engine.generation.block,
        };
        there.probe(asked.need, site.report)?;
        Ok(there)
    }

    /// Looks whether the model can be asked, and what its endpoints know.
    ///
    /// Gives [`Error::Endpoint`].
    pub fn probe(&mut self, need: Need, report: Reporter<'_>) -> Result<()> {
        let mut tell = |notice: Notice| tell(report, &notice);
        let probed = self.client.probe(&[need], &mut tell);
        probed.map_err(|source| Error::Endpoint {
            section: self.section.clone(),
            source,
        })
    }

    /// The error of a client; a stop is one of the run.
    fn failed(&self, error: endpoint::Error, progress: Progress<'_>) -> Error {
        match (error, progress.stop.check()) {
            (endpoint::Error::Stopped, Err(stopped)) => stopped.into(),
            (source, _) => Error::Endpoint {
                section: self.section.clone(),
                source,
            },
        }
    }

    /// The error of answering, with what the client said of it.
    fn answered<T>(&self, outcome: Result<T>, progress: Progress<'_>) -> Result<T> {
        outcome.map_err(|error| match error {
            Error::Generate(generate::Error::Outside(outside)) => {
                match outside.downcast::<endpoint::Error>() {
                    Ok(source) => self.failed(*source, progress),
                    Err(outside) => Error::Generate(generate::Error::Outside(outside)),
                }
            }
            other => other,
        })
    }
}

impl Answerer<'_> {
    /// Completes requests into a file; what is there already is kept.
    ///
    /// Gives [`Error::Endpoint`] and what [`runner::run`] gives.
    pub fn write(
        &mut self,
        requests: &[Request],
        file: &Path,
        progress: Progress<'_>,
    ) -> Result<Vec<Completion>> {
        match self {
            Self::Local(local) => local.write(requests, file, progress, None),
            Self::Together(local, shared) => local.write(requests, file, progress, Some(shared.0)),
            Self::Endpoint(there) => {
                let mut remote = Remote {
                    client: &mut there.client,
                    progress,
                };
                let found = runner::run(&mut remote, requests, file, there.block, progress);
                there.answered(found, progress)
            }
        }
    }

    /// Completes one request, and keeps nothing.
    ///
    /// Gives [`Error::NoAnswer`], [`Error::Generate`] and [`Error::Endpoint`].
    pub fn complete(&mut self, request: Request, progress: Progress<'_>) -> Result<Completion> {
        let id = request.id.clone();
        let mut answer = None;
        let mut sink = |completion| {
            answer = Some(completion);
            Ok(())
        };
        match self {
            Self::Local(local) | Self::Together(local, _) => local.complete(request, &mut sink)?,
            Self::Endpoint(there) => {
                let client = &mut there.client;
                let mut one = std::iter::once(request);
                let asked = Remote { client, progress }.generate(&mut one, &mut sink);
                there.answered(asked.map_err(Error::from), progress)?;
            }
        }
        answer.ok_or(Error::NoAnswer { request: id })
    }

    /// Answers requests, one an item, into a file of completions; what is there already is kept. With `ranks` options are
    /// ranked by likelihood. Requests that fail are told.
    pub fn answer(
        &mut self,
        task: &str,
        items: &[&Item],
        requests: &[Request],
        ranks: bool,
        file: &Path,
        progress: Progress<'_>,
    ) -> Result<Vec<Completion>> {
        let completions = if ranks {
            self.rank(items, requests, file, progress)?
        } else {
            self.write(requests, file, progress)?
        };
        let errors: Vec<&Completion> = completions.iter().filter(|c| c.error.is_some()).collect();
        if let Some(first) = errors.first() {
            progress.report.warn(format!(
                "{task}: {} of {} requests could not be answered and count as wrong; `{}` for one: {}",
                errors.len(),
                requests.len(),
                first.id,
                first.error.as_deref().unwrap_or_default()
            ));
        }
        Ok(completions)
    }

    fn rank(
        &mut self,
        items: &[&Item],
        requests: &[Request],
        file: &Path,
        progress: Progress<'_>,
    ) -> Result<Vec<Completion>> {
        match self {
            Self::Local(local) => local.rank(items, requests, file, progress, None),
            Self::Together(local, shared) => {
                local.rank(items, requests, file, progress, Some(shared.0))
            }
            Self::Endpoint(there) => {
                let remote = Remote {
                    client: &mut there.client,
                    progress,
                };
                let mut ranking = RemoteRanking::new(remote, items)?;
                let generator: &mut dyn Generator = &mut ranking;
                let found = runner::run(generator, requests, file, there.block, progress);
                there.answered(found, progress)
            }
        }
    }

    /// A number that processes decide by which answer together: that of rank 0 in all of them.
    ///
    /// Gives [`Error::Stopped`] and [`Error::Distributed`].
    pub(crate) fn agreed(&self, own: usize) -> Result<usize> {
        match self {
            Self::Together(_, shared) => shared.0.share(own),
            Self::Local(_) | Self::Endpoint(_) => Ok(own),
        }
    }

    /// What a model at an endpoint was asked, and how its answers ended; none of a model of this machine.
    pub fn asked_there(&self, completions: &[Completion]) -> Option<AskedThere> {
        match self {
            Self::Local(_) | Self::Together(..) => None,
            Self::Endpoint(there) => Some(AskedThere::count(&there.client, completions)),
        }
    }

    /// How likely the model goes on with `answer` after each request; none where it cannot read both together.
    ///
    /// Gives [`Error::Processor`], [`Error::Generate`] and [`Error::Endpoint`].
    pub fn likely(
        &mut self,
        requests: &[&Request],
        answer: &str,
        progress: Progress<'_>,
    ) -> Result<Vec<Option<Likelihood>>> {
        match self {
            Self::Local(local) => local.likely(requests, answer),
            Self::Together(local, shared) => shared.0.likely(requests.len(), progress, |part| {
                local.likely(&requests[part], answer)
            }),
            Self::Endpoint(there) => {
                let client = &mut there.client;
                let found = Remote { client, progress }.of_answers(requests, answer);
                found.map_err(|error| there.failed(error, progress))
            }
        }
    }

    /// How likely the model finds what is learned of each sample: the last turn, which `requests` of the same ids ask for and
    /// `completions` answered. None where it cannot read it.
    ///
    /// Gives [`Error::Processor`], [`Error::Generate`] and [`Error::Endpoint`].
    pub fn likely_turns(
        &mut self,
        samples: &[Sample],
        requests: &[Request],
        completions: &[Completion],
        progress: Progress<'_>,
    ) -> Result<Vec<Option<Likelihood>>> {
        match self {
            Self::Local(local) => local.likely_turns(samples),
            Self::Together(local, shared) => shared.0.likely(samples.len(), progress, |part| {
                local.likely_turns(&samples[part])
            }),
            Self::Endpoint(there) => {
                let client = &mut there.client;
                let found = Remote { client, progress }.of_samples(samples, requests, completions);
                found.map_err(|error| there.failed(error, progress))
            }
        }
    }
}

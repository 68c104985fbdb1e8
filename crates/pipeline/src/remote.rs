//! Requests to a model at an endpoint.

use std::collections::HashMap;

use corpus::{Completion, Request, Sample};
use endpoint::{Client, Notice, Scored, Watch};
use evaluation::tasks::Item;
use generate::{Generator, Likelihood};

use crate::by_likelihood::Options;
use crate::endpoints::tell;
use crate::error::{Error, Result};
use crate::runner::Progress;

/// Requests whose options are ranked together.
const RANKED: usize = 256;

/// Completes requests at an endpoint.
pub(crate) struct Remote<'a> {
    pub client: &'a mut Client,
    pub progress: Progress<'a>,
}

impl Remote<'_> {
    /// Runs with whoever watches the run.
    fn watched<T>(
        &mut self,
        run: impl FnOnce(&mut Client, &mut Watch<'_>) -> Result<T, endpoint::Error>,
    ) -> Result<T, endpoint::Error> {
        let Progress { report, stop, .. } = self.progress;
        let mut notice = |notice: Notice| tell(report, &notice);
        let mut watch = Watch {
            stop: &|| stop.check().is_err(),
            notice: &mut notice,
        };
        run(self.client, &mut watch)
    }

    /// How likely the model goes on with one answer after each request; none where the endpoint refuses it.
    pub(crate) fn of_answers(
        &mut self,
        requests: &[&Request],
        answer: &str,
    ) -> Result<Vec<Option<Likelihood>>, endpoint::Error> {
        let scored = requests.iter().map(|request| Scored {
            request: (*request).clone(),
            answers: vec![answer.to_owned()],
            prompt_tokens: None,
        });
        let scored: Vec<Scored> = scored.collect();
        let found = self.watched(|client, watch| client.likelihoods(&scored, watch))?;
        Ok(found
            .into_iter()
            .map(|one| one[0].map(likelihood))
            .collect())
    }

    /// How likely the model finds the last turn of each sample, which an answered request of the same id asks for.
    pub(crate) fn of_samples(
        &mut self,
        samples: &[Sample],
        requests: &[Request],
        completions: &[Completion],
    ) -> Result<Vec<Option<Likelihood>>, endpoint::Error> {
        let counted = completions.iter();
        let counted: HashMap<&str, usize> = counted
            .map(|one| (one.id.as_str(), one.prompt_tokens))
            .collect();
        let asked: HashMap<&str, &Request> =
            requests.iter().map(|one| (one.id.as_str(), one)).collect();
        let (mut places, mut scored) = (Vec::new(), Vec::new());
        for (place, sample) in samples.iter().enumerate() {
            let request = asked.get(sample.id.as_str());
            if let (Some(request), Some(last)) = (request, sample.turns.last()) {
                places.push(place);
                scored.push(Scored {
                    request: (*request).clone(),
                    answers: vec![last.text.clone()],
                    prompt_tokens: counted.get(sample.id.as_str()).copied(),
                });
            }
        }
        let found = self.watched(|client, watch| client.likelihoods(&scored, watch))?;
        let mut all = vec![None; samples.len()];
        for (place, found) in places.into_iter().zip(found) {
            all[place] = found[0].map(likelihood);
        }
        Ok(all)
    }
}

fn likelihood(found: endpoint::Likelihood) -> Likelihood {
    Likelihood {
        log_probability: found.log_probability,
        tokens: found.tokens,
    }
}

fn outside(error: endpoint::Error) -> generate::Error {
    generate::Error::Outside(Box::new(error))
}

impl Generator for Remote<'_> {
    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), String>,
    ) -> Result<(), generate::Error> {
        self.watched(|client, watch| client.generate(requests, watch, sink))
            .map_err(outside)
    }
}

/// Ranks options at an endpoint instead of letting it write.
pub(crate) struct RemoteRanking<'a> {
    remote: Remote<'a>,
    options: Options,
}

impl<'a> RemoteRanking<'a> {
    pub(crate) fn new(remote: Remote<'a>, items: &[&Item]) -> Result<Self, Error> {
        Ok(Self {
            remote,
            options: Options::of(items)?,
        })
    }
}

impl Generator for RemoteRanking<'_> {
    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), String>,
    ) -> Result<(), generate::Error> {
        loop {
            let part: Vec<Request> = requests.take(RANKED).collect();
            if part.is_empty() {
                return Ok(());
            }
            let scored = part.iter().map(|request| Scored {
                request: request.clone(),
                answers: self.options.texts(&request.id).to_vec(),
                prompt_tokens: None,
            });
            let scored: Vec<Scored> = scored.collect();
            let found = self
                .remote
                .watched(|client, watch| client.likelihoods(&scored, watch));
            for (request, found) in part.iter().zip(found.map_err(outside)?) {
                let found: Option<Vec<Likelihood>> =
                    found.into_iter().map(|one| one.map(likelihood)).collect();
                let completion = match found {
                    Some(found) => self.options.ranked(&request.id, &found),
                    None => Completion::failed(&request.id, "the endpoint refused it".to_owned()),
                };
                sink(completion).map_err(generate::Error::Sink)?;
            }
        }
    }
}

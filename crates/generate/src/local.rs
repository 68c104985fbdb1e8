//! The local engine: fixed groups of requests in the order of the file.

use corpus::{Completion, FinishReason, Request};
use model::Mllm;
use processor::{Encoded, Processor};

use crate::decode::{Job, Settings, complete};
use crate::draw;
use crate::error::Error;
use crate::generator::Generator;

/// Settings of the local engine. A change of sizes can change the last bits of the arithmetic, so they belong to a
/// run and are kept when it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Requests that are decoded together.
    pub group_size: usize,
    /// The run's seed; a request's own is made of it and the request's id.
    pub seed: u64,
    /// Prompt tokens of one packed forward; a longer prompt stands alone.
    pub prefill_tokens: usize,
    /// Tokens that the cache of a group may hold, padding included; a group that needs more is cut into several.
    pub cache_tokens: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            group_size: 32,
            seed: 0,
            prefill_tokens: 8192,
            cache_tokens: 1 << 17,
        }
    }
}

/// Runs a model of this program.
pub struct LocalGenerator<'a> {
    model: &'a dyn Mllm,
    processor: &'a dyn Processor,
    options: Options,
}

impl<'a> LocalGenerator<'a> {
    /// A generator over a loaded model and its processor.
    ///
    /// ```no_run
    /// # fn run(model: &dyn model::Mllm, processor: &dyn processor::Processor, request: corpus::Request) -> Result<(), generate::Error> {
    /// use generate::{Generator, LocalGenerator, Options};
    /// let options = Options { group_size: 8, ..Options::default() };
    /// let mut generator = LocalGenerator::new(model, processor, options);
    /// let mut texts = Vec::new();
    /// generator.generate(&mut std::iter::once(request), &mut |completion| {
    ///     texts.push(completion.text);
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(model: &'a dyn Mllm, processor: &'a dyn Processor, options: Options) -> Self {
        Self {
            model,
            processor,
            options,
        }
    }

    /// As [`LocalGenerator::new`], where nothing is said of groups and seed.
    ///
    /// ```no_run
    /// # fn run(model: &dyn model::Mllm, processor: &dyn processor::Processor) -> Result<(), generate::Error> {
    /// use generate::{Generator as _, LocalGenerator};
    /// let request = corpus::Request::question("1", vec!["stew.png".into()], "What is it?");
    /// let answer = LocalGenerator::of(model, processor).complete(&[request])?;
    /// println!("{}", answer[0].text);
    /// # Ok(())
    /// # }
    /// ```
    pub fn of(model: &'a dyn Mllm, processor: &'a dyn Processor) -> Self {
        Self::new(model, processor, Options::default())
    }

    /// Completions of one group in the order of its requests.
    fn group(&self, group: &[Prepared]) -> Result<Vec<Completion>, Error> {
        let settings = Settings {
            model: self.model,
            processor: self.processor,
            seed: self.options.seed,
            prefill_tokens: self.options.prefill_tokens,
        };
        let mut completions: Vec<Option<Completion>> = Vec::with_capacity(group.len());
        let mut jobs: Vec<Job> = Vec::new();
        for (index, (request, encoded)) in group.iter().enumerate() {
            match self.job(index, request, encoded) {
                Ok(job) => {
                    completions.push(None);
                    jobs.push(job);
                }
                Err(problem) => completions.push(Some(failed(request, encoded, problem))),
            }
        }
        while !jobs.is_empty() {
            let mut longest = 0;
            let fitting = jobs.iter().enumerate().take_while(|(before, job)| {
                longest = longest.max(job.capacity());
                *before == 0 || (before + 1) * longest <= self.options.cache_tokens
            });
            let count = fitting.count();
            let together: Vec<Job> = jobs.drain(..count).collect();
            for (index, completion) in complete(&settings, together)? {
                completions[index] = Some(completion);
            }
        }
        Ok(completions.into_iter().flatten().collect())
    }

    fn job<'g>(
        &self,
        index: usize,
        request: &'g Request,
        encoded: &'g Result<Encoded, String>,
    ) -> Result<Job<'g>, String> {
        let encoded = encoded.as_ref().map_err(Clone::clone)?;
        let (prompt, context) = (encoded.ids.len(), self.model.max_positions());
        if let Some(problem) = draw::problem(&request.decoding) {
            return Err(problem);
        }
        if prompt == 0 {
            return Err("the prompt has no tokens".to_owned());
        }
        if prompt >= context {
            return Err(format!(
                "the prompt has {prompt} tokens, and the model's context of {context} leaves no room for an answer; \
                 shorten the prompt"
            ));
        }
        Ok(Job {
            index,
            request,
            encoded,
            limit: request.decoding.max_new_tokens.min(context - prompt),
        })
    }
}

type Prepared = (Request, Result<Encoded, String>);

impl Generator for LocalGenerator<'_> {
    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), String>,
    ) -> Result<(), Error> {
        let size = self.options.group_size.max(1);
        let processor = self.processor;
        let prepare = |group: Vec<Request>| -> Result<Vec<Prepared>, Error> {
            let prepared = group.into_iter().map(|request| {
                let encoded = match processor.request(&request) {
                    Ok(encoded) => Ok(encoded),
                    Err(error) => Err(Error::of_request(&request.id, error)?),
                };
                Ok((request, encoded))
            });
            prepared.collect()
        };
        let mut group = prepare(requests.take(size).collect())?;
        while !group.is_empty() {
            let following: Vec<Request> = requests.take(size).collect();
            // Pictures of the next group are read while this one is decoded.
            let (completions, next) = std::thread::scope(|scope| {
                let worker = scope.spawn(|| prepare(following));
                (self.group(&group), worker.join())
            });
            for completion in completions? {
                sink(completion).map_err(Error::Sink)?;
            }
            group = next.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(())
    }
}

/// The completion of a request that cannot be run.
pub(crate) fn failed(
    request: &Request,
    encoded: &Result<Encoded, String>,
    problem: String,
) -> Completion {
    Completion {
        id: request.id.clone(),
        text: String::new(),
        finish_reason: FinishReason::Error,
        prompt_tokens: encoded.as_ref().map_or(0, |e| e.ids.len()),
        completion_tokens: 0,
        error: Some(problem),
        logprobs: None,
    }
}

//! A generator that ranks options instead of writing.

use std::collections::BTreeMap;

use corpus::{Completion, FinishReason, Request};
use evaluation::tasks::{Item, ItemError, most_likely};
use generate::{Error, Generator, Likelihood, Likelihoods};
use model::Mllm;
use processor::Processor;

/// Letters and texts of items' options.
#[derive(Debug)]
pub struct Options(BTreeMap<String, (Vec<String>, Vec<String>)>);

impl Options {
    /// Of these items.
    pub fn of(items: &[&Item]) -> Result<Self, ItemError> {
        let mut options = BTreeMap::new();
        for item in items {
            options.insert(item.id.clone(), item.choices()?.into_iter().unzip());
        }
        Ok(Self(options))
    }

    /// The texts of an item's options.
    pub fn texts(&self, id: &str) -> &[String] {
        self.0.get(id).map_or(&[], |(_, texts)| texts)
    }

    /// The option of the smallest loss a token as an answer, such as `(A)`.
    pub fn ranked(&self, id: &str, found: &[Likelihood]) -> Completion {
        let letters = self.0.get(id).map_or(&[][..], |(letters, _)| letters);
        let chosen = most_likely(found.iter().map(Likelihood::loss_per_token));
        let Some(letter) = chosen.and_then(|chosen| letters.get(chosen)) else {
            return Completion::failed(id, "no option has a finite loss".to_owned());
        };
        Completion {
            text: format!("({letter})"),
            finish_reason: FinishReason::Stop,
            logprobs: Some(found.iter().map(|one| one.log_probability).collect()),
            error: None,
            ..Completion::failed(id, String::new())
        }
    }
}

/// Answers multiple choice with the option of the smallest loss a token, as `(A)`.
pub struct ByLikelihood<'a> {
    model: &'a dyn Mllm,
    processor: &'a dyn Processor,
    cache_tokens: usize,
    block: usize,
    options: Options,
}

impl<'a> ByLikelihood<'a> {
    /// Ranks the options of these items. What questions of a block begin with in common is run once, if a cache of so many tokens
    /// holds it. Nothing goes on from one block to the next, so that each ends in the same bits wherever it is done.
    pub fn new(
        model: &'a dyn Mllm,
        processor: &'a dyn Processor,
        cache_tokens: usize,
        block: usize,
        items: &[&Item],
    ) -> Result<Self, ItemError> {
        Ok(Self {
            model,
            processor,
            cache_tokens,
            block: block.max(1),
            options: Options::of(items)?,
        })
    }

    fn rank(
        &self,
        likelihoods: &mut Likelihoods<'_>,
        request: &Request,
    ) -> Result<Completion, Error> {
        let texts = self.options.texts(&request.id);
        match likelihoods.score(request, texts) {
            Err(Error::Score { problem, .. }) => Ok(Completion::failed(&request.id, problem)),
            found => Ok(self.options.ranked(&request.id, &found?)),
        }
    }
}

impl Generator for ByLikelihood<'_> {
    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), String>,
    ) -> Result<(), Error> {
        let new = || Likelihoods::new(self.model, self.processor, self.cache_tokens);
        let mut likelihoods = new();
        for (at, request) in requests.enumerate() {
            if at % self.block == 0 {
                likelihoods = new();
            }
            sink(self.rank(&mut likelihoods, &request)?).map_err(Error::Sink)?;
        }
        Ok(())
    }
}

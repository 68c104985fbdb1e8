//! A generator that ranks options instead of writing.

use std::collections::BTreeMap;

use corpus::{Completion, FinishReason, Request};
use evaluation::tasks::{Item, ItemError, most_likely};
use generate::{Error, Generator, Likelihood, Likelihoods};
use model::Mllm;
use processor::Processor;

/// Answers multiple choice with the option of the smallest loss a token, as `(A)`.
pub struct ByLikelihood<'a> {
    likelihoods: Likelihoods<'a>,
    /// Letters and texts of the options by the item's id.
    options: BTreeMap<String, (Vec<String>, Vec<String>)>,
}

impl<'a> ByLikelihood<'a> {
    /// Ranks the options of these items. What questions begin with in common is run once, if a cache of so many tokens holds
    /// it.
    pub fn new(
        model: &'a dyn Mllm,
        processor: &'a dyn Processor,
        cache_tokens: usize,
        items: &[&Item],
    ) -> Result<Self, ItemError> {
        let mut options = BTreeMap::new();
        for item in items {
            options.insert(item.id.clone(), item.choices()?.into_iter().unzip());
        }
        Ok(Self {
            likelihoods: Likelihoods::new(model, processor, cache_tokens),
            options,
        })
    }

    fn rank(&mut self, request: &Request) -> Result<Completion, Error> {
        let mut completion = Completion {
            id: request.id.clone(),
            text: String::new(),
            finish_reason: FinishReason::Error,
            prompt_tokens: 0,
            completion_tokens: 0,
            error: None,
            logprobs: None,
            top_logprobs: None,
        };
        let (letters, texts) = self
            .options
            .get(&request.id)
            .map_or((&[][..], &[][..]), |(letters, texts)| (letters, texts));
        let found = match self.likelihoods.score(request, texts) {
            Err(Error::Score { problem, .. }) => {
                completion.error = Some(problem);
                return Ok(completion);
            }
            found => found?,
        };
        match most_likely(found.iter().map(Likelihood::loss_per_token)) {
            Some(chosen) => {
                completion.text = format!("({})", letters[chosen]);
                completion.finish_reason = FinishReason::Stop;
                completion.logprobs = Some(found.iter().map(|one| one.log_probability).collect());
            }
            None => completion.error = Some("no option has a finite loss".to_owned()),
        }
        Ok(completion)
    }
}

impl Generator for ByLikelihood<'_> {
    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), String>,
    ) -> Result<(), Error> {
        for request in requests {
            sink(self.rank(&request)?).map_err(Error::Sink)?;
        }
        Ok(())
    }
}

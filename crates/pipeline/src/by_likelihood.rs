//! A generator that ranks options instead of writing.

use std::collections::BTreeMap;

use corpus::{Completion, FinishReason, Request};
use evaluation::tasks::{Item, ItemError, most_likely};
use generate::{Error, Generator, Likelihood};
use model::Mllm;
use processor::Processor;

/// Answers multiple choice with the option of the smallest loss a token, as `(A)`.
pub struct ByLikelihood<'a> {
    model: &'a dyn Mllm,
    processor: &'a dyn Processor,
    /// Letters and texts of the options by the item's id.
    options: BTreeMap<String, (Vec<String>, Vec<String>)>,
}

impl<'a> ByLikelihood<'a> {
    /// Ranks the options of these items.
    pub fn new(
        model: &'a dyn Mllm,
        processor: &'a dyn Processor,
        items: &[&Item],
    ) -> Result<Self, ItemError> {
        let mut options = BTreeMap::new();
        for item in items {
            options.insert(item.id.clone(), item.choices()?.into_iter().unzip());
        }
        Ok(Self {
            model,
            processor,
            options,
        })
    }

    fn rank(&self, request: &Request) -> Result<Completion, Error> {
        let mut completion = Completion {
            id: request.id.clone(),
            text: String::new(),
            finish_reason: FinishReason::Error,
            prompt_tokens: 0,
            completion_tokens: 0,
            error: None,
            logprobs: None,
        };
        let (letters, texts) = self
            .options
            .get(&request.id)
            .map_or((&[][..], &[][..]), |(letters, texts)| (letters, texts));
        let found = match generate::score(self.model, self.processor, request, texts) {
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

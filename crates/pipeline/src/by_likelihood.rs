//! A generator that ranks options instead of writing.

use std::collections::BTreeMap;

use corpus::images::ImageError;
use corpus::{Completion, FinishReason, Request, Sample};
use evaluation::tasks::{Item, ItemError, Spec, most_likely};
use generate::{Error, Generator};
use model::Mllm;
use processor::Processor;

use crate::likelihood::MICRO_TOKENS;

/// Answers multiple choice with the option of the smallest loss a token, as `(A)`.
pub struct ByLikelihood<'a> {
    model: &'a dyn Mllm,
    processor: &'a dyn Processor,
    /// One sample an option, by the item's id.
    options: BTreeMap<String, Vec<Sample>>,
}

impl<'a> ByLikelihood<'a> {
    /// Ranks the options of these items.
    pub fn new(
        model: &'a dyn Mllm,
        processor: &'a dyn Processor,
        items: &[&Item],
        spec: &Spec,
    ) -> Result<Self, ItemError> {
        let mut options = BTreeMap::new();
        for item in items {
            options.insert(item.id.clone(), item.option_samples(spec)?);
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
        let samples = self.options.get(&request.id);
        let samples = samples.map_or(&[][..], Vec::as_slice);
        let mut encoded = Vec::with_capacity(samples.len());
        for sample in samples {
            match self.processor.sample(sample) {
                Ok(one) if one.ids.len() > self.model.max_positions() => {
                    completion.error = Some(format!(
                        "question and option have {} tokens, more than the model's context of {}",
                        one.ids.len(),
                        self.model.max_positions()
                    ));
                    return Ok(completion);
                }
                Ok(one) => encoded.push(one),
                Err(processor::Error::Image(source @ ImageError::Unfinished { .. })) => {
                    let id = request.id.clone();
                    return Err(Error::Unfinished { id, source });
                }
                Err(error) => {
                    completion.error = Some(error.to_string());
                    return Ok(completion);
                }
            }
        }
        let losses = match train::losses(self.model, &encoded, MICRO_TOKENS) {
            Ok(losses) => losses,
            Err(train::Error::Model(error)) => return Err(error.into()),
            Err(train::Error::Torch(error)) => return Err(error.into()),
            Err(error) => {
                return Err(Error::Score {
                    id: request.id.clone(),
                    problem: error.to_string(),
                });
            }
        };
        let chosen = most_likely(&losses).and_then(|at| samples[at].id.rsplit_once('#'));
        match chosen {
            Some((_, letter)) => {
                completion.text = format!("({letter})");
                completion.finish_reason = FinishReason::Stop;
                completion.logprobs = Some(losses.iter().map(|(loss, _)| -loss).collect());
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

//! Requests through a model: a task's questions, for a run and for benchmarks alike, or whatever else is to be written.

use std::path::Path;

use corpus::{Completion, Request};
use evaluation::tasks::Item;
use generate::{Generator, LocalGenerator};
use model::Mllm;
use processor::Processor;

use crate::by_likelihood::ByLikelihood;
use crate::error::Result;
use crate::generation::Generation;
use crate::runner::{self, Progress};

/// Who answers, and how.
#[derive(Clone, Copy)]
pub struct Answerer<'a> {
    /// The model.
    pub model: &'a dyn Mllm,
    /// Its processor.
    pub processor: &'a dyn Processor,
    /// How much is generated together.
    pub generation: Generation,
    /// Seed of sampling.
    pub seed: u64,
}

impl Answerer<'_> {
    /// Completes requests into a file; what is there already is kept.
    pub fn write(
        &self,
        requests: &[Request],
        file: &Path,
        progress: Progress<'_>,
    ) -> Result<Vec<Completion>> {
        let options = self.generation.options(self.seed);
        let mut local = LocalGenerator::new(self.model, self.processor, options);
        self.complete(&mut local, requests, file, progress)
    }

    fn complete(
        &self,
        generator: &mut dyn Generator,
        requests: &[Request],
        file: &Path,
        progress: Progress<'_>,
    ) -> Result<Vec<Completion>> {
        runner::run(generator, requests, file, self.generation.block, progress)
    }

    /// Answers requests, one an item, into a file of completions; what is there already is kept. With `ranks` options are
    /// ranked by likelihood. Requests that fail are told.
    pub fn answer(
        &self,
        task: &str,
        items: &[&Item],
        requests: &[Request],
        ranks: bool,
        file: &Path,
        progress: Progress<'_>,
    ) -> Result<Vec<Completion>> {
        let completions = if ranks {
            let mut ranking = ByLikelihood::new(
                self.model,
                self.processor,
                self.generation.cache_tokens,
                items,
            )?;
            self.complete(&mut ranking, requests, file, progress)?
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
}

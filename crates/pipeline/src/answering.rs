//! One task's questions through a model, for a run and for benchmarks alike.

use std::path::Path;

use anyhow::Result;
use corpus::{Completion, FinishReason, Prediction, Request};
use evaluation::tasks::Item;
use generate::{Generator, LocalGenerator};
use model::Mllm;
use processor::Processor;

use crate::by_likelihood::ByLikelihood;
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
        let (mut local, mut ranking);
        let generator: &mut dyn Generator = if ranks {
            ranking = ByLikelihood::new(self.model, self.processor, items)?;
            &mut ranking
        } else {
            let options = self.generation.options(self.seed);
            local = LocalGenerator::new(self.model, self.processor, options);
            &mut local
        };
        let completions = runner::run(generator, requests, file, self.generation.group, progress)?;
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

/// An item's answer beside its label.
pub fn prediction(item: &Item, completion: &Completion) -> Prediction {
    let failed = completion.error.is_some();
    let text = (!failed).then(|| completion.text.trim().to_owned());
    let mut prediction = item.answered(text);
    let reason = match completion.finish_reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::Error => "error",
    };
    let meta = &mut prediction.meta;
    meta.insert("finish_reason".to_owned(), reason.into());
    prediction
}

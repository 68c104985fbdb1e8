//! How likely a model finds samples: a judge's probabilities, and perplexity.

use anyhow::Result;
use corpus::Sample;
use generate::{Likelihood, likelihoods};
use model::Mllm;
use processor::{Encoded, Processor};

/// Samples that are in memory together with their pictures.
const PART: usize = 64;

/// How likely the model finds what is learned of each sample.
pub fn of_samples(
    model: &dyn Mllm,
    processor: &dyn Processor,
    samples: &[Sample],
) -> Result<Vec<Likelihood>> {
    let mut out = Vec::with_capacity(samples.len());
    for part in samples.chunks(PART) {
        let encoded: Result<Vec<Encoded>, _> = part.iter().map(|s| processor.sample(s)).collect();
        out.extend(likelihoods(model, processor, &encoded?)?);
    }
    Ok(out)
}

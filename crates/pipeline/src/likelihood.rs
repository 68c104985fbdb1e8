//! How likely a model finds given texts: for the filter, for perplexity, and for ranking the options of multiple choice.

use anyhow::Result;
use corpus::Sample;
use model::Mllm;
use processor::{Encoded, Processor};

/// Tokens of one packed forward.
pub const MICRO_TOKENS: usize = 4096;

/// Samples that are prepared together.
const PART: usize = 64;

/// Summed loss in nats and number of learned tokens of each sample.
pub fn losses(
    model: &dyn Mllm,
    processor: &dyn Processor,
    samples: &[Sample],
) -> Result<Vec<(f64, usize)>> {
    let encoded: Result<Vec<Encoded>, _> = samples.iter().map(|s| processor.sample(s)).collect();
    Ok(train::losses(model, &encoded?, MICRO_TOKENS)?)
}

/// As [`losses`], of any number of samples: few of them are in memory at a time.
pub fn losses_of_many(
    model: &dyn Mllm,
    processor: &dyn Processor,
    samples: &[Sample],
) -> Result<Vec<(f64, usize)>> {
    let mut out = Vec::with_capacity(samples.len());
    for part in samples.chunks(PART) {
        out.extend(losses(model, processor, part)?);
    }
    Ok(out)
}

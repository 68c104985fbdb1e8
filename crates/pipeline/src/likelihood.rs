//! How likely a model finds samples: a judge's probabilities, and perplexity.

use corpus::{Request, Sample};
use generate::{Likelihood, Likelihoods, answered};
use model::Mllm;
use processor::{Encoded, Processor};

use crate::error::Result;

/// Samples that are in memory together with their pictures.
const PART: usize = 64;

/// Samples whose common beginnings are run once. Nothing goes on from one such block to the next, so that each ends in the same
/// bits wherever it is done.
pub(crate) const BLOCK: usize = 256;

/// How likely the model finds what is learned of each sample. What they begin with in common is run once for all, if a cache of
/// so many tokens holds it.
///
/// Gives [`Error::Processor`](crate::Error::Processor) and [`Error::Generate`](crate::Error::Generate).
pub fn of_samples(
    model: &dyn Mllm,
    processor: &dyn Processor,
    samples: &[Sample],
    cache_tokens: usize,
) -> Result<Vec<Likelihood>> {
    let mut out = Vec::with_capacity(samples.len());
    for block in samples.chunks(BLOCK) {
        let mut likelihoods = Likelihoods::new(model, processor, cache_tokens);
        for part in block.chunks(PART) {
            let encoded = part.iter().map(|sample| processor.sample(sample));
            let encoded: Vec<Encoded> = encoded.collect::<Result<_, _>>()?;
            out.extend(likelihoods.of(&encoded)?);
        }
    }
    Ok(out)
}

/// How likely the model goes on with `answer` after each request; none where both together are longer than what it reads.
///
/// Gives [`Error::Processor`](crate::Error::Processor) and [`Error::Generate`](crate::Error::Generate).
pub fn of_answers(
    model: &dyn Mllm,
    processor: &dyn Processor,
    requests: &[&Request],
    answer: &str,
    cache_tokens: usize,
) -> Result<Vec<Option<Likelihood>>> {
    let mut out = Vec::with_capacity(requests.len());
    for block in requests.chunks(BLOCK) {
        let mut likelihoods = Likelihoods::new(model, processor, cache_tokens);
        for part in block.chunks(PART) {
            let encode = |request: &&Request| answered(processor, request, answer);
            let encoded: Result<Vec<Encoded>, _> = part.iter().map(encode).collect();
            let fits = |one: &Encoded| one.ids.len() <= model.max_positions();
            let mut encoded = encoded?;
            let all: Vec<bool> = encoded.iter().map(fits).collect();
            encoded.retain(fits);
            let mut found = likelihoods.of(&encoded)?.into_iter();
            for fits in all {
                out.push(if fits { found.next() } else { None });
            }
        }
    }
    Ok(out)
}

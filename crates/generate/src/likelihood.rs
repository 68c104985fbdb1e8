//! How likely a model finds given texts: what perplexity, the ranking of options and a judge's probabilities are made of.
//!
//! Shapes: r scored rows, d model width, v vocabulary.

use std::ops::Range;

use model::{Batch, Mllm};
use processor::{Encoded, Processor};
use torch::{Device, Kind, Tensor};

use crate::error::Error;

/// Tokens of one forward of sequences that share nothing.
const PACKED_TOKENS: usize = 4096;
/// Room in the cache, in tokens, for sequences that share their beginning: it is held once for each of them.
const CACHED_TOKENS: usize = 16_384;
/// Rows whose logits are in memory together.
const ROWS: usize = 64;

/// How likely a model finds the learned tokens of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Likelihood {
    /// Their log-probability in nats, summed.
    pub log_probability: f64,
    /// Their number.
    pub tokens: usize,
}

impl Likelihood {
    /// The loss in nats, summed: what training minimises.
    pub fn loss(&self) -> f64 {
        -self.log_probability
    }

    /// The loss in nats a token; 0 where nothing is learned.
    pub fn loss_per_token(&self) -> f64 {
        self.loss() / self.tokens.max(1) as f64
    }
}

/// How likely the model finds the learned tokens of each sample, each by itself.
///
/// Neighbours of which at least half is a common beginning, pictures included, run it once; all others are packed.
/// The values are those of training's loss: the softmax is over the whole vocabulary.
pub fn likelihoods(
    model: &dyn Mllm,
    processor: &dyn Processor,
    samples: &[Encoded],
) -> Result<Vec<Likelihood>, Error> {
    let _guard = torch::no_grad_guard();
    let mut out = Vec::with_capacity(samples.len());
    for part in parts(samples, processor.image_token()) {
        part.run(model, &samples[part.samples.clone()], &mut out)?;
    }
    Ok(out)
}

/// Neighbouring samples of one forward.
#[derive(Debug, PartialEq)]
struct Part {
    samples: Range<usize>,
    /// Tokens that are run once for all of them.
    shared: usize,
    /// Tokens of all of them, the shared ones in each.
    tokens: usize,
    /// Tokens of the longest.
    longest: usize,
}

fn parts(samples: &[Encoded], image_token: i64) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (at, sample) in samples.iter().enumerate() {
        let joined = parts
            .last_mut()
            .is_some_and(|part| part.join(&samples[part.samples.start], sample, image_token));
        if !joined {
            parts.push(Part {
                samples: at..at + 1,
                shared: 0,
                tokens: sample.ids.len(),
                longest: sample.ids.len(),
            });
        }
    }
    parts
}

impl Part {
    /// Takes one more sample in, if that is cheaper than to run it by itself.
    fn join(&mut self, first: &Encoded, next: &Encoded, image_token: i64) -> bool {
        let count = self.samples.len();
        let (length, longest) = (next.ids.len(), self.longest.max(next.ids.len()));
        let mut shared = common(first, next, image_token);
        if self.shared > 0 {
            shared = shared.min(self.shared);
        }
        let is_cheaper = (count == 1 || self.shared > 0)
            && 2 * shared >= longest.max(1)
            && (count + 1) * longest <= CACHED_TOKENS;
        let packs = self.shared == 0 && self.tokens + length <= PACKED_TOKENS;
        if !is_cheaper && !packs {
            return false;
        }
        self.shared = if is_cheaper { shared } else { 0 };
        self.samples.end += 1;
        self.tokens += length;
        self.longest = longest;
        true
    }

    /// Appends the likelihoods of the samples, which are this part's.
    fn run(
        &self,
        model: &dyn Mllm,
        samples: &[Encoded],
        out: &mut Vec<Likelihood>,
    ) -> Result<(), Error> {
        let scored = |sample: &Encoded| {
            let from = self.shared + 1;
            let learn = sample.learn.iter().enumerate().skip(from);
            learn
                .filter(|(_, learn)| **learn)
                .map(|(at, _)| at)
                .collect::<Vec<usize>>()
        };
        let scored: Vec<Vec<usize>> = samples.iter().map(scored).collect();
        if scored.iter().all(Vec::is_empty) {
            out.extend(samples.iter().map(|_| Likelihood::default()));
            return Ok(());
        }
        let (starts, hidden_td) = self.hidden(model, samples)?;
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for ((sample, start), scored) in samples.iter().zip(starts).zip(&scored) {
            for &at in scored {
                rows.push((start + at - self.shared - 1) as i64);
                targets.push(sample.ids[at]);
            }
        }
        let values = log_probabilities(model, &hidden_td, &rows, &targets)?;
        let mut left = values.as_slice();
        for scored in scored {
            let (own, rest) = left.split_at(scored.len());
            left = rest;
            out.push(Likelihood {
                log_probability: own.iter().sum(),
                tokens: own.len(),
            });
        }
        Ok(())
    }

    /// The hidden states `[t, d]` of what is not shared, and where each sample's begin.
    fn hidden(&self, model: &dyn Mllm, samples: &[Encoded]) -> Result<(Vec<usize>, Tensor), Error> {
        let mut batch = Batch::default();
        for sample in samples {
            let images = if self.shared == 0 {
                &sample.images[..]
            } else {
                &[]
            };
            batch.push(&sample.ids[self.shared..], self.shared, images);
        }
        let hidden_td = if self.shared == 0 {
            model.hidden(&batch, None)?
        } else {
            let first = &samples[0];
            let mut cache = model.new_cache(1, self.longest);
            let mut beginning = Batch::default();
            beginning.push(&first.ids[..self.shared], 0, &first.images);
            let _ = model.hidden(&beginning, Some(&mut cache))?;
            cache.keep(&vec![0; samples.len()]);
            model.hidden(&batch, Some(&mut cache))?
        };
        Ok((batch.starts, hidden_td))
    }
}

/// How many tokens two samples can run once: the same in both, none of them scored or needed to predict a scored one,
/// with all pictures among them; 0 where there is no such beginning.
fn common(one: &Encoded, other: &Encoded, image_token: i64) -> usize {
    let unscored = |sample: &Encoded| {
        let learned = sample.learn.iter().position(|&learn| learn);
        learned.unwrap_or(sample.ids.len())
    };
    let same = one.ids.iter().zip(&other.ids).take_while(|(a, b)| a == b);
    let length = same.count().min(unscored(one)).min(unscored(other));
    let length = length.saturating_sub(1);
    let is_text = |sample: &Encoded| !sample.ids[length..].contains(&image_token);
    if is_text(one) && is_text(other) && one.images == other.images {
        length
    } else {
        0
    }
}

/// Log-probabilities of the targets after the rows, a few rows at a time.
fn log_probabilities(
    model: &dyn Mllm,
    hidden_td: &Tensor,
    rows: &[i64],
    targets: &[i64],
) -> Result<Vec<f64>, Error> {
    let mut out = Vec::with_capacity(rows.len());
    for (rows, targets) in rows.chunks(ROWS).zip(targets.chunks(ROWS)) {
        let rows = Tensor::f_from_slice(rows)?.f_to_device(hidden_td.device())?;
        let targets_r1 = Tensor::f_from_slice(targets)?
            .f_to_device(hidden_td.device())?
            .f_unsqueeze(1)?;
        let logits_rv =
            model::logits(model, &hidden_td.f_index_select(0, &rows)?)?.f_to_kind(Kind::Float)?;
        let chosen_r1 = logits_rv.f_gather(1, &targets_r1, false)?;
        let values_r1 = chosen_r1.f_sub(&logits_rv.f_logsumexp([1], true)?)?;
        let values = values_r1
            .f_reshape([-1])?
            .f_to_kind(Kind::Double)?
            .f_to_device(Device::Cpu)?;
        out.extend(Vec::<f64>::try_from(values)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: i64 = 9;

    /// Ids of which the last `learned` are learned.
    fn sample(ids: &[i64], learned: usize) -> Encoded {
        Encoded {
            ids: ids.to_vec(),
            learn: (0..ids.len()).map(|i| i + learned >= ids.len()).collect(),
            images: Vec::new(),
        }
    }

    #[test]
    fn a_common_beginning_ends_before_what_predicts_an_answer() {
        let one = sample(&[1, 2, 3, 4, 5], 1);
        assert_eq!(common(&one, &sample(&[1, 2, 3, 4, 6], 1), IMAGE), 3);
        assert_eq!(common(&one, &sample(&[1, 2, 3, 4, 5], 3), IMAGE), 1);
        assert_eq!(common(&one, &sample(&[1, 7, 3, 4, 5], 1), IMAGE), 0);
        // A picture behind it cannot be left out.
        assert_eq!(common(&one, &sample(&[1, 2, 3, 9, 6], 1), IMAGE), 0);
    }

    #[test]
    fn neighbours_that_begin_alike_are_run_together() {
        let samples = [
            sample(&[1, 2, 3, 4, 5], 1),
            sample(&[1, 2, 3, 4, 6, 7], 2),
            sample(&[1, 2, 3, 8], 1),
            sample(&[8, 8], 1),
            sample(&vec![7; 4095], 1),
            sample(&vec![6; 9000], 1),
            sample(&vec![6; 9000], 1),
        ];
        let found: Vec<(Range<usize>, usize)> = parts(&samples, IMAGE)
            .into_iter()
            .map(|part| (part.samples, part.shared))
            .collect();
        // The third shares too little, and the last two have no room in the cache together.
        assert_eq!(
            found,
            [(0..2, 3), (2..4, 0), (4..5, 0), (5..6, 0), (6..7, 0)]
        );
    }
}

//! How likely a model finds given texts: what perplexity, the ranking of options and a judge's probabilities are made of.
//!
//! Shapes: r scored rows, d model width, v vocabulary.

use std::ops::Range;

use model::{Batch, Mllm};
use processor::{Encoded, Processor};
use torch::{Device, Kind, Tensor};

use crate::beginning::Beginning;
use crate::error::Error;
use crate::options::Options;
use crate::repeated::{are_same, encoded_once};

/// Tokens of one forward, those of a common beginning not counted.
const PACKED_TOKENS: usize = 4096;
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

/// How likely the model finds the learned tokens of each sample, each by itself: [`Likelihoods`] for one call.
pub fn likelihoods(
    model: &dyn Mllm,
    processor: &dyn Processor,
    samples: &[Encoded],
) -> Result<Vec<Likelihood>, Error> {
    let tokens = Options::default().cache_tokens;
    Likelihoods::new(model, processor, tokens).of(samples)
}

/// Says how likely a model finds given texts, over any number of calls.
///
/// Neighbours with a common beginning, pictures included, run it once, and it is held from one call to the next: a pass over
/// thousands of texts that begin alike computes their beginning once. It is held once too, however many go on from it. What
/// follows it is packed into forwards of some thousand tokens, as are samples that share nothing. The values are those of
/// training's loss: the softmax is over the whole vocabulary.
///
/// ```no_run
/// # fn run(model: &dyn model::Mllm, processor: &dyn processor::Processor, parts: Vec<Vec<processor::Encoded>>) -> Result<(), generate::Error> {
/// let mut likelihoods = generate::Likelihoods::new(model, processor, 1 << 15);
/// for part in parts {
///     for found in likelihoods.of(&part)? {
///         println!("{:.3} nats a token", found.loss_per_token());
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Likelihoods<'a> {
    pub(crate) model: &'a dyn Mllm,
    pub(crate) processor: &'a dyn Processor,
    /// Tokens of the longest text that goes on from a held beginning.
    cache_tokens: usize,
    beginning: Beginning,
}

impl<'a> Likelihoods<'a> {
    /// Of a model whose cache may hold so many tokens: a common beginning with the longest of the texts that go on from it.
    /// Longer ones are run by themselves.
    pub fn new(model: &'a dyn Mllm, processor: &'a dyn Processor, cache_tokens: usize) -> Self {
        Self {
            model,
            processor,
            cache_tokens,
            beginning: Beginning::new(processor.image_token()),
        }
    }

    /// How likely the model finds the learned tokens of each sample, each by itself.
    pub fn of(&mut self, samples: &[Encoded]) -> Result<Vec<Likelihood>, Error> {
        let _guard = torch::no_grad_guard();
        let mut out = Vec::with_capacity(samples.len());
        for mut part in parts(samples, self.processor.image_token(), self.cache_tokens) {
            let own = &samples[part.samples.clone()];
            part.share_with(&self.beginning, own, self.cache_tokens);
            for group in part.forwards(own) {
                self.run(&own[group], part.shared, &mut out)?;
            }
        }
        Ok(out)
    }

    /// Appends the likelihoods of samples whose first `shared` tokens are the same.
    fn run(
        &mut self,
        samples: &[Encoded],
        shared: usize,
        out: &mut Vec<Likelihood>,
    ) -> Result<(), Error> {
        let scored = |sample: &Encoded| {
            let learn = sample.learn.iter().enumerate().skip(shared + 1);
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
        let mut batch = Batch::default();
        for sample in samples {
            let images = if shared == 0 { &sample.images[..] } else { &[] };
            batch.push(&sample.ids[shared..], shared, images);
        }
        let hidden_td = if shared == 0 {
            batch.pictures = encoded_once(self.model, &batch.images)?;
            self.model.hidden(&batch, None)?
        } else {
            self.beginning
                .continued(self.model, samples, shared, &batch)?
        };
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for ((sample, start), scored) in samples.iter().zip(batch.starts).zip(&scored) {
            for &at in scored {
                rows.push((start + at - shared - 1) as i64);
                targets.push(sample.ids[at]);
            }
        }
        let values = log_probabilities(self.model, &hidden_td, &rows, &targets)?;
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
}

/// Neighbouring samples that share their beginning, or nothing.
#[derive(Debug, PartialEq)]
struct Part {
    samples: Range<usize>,
    /// Tokens that are run once for all of them.
    shared: usize,
    /// Tokens of all of them, the shared ones in each.
    tokens: usize,
}

fn parts(samples: &[Encoded], image_token: i64, cache_tokens: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (at, sample) in samples.iter().enumerate() {
        let joined = parts.last_mut().is_some_and(|part| {
            let first = &samples[part.samples.start];
            part.join(first, sample, image_token, cache_tokens)
        });
        if !joined {
            parts.push(Part {
                samples: at..at + 1,
                shared: 0,
                tokens: sample.ids.len(),
            });
        }
    }
    parts
}

/// Whether it is worth a cache to run so many tokens of a sample once. Attention over a cache is a call for each sample, so a
/// few words are not; a picture always is, as its tower is run for it.
fn is_worth(shared: usize, sample: &Encoded) -> bool {
    shared > 0 && (4 * shared >= sample.ids.len() || !sample.images.is_empty())
}

impl Part {
    /// Takes one more sample in, if that is cheaper than to run it by itself.
    fn join(
        &mut self,
        first: &Encoded,
        next: &Encoded,
        image_token: i64,
        cache_tokens: usize,
    ) -> bool {
        let count = self.samples.len();
        let mut shared = common(first, next, image_token);
        // One that has little in common with the others must not take from what these share.
        let keeps = count == 1 || (self.shared > 0 && 4 * shared >= 3 * self.shared);
        if self.shared > 0 {
            shared = shared.min(self.shared);
        }
        let fits = first.ids.len().max(next.ids.len()) <= cache_tokens;
        let is_cheaper = keeps && fits && is_worth(shared, first) && is_worth(shared, next);
        let packs = self.shared == 0 && self.tokens + next.ids.len() <= PACKED_TOKENS;
        if !is_cheaper && !packs {
            return false;
        }
        self.shared = if is_cheaper { shared } else { 0 };
        self.samples.end += 1;
        self.tokens += next.ids.len();
        true
    }

    /// A single sample can go on from a beginning that is held: the last of a call does, which had no neighbour left.
    fn share_with(&mut self, held: &Beginning, samples: &[Encoded], cache_tokens: usize) {
        if let ([sample], 0) = (samples, self.shared) {
            let shared = held.common(sample).min(unscored(sample));
            if sample.ids.len() <= cache_tokens && is_worth(shared, sample) {
                self.shared = shared;
            }
        }
    }

    /// Samples of one forward each, counted from this part's first.
    fn forwards(&self, samples: &[Encoded]) -> Vec<Range<usize>> {
        let mut forwards: Vec<Range<usize>> = Vec::new();
        let mut tokens = 0;
        for (at, sample) in samples.iter().enumerate() {
            let own = sample.ids.len() - self.shared;
            tokens += own;
            match forwards.last_mut() {
                Some(last) if tokens <= PACKED_TOKENS => last.end += 1,
                _ => {
                    forwards.push(at..at + 1);
                    tokens = own;
                }
            }
        }
        forwards
    }
}

/// Tokens at the beginning of a sample that are neither scored nor needed to predict a scored one; there is always one more.
fn unscored(sample: &Encoded) -> usize {
    let learned = sample.learn.iter().position(|&learn| learn);
    learned.unwrap_or(sample.ids.len()).saturating_sub(1)
}

/// How many tokens two samples can run once: the same in both, none of them scored or needed to predict a scored one,
/// with all pictures among them; 0 where there is no such beginning.
fn common(one: &Encoded, other: &Encoded, image_token: i64) -> usize {
    let same = one.ids.iter().zip(&other.ids).take_while(|(a, b)| a == b);
    let length = same.count().min(unscored(one)).min(unscored(other));
    let is_text = |sample: &Encoded| !sample.ids[length..].contains(&image_token);
    if is_text(one) && is_text(other) && are_same(&one.images, &other.images) {
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
        assert_eq!(common(&one, &sample(&[1, 7, 3, 4, 5], 1), IMAGE), 1);
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
            sample(&vec![6; 9001], 1),
        ];
        let found: Vec<(Range<usize>, usize)> = parts(&samples, IMAGE, 9000)
            .into_iter()
            .map(|part| (part.samples, part.shared))
            .collect();
        // The third would take too much from what the first two share, and the last has no room in the cache.
        assert_eq!(
            found,
            [(0..2, 3), (2..4, 0), (4..5, 0), (5..7, 8998), (7..8, 0)]
        );
    }
}

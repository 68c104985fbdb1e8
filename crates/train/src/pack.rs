//! Samples laid end to end into microbatches. A sample is never split; its neighbours never see it.

use model::Batch;
use processor::Encoded;

/// A microbatch with the rows that carry loss.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    /// What the model reads.
    pub batch: Batch,
    /// Rows whose next token is learned.
    pub rows: Vec<i64>,
    /// That next token. Same length as `rows`.
    pub targets: Vec<i64>,
    /// How many of the rows belong to each sample.
    pub learned: Vec<usize>,
}

impl Packed {
    fn push(&mut self, sample: &Encoded) {
        let start = self.batch.ids.len();
        let before = self.rows.len();
        self.batch.push(&sample.ids, 0, &sample.images);
        for i in 1..sample.ids.len() {
            if sample.learn[i] {
                self.rows.push((start + i - 1) as i64);
                self.targets.push(sample.ids[i]);
            }
        }
        self.learned.push(self.rows.len() - before);
    }
}

/// How many tokens of a sample carry loss: the first token of a sequence cannot be predicted.
pub(crate) fn num_learned(sample: &Encoded) -> usize {
    sample.learn.iter().skip(1).filter(|&&l| l).count()
}

/// Fills microbatches of at most `micro_tokens` tokens in the given order; a longer sample stands alone.
pub fn pack<'a>(
    samples: impl IntoIterator<Item = &'a Encoded>,
    micro_tokens: usize,
) -> Vec<Packed> {
    let mut out: Vec<Packed> = Vec::new();
    for sample in samples {
        match out.last_mut() {
            Some(last) if last.batch.ids.len() + sample.ids.len() <= micro_tokens => {
                last.push(sample);
            }
            _ => {
                let mut packed = Packed::default();
                packed.push(sample);
                out.push(packed);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(length: usize) -> Encoded {
        Encoded {
            ids: (0..length as i64).collect(),
            learn: (0..length).map(|i| i % 2 == 0).collect(),
            images: Vec::new(),
        }
    }

    #[test]
    fn fills_in_order_without_splitting() {
        let samples = [sample(3), sample(4), sample(9), sample(2)];
        let packed = pack(&samples, 7);
        assert_eq!(
            packed
                .iter()
                .map(|p| p.batch.starts.clone())
                .collect::<Vec<_>>(),
            [vec![0, 3, 7], vec![0, 9], vec![0, 2]]
        );
    }

    #[test]
    fn first_token_of_a_sample_is_not_predicted_by_its_neighbour() {
        let packed = &pack(&[sample(3), sample(4)], 100)[0];
        assert_eq!(packed.rows, [1, 4]);
        assert_eq!(packed.targets, [2, 2]);
        assert_eq!(packed.learned, [1, 1]);
    }
}

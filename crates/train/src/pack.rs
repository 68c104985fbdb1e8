//! Samples laid end to end into microbatches. A sample is never split; its neighbours never see it.

use model::Batch;
use processor::{Encoded, ImageInput};

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
pub fn num_learned(sample: &Encoded) -> usize {
    sample.learn.iter().skip(1).filter(|&&l| l).count()
}

/// Patches that a microbatch may hold for each of its tokens. Where pictures take few tokens of the language model (Llama 3.2
/// shows 6,404 patches to a caption), they are what fills the memory.
const PATCHES_A_TOKEN: usize = 2;

/// Fills microbatches of at most `micro_tokens` tokens, and of at most twice as many patches, in the given order; a longer
/// sample stands alone. `patches` says how many a picture has.
pub fn pack<'a>(
    samples: impl IntoIterator<Item = &'a Encoded>,
    micro_tokens: usize,
    patches: impl Fn(&ImageInput) -> usize,
) -> Vec<Packed> {
    let mut out: Vec<Packed> = Vec::new();
    let mut shown = 0;
    for sample in samples {
        let own: usize = sample.images.iter().map(&patches).sum();
        let fits = |packed: &Packed| {
            packed.batch.ids.len() + sample.ids.len() <= micro_tokens
                && shown + own <= PATCHES_A_TOKEN * micro_tokens
        };
        if let Some(last) = out.last_mut().filter(|last| fits(last)) {
            last.push(sample);
            shown += own;
        } else {
            let mut packed = Packed::default();
            packed.push(sample);
            out.push(packed);
            shown = own;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use processor::ImageGrid;

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
        let packed = pack(&samples, 7, |_| 0);
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
        let packed = &pack(&[sample(3), sample(4)], 100, |_| 0)[0];
        assert_eq!(packed.rows, [1, 4]);
        assert_eq!(packed.targets, [2, 2]);
        assert_eq!(packed.learned, [1, 1]);
    }

    #[test]
    fn pictures_of_many_patches_part_a_microbatch() {
        let picture = ImageInput {
            pixels: std::sync::Arc::default(),
            shape: Vec::new(),
            grid: ImageGrid::Whole,
            num_tokens: 1,
        };
        let shown = |pictures: usize| Encoded {
            images: vec![picture.clone(); pictures],
            ..sample(2)
        };
        // At most 20 patches: two pictures of 8, or none beside one of more than 20.
        let samples = [shown(1), shown(1), shown(1), shown(3), shown(0), shown(0)];
        let packed = pack(&samples, 10, |_| 8);
        let counts: Vec<usize> = packed.iter().map(|p| p.batch.num_sequences()).collect();
        assert_eq!(counts, [2, 1, 1, 2]);
    }
}

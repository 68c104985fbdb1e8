//! How varied texts are: distinct n-grams (Li et al., 2016).

use super::bleu::tokens;

/// The longest n-gram.
const ORDERS: usize = 4;

/// Counts the different n-grams of texts that come one by one.
///
/// Words are those of [`Bleu`](super::Bleu), tokenizer `13a`, of the lower-cased text, so that marks are words. N-grams stay within
/// a text. They are kept as 64-bit numbers, 8 bytes each and a half more while they are sorted: among 50 million the chance that
/// any two are taken for one is below 1 in 10,000. The share falls as texts are added, so compare only sets of about equally many words.
///
/// ```
/// let mut distinct = evaluation::metrics::Distinct::default();
/// distinct.add("A cat and a dog");
/// distinct.add("a cat");
/// assert_eq!((distinct.share(1), distinct.share(2), distinct.words()), (Some(4.0 / 7.0), Some(4.0 / 5.0), 7));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    seen: [Seen; ORDERS],
    /// All n-grams.
    all: [u64; ORDERS],
}

impl Distinct {
    /// Adds a text.
    pub fn add(&mut self, text: &str) {
        let words: Vec<u64> = tokens(&text.to_lowercase())
            .iter()
            .map(|word| corpus::seed::hash(0, word))
            .collect();
        for (order, (seen, all)) in self.seen.iter_mut().zip(&mut self.all).enumerate() {
            for gram in words.windows(order + 1) {
                *all += 1;
                seen.add(number(gram));
            }
        }
    }

    /// Different n-grams ÷ all n-grams, 0 to 1; `None` if no text has one, or if n is not 1 to 4.
    pub fn share(&self, n: usize) -> Option<f64> {
        let at = n.checked_sub(1).filter(|&at| at < ORDERS)?;
        (self.all[at] > 0).then(|| self.seen[at].count() as f64 / self.all[at] as f64)
    }

    /// How many words there were.
    pub fn words(&self) -> u64 {
        self.all[0]
    }
}

/// Distinct-n of texts for n from 1 to 4; see [`Distinct`].
///
/// ```
/// let shares = evaluation::metrics::distinct(&["a dog runs", "a dog sits"]);
/// assert_eq!(shares, [Some(4.0 / 6.0), Some(3.0 / 4.0), Some(1.0), None]);
/// ```
pub fn distinct<S: AsRef<str>>(texts: &[S]) -> [Option<f64>; ORDERS] {
    let mut distinct = Distinct::default();
    for text in texts {
        distinct.add(text.as_ref());
    }
    std::array::from_fn(|at| distinct.share(at + 1))
}

/// One number for a sequence of words.
fn number(gram: &[u64]) -> u64 {
    gram.iter().fold(gram.len() as u64, |sum, word| {
        corpus::seed::Rng::new(sum.rotate_left(23) ^ word).next_u64()
    })
}

/// Numbers, sorted up to some place; after it new ones, which may repeat.
#[derive(Clone, Debug, Default)]
struct Seen {
    numbers: Vec<u64>,
    sorted: usize,
}

impl Seen {
    /// So many new numbers are let in before they are sorted in, and more if there are many already: a table or tree takes
    /// several times the memory.
    const NEW: usize = 1 << 16;

    fn add(&mut self, number: u64) {
        self.numbers.push(number);
        if self.numbers.len() - self.sorted >= Self::NEW.max(self.sorted / 4) {
            self.settle();
        }
    }

    /// Sorts new numbers in between the old ones, from the end so that nothing is overwritten before it has moved.
    fn settle(&mut self) {
        let new = self.unseen();
        let mut old = self.sorted;
        self.sorted += new.len();
        self.numbers.resize(self.sorted, 0);
        let mut end = self.sorted;
        for number in new.into_iter().rev() {
            while old > 0 && self.numbers[old - 1] > number {
                end -= 1;
                old -= 1;
                self.numbers[end] = self.numbers[old];
            }
            end -= 1;
            self.numbers[end] = number;
        }
    }

    /// The numbers that are not among the sorted ones, sorted.
    fn unseen(&self) -> Vec<u64> {
        let (sorted, new) = self.numbers.split_at(self.sorted);
        let mut new = new.to_vec();
        new.sort_unstable();
        new.dedup();
        let mut at = 0;
        new.retain(|number| {
            while sorted.get(at).is_some_and(|old| old < number) {
                at += 1;
            }
            sorted.get(at) != Some(number)
        });
        new
    }

    fn count(&self) -> usize {
        self.sorted + self.unseen().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_words_are_counted_as_a_set_counts_them() {
        let mut rng = corpus::seed::Rng::new(4);
        let mut distinct = Distinct::default();
        let mut sets: [std::collections::HashSet<Vec<usize>>; ORDERS] = Default::default();
        let mut all = [0; ORDERS];
        // More than fit before numbers are sorted in a second time.
        for _ in 0..12_000 {
            let words: Vec<usize> = (0..rng.below(40)).map(|_| rng.below(60)).collect();
            let text: Vec<String> = words.iter().map(|word| format!("w{word}")).collect();
            distinct.add(&text.join(" "));
            for order in 1..=ORDERS {
                for gram in words.windows(order) {
                    all[order - 1] += 1;
                    sets[order - 1].insert(gram.to_vec());
                }
            }
        }
        for (at, (set, all)) in sets.iter().zip(all).enumerate() {
            assert_eq!(
                distinct.share(at + 1),
                Some(set.len() as f64 / f64::from(all))
            );
        }
        assert_eq!((distinct.share(0), distinct.share(5)), (None, None));
    }
}

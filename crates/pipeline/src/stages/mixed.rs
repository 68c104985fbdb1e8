//! What was mixed has to add up.

use corpus::{Rejected, Sample};
use synthesis::MixOptions;

use crate::error::Imbalance;

/// What was mixed.
#[derive(Default)]
pub struct Mixed {
    pub pairs: usize,
    pub tasks: usize,
    pub rejected: Vec<Rejected>,
    pub of_pairs: usize,
    pub with_task: usize,
    pub replayed: usize,
}

impl Mixed {
    /// Takes in a sample.
    pub fn count(&mut self, sample: &Sample) {
        // A replayed sample may have an origin of its own, but never its own id in it.
        if sample.origin["pair"] == sample.id {
            self.of_pairs += 1;
            self.with_task += usize::from(!sample.origin["triplet"].is_null());
        } else {
            self.replayed += 1;
        }
    }

    /// Every pair became a sample or was left out, every triplet is a sample's task or was, and the rest is replay; gives the
    /// samples with a task.
    pub fn check(&self, options: &MixOptions, general: usize) -> Result<usize, Imbalance> {
        let of_triplets = |r: &&Rejected| ["unknown-pair", "second-triplet"].contains(&&*r.reason);
        let triplets_left_out = self.rejected.iter().filter(of_triplets).count();
        let pairs_left_out = self.rejected.len() - triplets_left_out;
        if self.of_pairs + pairs_left_out != self.pairs {
            return Err(Imbalance::Samples {
                pairs: self.pairs,
                samples: self.of_pairs,
                rejects: pairs_left_out,
            });
        }
        let used = if options.synthetic { self.tasks } else { 0 };
        if self.with_task + triplets_left_out != used {
            return Err(Imbalance::Tasks {
                triplets: used,
                tasks: self.with_task,
                rejects: triplets_left_out,
            });
        }
        let wanted = (self.of_pairs as f64 * options.general_ratio.max(0.0)).round() as usize;
        let wanted = if general == 0 { 0 } else { wanted };
        if self.replayed != wanted {
            return Err(Imbalance::Replay {
                replayed: self.replayed,
                wanted,
            });
        }
        Ok(self.with_task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(id: &str, origin: serde_json::Value) -> Sample {
        Sample {
            id: id.to_owned(),
            images: Vec::new(),
            turns: Vec::new(),
            end: false,
            origin,
        }
    }

    #[test]
    fn counts_of_mixing_have_to_add_up() {
        let options = MixOptions {
            general_ratio: 1.0,
            ..MixOptions::default()
        };
        let found = |tasks: usize, general: usize, items: &[Sample]| {
            let mut mixed = Mixed {
                pairs: 1,
                tasks,
                ..Mixed::default()
            };
            for sample in items {
                mixed.count(sample);
            }
            mixed.check(&options, general)
        };
        let own = [sample(
            "a",
            serde_json::json!({"pair": "a", "triplet": "a"}),
        )];
        assert_eq!(found(1, 0, &own), Ok(1));
        let (pairs, samples, rejects) = (1, 0, 0);
        assert_eq!(
            found(0, 0, &[]),
            Err(Imbalance::Samples {
                pairs,
                samples,
                rejects
            })
        );
        let (triplets, tasks) = (0, 1);
        assert_eq!(
            found(0, 0, &own),
            Err(Imbalance::Tasks {
                triplets,
                tasks,
                rejects
            })
        );
        let (replayed, wanted) = (0, 1);
        assert_eq!(
            found(1, 1, &own),
            Err(Imbalance::Replay { replayed, wanted })
        );
    }
}

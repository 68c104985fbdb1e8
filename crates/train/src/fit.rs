//! What becomes of samples that are too long or teach nothing.

use processor::Encoded;
use serde::{Deserialize, Serialize};

use crate::pack::num_learned;
use crate::{Config, Error, TooLong};

const TOO_LONG: &str = "too-long";
const NOTHING_LEARNED: &str = "nothing-learned";

/// A sample that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Its id.
    pub id: String,
    /// `too-long` (more tokens than `max_seq_len`, and no way to cut it) or `nothing-learned` (no token carries loss).
    pub reason: String,
    /// What was found.
    pub detail: String,
}

/// Why a prepared sample would be left out of a training with these settings; nothing if it would not. Where
/// `too_long` is `error`, length is no reason: the training would end.
pub fn left_out(sample: Encoded, id: &str, config: &Config) -> Option<Dropped> {
    fit(sample, id, config).ok().and_then(Result::err)
}

/// The sample as it will be trained on, or why it is left out.
pub(crate) fn fit(
    mut sample: Encoded,
    id: &str,
    config: &Config,
) -> Result<Result<Encoded, Dropped>, Error> {
    let (found, limit) = (sample.ids.len(), config.max_seq_len);
    let drop = |reason: &str, detail: String| {
        Ok(Err(Dropped {
            id: id.to_owned(),
            reason: reason.to_owned(),
            detail,
        }))
    };
    if found > limit {
        match config.too_long {
            TooLong::Error => {
                return Err(Error::TooLong {
                    id: id.to_owned(),
                    found,
                    limit,
                });
            }
            TooLong::Drop => {
                return drop(TOO_LONG, format!("{found} tokens, at most {limit}"));
            }
            TooLong::TruncateText => {
                if image_tokens_beyond(&sample, limit) {
                    return drop(
                        TOO_LONG,
                        format!("image tokens lie beyond the first {limit} of {found} tokens"),
                    );
                }
                // What is left of a turn's header at the end would teach nothing.
                let end = sample.learn[..limit].iter().rposition(|&l| l);
                let Some(last) = end else {
                    return drop(
                        TOO_LONG,
                        format!("the first {limit} of {found} tokens hold nothing learned"),
                    );
                };
                sample.ids.truncate(last + 1);
                sample.learn.truncate(last + 1);
            }
        }
    }
    if num_learned(&sample) == 0 {
        return drop(NOTHING_LEARNED, "no token carries loss".to_owned());
    }
    Ok(Ok(sample))
}

/// Whether cutting at `limit` would cut an image token. Which id that is follows from how often it must occur; where
/// several ids occur so often, all of them have to lie before the limit.
fn image_tokens_beyond(sample: &Encoded, limit: usize) -> bool {
    let wanted: usize = sample.images.iter().map(|i| i.num_tokens).sum();
    if wanted == 0 {
        return false;
    }
    let mut counts = std::collections::HashMap::new();
    for id in &sample.ids {
        *counts.entry(*id).or_insert(0) += 1;
    }
    let mut found = false;
    for (id, _) in counts.into_iter().filter(|&(_, count)| count == wanted) {
        found = true;
        if sample.ids[limit..].contains(&id) {
            return true;
        }
    }
    !found
}

#[cfg(test)]
mod tests {
    use super::*;
    use processor::{ImageGrid, ImageInput};

    const IMAGE: i64 = 1;

    fn sample(ids: &[i64], learned: std::ops::Range<usize>, images: &[usize]) -> Encoded {
        let image = |&num_tokens: &usize| ImageInput {
            pixels: std::sync::Arc::default(),
            shape: Vec::new(),
            grid: ImageGrid::Tiles {
                original: (1, 1),
                tiles: (1, 1),
            },
            num_tokens,
        };
        Encoded {
            ids: ids.to_vec(),
            learn: (0..ids.len()).map(|i| learned.contains(&i)).collect(),
            images: images.iter().map(image).collect(),
        }
    }

    fn fitted(sample: Encoded, limit: usize, too_long: TooLong) -> Result<Vec<i64>, String> {
        let config = Config {
            max_seq_len: limit,
            too_long,
            ..Config::small(1.0, 1, 1)
        };
        match fit(sample, "s", &config) {
            Ok(Ok(sample)) => Ok(sample.ids),
            Ok(Err(dropped)) => Err(format!("{}: {}", dropped.reason, dropped.detail)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn text_is_cut_and_pictures_are_not() {
        let two = || sample(&[7, IMAGE, IMAGE, IMAGE, 7, 8, 9, 10], 4..8, &[2, 1]);
        let cut = |sample, limit| fitted(sample, limit, TooLong::TruncateText);
        assert_eq!(cut(two(), 8).map(|ids| ids.len()), Ok(8));
        assert_eq!(cut(two(), 6), Ok(vec![7, IMAGE, IMAGE, IMAGE, 7, 8]));
        assert!(cut(two(), 3).is_err_and(|e| e.starts_with("too-long: image tokens")));
        assert!(cut(two(), 4).is_err_and(|e| e.contains("nothing learned")));
    }

    #[test]
    fn a_cut_leaves_no_unlearned_end() {
        let turns = sample(&[5, 6, 20, 21, 6, 22, 23], 2..4, &[]);
        assert_eq!(
            fitted(turns, 6, TooLong::TruncateText),
            Ok(vec![5, 6, 20, 21])
        );
    }

    #[test]
    fn too_long_samples_are_named_or_dropped() {
        let long = || sample(&[5, 6, 7], 1..3, &[]);
        let error = fitted(long(), 2, TooLong::Error).expect_err("too long");
        assert!(error.contains("sample `s` has 3 tokens"), "{error}");
        assert_eq!(
            fitted(long(), 2, TooLong::Drop),
            Err("too-long: 3 tokens, at most 2".to_owned())
        );
    }

    #[test]
    fn samples_without_loss_are_dropped() {
        let only_first = sample(&[5, 6, 7], 0..1, &[]);
        assert_eq!(
            fitted(only_first, 9, TooLong::Error),
            Err("nothing-learned: no token carries loss".to_owned())
        );
    }
}

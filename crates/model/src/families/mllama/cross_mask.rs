//! Which tokens of a text see which of its pictures: the cross-attention mask that `MllamaProcessor` makes.
//!
//! A token sees the pictures whose token came last before it (its own included); pictures whose tokens stand side by side
//! are seen together from there on. Of a picture, its real tiles are seen, not the padding.

use crate::nn::cross::Run;

/// A picture's vision tokens among those of its sequence.
pub type Seen = (i64, i64);

/// Runs of a sequence's new tokens. `is_picture` says which tokens stand for pictures, `pictures` are their vision
/// tokens in order, `before` is what a token saw that came just before the first one.
pub fn runs(is_picture: &[bool], pictures: &[Seen], before: &[Seen]) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    let mut seen = before.to_vec();
    let mut pictures = pictures.iter();
    let mut after_picture = false;
    for &here in is_picture {
        if here {
            if !after_picture {
                seen.clear();
            }
            seen.extend(pictures.next());
        }
        after_picture = here;
        match out.last_mut() {
            Some(last) if last.seen == seen => last.length += 1,
            _ => out.push(Run {
                length: 1,
                seen: seen.clone(),
            }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_see_the_pictures_before_them() {
        let run = |length, seen: &[Seen]| Run {
            length,
            seen: seen.to_vec(),
        };
        let (a, b, c) = ((0, 5), (20, 10), (40, 5));
        let is_picture = [false, true, false, true, true, false, false];
        assert_eq!(
            runs(&is_picture, &[a, b, c], &[]),
            [run(1, &[]), run(2, &[a]), run(1, &[b]), run(3, &[b, c])]
        );
        assert_eq!(
            runs(&[false, true], &[b], &[a]),
            [run(1, &[a]), run(1, &[b])]
        );
    }
}

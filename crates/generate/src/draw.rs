//! Logits, and the choice of the next token from one row of them.
//!
//! Shapes: r rows, d model width, v vocabulary.

use corpus::Decoding;
use corpus::seed::Rng;
use model::Mllm;
use processor::Processor;
use torch::{Kind, Tensor};

use crate::error::Error;

/// The most tokens that are told beside a written one.
const MOST_LIKELY: usize = 100;

/// Logits `[r, v]` in f32 of hidden rows `[r, d]`. The image token is never written: its embedding would be asked for
/// a picture.
pub(crate) fn logits(
    model: &dyn Mllm,
    processor: &dyn Processor,
    hidden_rd: &Tensor,
) -> Result<Tensor, Error> {
    let logits_rv = model::logits(model, hidden_rd)?.f_to_kind(Kind::Float)?;
    let image_token = processor.image_token();
    if (0..logits_rv.size()[1]).contains(&image_token) {
        let _ = logits_rv
            .f_narrow(1, image_token, 1)?
            .f_fill_(f64::NEG_INFINITY)?;
    }
    Ok(logits_rv)
}

/// What is wrong with the settings, if anything.
pub(crate) fn problem(decoding: &Decoding) -> Option<String> {
    let Decoding {
        temperature, top_p, ..
    } = *decoding;
    if !(temperature.is_finite() && temperature >= 0.0) {
        return Some(format!(
            "`temperature` is {temperature}; it must be 0 (greedy) or more"
        ));
    }
    if !(top_p > 0.0 && top_p <= 1.0) {
        return Some(format!(
            "`top_p` is {top_p}; it must be above 0 and at most 1"
        ));
    }
    if !(0.0..=1.0).contains(&decoding.min_p) {
        return Some(format!(
            "`min_p` is {}; it must be from 0 (off) to 1",
            decoding.min_p
        ));
    }
    let penalty = decoding.repetition_penalty;
    if !(penalty.is_finite() && penalty > 0.0) {
        return Some(format!(
            "`repetition_penalty` is {penalty}; it must be above 0, and 1 is off"
        ));
    }
    if decoding.top_logprobs > MOST_LIKELY {
        return Some(format!(
            "`top_logprobs` is {}; it must be at most {MOST_LIKELY}",
            decoding.top_logprobs
        ));
    }
    let choices = &decoding.choices;
    if choices.iter().any(String::is_empty) {
        return Some("`choices` has an empty string, which is no answer".to_owned());
    }
    let twice = (1..choices.len()).find(|&at| choices[..at].contains(&choices[at]));
    if let Some(at) = twice {
        return Some(format!("`choices` has `{}` twice", choices[at]));
    }
    if !choices.is_empty() && decoding.top_logprobs > 0 {
        return Some(
            "`top_logprobs` is for written tokens, and `choices` are ranked whole; ask for `logprobs`"
                .to_owned(),
        );
    }
    if decoding.stop.iter().any(String::is_empty) {
        return Some("`stop` has an empty string, which would end every text at once".to_owned());
    }
    None
}

/// Whether the next token is another than the likeliest.
#[expect(clippy::float_cmp, reason = "exactly what stands for off")]
pub(crate) fn decides(decoding: &Decoding) -> bool {
    decoding.temperature > 0.0 || decoding.repetition_penalty != 1.0
}

/// The next token after those of `before`, prompt and answer; without a temperature the likeliest, of equal ones the one
/// with the lowest id.
#[expect(clippy::float_cmp, reason = "exactly what stands for off")]
pub(crate) fn next<'a>(
    logits: &[f32],
    decoding: &Decoding,
    before: impl Iterator<Item = &'a i64>,
    rng: &mut Rng,
) -> i64 {
    let penalised;
    let logits = if decoding.repetition_penalty == 1.0 {
        logits
    } else {
        penalised = penalise(logits, decoding.repetition_penalty as f32, before);
        &penalised
    };
    if decoding.temperature > 0.0 {
        draw(logits, decoding, rng)
    } else {
        likeliest(logits, 1).first().map_or(0, |best| best.0)
    }
}

/// Makes tokens that were there before less likely, each once, as `RepetitionPenaltyLogitsProcessor` of `transformers`.
fn penalise<'a>(logits: &[f32], penalty: f32, before: impl Iterator<Item = &'a i64>) -> Vec<f32> {
    let mut out = logits.to_vec();
    for &id in before {
        let Some(&logit) = usize::try_from(id).ok().and_then(|id| logits.get(id)) else {
            continue;
        };
        out[id as usize] = if logit < 0.0 {
            logit * penalty
        } else {
            logit / penalty
        };
    }
    out
}

/// The likeliest tokens with their log-probabilities (nats) at temperature 1, the likeliest first; of equal ones the lower id
/// comes first.
pub(crate) fn likeliest(logits: &[f32], count: usize) -> Vec<(i64, f64)> {
    let better = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b));
    let mut ids: Vec<usize> = (0..logits.len()).collect();
    let count = count.min(ids.len());
    if count == 0 {
        return Vec::new();
    }
    ids.select_nth_unstable_by(count - 1, better);
    ids.truncate(count);
    ids.sort_unstable_by(better);
    let normaliser = normaliser(logits);
    let value = |id: usize| (id as i64, f64::from(logits[id]) - normaliser);
    ids.into_iter().map(value).collect()
}

/// Draws a token: temperature, then the `top_k` best, then the smallest set of the best with a mass of `top_p`, of which those
/// stay that have at least `min_p` of the best one's probability.
///
/// The order of the filters and the renewed normalisation between them are those of `transformers`; of equal logits
/// the lower id comes first.
pub(crate) fn draw(logits: &[f32], decoding: &Decoding, rng: &mut Rng) -> i64 {
    let kept = kept(logits, decoding);
    let mass: f64 = kept.iter().map(|k| k.1).sum();
    let mut left = rng.unit() * mass;
    for &(id, weight) in &kept {
        left -= weight;
        if left < 0.0 {
            return id as i64;
        }
    }
    // Rounding left a rest behind the last token.
    kept.last().map_or(0, |k| k.0 as i64)
}

/// What is drawn from: tokens with weights, of which the likeliest one's is 1.
fn kept(logits: &[f32], decoding: &Decoding) -> Vec<(usize, f64)> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: f32| (f64::from(logit - highest) / decoding.temperature).exp();
    let mut kept: Vec<(usize, f64)> = logits.iter().map(|&l| weight(l)).enumerate().collect();
    let better = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if decoding.top_k > 0 && decoding.top_k < kept.len() {
        kept.select_nth_unstable_by(decoding.top_k - 1, better);
        kept.truncate(decoding.top_k);
        kept.sort_unstable_by_key(|k| k.0);
    }
    if decoding.top_p < 1.0 {
        let mass: f64 = kept.iter().map(|k| k.1).sum();
        // Together, tokens below this weight have less than 1 − `top_p` of the mass, so none of them can be in the set.
        let least = (1.0 - decoding.top_p) * mass / kept.len() as f64;
        kept.retain(|k| k.1 >= least);
        kept.sort_unstable_by(better);
        let mut before = 0.0;
        let inside = kept.iter().take_while(|k| {
            let inside = before < decoding.top_p * mass;
            before += k.1;
            inside
        });
        let inside = inside.count().max(1);
        kept.truncate(inside);
    }
    // The likeliest token's weight is 1.
    if decoding.min_p > 0.0 {
        kept.retain(|k| k.1 >= decoding.min_p);
    }
    kept
}

/// The log-probability (nats) of a token at temperature 1, before any filter.
pub(crate) fn log_probability(logits: &[f32], token: i64) -> f64 {
    f64::from(logits[token as usize]) - normaliser(logits)
}

/// The logarithm of the sum of the exponentials.
fn normaliser(logits: &[f32]) -> f64 {
    let highest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let mass: f64 = logits.iter().map(|&l| (f64::from(l) - highest).exp()).sum();
    highest + mass.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of the tokens is drawn.
    fn shares(probabilities: &[f64], change: impl FnOnce(&mut Decoding)) -> Vec<f64> {
        let mut decoding = Decoding {
            temperature: 1.0,
            ..Decoding::default()
        };
        change(&mut decoding);
        let logits: Vec<f32> = probabilities.iter().map(|p| p.ln() as f32).collect();
        let mut rng = Rng::new(3);
        let mut counts = vec![0.0; logits.len()];
        for _ in 0..20_000 {
            counts[draw(&logits, &decoding, &mut rng) as usize] += 1.0 / 20_000.0;
        }
        counts
    }

    fn check(found: &[f64], expected: &[f64]) {
        let near = found
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 0.015);
        assert!(near, "{found:?} for {expected:?}");
        let same_zeros = found
            .iter()
            .zip(expected)
            .all(|(a, b)| (*a == 0.0) == (*b == 0.0));
        assert!(same_zeros, "{found:?} for {expected:?}");
    }

    const P: [f64; 4] = [0.1, 0.5, 0.15, 0.25];

    #[test]
    fn draws_by_probability() {
        check(&shares(&P, |_| {}), &P);
    }

    #[test]
    fn temperature_sharpens() {
        let squares: f64 = P.iter().map(|p| p * p).sum();
        let expected: Vec<f64> = P.iter().map(|p| p * p / squares).collect();
        check(&shares(&P, |d| d.temperature = 0.5), &expected);
    }

    #[test]
    fn top_k_keeps_the_best() {
        check(
            &shares(&P, |d| d.top_k = 2),
            &[0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0],
        );
        check(&shares(&P, |d| d.top_k = 9), &P);
    }

    #[test]
    fn top_p_keeps_the_smallest_set_that_reaches_it() {
        check(
            &shares(&P, |d| d.top_p = 0.7),
            &[0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0],
        );
        check(
            &shares(&P, |d| d.top_p = 0.8),
            &[0.0, 0.5 / 0.9, 0.15 / 0.9, 0.25 / 0.9],
        );
        check(&shares(&P, |d| d.top_p = 0.01), &[0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn top_p_counts_what_top_k_left() {
        // Of 0.5 and 0.25 the first has two thirds, which reaches 0.6.
        check(
            &shares(&P, |d| (d.top_k, d.top_p) = (2, 0.6)),
            &[0.0, 1.0, 0.0, 0.0],
        );
    }

    #[test]
    fn what_is_drawn_from_is_that_of_transformers() {
        let golden = include_str!("../tests/golden/decoding.json");
        let golden: serde_json::Value = serde_json::from_str(golden).expect("golden file");
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            let all = value.as_array().expect("numbers").iter();
            all.map(|number| number.as_f64().expect("a number"))
                .collect()
        };
        for case in golden.as_array().expect("cases") {
            let settings = &case["settings"];
            let number = |key: &str, off: f64| settings[key].as_f64().unwrap_or(off);
            let decoding = Decoding {
                temperature: number("temperature", 1.0),
                top_k: number("top_k", 0.0) as usize,
                top_p: number("top_p", 1.0),
                min_p: number("min_p", 0.0),
                repetition_penalty: number("repetition_penalty", 1.0),
                ..Decoding::default()
            };
            assert_eq!(problem(&decoding), None);
            let logits: Vec<f32> = numbers(&case["logits"]).iter().map(|&l| l as f32).collect();
            let before: Vec<i64> = numbers(&case["before"]).iter().map(|&l| l as i64).collect();
            let penalty = decoding.repetition_penalty as f32;
            let found = kept(&penalise(&logits, penalty, before.iter()), &decoding);
            let mass: f64 = found.iter().map(|k| k.1).sum();
            let mut shares = vec![0.0; logits.len()];
            for (id, weight) in found {
                shares[id] = weight / mass;
            }
            for (found, expected) in shares.iter().zip(numbers(&case["probabilities"])) {
                assert!(
                    (found - expected).abs() < 1e-6,
                    "{found} for {expected}: {settings}"
                );
                assert_eq!(*found == 0.0, expected == 0.0, "{settings}");
            }
        }
    }

    #[test]
    fn a_penalty_changes_what_is_likeliest() {
        let greedy = |penalty: f64, before: &[i64]| {
            let decoding = Decoding {
                repetition_penalty: penalty,
                ..Decoding::default()
            };
            next(
                &[2.0, 3.0, 1.9, -1.0],
                &decoding,
                before.iter(),
                &mut Rng::new(0),
            )
        };
        assert_eq!(greedy(1.0, &[1, 1]), 1);
        // 3 ÷ 1.4 is still above 2; 3 ÷ 1.6 is not, and 2 ÷ 1.6 neither is above 1.9.
        assert_eq!(greedy(1.4, &[1, 1]), 1);
        assert_eq!(greedy(1.6, &[1]), 0);
        assert_eq!(greedy(1.6, &[1, 0, 99, -1]), 2);
    }

    #[test]
    fn the_likeliest_come_in_order() {
        let logits: Vec<f32> = [0.1_f64, 0.5, 0.15, 0.25]
            .map(|p| p.ln() as f32 + 3.0)
            .to_vec();
        let found = likeliest(&logits, 2);
        assert_eq!(found.iter().map(|one| one.0).collect::<Vec<_>>(), [1, 3]);
        assert!((found[0].1 - 0.5_f64.ln()).abs() < 1e-6);
        assert_eq!(likeliest(&[1.0, 1.0, 0.0], 9).len(), 3);
        assert_eq!(likeliest(&[1.0, 2.0, 2.0], 2)[0].0, 1);
    }

    #[test]
    fn log_probability_is_that_of_the_softmax() {
        let logits: Vec<f32> = P.iter().map(|p| p.ln() as f32 + 3.0).collect();
        assert!((log_probability(&logits, 3) - 0.25_f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let check = |decoding: Decoding, word: &str| {
            assert!(
                problem(&decoding).is_some_and(|p| p.contains(word)),
                "{word}"
            );
        };
        check(
            Decoding {
                temperature: -1.0,
                ..Decoding::default()
            },
            "temperature",
        );
        check(
            Decoding {
                top_p: 0.0,
                ..Decoding::default()
            },
            "top_p",
        );
        check(
            Decoding {
                stop: vec![String::new()],
                ..Decoding::default()
            },
            "stop",
        );
        let with = |change: fn(&mut Decoding)| {
            let mut decoding = Decoding::default();
            change(&mut decoding);
            decoding
        };
        check(with(|d| d.min_p = 1.1), "min_p");
        check(with(|d| d.repetition_penalty = 0.0), "repetition_penalty");
        check(with(|d| d.top_logprobs = 101), "top_logprobs");
        check(with(|d| d.choices = vec![String::new()]), "choices");
        check(
            with(|d| d.choices = vec!["a".to_owned(), "a".to_owned()]),
            "twice",
        );
        assert_eq!(problem(&Decoding::default()), None);
    }
}

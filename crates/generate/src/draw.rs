//! Logits, and the choice of the next token from one row of them.
//!
//! Shapes: r rows, d model width, v vocabulary.

use corpus::Decoding;
use corpus::seed::Rng;
use model::Mllm;
use processor::Processor;
use torch::{Kind, Tensor};

use crate::error::Error;

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
    if decoding.stop.iter().any(String::is_empty) {
        return Some("`stop` has an empty string, which would end every text at once".to_owned());
    }
    None
}

/// Draws a token: temperature, then the `top_k` best, then the smallest set of the best with a mass of `top_p`.
///
/// The order of the filters and the renewed normalisation between them are those of `transformers`; of equal logits
/// the lower id comes first.
pub(crate) fn draw(logits: &[f32], decoding: &Decoding, rng: &mut Rng) -> i64 {
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

/// The log-probability (nats) of a token at temperature 1, before any filter.
pub(crate) fn log_probability(logits: &[f32], token: i64) -> f64 {
    let highest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let mass: f64 = logits.iter().map(|&l| (f64::from(l) - highest).exp()).sum();
    f64::from(logits[token as usize]) - highest - mass.ln()
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
        assert_eq!(problem(&Decoding::default()), None);
    }
}

//! Is a difference more than chance?

use corpus::seed::Rng;
use serde::{Deserialize, Serialize};

use super::clusters::{Clusters, Error, check, differences};
use super::distribution::ln_gamma;

/// How [`permutation`] works, in a sentence for a report.
pub const PERMUTATION_METHOD: &str =
    "two-sided paired permutation test that exchanges both systems in whole clusters";

/// So many clusters that differ are tried in every way; more are drawn.
const EXACT: usize = 14;
/// How many exchanges are drawn.
const DRAWS: usize = 9_999;

/// The two-sided p-value of the paired difference, if in each cluster both systems could as well be exchanged.
///
/// Exact for up to 14 clusters that differ, else from 9,999 random exchanges, the observed one counted (Phipson and
/// Smyth, 2010), so that it is never 0.
///
/// ```
/// use evaluation::statistics::{Clusters, permutation};
/// // Five wins and no loss: 2 of 32 exchanges are as far from 0.
/// let p = permutation(&[0.0; 5], &[100.0; 5], &Clusters::single(5), 1).expect("scores");
/// assert_eq!(p, 2.0 / 32.0);
/// ```
pub fn permutation(
    base: &[f64],
    adapted: &[f64],
    clusters: &Clusters,
    seed: u64,
) -> Result<f64, Error> {
    let sums = clusters.sums(&differences(base, adapted)?)?;
    let differing: Vec<f64> = sums
        .iter()
        .map(|(sum, _)| *sum)
        .filter(|&sum| sum != 0.0)
        .collect();
    let observed = differing.iter().sum::<f64>().abs();
    // Sums in another order differ in their last bits.
    let bar = observed - 1e-9 * differing.iter().map(|d| d.abs()).sum::<f64>();
    let is_as_far = |bits: &mut dyn FnMut() -> u64| {
        let mut sum = 0.0;
        for chunk in differing.chunks(64) {
            let mut signs = bits();
            for difference in chunk {
                // The lowest bit becomes the sign.
                sum += f64::from_bits(difference.to_bits() ^ (signs << 63));
                signs >>= 1;
            }
        }
        sum.abs() >= bar
    };
    if differing.len() <= EXACT {
        let all = 1_u64 << differing.len();
        let far = (0..all).filter(|&signs| is_as_far(&mut || signs)).count();
        return Ok(far as f64 / all as f64);
    }
    let mut rng = Rng::new(seed);
    let far = (0..DRAWS)
        .filter(|_| is_as_far(&mut || rng.next_u64()))
        .count();
    Ok((far + 1) as f64 / (DRAWS + 1) as f64)
}

/// McNemar's exact test of two systems on right-or-wrong items.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    /// Items that only the adapted system has right.
    pub gained: usize,
    /// Items that only the base has right.
    pub lost: usize,
    /// Two-sided p-value; it takes items for independent and knows no clusters.
    pub p: f64,
}

/// McNemar's exact test; `None` if a score is neither 0 nor 100.
///
/// ```
/// use evaluation::statistics::mcnemar;
/// let found = mcnemar(&[0.0, 0.0, 100.0], &[100.0, 100.0, 100.0]).expect("scores").expect("right or wrong");
/// assert!((found.gained, found.lost) == (2, 0) && (found.p - 0.5).abs() < 1e-9);
/// ```
pub fn mcnemar(base: &[f64], adapted: &[f64]) -> Result<Option<McNemar>, Error> {
    let differences = differences(base, adapted)?;
    let right = |score: f64| (score - 100.0).abs() < 1e-9;
    if !base
        .iter()
        .chain(adapted)
        .all(|&score| right(score) || score.abs() < 1e-9)
    {
        return Ok(None);
    }
    let gained = differences.iter().filter(|&&d| d > 50.0).count();
    let lost = differences.iter().filter(|&&d| d < -50.0).count();
    Ok(Some(McNemar {
        gained,
        lost,
        p: sign_test(gained, lost),
    }))
}

/// Two-sided exact sign test: the smaller side or fewer of so many fair coins, twice.
fn sign_test(a: usize, b: usize) -> f64 {
    let n = a + b;
    let ln_share = |k: usize| {
        let choose =
            ln_gamma(n as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((n - k) as f64 + 1.0);
        choose - n as f64 * std::f64::consts::LN_2
    };
    let tail: f64 = (0..=a.min(b)).map(|k| ln_share(k).exp()).sum();
    (2.0 * tail).min(1.0)
}

/// P-values adjusted so that the chance of any false finding among them stays at the level (Holm, 1979).
///
/// ```
/// let adjusted = evaluation::statistics::holm(&[0.01, 0.04, 0.03]).expect("p-values");
/// assert_eq!(adjusted, [0.03, 0.06, 0.06]);
/// ```
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, Error> {
    if p_values.is_empty() {
        return Ok(Vec::new());
    }
    check(p_values)?;
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &at) in order.iter().enumerate() {
        largest = largest
            .max((p_values.len() - rank) as f64 * p_values[at])
            .min(1.0);
        adjusted[at] = largest;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mcnemar_is_scipys_binomial_test() {
        // scipy 1.17.1: binomtest(k, n).pvalue.
        for (gained, lost, expected) in [
            (0, 0, 1.0),
            (5, 5, 1.0),
            (3, 12, 0.035_156_25),
            (40, 20, 0.013_489_293_731_191_86),
            (700, 600, 0.006_015_793_861_044_94),
        ] {
            let p = sign_test(gained, lost);
            assert!(
                (p - expected).abs() < 1e-9,
                "{gained} {lost}: {p} instead of {expected}"
            );
        }
        assert_eq!(mcnemar(&[0.0, 40.0], &[0.0, 100.0]), Ok(None));
    }

    #[test]
    fn drawn_exchanges_agree_with_all_of_them() {
        let base = [0.0; 14];
        let adapted: Vec<f64> = (0..14)
            .map(|i| if i < 11 { 100.0 } else { -100.0 })
            .collect();
        let exact = permutation(&base, &adapted, &Clusters::single(14), 1).expect("scores");
        // The same sign test from another side: 11 or more of 14, twice.
        assert!((exact - sign_test(11, 3)).abs() < 1e-12, "{exact}");
        // An item that does not matter makes it draw.
        let more: Vec<f64> = adapted.iter().copied().chain([1e-7]).collect();
        let drawn = permutation(&[0.0; 15], &more, &Clusters::single(15), 1).expect("scores");
        assert!((drawn - exact).abs() < 0.02, "{drawn} {exact}");
    }

    #[test]
    fn whole_clusters_are_exchanged() {
        let clusters = Clusters::new(&["a", "a", "a", "b", "b", "b"]);
        let p = permutation(&[0.0; 6], &[100.0; 6], &clusters, 1).expect("scores");
        assert!(
            (p - 0.5).abs() < 1e-12,
            "two clusters can show nothing: {p}"
        );
        assert_eq!(
            permutation(&[1.0], &[1.0], &Clusters::single(1), 1),
            Ok(1.0)
        );
    }

    #[test]
    fn holm_never_gives_more_than_one() {
        assert_eq!(holm(&[0.6, 0.9]), Ok(vec![1.0, 1.0]));
        assert_eq!(holm(&[]), Ok(vec![]));
        assert_eq!(holm(&[f64::NAN]), Err(Error::NotFinite { at: 0 }));
    }
}

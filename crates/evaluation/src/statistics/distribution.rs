//! The normal and Student's t distribution.

/// Φ: the share of a standard normal below `x`.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x / std::f64::consts::SQRT_2)
}

/// The complementary error function: a power series near 0, a continued fraction beyond.
fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    let square = x * x;
    let scale = (-square).exp() / std::f64::consts::PI.sqrt();
    if x < 2.5 {
        // erf(x) = 2/√π · exp(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1)); all terms are positive, so nothing cancels.
        let (mut term, mut sum, mut n) = (x, x, 0.0);
        while term > 1e-17 * sum {
            n += 1.0;
            term *= 2.0 * square / (2.0 * n + 1.0);
            sum += term;
        }
        return 1.0 - 2.0 * scale * sum;
    }
    // Lentz would do; going down from a fixed depth is simpler and exact enough from 2.5 on.
    let tail = (1..=120)
        .rev()
        .fold(0.0, |tail, k| f64::from(k) / 2.0 / (x + tail));
    scale / (x + tail)
}

/// The point below which a share `p` of Student's t with `freedom` degrees lies; both are above 0, and `p` is below 1.
///
/// Found by bisection on the exact distribution function.
///
/// ```
/// let t = evaluation::statistics::t_quantile(0.975, 4.0);
/// assert!((t - 2.776_445_105).abs() < 1e-9);
/// ```
pub fn t_quantile(p: f64, freedom: f64) -> f64 {
    if p < 0.5 {
        return -t_quantile(1.0 - p, freedom);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while t_cdf(high, freedom) < p && high < 1e9 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if t_cdf(middle, freedom) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The share of Student's t with `freedom` degrees, above 0, that is as far from 0 as `t`: a two-sided p-value.
///
/// ```
/// let p = evaluation::statistics::t_two_sided(-2.776_445_105, 4.0);
/// assert!((p - 0.05).abs() < 1e-9);
/// ```
pub fn t_two_sided(t: f64, freedom: f64) -> f64 {
    let square = t * t;
    let all = freedom + square;
    incomplete_beta(freedom / all, square / all, freedom / 2.0, 0.5)
}

/// The share of Student's t with `freedom` degrees below `t`.
pub(crate) fn t_cdf(t: f64, freedom: f64) -> f64 {
    let tail = 0.5 * t_two_sided(t, freedom);
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (Lentz's method).
///
/// `y` is 1 − x, which a caller knows more exactly than can be computed from an x near 1.
pub(crate) fn incomplete_beta(x: f64, y: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || y <= 0.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(y, x, b, a);
    }
    let (ln_x, ln_y) = if x < y {
        (x.ln(), (-x).ln_1p())
    } else {
        ((-y).ln_1p(), y.ln())
    };
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * ln_x + b * ln_y).exp() / a;
    let near = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut above, mut below) = (1.0, 1.0 / near(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = below;
    for step in 1..500 {
        let step = f64::from(step);
        let twice = a + 2.0 * step;
        for coefficient in [
            step * (b - step) * x / ((twice - 1.0) * twice),
            -(a + step) * (a + b + step) * x / (twice * (twice + 1.0)),
        ] {
            below = 1.0 / near(1.0 + coefficient * below);
            above = near(1.0 + coefficient / above);
            fraction *= above * below;
        }
        if (above * below - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * fraction
}

/// ln Γ(x) for x > 0: Stirling's series after shifting x above 12.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    if x < 12.0 {
        return ln_gamma(x + 1.0) - x.ln();
    }
    let series = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    let square = 1.0 / (x * x);
    let tail = series.iter().rev().fold(0.0, |sum, c| sum * square + c) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() <= 1e-13 * expected.abs().max(1e-3),
            "{found} {expected}"
        );
    }

    #[test]
    fn values_of_scipy() {
        // scipy 1.17.1: norm.cdf, t.ppf, t.cdf, gammaln.
        close(normal_cdf(-1.959_963_984_540_054), 0.025);
        close(normal_cdf(0.3), 0.617_911_422_188_952_6);
        close(normal_cdf(-4.0), 3.167_124_183_311_986e-5);
        close(t_quantile(0.975, 1.0), 12.706_204_736_174_694);
        close(t_quantile(0.975, 49.0), 2.009_575_237_129_239_2);
        close(t_quantile(0.025, 19.0), -2.093_024_054_408_31);
        close(t_cdf(2.0, 7.0), 0.957_190_335_718_512);
        close(ln_gamma(0.5), 0.572_364_942_924_7);
        close(ln_gamma(100.5), 361.435_540_467_777_57);
    }
}

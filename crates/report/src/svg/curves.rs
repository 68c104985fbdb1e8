//! Curves as SVG, without a library: a training curve is a poly-line in a frame.

use std::fmt::Write as _;

use super::escape::escape;

/// A named series.
#[derive(Clone, Debug)]
pub struct Curve {
    /// What it shows.
    pub name: String,
    /// What stands at the axis across.
    pub across: &'static str,
    /// Whether a smoothed line lies over the faint raw one.
    pub smooth: bool,
    /// Place across, in rising order, and value; values that are not finite are left out.
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 12.0;

/// One frame. Empty when there are fewer than two points.
pub fn curves(curve: &Curve) -> String {
    let points: Vec<(f64, f64)> = curve
        .points
        .iter()
        .copied()
        .filter(|(_, y)| y.is_finite())
        .collect();
    if points.len() < 2 {
        return String::new();
    }
    let (x0, x1) = (
        points[0].0,
        points[points.len() - 1].0.max(points[0].0 + 1.0),
    );
    let high = points.iter().map(|p| p.1).fold(f64::MIN, f64::max);
    let low = points.iter().map(|p| p.1).fold(f64::MAX, f64::min);
    let ticks = Ticks::over(low, high);
    let (low, high) = (ticks.low, ticks.high());
    let place = |(x, y): (f64, f64)| {
        (
            LEFT + (x - x0) / (x1 - x0) * (WIDTH - LEFT - 8.0),
            TOP + (high - y) / (high - low) * (HEIGHT - TOP - BOTTOM),
        )
    };
    let line = |points: &[(f64, f64)]| {
        points
            .iter()
            .map(|&p| place(p))
            .fold(String::new(), |mut text, (x, y)| {
                let _ = write!(text, "{x:.1},{y:.1} ");
                text
            })
    };
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\"><title>{}</title>",
        escape(&curve.name),
        escape(&curve.name)
    );
    for tick in 0..=ticks.steps {
        let y = ticks.at(tick);
        let (_, py) = place((x0, y));
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{py:.1}\" y2=\"{py:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{y:.places$}</text>",
            LEFT - 6.0,
            py + 4.0,
            places = ticks.places,
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\">{} {x0:.0}</text><text x=\"{WIDTH}\" y=\"{}\" text-anchor=\"end\">{x1:.0}</text>",
        HEIGHT - 6.0,
        escape(curve.across),
        HEIGHT - 6.0,
    );
    let shown = if curve.smooth {
        let _ = write!(
            svg,
            "<polyline class=\"raw\" points=\"{}\"/>",
            line(&points)
        );
        smoothed(&points)
    } else {
        points.clone()
    };
    let _ = write!(
        svg,
        "<polyline class=\"line\" points=\"{}\"/></svg>",
        line(&shown)
    );
    svg
}

/// Round numbers along an axis.
#[derive(Debug)]
struct Ticks {
    low: f64,
    step: f64,
    steps: u32,
    /// Decimal places that tell the ticks apart.
    places: usize,
}

impl Ticks {
    /// Two to five ticks, steps of 1, 2 or 5 times a power of ten, the outer ones at or beyond the range.
    fn over(low: f64, high: f64) -> Self {
        let range = (high - low).max(1e-6 * high.abs()).max(1e-9);
        let mut power = range.log10().floor() - 1.0;
        loop {
            for digit in [1.0, 2.0, 5.0] {
                let step = digit * 10f64.powf(power);
                // A last bit of rounding is no step of its own.
                let first = (low / step + 1e-9).floor();
                let last = (high / step - 1e-9).ceil().max(first + 1.0);
                if last - first <= 4.0 {
                    return Self {
                        low: first * step,
                        step,
                        steps: (last - first) as u32,
                        places: (-power).max(0.0) as usize,
                    };
                }
            }
            power += 1.0;
        }
    }

    fn at(&self, tick: u32) -> f64 {
        self.low + self.step * f64::from(tick)
    }

    fn high(&self) -> f64 {
        self.at(self.steps)
    }
}

/// A mean over a window of a twentieth of the curve, centred.
fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let half = points.len() / 40;
    (0..points.len())
        .map(|i| {
            let window = &points[i.saturating_sub(half)..(i + half + 1).min(points.len())];
            (
                points[i].0,
                window.iter().map(|p| p.1).sum::<f64>() / window.len() as f64,
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_what_is_not_a_number() {
        let curve = Curve {
            name: "loss".to_owned(),
            across: "step",
            smooth: true,
            points: vec![(1.0, 2.0), (2.0, f64::NAN), (3.0, 1.0)],
        };
        let svg = curves(&curve);
        assert!(svg.contains("polyline") && !svg.contains("NaN"));
    }

    #[test]
    fn ticks_are_round_and_hold_the_range() {
        for (low, high, places, expected) in [
            (0.0, 1.0, 1, vec![0.0, 0.5, 1.0]),
            (64.11, 100.0, 0, vec![60.0, 70.0, 80.0, 90.0, 100.0]),
            (0.04, 6.4, 0, vec![0.0, 2.0, 4.0, 6.0, 8.0]),
            (0.12, 0.13, 3, vec![0.12, 0.125, 0.13]),
        ] {
            let ticks = Ticks::over(low, high);
            let found: Vec<f64> = (0..=ticks.steps).map(|t| ticks.at(t)).collect();
            assert_eq!(ticks.places, places, "{low} to {high}: {ticks:?}");
            assert_eq!(found.len(), expected.len(), "{low} to {high}: {found:?}");
            assert!(
                found
                    .iter()
                    .zip(&expected)
                    .all(|(a, b)| (a - b).abs() < 1e-9),
                "{low} to {high}: {found:?}"
            );
        }
        let constant = Ticks::over(3.0, 3.0);
        assert!(constant.low <= 3.0 && constant.high() >= 3.0 && constant.steps >= 1);
    }

    #[test]
    fn draws_nothing_from_one_point() {
        assert_eq!(
            curves(&Curve {
                name: "loss".to_owned(),
                across: "step",
                smooth: true,
                points: vec![(1.0, 2.0)]
            }),
            ""
        );
    }
}

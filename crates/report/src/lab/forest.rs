//! Differences of pairs of ways with their intervals, as a picture.

use evaluation::statistics::{Outcome, Verdict};
use maud::{Markup, html};

const WIDTH: f64 = 700.0;
/// Where the scale begins and ends.
const EDGE: f64 = 24.0;
/// Height of the line of a domain.
const TITLE: f64 = 26.0;
/// Height of a pair: its name, and its interval below.
const PAIR: f64 = 36.0;
/// Letters of a pair's name; more would leave the picture.
const LETTERS: usize = 96;

/// A group a domain or column, a line a pair; empty without a verdict.
pub(super) fn forest(verdicts: &[Verdict]) -> Markup {
    if verdicts.is_empty() {
        return html! {};
    }
    let most = reach(verdicts);
    let place = |x: f64| {
        let share = (x.clamp(-most, most) + most) / (2.0 * most);
        format!("{:.1}", EDGE + share * (WIDTH - 2.0 * EDGE))
    };
    let mut lines = Vec::new();
    let (mut y, mut on) = (0.0, None);
    for verdict in verdicts {
        let is_new = on != Some(verdict.on.as_str());
        if is_new {
            y += TITLE;
            on = Some(&verdict.on);
        }
        lines.push((is_new, y, verdict));
        y += PAIR;
    }
    let height = y + 26.0;
    html! {
        figure.plot {
            div.scroll tabindex="0" {
                svg.forest viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label="differences of pairs with 95 % intervals" {
                    @for x in [-most, -most / 2.0, most / 2.0, most] {
                        line.grid x1=(place(x)) x2=(place(x)) y1="4" y2=(y + 4.0) {}
                    }
                    line.zero x1=(place(0.0)) x2=(place(0.0)) y1="4" y2=(y + 4.0) {}
                    @for x in [-most, -most / 2.0, 0.0, most / 2.0, most] {
                        text x=(place(x)) y=(y + 20.0) text-anchor="middle" { (tick(x)) }
                    }
                    @for (is_new, y, verdict) in &lines {
                        @if *is_new { text.on x="0" y=(y - 8.0) { (shortened(&verdict.on)) } }
                        text.pair x="8" y=(y + 10.0) { (shortened(&format!("{} − {}", verdict.one, verdict.other))) }
                        line.span x1=(place(verdict.interval[0])) x2=(place(verdict.interval[1])) y1=(y + 22.0) y2=(y + 22.0) {}
                        circle.dot.hollow[verdict.outcome == Outcome::NotToldApart] cx=(place(verdict.difference)) cy=(y + 22.0) r="4" {
                            title { (verdict) }
                        }
                    }
                }
            }
            figcaption {
                "the first minus the second, with 95 % intervals; filled: told apart after Holm's adjustment, hollow: not"
            }
        }
    }
}

/// How far the scale goes to either side: a round number that holds every interval that says something.
fn reach(verdicts: &[Verdict]) -> f64 {
    let says_something = |verdict: &&Verdict| verdict.interval[1] - verdict.interval[0] < 150.0;
    let ends = verdicts
        .iter()
        .filter(says_something)
        .flat_map(|verdict| verdict.interval);
    let points = verdicts.iter().map(|verdict| verdict.difference);
    let most = ends
        .chain(points)
        .fold(0.0_f64, |most, x| most.max(x.abs()));
    let steps = [1.0, 2.0, 4.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0];
    steps
        .into_iter()
        .find(|step| *step >= most)
        .unwrap_or(100.0)
}

fn tick(x: f64) -> String {
    if x == 0.0 {
        "0".to_owned()
    } else if x.fract() == 0.0 {
        format!("{x:+.0}")
    } else {
        format!("{x:+.1}")
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LETTERS {
        return name.to_owned();
    }
    name.chars().take(LETTERS - 1).chain(['…']).collect()
}

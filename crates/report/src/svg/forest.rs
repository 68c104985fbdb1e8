//! Differences with their intervals.

use evaluation::TaskScore;
use maud::{Markup, html};

/// Differences with their intervals as a picture: one line a task, zero in the middle.
pub fn forest(tasks: &[TaskScore], average: Option<&TaskScore>) -> Markup {
    let rows: Vec<&TaskScore> = tasks.iter().chain(average).collect();
    let most = rows
        .iter()
        .flat_map(|r| r.interval)
        .fold(10.0_f64, |most, x| most.max(x.abs()));
    // Half of it is a round number too.
    let most = ((most / 20.0).ceil() * 20.0).min(100.0);
    let place = |x: f64| 170.0 + (x.clamp(-most, most) + most) / (2.0 * most) * 500.0;
    let height = 24 * rows.len() + 30;
    html! {
        figure { div.scroll {
            svg.forest viewBox=(format!("0 0 700 {height}")) role="img" aria-label="differences with intervals" {
                @for x in [-most, -most / 2.0, 0.0, most / 2.0, most] {
                    line.grid x1=(place(x)) x2=(place(x)) y1="0" y2=(height - 20) {}
                    text x=(place(x)) y=(height - 4) text-anchor="middle" { (format!("{x:+.0}")) }
                }
                @for (at, row) in rows.iter().enumerate() {
                    @let y = 24 * at + 14;
                    text x="0" y=(y + 4) { (row.task) }
                    line.span x1=(place(row.interval[0])) x2=(place(row.interval[1])) y1=(y) y2=(y) {}
                    circle.dot cx=(place(row.difference)) cy=(y) r="4" {}
                }
            }
        }
            figcaption { "adapted minus base, with 95 % intervals" }
        }
    }
}

//! What each stage of a training taught, and what the next one made the model forget.

use maud::{Markup, html};

use crate::html::sign;
use crate::summary::{AfterStage, Summary};

/// All tasks before, after each stage and at the end; then what the later stages changed, with intervals.
pub fn section(summary: &Summary) -> Markup {
    let all: &[AfterStage] = &summary.stages;
    let means = [
        ("average", &summary.average),
        ("unseen concepts", &summary.unseen),
        ("general tasks", &summary.general),
    ];
    let mean_of = |after: &AfterStage, name: &str| {
        let found = after.means().find(|(own, _)| *own == name);
        found.map_or_else(|| "–".to_owned(), |(_, score)| format!("{:.1}", score.base))
    };
    html! {
        div.scroll { table {
            tr {
                th { "task" } th.text { "metric" } th { "base" }
                @for after in all { th { (after.system) } }
                th { "adapted" }
            }
            @for (at, task) in summary.tasks.iter().enumerate() {
                tr {
                    td { (task.task) } td.text { (task.metric) } td { (format!("{:.1}", task.base)) }
                    @for after in all {
                        td { @if let Some(score) = after.tasks.get(at) { (format!("{:.1}", score.base)) } }
                    }
                    td { (format!("{:.1}", task.adapted)) }
                }
            }
            @for (name, mean) in means {
                @if let Some(mean) = mean {
                    tr.average {
                        td { (name) } td.text { (mean.metric) } td { (format!("{:.1}", mean.base)) }
                        @for after in all { td { (mean_of(after, name)) } }
                        td { (format!("{:.1}", mean.adapted)) }
                    }
                }
            }
        } }
        div.scroll { table {
            tr { th { "adapted minus" } th.text { "over" } th { "difference" } th { "95 % interval" } }
            @for after in all {
                @for (name, score) in after.means() {
                    tr {
                        td { (after.system) } td.text { (name) }
                        td class=(sign(score.interval)) { (format!("{:+.1}", score.difference)) }
                        td class=(sign(score.interval)) {
                            (format!("{:+.1} to {:+.1}", score.interval[0], score.interval[1]))
                        }
                    }
                }
            }
        } }
        ul.soft {
            @for after in all {
                li { b { (after.system) } ": the model after the stage " (after.stage) ", which trained on " (after.about) "." }
            }
        }
    }
}

//! A run's numbers as a person reads them in the terminal.

use std::fmt::Write as _;

use evaluation::TaskScore;

use crate::endpoints::lines;
use crate::summary::Summary;

/// The before-and-after table as text.
pub fn table(summary: &Summary) -> String {
    let mut out = format!(
        "\n{:<18} {:>4} {:>9} {:>7} {:>7} {:>8} {:>11}  95 % interval\n",
        "task", "n", "majority", "blind", "base", "adapted", "difference"
    );
    let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.1}"));
    let apart = |name: &str, score: &Option<TaskScore>| {
        score.clone().map(|score| TaskScore {
            task: name.to_owned(),
            ..score
        })
    };
    let mut rows = summary.tasks.clone();
    rows.extend(summary.average.clone());
    rows.extend(apart("unseen concepts", &summary.unseen));
    rows.extend(apart("general tasks", &summary.general));
    for row in &rows {
        let _ = writeln!(
            out,
            "{:<18} {:>4} {:>9} {:>7} {:>7.1} {:>8.1} {:>+11.1}  {:+.1} to {:+.1}{}",
            row.task,
            row.n,
            number(row.majority),
            number(row.blind),
            row.base,
            row.adapted,
            row.difference,
            row.interval[0],
            row.interval[1],
            row.warning
                .as_ref()
                .map_or(String::new(), |warning| format!("  {warning}"))
        );
    }
    for against in &summary.against {
        let (name, score) = (&against.name, &against.average);
        let _ = writeln!(
            out,
            "adapted - {name}: {:+.1} ({:+.1} to {:+.1})",
            score.difference, score.interval[0], score.interval[1]
        );
    }
    for after in &summary.stages {
        for (name, score) in after.means() {
            let _ = writeln!(
                out,
                "{}, {name}: {:.1}; adapted {:.1}, {:+.1} ({:+.1} to {:+.1})",
                after.system,
                score.base,
                score.adapted,
                score.difference,
                score.interval[0],
                score.interval[1]
            );
        }
    }
    let _ = writeln!(out, "\n{}", summary.funnel);
    if let Some(filter) = &summary.filter {
        let _ = writeln!(
            out,
            "filter: {:.1} % of triplets right before, {:.1} % after; {:.1} % of the right ones kept ({} known); precise \
             answers alone {:.1} % and {:.1} %",
            filter.before,
            filter.precision,
            filter.recall,
            filter.known,
            filter.precise.before().unwrap_or(0.0),
            filter.precise.precision().unwrap_or(0.0)
        );
    }
    out += &lines(&summary.endpoints);
    out
}

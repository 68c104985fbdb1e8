//! Scores and comparisons as CSV.

use std::fmt::Write as _;

use evaluation::ScoredTask;
use evaluation::scoring::Scorer;
use evaluation::systems::Compared;

use super::columns::blind_of;
use super::quoted::quoted;

/// One row a task, scorer and metric.
pub fn scores(done: &[ScoredTask]) -> String {
    let mut out = "task,scorer,version,metric,score,low,high,n,clusters,majority,blind,unreadable,empty,cut_off,method\n".to_owned();
    for task in done {
        for scored in task.all() {
            let result = &scored.result;
            for (metric, value) in &result.metrics {
                let [low, high] = result
                    .intervals
                    .get(metric)
                    .map_or([String::new(), String::new()], |interval| {
                        interval.map(|end| end.to_string())
                    });
                let n = result
                    .counts
                    .get(metric)
                    .map_or(String::new(), usize::to_string);
                let majority = result
                    .majority
                    .get(metric)
                    .map_or(String::new(), f64::to_string);
                let blind = match result.scorer {
                    Scorer::Strict => blind_of(task, metric),
                    Scorer::Reference => None,
                };
                let blind = blind.map_or(String::new(), |value| value.to_string());
                let _ = writeln!(
                    out,
                    "{},{},{},{metric},{value},{low},{high},{n},{},{majority},{blind},{},{},{},{}",
                    quoted(&result.task),
                    result.scorer.name(),
                    result.version,
                    result.clusters,
                    result.rates.unreadable,
                    result.rates.empty,
                    result.rates.cut_off,
                    quoted(&result.method)
                );
            }
        }
    }
    out
}

/// One row a system other than the base, scorer, task and metric.
pub fn comparisons(found: &Compared) -> String {
    let mut out = "task,metric,scorer,n,clusters,base,adapted,difference,low,high,p,p_holm,better,worse,standardised,detectable,mcnemar_p,unpaired,against,system\n"
        .to_owned();
    let or_empty = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let rows = found.differences.iter().flat_map(|other| {
        let tasks = other.found.tasks.iter();
        tasks.map(move |row| (row, &other.system))
    });
    for (row, system) in rows {
        let c = &row.comparison;
        let _ = writeln!(
            out,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            quoted(&row.task),
            row.metric,
            row.scorer.name(),
            c.n,
            c.clusters,
            c.base,
            c.adapted,
            c.difference,
            c.interval[0],
            c.interval[1],
            c.p,
            row.p_holm,
            c.better,
            c.worse,
            or_empty(c.standardised),
            or_empty(c.detectable),
            or_empty(c.mcnemar.map(|m| m.p)),
            row.unpaired.len(),
            quoted(found.base()),
            quoted(system)
        );
    }
    out
}

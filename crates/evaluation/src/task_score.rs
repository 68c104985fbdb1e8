//! One row of a before-and-after table, and the average of several rows.

use std::collections::{BTreeMap, HashMap};

use corpus::seed::Rng;
use serde::{Deserialize, Serialize};

use crate::statistics::{Bootstrap, Clusters, Error, few_clusters, mean, paired};

/// A task before and after: one row of `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskScore {
    /// The task.
    pub task: String,
    /// The metric's name.
    pub metric: String,
    /// How many items were scored.
    pub n: usize,
    /// Score of always giving the most frequent answer; null where there is none.
    pub majority: Option<f64>,
    /// Score of the adapted model on blank pictures; null where it was not measured.
    pub blind: Option<f64>,
    /// Score of the model before.
    pub base: f64,
    /// Score of the model after.
    pub adapted: f64,
    /// Adapted minus base.
    pub difference: f64,
    /// 95 % interval of the difference.
    pub interval: [f64; 2],
    /// What a reader must know of the interval, such as how few clusters it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// The scores of two systems on the same items of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Paired {
    /// The task.
    pub task: String,
    /// The metric's name.
    pub metric: String,
    /// Score of always giving the most frequent answer.
    pub majority: Option<f64>,
    /// Score of the adapted model on blank pictures.
    pub blind: Option<f64>,
    /// What each item is resampled with: the picture, or the concept it shows.
    pub clusters: Vec<String>,
    /// 0 to 100 for each item.
    pub base: Vec<f64>,
    /// 0 to 100 for each item.
    pub adapted: Vec<f64>,
}

impl Paired {
    /// The row of the table.
    ///
    /// ```
    /// let items = evaluation::Paired {
    ///     task: "colour".into(),
    ///     metric: "accuracy".into(),
    ///     clusters: vec!["apple".into(), "pear".into()],
    ///     base: vec![0.0, 0.0],
    ///     adapted: vec![100.0, 0.0],
    ///     ..Default::default()
    /// };
    /// assert_eq!(items.score(1).expect("scores").difference, 50.0);
    /// ```
    pub fn score(&self, seed: u64) -> Result<TaskScore, Error> {
        let clusters = Clusters::new(&self.clusters);
        let found = paired(&self.base, &self.adapted, &clusters, &Bootstrap::new(seed))?;
        Ok(TaskScore {
            task: self.task.clone(),
            metric: self.metric.clone(),
            n: self.base.len(),
            majority: self.majority,
            blind: self.blind,
            base: mean(&self.base),
            adapted: mean(&self.adapted),
            difference: found.difference,
            interval: [found.low, found.high],
            warning: few_clusters(found.clusters),
        })
    }
}

/// The mean over tasks, each task counted once however many items it has.
///
/// Tasks that share clusters (the same pictures) are resampled together, so that a lucky picture is lucky in all of
/// them; tasks that share none are resampled apart. `None` if there is no task. Majority and blind scores are averaged
/// if every task has one.
pub fn average(tasks: &[Paired], seed: u64) -> Result<Option<TaskScore>, Error> {
    let Some(first) = tasks.first() else {
        return Ok(None);
    };
    let rows: Vec<TaskScore> = tasks
        .iter()
        .map(|task| task.score(seed))
        .collect::<Result<_, _>>()?;
    let over = |value: fn(&TaskScore) -> Option<f64>| {
        let values: Option<Vec<f64>> = rows.iter().map(value).collect();
        values.map(|values| mean(&values))
    };
    let one_metric = rows.iter().all(|row| row.metric == first.metric);
    let (interval, fewest) = joint_interval(tasks, &rows, seed);
    Ok(Some(TaskScore {
        task: "average".to_owned(),
        metric: if one_metric {
            first.metric.clone()
        } else {
            "mean".to_owned()
        },
        n: rows.iter().map(|row| row.n).sum(),
        majority: over(|row| row.majority),
        blind: over(|row| row.blind),
        base: mean(&rows.iter().map(|row| row.base).collect::<Vec<_>>()),
        adapted: mean(&rows.iter().map(|row| row.adapted).collect::<Vec<_>>()),
        difference: mean(&rows.iter().map(|row| row.difference).collect::<Vec<_>>()),
        interval,
        warning: few_clusters(fewest),
    }))
}

/// The adapted system against a rival: a row a task, and their mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    /// One row a task; `base` is the rival's score.
    pub tasks: Vec<TaskScore>,
    /// The mean over these tasks.
    pub average: TaskScore,
}

/// The differences when `rival` gives the scores that stand in the base's place, one an item of the task. `None` if there
/// is no task.
///
/// ```
/// let task = evaluation::Paired {
///     task: "colour".into(),
///     clusters: vec!["apple".into(), "pear".into()],
///     base: vec![0.0, 0.0],
///     adapted: vec![100.0, 0.0],
///     ..Default::default()
/// };
/// let found = evaluation::against(&[task], |task| vec![100.0; task.base.len()], 1);
/// assert_eq!(found.expect("scores").expect("a task").average.difference, -50.0);
/// ```
pub fn against(
    tasks: &[Paired],
    rival: impl Fn(&Paired) -> Vec<f64>,
    seed: u64,
) -> Result<Option<Differences>, Error> {
    let paired: Vec<Paired> = tasks
        .iter()
        .map(|task| Paired {
            base: rival(task),
            ..task.clone()
        })
        .collect();
    let rows: Vec<TaskScore> = paired
        .iter()
        .map(|task| task.score(seed))
        .collect::<Result<_, _>>()?;
    let average = average(&paired, seed)?;
    Ok(average.map(|average| Differences {
        tasks: rows,
        average,
    }))
}

/// The scores of whichever is better on a task, the base or a constant answer where there is one.
pub fn better_of(base: &[f64], constant: Option<&[f64]>) -> Vec<f64> {
    match constant {
        Some(constant) if mean(constant) > mean(base) => constant.to_vec(),
        _ => base.to_vec(),
    }
}

/// For one cluster: the tasks it has items of, with the sum of their differences and their number.
type Shares = BTreeMap<usize, (f64, f64)>;

/// The interval of the mean over tasks, and the number of clusters of the tasks that have the fewest.
fn joint_interval(tasks: &[Paired], rows: &[TaskScore], seed: u64) -> ([f64; 2], usize) {
    let mut by_key: BTreeMap<&str, Shares> = BTreeMap::new();
    for (at, task) in tasks.iter().enumerate() {
        let pairs = task.base.iter().zip(&task.adapted);
        for (key, (base, adapted)) in task.clusters.iter().zip(pairs) {
            let share = by_key.entry(key).or_default().entry(at).or_default();
            share.0 += adapted - base;
            share.1 += 1.0;
        }
    }
    let bootstrap = Bootstrap::new(seed);
    let mut rng = Rng::new(seed);
    let strata = strata(tasks.len(), by_key.into_values());
    let draws = (0..bootstrap.resamples).map(|_| {
        let mut sums = vec![(0.0, 0.0); tasks.len()];
        for stratum in &strata {
            for _ in 0..stratum.len() {
                for (&task, &(sum, count)) in &stratum[rng.below(stratum.len())] {
                    sums[task].0 += sum;
                    sums[task].1 += count;
                }
            }
        }
        // A task of very few clusters may be drawn empty; then it stays at what was observed.
        let means = sums
            .iter()
            .zip(rows)
            .map(|(&(s, n), row)| if n > 0.0 { s / n } else { row.difference });
        means.sum::<f64>() / tasks.len() as f64
    });
    // The stratum with fewest clusters decides how far the interval is expanded.
    let fewest = strata.iter().map(Vec::len).min().unwrap_or(0);
    let (low, high) = bootstrap
        .percentiles(draws.collect(), fewest)
        .unwrap_or((-100.0, 100.0));
    ([low, high], fewest)
}

/// Clusters that are linked by common tasks, together.
fn strata(tasks: usize, clusters: impl Iterator<Item = Shares>) -> Vec<Vec<Shares>> {
    let clusters: Vec<Shares> = clusters.collect();
    let mut group: Vec<usize> = (0..tasks).collect();
    for shares in &clusters {
        let mut linked = shares.keys().map(|&task| group[task]).collect::<Vec<_>>();
        linked.sort_unstable();
        group
            .iter_mut()
            .filter(|g| linked.contains(g))
            .for_each(|g| *g = linked[0]);
    }
    let mut strata: BTreeMap<usize, Vec<Shares>> = BTreeMap::new();
    for shares in clusters {
        let Some(&task) = shares.keys().next() else {
            continue;
        };
        strata.entry(group[task]).or_default().push(shares);
    }
    strata.into_values().collect()
}

/// The most frequent label and the share of items (0 to 100) that always giving it gets right; the first in
/// alphabetical order among equals. `None` if there is no label.
///
/// ```
/// assert_eq!(evaluation::majority(&["no", "yes", "yes", "left"]), Some(("yes", 50.0)));
/// ```
pub fn majority<S: AsRef<str>>(labels: &[S]) -> Option<(&str, f64)> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for label in labels {
        *counts.entry(label.as_ref()).or_default() += 1;
    }
    let (label, count) = counts
        .into_iter()
        .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0)))?;
    Some((label, 100.0 * count as f64 / labels.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, keys: impl Iterator<Item = String>, gain: impl Fn(usize) -> f64) -> Paired {
        let clusters: Vec<String> = keys.collect();
        let base = vec![0.0; clusters.len()];
        let adapted = (0..clusters.len()).map(gain).collect();
        Paired {
            task: name.into(),
            metric: "accuracy".into(),
            clusters,
            base,
            adapted,
            ..Paired::default()
        }
    }

    fn flip(i: usize) -> f64 {
        if i.is_multiple_of(2) { 0.0 } else { 100.0 }
    }

    #[test]
    fn row_has_the_contract_keys() {
        let row = task("colour", (0..30).map(|i| i.to_string()), flip)
            .score(1)
            .expect("row");
        let text = serde_json::to_value(&row).expect("json");
        let keys: Vec<&String> = text.as_object().expect("object").keys().collect();
        let expected = [
            "task",
            "metric",
            "n",
            "majority",
            "blind",
            "base",
            "adapted",
            "difference",
            "interval",
        ];
        assert_eq!(keys, expected);
        assert_eq!(
            (row.base, row.adapted, row.difference, row.n),
            (0.0, 50.0, 50.0, 30)
        );
        assert!(row.interval[0] > 25.0 && row.interval[1] < 75.0);
    }

    #[test]
    fn few_clusters_are_told_in_the_row() {
        let with = |clusters: usize| {
            let keys = (0..60).map(move |i| (i % clusters).to_string());
            task("a", keys, flip)
        };
        let text = "only 7 clusters: the interval is too narrow to rely on";
        let row = with(7).score(1).expect("row");
        assert_eq!(row.warning.as_deref(), Some(text));
        let json = serde_json::to_value(&row).expect("json");
        assert_eq!(json["warning"], text);
        assert_eq!(with(20).score(1).expect("row").warning, None);
        // The average has the warning of the tasks with the fewest clusters, here of one that shares none with the other.
        let rest = task("b", (0..40).map(|i| format!("b{i}")), flip);
        let of = |tasks: &[Paired]| average(tasks, 1).expect("scores").expect("row").warning;
        assert_eq!(of(&[with(7), rest.clone()]).as_deref(), Some(text));
        assert_eq!(of(&[with(20), rest]), None);
    }

    #[test]
    fn tasks_on_the_same_pictures_are_less_certain_than_on_different_ones() {
        let keys = |prefix: &'static str| (0..100).map(move |i| format!("{prefix}{i}"));
        let width = |a: &Paired, b: &Paired| {
            let row = average(&[a.clone(), b.clone()], 1)
                .expect("scores")
                .expect("row");
            assert_eq!((row.difference, row.n), (50.0, 200));
            row.interval[1] - row.interval[0]
        };
        let (a, same, other) = (
            task("a", keys("x"), flip),
            task("b", keys("x"), flip),
            task("b", keys("y"), flip),
        );
        let ratio = width(&a, &same) / width(&a, &other);
        assert!((ratio - 2.0_f64.sqrt()).abs() < 0.1, "{ratio}");
    }

    #[test]
    fn each_task_counts_once() {
        let big = task("big", (0..1000).map(|i| i.to_string()), |_| 0.0);
        let small = task("small", (0..10).map(|i| i.to_string()), |_| 100.0);
        let row = average(&[big, small], 1).expect("scores").expect("row");
        assert_eq!(
            (row.difference, row.metric.as_str(), row.majority),
            (50.0, "accuracy", None)
        );
        assert_eq!(average(&[], 1), Ok(None));
    }

    #[test]
    fn a_constant_answer_is_a_rival_only_where_it_is_better() {
        let base = [0.0, 100.0];
        assert_eq!(better_of(&base, Some(&[100.0, 100.0])), [100.0, 100.0]);
        assert_eq!(better_of(&base, Some(&[100.0, 0.0])), base);
        assert_eq!(better_of(&base, None), base);
        let tasks = [task("a", (0..30).map(|i| i.to_string()), flip)];
        let found = against(&tasks, |task| task.adapted.clone(), 1);
        let found = found.expect("scores").expect("a task");
        assert_eq!((found.tasks[0].base, found.average.difference), (50.0, 0.0));
        assert_eq!(against(&[], |_| Vec::new(), 1), Ok(None));
    }

    #[test]
    fn majority_breaks_ties_by_name() {
        assert_eq!(majority(&["b", "a"]), Some(("a", 50.0)));
        assert_eq!(majority::<&str>(&[]), None);
    }
}

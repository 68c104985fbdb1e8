//! What a run would do and cost: the arithmetic of a plan, its text, and planned against measured afterwards.
//!
//! Counts and steps come from the stages, sizes from the model, times from a short measurement. An estimate says what it
//! rests on; it is no promise.

mod forecast;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::graph::Graph;

pub use self::forecast::{EndpointCost, Forecast, amount};

/// `plan.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The stages in order.
    pub stages: Vec<Step>,
    /// The general model's parameters by group.
    #[serde(default)]
    pub parameters: BTreeMap<String, u64>,
    /// What is not there yet, one line each; the run would stop without it.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Bytes by part, at the largest moment of the run.
    pub memory: BTreeMap<String, u64>,
    /// The most that tensors may take (`model.memory`); none where nobody told.
    #[serde(default)]
    pub memory_budget: Option<u64>,
    /// Bytes by part at the end, checkpoints at the largest moment.
    pub disk: BTreeMap<String, u64>,
    /// Bytes that are free where the run folder is.
    pub free_disk: u64,
    /// What it would take of endpoints; none where no model is at one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Forecast>,
    /// What the numbers rest on.
    pub notes: Vec<String>,
}

/// One stage of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub stage: String,
    /// Its key.
    pub key: String,
    /// Whether it would be skipped.
    pub skipped: bool,
    /// Why it would be skipped or done.
    pub why: String,
    /// What it would cost.
    #[serde(flatten)]
    pub cost: Cost,
}

/// What a stage costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Counts by name, such as `steps`.
    pub counts: BTreeMap<String, u64>,
    /// Records that it hands on.
    #[serde(skip)]
    pub records: usize,
    /// Bytes that it needs in memory at the least.
    #[serde(skip)]
    pub least_memory: u64,
    /// Estimated wall time; none where there were no weights to measure with.
    pub seconds: Option<f64>,
    /// What it would ask at an endpoint, whose time nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointCost>,
    /// Bytes that it leaves on the disk, by part.
    #[serde(skip)]
    pub disk: BTreeMap<String, u64>,
    /// Bytes that it needs on the disk while it runs and gives back, by part.
    #[serde(skip)]
    pub passing_disk: BTreeMap<String, u64>,
}

impl Cost {
    /// A stage of `records` that takes no time worth telling.
    pub fn nothing(records: usize) -> Self {
        Self {
            records,
            seconds: Some(0.0),
            ..Self::default()
        }
    }

    /// With a count more.
    #[must_use]
    pub fn with(mut self, name: &str, count: usize) -> Self {
        self.counts.insert(name.to_owned(), count as u64);
        self
    }
}

/// Bytes on the disk by part: what stages leave together, and of what they need in passing the most.
pub fn disk<'a>(costs: impl Iterator<Item = &'a Cost>) -> BTreeMap<String, u64> {
    let mut out: BTreeMap<String, u64> = BTreeMap::new();
    let mut passing: BTreeMap<String, u64> = BTreeMap::new();
    for cost in costs {
        for (part, bytes) in &cost.disk {
            *out.entry(part.clone()).or_default() += bytes;
        }
        for (part, bytes) in &cost.passing_disk {
            let most = passing.entry(part.clone()).or_default();
            *most = (*most).max(*bytes);
        }
    }
    out.extend(passing);
    out
}

/// Bytes that are free where a folder is. Gives [`Error::FreeDisk`].
pub fn free_disk(folder: &Path) -> Result<u64, Error> {
    rustix::fs::statvfs(folder)
        .map(|found| found.f_bavail * found.f_frsize)
        .map_err(|error| Error::FreeDisk {
            folder: folder.to_owned(),
            source: error.into(),
        })
}

impl Plan {
    /// The file of a run's plan.
    pub const FILE: &'static str = "plan.json";

    /// Estimated seconds in all, without what endpoints take; none where a part is not known.
    pub fn seconds(&self) -> Option<f64> {
        let here = self
            .stages
            .iter()
            .filter(|step| step.cost.endpoint.is_none());
        here.map(|step| step.cost.seconds).sum()
    }

    /// The plan for a person.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for step in &self.stages {
            let what = if step.skipped { "skip" } else { "do" };
            let counts = step.cost.counts.iter();
            let mut counts: Vec<String> = counts.map(|(k, n)| format!("{k} {n}")).collect();
            let endpoint = step.cost.endpoint.as_ref();
            counts.extend(endpoint.map(|cost| format!("at its endpoint {}", cost.text())));
            let _ = writeln!(
                out,
                "{:<17} {what:<5} {:>9}  {}{}{}",
                step.stage,
                match (step.skipped, endpoint) {
                    (true, _) => "-".to_owned(),
                    (false, Some(_)) => "endpoint".to_owned(),
                    (false, None) => duration(step.cost.seconds),
                },
                counts.join(", "),
                if counts.is_empty() { "" } else { "; " },
                step.why
            );
        }
        let _ = writeln!(out, "{:<17} {:>15}", "about", duration(self.seconds()));
        if let Some(forecast) = &self.endpoints {
            let _ = writeln!(out, "{:<17} {}", "endpoints", forecast.total.text());
            for sentence in forecast.short() {
                let _ = writeln!(out, "cap: {sentence}");
            }
        }
        for missing in &self.missing {
            let _ = writeln!(out, "not there yet: {missing}");
        }
        let groups: Vec<String> = self
            .parameters
            .iter()
            .map(|(group, n)| format!("{group} {n}"))
            .collect();
        let total: u64 = self.parameters.values().sum();
        let _ = writeln!(out, "parameters: {total} ({})", groups.join(", "));
        let mut needs = |title: &str, parts: &BTreeMap<String, u64>, there: &str, limit| {
            let needed = parts.values().sum();
            let _ = writeln!(out, "{title}: {}", bytes(needed));
            for (part, n) in parts.iter().filter(|(_, n)| **n > 0) {
                let _ = writeln!(out, "  {part:<36} {:>10}", bytes(*n));
            }
            if let Some(limit) = limit {
                let enough = if needed > limit {
                    "not enough"
                } else {
                    "enough"
                };
                let _ = writeln!(out, "{there}: {}, {enough}", bytes(limit));
            }
        };
        let budget = "memory budget (`model.memory`)";
        needs("memory", &self.memory, budget, self.memory_budget);
        needs("disk", &self.disk, "free disk", Some(self.free_disk));
        for note in &self.notes {
            let _ = writeln!(out, "note: {note}");
        }
        out
    }
}

/// Seconds in words; `unknown` where they are not known.
pub fn duration(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else {
        return "unknown".to_owned();
    };
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Bytes in words.
pub fn bytes(n: u64) -> String {
    match n {
        n if n < 10_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        n if n < 10_000_000_000 => format!("{:.0} MB", n as f64 / 1e6),
        n => format!("{:.1} GB", n as f64 / 1e9),
    }
}

/// Planned against measured, for the stages that are done as they were planned; nothing without a plan. `peak` is the
/// largest resident memory of the program in bytes.
pub fn against_measured(run: &Path, graph: &Graph, peak: u64) -> Option<String> {
    let text = std::fs::read(run.join(Plan::FILE)).ok()?;
    let plan: Plan = serde_json::from_slice(&text).ok()?;
    let mut out = String::from("planned against measured:\n");
    let mut any = false;
    for step in plan.stages.iter().filter(|step| !step.skipped) {
        let node = graph.node(&step.stage);
        let Some(manifest) = node.and_then(|node| graph.stage_folder(run, node).manifest()) else {
            continue;
        };
        if manifest.basis.key != step.key {
            continue;
        }
        any = true;
        let steps = match (
            step.cost.counts.get("steps"),
            manifest.counts["steps"].as_u64(),
        ) {
            (Some(planned), Some(done)) => format!("; steps {planned}, {done}"),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "  {:<17} {:>8} planned, {:>8} measured{steps}",
            step.stage,
            duration(step.cost.seconds),
            duration(Some(manifest.seconds))
        );
    }
    let memory: u64 = plan.memory.values().sum();
    let _ = writeln!(
        out,
        "  {:<17} {:>8} planned, {:>8} measured",
        "memory",
        bytes(memory),
        bytes(peak)
    );
    let disk: u64 = plan.disk.values().sum();
    let _ = write!(
        out,
        "  {:<17} {:>8} planned, {:>8} measured",
        "disk",
        bytes(disk),
        bytes(size_of_folder(run))
    );
    any.then_some(out)
}

/// Bytes of a folder's files, links not followed.
pub fn size_of_folder(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size_of_folder(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_what_is_not_enough() {
        let mut plan = Plan {
            stages: Vec::new(),
            parameters: BTreeMap::new(),
            missing: Vec::new(),
            memory: BTreeMap::from([("weights".to_owned(), 3_000_000_000)]),
            memory_budget: Some(2_000_000_000),
            disk: BTreeMap::from([("models".to_owned(), 5_000_000)]),
            free_disk: 12_000_000_000,
            endpoints: None,
            notes: Vec::new(),
        };
        let text = plan.text();
        for line in [
            "memory: 3000 MB\n  weights ",
            "\nmemory budget (`model.memory`): 2000 MB, not enough\n",
            "\nfree disk: 12.0 GB, enough\n",
        ] {
            assert!(text.contains(line), "{line:?} in\n{text}");
        }
        // Of a machine that does not tell, and of plans that were written before.
        plan.memory_budget = None;
        assert!(!plan.text().contains("budget"));
        let mut written = serde_json::to_value(&plan).expect("JSON");
        written
            .as_object_mut()
            .expect("object")
            .remove("memory_budget");
        let read: Plan = serde_json::from_value(written).expect("an earlier plan");
        assert_eq!(read.memory_budget, None);
    }

    #[test]
    fn the_disk_of_no_folder_has_no_room() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(free_disk(folder.path()).expect("a disk") > 0);
        let nowhere = folder.path().join("nowhere");
        let error = free_disk(&nowhere).expect_err("not there");
        assert!(
            matches!(&error, Error::FreeDisk { folder, .. } if *folder == nowhere),
            "{error:?}"
        );
    }

    #[test]
    fn what_stages_leave_adds_up_and_what_passes_does_not() {
        let cost = |leaves: u64, passes: u64| Cost {
            disk: BTreeMap::from([("models".to_owned(), leaves)]),
            passing_disk: BTreeMap::from([("checkpoints".to_owned(), passes)]),
            ..Cost::default()
        };
        let all = disk([cost(1, 20), cost(2, 10)].iter());
        assert_eq!(all["models"], 3);
        assert_eq!(all["checkpoints"], 20);
    }

    /// Two stages, of which one asks 200 requests at an endpoint whose cap is half of what they cost.
    #[test]
    fn what_endpoints_take_stands_apart_from_time() {
        let step = |stage: &str, cost: Cost| Step {
            stage: stage.to_owned(),
            key: String::new(),
            skipped: false,
            why: "not done yet".to_owned(),
            cost,
        };
        let asked = EndpointCost {
            place: "filter".to_owned(),
            requests: 200,
            prompt_tokens: 34_000,
            completion_tokens: 51_200,
            cost: Some(0.6),
            max_cost: Some(0.3),
            max_tokens: None,
        };
        let filter = Cost {
            endpoint: Some(asked.clone()),
            ..Cost::default()
        };
        let plan = Plan {
            stages: vec![step("pairs", Cost::nothing(100)), step("filter", filter)],
            parameters: BTreeMap::new(),
            missing: Vec::new(),
            memory: BTreeMap::new(),
            memory_budget: None,
            disk: BTreeMap::new(),
            free_disk: 0,
            endpoints: Forecast::of(vec![asked], None, None, String::new()),
            notes: Vec::new(),
        };
        assert_eq!(plan.seconds(), Some(0.0));
        let text = plan.text();
        for line in [
            "filter            do     endpoint  at its endpoint 200 requests, 34000 tokens read, 51200 written, cost 0.60; not \
             done yet\n",
            "\nendpoints         200 requests, 34000 tokens read, 51200 written, cost 0.60\n",
            "\ncap: `filter.endpoint` would take 0.60 (200 requests, 34000 tokens read, 51200 written, cost 0.60), and \
             `filter.max_cost` is 0.30, which is enough for about 50 % of its requests\n",
        ] {
            assert!(text.contains(line), "{line:?} in\n{text}");
        }
        let written = serde_json::to_value(&plan).expect("JSON");
        assert_eq!(written["stages"][1]["endpoint"]["prompt_tokens"], 34_000);
        assert_eq!(written["endpoints"]["total"]["cost"], 0.6);
        // A stage and a plan without endpoints are written as ever.
        assert!(written["stages"][0].get("endpoint").is_none());
        let without = Plan {
            endpoints: None,
            ..plan
        };
        assert!(
            serde_json::to_value(&without)
                .expect("JSON")
                .get("endpoints")
                .is_none()
        );
    }
}

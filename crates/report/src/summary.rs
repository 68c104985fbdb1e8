//! The numbers of a run: `summary.json`.

use std::collections::BTreeMap;

use evaluation::TaskScore;
use evaluation::scoring::{self, Comparisons, DomainAverage, Scorer};
use serde::{Deserialize, Serialize};
use synthesis::Funnel;
use synthesis::measure::{CurvePoint, FilterCounts};
use synthesis::quality::DataQuality;

use crate::endpoints::EndpointRow;

/// What a run found, in numbers. The keys are a contract.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// The run's seed.
    pub seed: u64,
    /// Wall seconds of each stage.
    pub seconds: BTreeMap<String, f64>,
    /// The largest resident memory of the program.
    pub peak_rss_bytes: u64,
    /// From readable pairs to consistent triplets.
    pub funnel: Funnel,
    /// The filter against the known truth; null where the truth is unknown.
    pub filter: Option<FilterScore>,
    /// The measures of the synthetic data; absent where it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<DataQuality>,
    /// One row a task.
    pub tasks: Vec<TaskScore>,
    /// The mean over the tasks.
    pub average: Option<TaskScore>,
    /// The mean over tasks about concepts that training never showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<TaskScore>,
    /// The mean over general tasks: what adapting forgot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub general: Option<TaskScore>,
    /// The adapted model against each control, as `base`.
    #[serde(default)]
    pub against: Vec<Against>,
    /// The adapted model against itself after the stages of its training before the last, where it was asked then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<AfterStage>,
    /// Base and adapted model by the strict scorer, with tests and detectable differences.
    #[serde(default)]
    pub strict: Option<Comparisons>,
    /// Likewise by the published rules, of tasks that have some.
    #[serde(default)]
    pub reference: Option<Comparisons>,
    /// Averages as the paper has them, of tasks with its columns.
    #[serde(default)]
    pub domains: Vec<SystemAverages>,
    /// Answers that are no good whatever they say.
    #[serde(default)]
    pub rates: Vec<Rates>,
    /// What was spent at endpoints, by place; empty where no model is at one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<String, EndpointRow>,
    /// What a reader must know before using the numbers.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A system's averages by one scorer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SystemAverages {
    /// The system.
    pub system: String,
    /// The scorer.
    pub scorer: Scorer,
    /// One a domain of which a task was scored.
    pub domains: Vec<DomainAverage>,
}

/// Shares of a system's answers to a task, 0 to 100.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rates {
    /// The system.
    pub system: String,
    /// The task.
    pub task: String,
    /// The shares.
    #[serde(flatten)]
    pub rates: scoring::Rates,
}

/// The adapted model against one control.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Against {
    /// The control.
    pub name: String,
    /// What it is, in words.
    pub about: String,
    /// One row a task that the average holds; `base` is the control's score.
    pub tasks: Vec<TaskScore>,
    /// The mean over these tasks.
    pub average: TaskScore,
}

/// The adapted model against itself after a stage of its training that another one followed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AfterStage {
    /// What tables and folders call the model then.
    pub system: String,
    /// The stage.
    pub stage: String,
    /// What it trained on, in words.
    pub about: String,
    /// One row a task of whatever kind; `base` is the score after the stage.
    pub tasks: Vec<TaskScore>,
    /// The mean over the tasks of the domain.
    pub average: Option<TaskScore>,
    /// The mean over tasks about concepts that training never showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<TaskScore>,
    /// The mean over general tasks: what the stages that followed forgot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub general: Option<TaskScore>,
}

impl AfterStage {
    /// What the model after a stage is called.
    pub fn system(stage: &str) -> String {
        format!("after-{stage}")
    }

    /// Its means with what each is called.
    pub(crate) fn means(&self) -> impl Iterator<Item = (&'static str, &TaskScore)> {
        let all = [
            ("average", &self.average),
            ("unseen concepts", &self.unseen),
            ("general tasks", &self.general),
        ];
        all.into_iter()
            .filter_map(|(name, score)| Some((name, score.as_ref()?)))
    }
}

/// Keeping as a classifier of right triplets: those whose answers are both true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilterScore {
    /// Share of right ones among the kept triplets, 0 to 100.
    pub precision: f64,
    /// Share of the right ones that were kept, 0 to 100.
    pub recall: f64,
    /// Share of right ones before the filter, 0 to 100.
    pub before: f64,
    /// Triplets whose truth is known.
    pub known: usize,
    /// Kept or not against the truth of the precise answer alone.
    #[serde(default)]
    pub precise: FilterCounts,
    /// The same as the first numbers for each kind of question.
    #[serde(default)]
    pub kinds: BTreeMap<String, FilterCounts>,
    /// What each threshold on `p_yes` alone would keep, strictest first.
    #[serde(default)]
    pub curve: Vec<CurvePoint>,
}

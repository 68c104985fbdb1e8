//! What a lab would do and take, before it starts; and, while it goes on, what is left at the rates that were measured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use corpus::sealed::write_json;
use run::plan::{self, Cost, EndpointCost, Forecast};
use serde::{Deserialize, Serialize};

use super::cell::Lab;
use super::freed;
use super::standing::{Standing, Worked};
use super::union::Union;
use crate::error::Result;
use crate::estimate::{Estimate, FewPairs, Measured, Probe};
use crate::forecast;
use crate::pair_set::PairSet;
use crate::planner;
use crate::settings;
use crate::sources::Sources;

/// `plan.json` of a lab.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LabPlan {
    /// Cells.
    pub cells: usize,
    /// Cells that wait for what is not there, and what that is.
    pub waiting: BTreeMap<String, Vec<String>>,
    /// Distinct stages.
    pub stage_runs: usize,
    /// Stages, had each cell a run folder of its own.
    pub stage_runs_unshared: usize,
    /// Distinct stages that are done before.
    pub done: usize,
    /// By kind of stage.
    pub kinds: BTreeMap<String, OfKind>,
    /// Estimated seconds of what is to be done, one process after the other; none without weights to measure with.
    pub seconds: Option<f64>,
    /// Bytes on the disk at the largest moment, of what is to be done.
    pub disk: u64,
    /// Bytes that are free there.
    pub free_disk: u64,
    /// Bytes that the largest stage needs in memory at the least.
    pub memory: u64,
    /// What it would take of endpoints; none where no model of what is to be done is at one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Forecast>,
    /// What the numbers rest on.
    pub notes: Vec<String>,
    /// Estimated seconds of each stage by its name in the store.
    pub stages: BTreeMap<String, Option<f64>>,
}

/// Stages of one kind in a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OfKind {
    /// Distinct ones.
    pub stage_runs: usize,
    /// Of these done before.
    pub done: usize,
    /// Estimated seconds of the rest; none where one is not known.
    pub seconds: Option<f64>,
}

impl LabPlan {
    /// Its file in the lab's folder.
    pub const FILE: &'static str = "plan.json";

    /// The share of stage runs that cells save by what they have in common, 0 to 1.
    pub fn saved(&self) -> f64 {
        1.0 - self.stage_runs as f64 / self.stage_runs_unshared.max(1) as f64
    }

    /// Seconds of work that are left, each kind at the rate of what was done of it so far; none where nobody knows.
    pub(super) fn left(&self, union: &Union<'_>, worked: &Worked) -> Option<f64> {
        let rates = self.rates(union, worked.seconds.iter().map(|(w, s)| (*w, *s)));
        let mut left = 0.0;
        for (number, work) in union.works.iter().enumerate() {
            let is_open = worked.standings[number] == Standing::Open;
            if is_open && union.runner(number).is_some() {
                left += self.at(&rates, &work.id, work.kind)?;
            }
        }
        Some(left)
    }

    /// What the works that this process did would have been planned to take at the rate of the first one of each kind, and
    /// what they took; none where nobody knows.
    pub fn against_measured(&self, union: &Union<'_>, worked: &Worked) -> Option<[f64; 2]> {
        let mut first: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
        for (&work, &seconds) in &worked.seconds {
            first
                .entry(union.works[work].kind)
                .or_insert((work, seconds));
        }
        let rates = self.rates(union, first.into_values());
        let mut planned = 0.0;
        for &work in worked.seconds.keys() {
            let work = &union.works[work];
            planned += self.at(&rates, &work.id, work.kind)?;
        }
        Some([planned, worked.seconds.values().sum()])
    }

    /// Measured over planned seconds by kind, and the mean of those measured where nothing was planned.
    fn rates(
        &self,
        union: &Union<'_>,
        measured: impl Iterator<Item = (usize, f64)>,
    ) -> BTreeMap<&'static str, Rate> {
        let mut rates: BTreeMap<&'static str, Rate> = BTreeMap::new();
        for (work, seconds) in measured {
            let work = &union.works[work];
            let rate = rates.entry(work.kind).or_default();
            rate.count += 1.0;
            rate.measured += seconds;
            rate.planned += self.stages.get(&work.id).copied().flatten().unwrap_or(0.0);
        }
        rates
    }

    fn at(&self, rates: &BTreeMap<&'static str, Rate>, id: &str, kind: &str) -> Option<f64> {
        let planned = *self.stages.get(id)?;
        match (rates.get(kind), planned) {
            (None, planned) => planned,
            (Some(rate), Some(planned)) if rate.planned > 0.0 => {
                Some(planned * rate.measured / rate.planned)
            }
            (Some(rate), _) => Some(rate.measured / rate.count),
        }
    }
}

/// How far a lab is, for whoever waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Works that are done.
    pub done: usize,
    /// Works in all.
    pub works: usize,
    /// Seconds of work that are left by the plan at the rates measured so far; none where nobody knows.
    pub seconds: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    count: f64,
    measured: f64,
    planned: f64,
}

impl Lab<'_> {
    /// The plan of all cells, or of those alone that wait for nothing; it is written into the lab's folder. Begins no stage.
    ///
    /// Gives what a stage's costs give, and [`Error::Run`](crate::Error::Run) and
    /// [`Error::Corpus`](crate::Error::Corpus).
    pub fn plan(&self, union: &Union<'_>, with_waiting: bool) -> Result<LabPlan> {
        let mut costs: BTreeMap<usize, Cost> = BTreeMap::new();
        let mut measured: BTreeMap<(PathBuf, String), Measured> = BTreeMap::new();
        let (mut notes, mut bases) = (BTreeSet::new(), BTreeSet::new());
        for (driver, found) in union.drivers.iter().zip(&union.cells) {
            if found.works.iter().all(|work| costs.contains_key(work)) {
                continue;
            }
            let pairs = driver.pairs()?;
            let sources = Sources::of(driver.recipe, driver.run, None)?;
            let dtype = format!("{:?}", driver.engine.dtype);
            let of_model = (sources.base.clone(), dtype);
            if !measured.contains_key(&of_model) {
                self.stop.check()?;
                let few = FewPairs::of(pairs.as_ref(), driver.engine.generation.group)?;
                let probe = Probe {
                    engine: driver.engine,
                    base: &sources.base,
                    config: &settings::config(&driver.recipe.train),
                    samples: &planner::few_samples(driver, &sources, &few.first)?,
                    pairs: &few,
                    caption_request: &sources.prompts.synthesizer.caption_request,
                    seed: driver.recipe.seed,
                };
                let mut missing = Vec::new();
                let found = probe.measure(&mut missing)?;
                notes.extend(missing);
                measured.insert(of_model.clone(), found);
            }
            let prompts = forecast::prompts(driver, &found.stages, pairs.as_ref())?;
            bases.extend(prompts.as_ref().map(crate::estimate::Prompts::basis));
            let mut estimate = Estimate {
                training: pairs.as_ref().map_or(0, PairSet::num_training),
                held_out: pairs.as_ref().map_or(0, PairSet::num_held_out),
                measured: &measured[&of_model],
                prompts: prompts.as_ref(),
                before: BTreeMap::new(),
            };
            let stages = found.stages.iter().filter(|stage| stage.basis.is_some());
            for (stage, &work) in stages.zip(&found.works) {
                let cost = stage.stage.cost(&estimate)?;
                let name = stage.node.name.clone();
                estimate.before.insert(name, cost.clone());
                costs.entry(work).or_insert(cost);
            }
        }
        let standings = self.before(union)?;
        let is_asked = |work: usize| with_waiting || union.runner(work).is_some();
        let open = |work: usize| standings[work] == Standing::Open && is_asked(work);
        let mut kinds: BTreeMap<String, OfKind> = BTreeMap::new();
        let mut stages = BTreeMap::new();
        for (number, work) in union.works.iter().enumerate() {
            let cost = &costs[&number];
            let of_kind = kinds.entry(work.kind.to_owned()).or_insert(OfKind {
                seconds: Some(0.0),
                ..OfKind::default()
            });
            of_kind.stage_runs += 1;
            // What endpoints take nobody knows; the rest is worth telling all the same.
            let seconds = if cost.endpoint.is_some() {
                notes.insert("times are without what endpoints take".to_owned());
                Some(0.0)
            } else {
                cost.seconds
            };
            stages.insert(work.id.clone(), seconds);
            if open(number) {
                of_kind.seconds = of_kind.seconds.zip(seconds).map(|(a, b)| a + b);
            }
            if standings[number] != Standing::Open {
                of_kind.done += 1;
            }
        }
        let known = kinds.values().map(|kind| kind.seconds);
        let waiting = (0..self.cells.len()).filter(|&cell| !union.missing(cell).is_empty());
        let plan = LabPlan {
            cells: self.cells.len(),
            waiting: waiting
                .map(|cell| (self.cells[cell].name.clone(), union.missing(cell).to_vec()))
                .collect(),
            stage_runs: union.works.len(),
            stage_runs_unshared: union.unshared(),
            done: kinds.values().map(|kind| kind.done).sum(),
            seconds: known.sum::<Option<f64>>(),
            kinds,
            disk: self.most_disk(union, &costs, &open),
            free_disk: plan::free_disk(&self.store.path)?,
            memory: costs
                .iter()
                .filter(|(work, _)| is_asked(**work))
                .map(|(_, cost)| cost.least_memory)
                .max()
                .unwrap_or(0),
            endpoints: self.endpoints(union, &costs, &open, bases),
            notes: notes.into_iter().collect(),
            stages,
        };
        let _writing = self.store.wait()?;
        write_json(&self.folder.join(LabPlan::FILE), &plan)?;
        Ok(plan)
    }

    /// What works take of endpoints together, by place; the caps are those of the first cell that names one.
    fn endpoints(
        &self,
        union: &Union<'_>,
        costs: &BTreeMap<usize, Cost>,
        open: &dyn Fn(usize) -> bool,
        bases: BTreeSet<String>,
    ) -> Option<Forecast> {
        let mut places: BTreeMap<String, EndpointCost> = BTreeMap::new();
        for number in (0..union.works.len()).filter(|&work| open(work)) {
            let Some(cost) = costs.get(&number).and_then(|cost| cost.endpoint.clone()) else {
                continue;
            };
            match places.get_mut(&cost.place) {
                None => {
                    places.insert(cost.place.clone(), cost);
                }
                Some(sum) => {
                    sum.requests += cost.requests;
                    sum.prompt_tokens += cost.prompt_tokens;
                    sum.completion_tokens += cost.completion_tokens;
                    sum.cost = sum.cost.zip(cost.cost).map(|(a, b)| a + b);
                }
            }
        }
        let mut recipes = self.cells.iter().map(|cell| &cell.recipe);
        let named = recipes.find(|recipe| recipe.endpoint_places().next().is_some());
        let shared = named.map(|recipe| &recipe.endpoints);
        Forecast::of(
            places.into_values().collect(),
            shared.and_then(|shared| shared.max_cost),
            shared.and_then(|shared| shared.max_tokens),
            Vec::from_iter(bases).join("; "),
        )
    }

    /// Where each work stands before anything is done.
    fn before(&self, union: &Union<'_>) -> Result<Vec<Standing>> {
        let mut standings: Vec<Standing> = Vec::new();
        for work in &union.works {
            let mut given = BTreeMap::new();
            for (role, &input) in &work.inputs {
                if let Standing::Done { gave, .. } = &standings[input] {
                    given.insert(role.clone(), gave.clone());
                }
            }
            let mut standing = Standing::Open;
            if given.len() == work.inputs.len() {
                let mut digests = self.digests.borrow_mut();
                let state = work.folder.state(&work.basis, &given, &mut digests)?;
                if let Some((manifest, freed)) = freed::done(&work.folder, &state) {
                    let gave = manifest.gave();
                    standing = Standing::Done { gave, freed };
                }
            }
            standings.push(standing);
        }
        Ok(standings)
    }

    /// Bytes at the largest moment, when works are done in their order.
    fn most_disk(
        &self,
        union: &Union<'_>,
        costs: &BTreeMap<usize, Cost>,
        open: &dyn Fn(usize) -> bool,
    ) -> u64 {
        let (mut lies, mut most) = (0_u64, 0_u64);
        let mut done: BTreeSet<usize> = (0..union.works.len()).filter(|&w| !open(w)).collect();
        let mut weights: BTreeMap<usize, u64> = BTreeMap::new();
        for number in (0..union.works.len()).filter(|&work| open(work)) {
            let cost = &costs[&number];
            let passing: u64 = cost.passing_disk.values().sum();
            lies += cost.disk.values().sum::<u64>();
            most = most.max(lies + passing);
            done.insert(number);
            let models = cost.disk.get("models").copied().unwrap_or(0);
            if self.frees_weights && models > 0 {
                weights.insert(number, models);
            }
            weights.retain(|model, bytes| {
                let is_used = !union.works[*model].consumers.is_subset(&done);
                if !is_used {
                    lies = lies.saturating_sub(*bytes);
                }
                is_used
            });
        }
        most
    }
}

/// How far the lab is.
pub(super) fn progress(union: &Union<'_>, worked: &Worked, plan: Option<&LabPlan>) -> Progress {
    let is_done = |standing: &&Standing| matches!(standing, Standing::Done { .. });
    Progress {
        done: worked.standings.iter().filter(is_done).count(),
        works: union.works.len(),
        seconds: plan.and_then(|plan| plan.left(union, worked)),
    }
}

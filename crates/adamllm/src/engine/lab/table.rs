//! The table of a lab: every finished cell's scores, way by way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ::quality::Ground;
use ::quality::assessment::{Assessment, ItemScore};
use anyhow::{Context as _, Result};
use corpus::jsonl;
use corpus::sealed::{read_sealed, write_json};
use evaluation::grids::{self, Column, Run, Way};
use pipeline::lab::{CellState, LabPlan, Union, Worked};
use pipeline::stages::judged_sets::TRAINED;
use pipeline::stages::quality::Quality;
use pipeline::stages::score::{ADAPTED, BASE};
use pipeline::stages::{answer, assess, quality, score};
use report::AfterStage;
use report::lab::{self, Page, Row, State, Unfinished, Work};
use run::grid::{self, Grid, Layout, Levels};
use serde_json::Value;
use synthesis::Answers;
use synthesis::quality::{DataQuality, Item};

use super::cells::Prepared;

/// The page.
pub const PAGE: &str = "table.html";

/// The domain of columns that are measures of the data and no tasks.
const DATA: &str = "data";

/// What a table is made of.
pub struct Of<'a> {
    /// The grid.
    pub grid: &'a Grid,
    /// Its cells.
    pub prepared: &'a Prepared,
    /// What they are made of.
    pub union: &'a Union<'a>,
    /// What was done.
    pub worked: &'a Worked,
    /// What was planned.
    pub plan: &'a LabPlan,
    /// Where each cell of the grid stands.
    pub states: &'a [CellState],
}

/// What became of a grid.
pub struct Table {
    /// All of it.
    pub page: Page,
    /// For a terminal.
    pub text: String,
}

/// A row that is to be: a system of a way.
struct Draft {
    row: Row,
    runs: Vec<Run>,
}

impl Of<'_> {
    /// Makes the table and writes it into the lab's folder in every form.
    pub fn write(&self, lab: &Path) -> Result<Table> {
        let page = self.page()?;
        let text = lab::markdown(&page);
        write_json(&lab.join("table.json"), &page)?;
        for (name, text) in [
            (PAGE, &lab::html(&page)),
            ("table.md", &text),
            ("table.csv", &lab::csv(&page)),
            ("verdicts.csv", &lab::verdicts_csv(&page)),
            ("table.tex", &lab::latex(&page)),
        ] {
            let path = lab.join(name);
            let aside = corpus::sealed::aside(&path);
            fs::write(&aside, text)
                .and_then(|()| fs::rename(&aside, &path))
                .with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        Ok(Table { page, text })
    }

    fn page(&self) -> Result<Page> {
        let ways = self.grid.ways();
        let factors = self.grid.factors.iter().filter(|factor| !factor.is_seed);
        let factors: Vec<String> = factors.map(|factor| factor.name.clone()).collect();
        let mut drafts: Vec<Draft> = Vec::new();
        // The place of each way's adapted model among the drafts.
        let mut adapted: Vec<usize> = Vec::new();
        // A model that was not trained is the same in every way that begins with it.
        let mut bases: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        for way in &ways {
            let levels = factors.iter().map(|factor| {
                let level = way.levels.get(factor);
                level.cloned().unwrap_or_default()
            });
            let levels: Vec<String> = levels.collect();
            let base = self.base_of(way);
            if let Some(base) = base.filter(|base| !bases.contains_key(base)) {
                let place = drafts.len();
                bases.insert(base, place);
                let mut draft = self.draft(way, BASE, "untrained model", Vec::new())?;
                self.publish(&mut draft.row, &way.levels, BASE);
                drafts.push(draft);
            }
            for system in self.after(way) {
                let stage = system.trim_start_matches(&AfterStage::system(""));
                let name = format!("{}, after stage {stage}", way.name);
                let mut draft = self.draft(way, &system, &name, levels.clone())?;
                self.publish(&mut draft.row, &way.levels, &system);
                drafts.push(draft);
            }
            let mut draft = self.draft(way, ADAPTED, &way.name, levels)?;
            self.publish(&mut draft.row, &way.levels, ADAPTED);
            adapted.push(drafts.len());
            drafts.push(draft);
        }
        self.name_bases(&ways, &bases, &mut drafts);
        let mut compared: Vec<Way> = Vec::new();
        for Draft { row, runs } in &mut drafts {
            if !runs.is_empty() {
                row.way = Some(compared.len());
                compared.push(Way {
                    name: row.name.clone(),
                    runs: std::mem::take(runs),
                });
            }
        }
        let rows: Vec<Row> = drafts.into_iter().map(|draft| draft.row).collect();
        let place = |way: usize| rows[adapted[way]].way;
        let pairs = self.grid.comparisons().into_iter();
        let pairs: Vec<(usize, usize)> = pairs
            .filter_map(|(one, other)| Some((place(one)?, place(other)?)))
            .collect();
        let compared = grids::compare(&compared, &pairs).context("cells cannot be compared")?;
        let mut notes = self.grid.notes.clone();
        let skips = self.grid.skips.iter();
        notes.extend(skips.map(|skip| {
            let levels: Vec<&str> = skip.levels.values().map(String::as_str).collect();
            format!("no cell of {}: {}", levels.join(", "), skip.because)
        }));
        Ok(Page {
            title: self.grid.title.clone(),
            about: self.grid.about.clone(),
            layout: match self.grid.layout {
                Layout::Tasks => lab::Layout::Tasks,
                Layout::Ways => lab::Layout::Ways,
            },
            factors,
            rows,
            compared,
            notes,
            work: Some(self.work()),
        })
    }

    /// A system of a way with the runs of its finished cells.
    fn draft(
        &self,
        way: &grid::Way,
        system: &str,
        name: &str,
        levels: Vec<String>,
    ) -> Result<Draft> {
        let mut row = Row {
            name: name.to_owned(),
            levels,
            system: system.to_owned(),
            cells: way.cells.len(),
            needs: way.needs.clone().filter(|_| system == ADAPTED),
            ..Row::default()
        };
        let (mut runs, mut steps, mut learned) = (Vec::new(), Vec::new(), Vec::new());
        for (seed, cell) in &way.cells {
            let Some((number, state)) = self.cell(cell) else {
                continue;
            };
            let unfinished = |state| Unfinished {
                cell: cell.clone(),
                state,
            };
            match state {
                CellState::Finished => {}
                CellState::Waiting { missing } => {
                    row.unfinished
                        .push(unfinished(State::Waits(missing.join("; "))));
                    continue;
                }
                CellState::Failed { text, .. } => {
                    row.unfinished.push(unfinished(State::Failed(text.clone())));
                    continue;
                }
                CellState::Open { .. } => {
                    row.unfinished.push(unfinished(State::NotDone));
                    continue;
                }
            }
            let Some(number) = number else { continue };
            row.finished += 1;
            let columns = self.columns(number, system)?;
            runs.push(Run {
                seed: seed.unwrap_or_default(),
                columns,
            });
            if system == ADAPTED {
                let counts = self.trained(number);
                steps.push(counts[0]);
                learned.push(counts[1]);
            }
        }
        let mean = |all: Vec<u64>| {
            let sum: u64 = all.iter().sum();
            (!all.is_empty()).then(|| sum as f64 / all.len() as f64)
        };
        row.steps = mean(steps);
        row.learned_tokens = mean(learned);
        Ok(Draft { row, runs })
    }

    /// A cell's number among those that can be used, and where it stands.
    fn cell(&self, name: &str) -> Option<(Option<usize>, &CellState)> {
        let mut all = self.prepared.all.iter().zip(self.states);
        all.find(|((cell, _), _)| cell.name == name)
            .map(|((_, found), state)| (found.as_ref().ok().copied(), state))
    }

    /// The columns of a finished cell's system.
    fn columns(&self, cell: usize, system: &str) -> Result<Vec<Column>> {
        let Some(place) = self.union.place(cell, score::NAME) else {
            return Ok(Vec::new());
        };
        let mut columns = grids::columns(&place.path.join(system))?;
        for column in &mut columns {
            if let Some(apart) = self.union.apart(cell, &column.task) {
                apart.clone_into(&mut column.domain);
            }
        }
        if system == ADAPTED {
            let known = self.union.place(cell, quality::NAME);
            if let Some(place) = known {
                columns.extend(of_data(&place.path)?);
            }
            if let Some(place) = self.union.place(cell, assess::NAME) {
                columns.extend(judged(&place.path, known.is_some())?);
            }
        }
        Ok(columns)
    }

    /// Steps and learned tokens of all trainings of a cell's adapted model.
    fn trained(&self, cell: usize) -> [u64; 2] {
        let manifests = self.union.trainings(cell).into_iter();
        let counts = manifests.filter_map(|folder| Some(folder.manifest()?.counts));
        counts.fold([0, 0], |[steps, learned], counts: Value| {
            let of = |name: &str| counts[name].as_u64().unwrap_or(0);
            [steps + of("steps"), learned + of("learned tokens")]
        })
    }

    /// What the untrained model of a way answered, by its names in the store; none where nothing of it is finished.
    fn base_of(&self, way: &grid::Way) -> Option<Vec<String>> {
        let finished = self.finished(way);
        let name = format!("{}-{BASE}", answer::NAME);
        let ids = finished.into_iter();
        let ids: Vec<String> = ids
            .filter_map(|cell| self.union.ids(cell).remove(&name))
            .collect();
        (!ids.is_empty()).then_some(ids)
    }

    /// The finished cells of a way.
    fn finished(&self, way: &grid::Way) -> Vec<usize> {
        let cells = way.cells.iter();
        cells
            .filter_map(|(_, cell)| match self.cell(cell)? {
                (Some(number), CellState::Finished) => Some(number),
                _ => None,
            })
            .collect()
    }

    /// The systems of a way between the stages of its training.
    fn after(&self, way: &grid::Way) -> Vec<String> {
        let Some(place) = self
            .finished(way)
            .first()
            .and_then(|&cell| self.union.place(cell, score::NAME))
        else {
            return Vec::new();
        };
        let entries = fs::read_dir(&place.path).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut found: Vec<String> = names
            .filter(|name| name.starts_with(&AfterStage::system("")))
            .collect();
        found.sort();
        found
    }

    /// Names what is trained nowhere by what tells it from the others, where there are several.
    fn name_bases(
        &self,
        ways: &[grid::Way],
        bases: &BTreeMap<Vec<String>, usize>,
        drafts: &mut [Draft],
    ) {
        if bases.len() < 2 {
            return;
        }
        for way in ways {
            let Some(&place) = self.base_of(way).and_then(|base| bases.get(&base)) else {
                continue;
            };
            let row = &mut drafts[place].row;
            // The first way that begins with it gives it its name.
            if !row.name.contains(" of ") {
                row.name = format!("{} of {}", row.name, way.name);
            }
        }
    }

    /// Puts the paper's numbers beside a row.
    fn publish(&self, row: &mut Row, levels: &Levels, system: &str) {
        let is_of = |published: &&grid::Published| {
            let mut named = published.levels.iter();
            published.system == system
                && named.all(|(factor, level)| levels.get(factor) == Some(level))
        };
        let found = self.grid.published.iter().find(is_of);
        row.published = found.map(|published| lab::Published {
            scores: published.scores.clone(),
            source: published.source.clone(),
            differs: published.differs.clone(),
        });
    }

    fn work(&self) -> Work {
        let planned = self.plan.stages.values().copied();
        let done = self.union.works.iter();
        let seconds = done.filter_map(|work| Some(work.folder.manifest()?.seconds));
        Work {
            stage_runs: self.union.works.len(),
            unshared: self.union.unshared(),
            planned: planned.sum::<Option<f64>>(),
            measured: (!self.worked.standings.is_empty()).then(|| seconds.sum()),
        }
    }
}

/// A measure of an item; none where it is not known.
type Measure = fn(&Item) -> Option<f64>;

/// Measures of a cell's synthetic data as columns.
fn of_data(folder: &Path) -> Result<Vec<Column>> {
    let Some(found) = read_sealed::<DataQuality>(&folder.join(quality::QUALITY)) else {
        return Ok(Vec::new());
    };
    let items: Vec<Item> = jsonl::read(&folder.join(quality::ITEMS))?;
    let measures: [(&str, Measure); 4] = [
        ("accuracy", |item| item.accuracy),
        ("consistency", |item| item.consistency),
        ("complexity", |item| item.complexity),
        ("knowledge", |item| item.knowledge),
    ];
    let mut columns = Vec::new();
    for (name, of) in measures {
        columns.extend(of_items(name, &items, of));
    }
    if let Some(diversity) = found.data.diversity {
        columns.push(Column::number(DATA, "diversity", "diversity", diversity));
    }
    let answers = Answers::ALL.iter().copied();
    for answers in answers.filter(|answers| found.unfiltered.contains_key(answers.as_str())) {
        let items: Vec<Item> = jsonl::read(&folder.join(Quality::unfiltered(answers)))?;
        let name = format!("accuracy of {} answers before the filter", answers.as_str());
        columns.extend(of_items(&name, &items, |item| item.accuracy));
    }
    Ok(columns)
}

/// What a judge said of a cell's synthetic data as columns; they are called so where what is true is known beside.
fn judged(folder: &Path, is_known: bool) -> Result<Vec<Column>> {
    let name = |measure: &str| {
        if is_known {
            format!("judged {measure}")
        } else {
            measure.to_owned()
        }
    };
    let scores: Vec<ItemScore> = jsonl::read(&folder.join(assess::SCORES))?;
    let mut by_column: BTreeMap<String, Vec<grids::Row>> = BTreeMap::new();
    for score in scores {
        let column = match score.set.as_str() {
            TRAINED => name(score.aspect.as_str()),
            set => format!("{} {set}", name(score.aspect.as_str())),
        };
        by_column.entry(column).or_default().push(grids::Row {
            item: score.item,
            cluster: score.pair,
            score: score.score,
        });
    }
    let columns = by_column.into_iter();
    let mut columns: Vec<Column> = columns
        .map(|(name, rows)| Column::samples(DATA, &name, &name, rows))
        .collect();
    let path = folder.join(assess::ASSESSMENT);
    let found = read_sealed::<Assessment>(&path)
        .with_context(|| format!("`{}` is damaged or of another version", path.display()))?;
    let of_trained = found
        .classes
        .iter()
        .find(|of| of.part == TRAINED && of.rater.ground == Ground::Model);
    if let Some(diversity) = of_trained.and_then(|of| of.diversity_of_17) {
        let name = name("diversity");
        columns.push(Column::number(DATA, &name, &name, diversity));
    }
    Ok(columns)
}

/// A measure of items as a column; none where no item has it.
fn of_items(name: &str, items: &[Item], of: Measure) -> Option<Column> {
    let rows = items.iter().filter_map(|item| {
        Some(grids::Row {
            item: item.id.clone(),
            cluster: item.cluster.clone(),
            score: of(item)?,
        })
    });
    let rows: Vec<grids::Row> = rows.collect();
    (!rows.is_empty()).then(|| Column::samples(DATA, name, name, rows))
}

//! What judges, people and known truth say of the sample becomes numbers, a page, and the sheet for people.

use std::collections::BTreeMap;
use std::path::PathBuf;

use corpus::jsonl;
use corpus::sealed::write_sealed;
use quality::assessment::{self, Assessment, AssessmentOptions, RaterRatings};
use quality::{CaseChoice, Ground, Item, Rater, Sample, cases, ratings};
use report::quality_page::{self, PlainTable, QualityPage};
use report::sheet::{SheetOptions, sheet};
use run::plan::Cost;
use run::recipe::Recipe;
use run::{Node, Place};
use serde::{Deserialize, Serialize};
use synthesis::prompts::RubricPrompts;

use super::answerable::{self, Answerable};
use super::find_cases::{self, FindCases};
use super::judge::{self, Judge};
use super::sample::{self, DrawSample};
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::stage::{Link, Site, Stage};
use crate::truths;

/// Its name.
pub const NAME: &str = "assess";

/// The page.
pub const PAGE: &str = "index.html";
/// The same for a terminal.
pub const TEXT: &str = "quality.md";
/// The file of the [`Assessment`].
pub const ASSESSMENT: &str = "assessment.json";
/// The sheet on which people rate.
pub const SHEET: &str = "sheet.html";
/// The file of [`ItemScore`](assessment::ItemScore)s.
pub const SCORES: &str = "scores.jsonl";

/// An answer is right from this level of accuracy on.
const RIGHT: usize = 5;

/// Puts ratings together.
#[derive(Clone, Debug)]
pub struct Assess {
    sample: Link<DrawSample>,
    judge: Option<Link<Judge>>,
    answerable: Option<Link<Answerable>>,
    cases_of: Option<Link<FindCases>>,
    ratings: Vec<PathBuf>,
    truth: Option<PathBuf>,
    rubrics: RubricPrompts,
    prompts_file: Option<PathBuf>,
    cases: usize,
    show: Vec<String>,
    seed: u64,
}

/// What it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Who rated: models, people, known truth.
    pub raters: u64,
    /// Ratings of all.
    pub ratings: u64,
}

impl Assess {
    /// Of a recipe.
    ///
    /// Gives [`Error::Io`] and [`Error::Prompts`] for the file of prompts.
    pub fn of(
        recipe: &Recipe,
        sample: Link<DrawSample>,
        judge: Option<Link<Judge>>,
        answerable: Option<Link<Answerable>>,
        cases_of: Option<Link<FindCases>>,
    ) -> Result<Self> {
        let judging = &recipe.judging;
        Ok(Self {
            sample,
            judge,
            answerable,
            cases_of,
            ratings: judging.ratings.clone(),
            truth: recipe.truth.clone(),
            rubrics: judge::prompts(recipe)?.rubrics,
            prompts_file: judging.prompts.clone(),
            cases: judging.cases,
            show: judging.show.clone(),
            seed: recipe.seed,
        })
    }

    /// What models and people said.
    fn raters(&self, site: &Site<'_>, sample: &Sample) -> Result<Vec<RaterRatings>> {
        let mut all = Vec::new();
        if let Some(link) = &self.judge {
            all.push(Judge::said(site, link)?);
        }
        for sheet in ratings::read(&self.ratings, sample, &self.rubrics)? {
            for coverage in sheet.coverage.iter().filter(|one| one.missing() > 0) {
                site.report.note(format!(
                    "`{}` rated {} of {} tasks by {}",
                    sheet.rater.name,
                    coverage.rated,
                    coverage.items,
                    coverage.aspect.as_str()
                ));
            }
            all.push(RaterRatings {
                rater: sheet.rater,
                author: None,
                ratings: sheet.ratings,
                unread: BTreeMap::new(),
            });
        }
        Ok(all)
    }
}

impl Stage for Assess {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let mut inputs = vec![(sample::NAME, self.sample.name())];
        inputs.extend(self.judge.as_ref().map(|link| (judge::NAME, link.name())));
        let answerable = self.answerable.as_ref();
        inputs.extend(answerable.map(|link| (answerable::NAME, link.name())));
        let cases = self.cases_of.as_ref();
        inputs.extend(cases.map(|link| (find_cases::NAME, link.name())));
        let folder = PathBuf::from(sample::GROUP).join(NAME);
        Node::of(NAME, Place::Rank0, &inputs).within(sample::GROUP, folder)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(&["quality.cases", "quality.show", "run.seed"]);
        for (at, path) in self.ratings.iter().enumerate() {
            reader.file(&format!("ratings {at}"), path)?;
        }
        if let Some(path) = &self.prompts_file {
            reader.file("the prompts", path)?;
        }
        match &self.truth {
            Some(path) => reader.file("the truth", path),
            None => Ok(()),
        }
    }

    fn cost(&self, _: &Estimate<'_>) -> Result<Cost> {
        Ok(Cost::nothing(0))
    }

    fn loads(&self) -> &'static [&'static str] {
        &[]
    }

    fn check(&self, site: &Site<'_>) -> Result<()> {
        let sample = DrawSample::sample(site, &self.sample)?;
        ratings::read(&self.ratings, &sample, &self.rubrics)?;
        truths::read(self.truth.as_deref())?;
        Ok(())
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let sample = DrawSample::sample(site, &self.sample)?;
        let raters = self.raters(site, &sample)?;
        let truth = truths::read(self.truth.as_deref())?;
        let options = AssessmentOptions {
            truth: self.truth.is_some().then_some(&truth),
            right_level: RIGHT,
            prompts: &self.rubrics,
            seed: self.seed,
        };
        let found = assessment::assess(&sample, &raters, &options);
        for warning in &found.warnings {
            site.report.warn(warning.clone());
        }
        let knows = |rater: &Rater| rater.ground == Ground::Truth;
        if self.truth.is_some() && !found.raters.iter().any(knows) {
            site.report.warn(format!(
                "the truth knows none of the questions of {} tasks",
                sample.items.len()
            ));
        }
        jsonl::write(
            &site.folder.join(SCORES),
            &assessment::scores(&sample, &raters),
        )?;
        write_sealed(&site.folder.join(ASSESSMENT), &found)?;
        self.pages(site, &sample, &found)?;
        Ok(Counts {
            raters: found.raters.len() as u64,
            ratings: raters.iter().map(|rater| rater.ratings.len() as u64).sum(),
        })
    }
}

impl Assess {
    /// The page, the same as text, and the sheet.
    fn pages(&self, site: &Site<'_>, sample: &Sample, found: &Assessment) -> Result<()> {
        let sets: Vec<&str> = sample.sets.iter().map(|set| set.name.as_str()).collect();
        let (cases, missing) = if let Some(link) = &self.cases_of {
            let choice = CaseChoice::Pairs(self.show.clone());
            cases(&FindCases::found(site, link)?, &sets, &choice)
        } else {
            let choice = CaseChoice::Drawn {
                count: self.cases,
                seed: self.seed,
            };
            cases(&sample.items, &sets, &choice)
        };
        if !missing.is_empty() {
            site.report.warn(format!(
                "no set has a task about {}: they cannot be shown",
                missing.join(", ")
            ));
        }
        let mut tables = quality_page::measures(&DrawSample::measured(site, &self.sample)?);
        if let Some(link) = &self.answerable {
            tables.push(answerable_table(&Answerable::found(site, link)?));
        }
        let about: Vec<String> = sample
            .sets
            .iter()
            .map(|set| {
                let drawn: usize = set.strata.iter().map(|stratum| stratum.drawn).sum();
                format!("{}: {drawn} of {} tasks were drawn", set.name, set.total)
            })
            .collect();
        let page = QualityPage {
            title: "The quality of data",
            about: &about,
            assessment: found,
            measures: &tables,
            published: &quality_page::published(sample.items.iter().any(Item::is_triplet)),
            cases: &cases,
        };
        let save = |name: &str, text: &str| {
            let path = site.folder.join(name);
            std::fs::write(&path, text).map_err(Error::io("write", &path))
        };
        save(PAGE, &quality_page::html(&page))?;
        save(TEXT, &quality_page::markdown(&page))?;
        if sample.items.is_empty() {
            return Ok(());
        }
        let options = SheetOptions {
            rubrics: self.rubrics.clone(),
            ..SheetOptions::default()
        };
        let made = sheet(sample, &options)?;
        if !made.unreadable.is_empty() {
            site.report.warn(format!(
                "{} pictures cannot be read, and the sheet says so in their place",
                made.unreadable.len()
            ));
        }
        save(SHEET, &made.html)
    }
}

/// What a model answered with the picture and without.
fn answerable_table(found: &[answerable::OfSet]) -> PlainTable {
    let share = |part: usize, whole: usize| {
        if whole == 0 {
            "–".to_owned()
        } else {
            format!("{:.1} % of {whole}", 100.0 * part as f64 / whole as f64)
        }
    };
    let row = |set: &answerable::OfSet| {
        vec![
            set.set.clone(),
            share(set.alike, set.asked),
            share(set.with_picture, set.short),
            share(set.with_blank, set.short),
        ]
    };
    PlainTable {
        title: "Answerable without the picture".to_owned(),
        header: [
            "set",
            "answered in the same words without the picture",
            "short answers as in the data, with the picture",
            "without it",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: found.iter().map(row).collect(),
    }
}

//! A grid of three ways, one of which has a failed cell, and a row that no program can fill.

use std::collections::BTreeMap;

use evaluation::grids::{Column, Row, Run, Values, Way, compare};
use evaluation::scoring::Scorer;
use report::lab::{self, Layout, Page, Published, State, Unfinished, Work};

/// Items of a task of food; a seed adds a point.
pub fn column(task: &str, level: f64, seed: u64, items: usize) -> Column {
    let spec = evaluation::tasks::find(task).expect("built in");
    let rows = (0..items).map(|at| Row {
        item: at.to_string(),
        cluster: format!("{at}.png"),
        score: level + (at * 7 % 11) as f64 + seed as f64,
    });
    Column {
        domain: spec.domain.clone(),
        name: spec.id.clone(),
        title: spec.title.clone(),
        task: spec.id.clone(),
        metric: spec.metrics[0].name().to_owned(),
        scorer: Scorer::Strict,
        values: Values::Items(rows.collect()),
    }
}

fn way(name: &str, level: f64, seeds: &[u64]) -> Way {
    let run = |&seed: &u64| Run {
        seed,
        columns: vec![
            column("food101", level, seed, 40),
            column("recipe1m", level / 2.0 + seed as f64, seed, 30),
        ],
    };
    Way {
        name: name.to_owned(),
        runs: seeds.iter().map(run).collect(),
    }
}

fn row(name: &str, way: Option<usize>, finished: usize) -> lab::Row {
    lab::Row {
        name: name.to_owned(),
        levels: vec![name.to_owned()],
        system: "adapted".to_owned(),
        way,
        cells: 3,
        finished,
        steps: way.map(|_| 1200.0),
        learned_tokens: way.map(|at| 1_000_000.0 / (at + 1) as f64),
        ..lab::Row::default()
    }
}

/// The page, with these names of ways.
pub fn page(names: [&str; 4]) -> Page {
    let [one, two, failed, needs] = names;
    let ways = [
        way(one, 50.0, &[1, 2, 3]),
        way(two, 40.0, &[1, 2, 3]),
        way(failed, 40.0, &[1, 2]),
    ];
    let published = |scores: &[(&str, f64)], differs: &str| {
        let scores = scores
            .iter()
            .map(|(name, score)| ((*name).to_owned(), *score));
        Some(Published {
            scores: scores.collect::<BTreeMap<_, _>>(),
            source: "table 5".to_owned(),
            differs: differs.to_owned(),
        })
    };
    Page {
        title: "Pipelines on food".to_owned(),
        about: "Two stages of training against one.".to_owned(),
        layout: Layout::Tasks,
        factors: vec!["pipeline".to_owned()],
        rows: vec![
            lab::Row {
                published: published(
                    &[("food101", 65.3), ("food", 44.8), ("nutrition5k", 31.5)],
                    "",
                ),
                ..row(one, Some(0), 3)
            },
            row(two, Some(1), 3),
            lab::Row {
                unfinished: vec![Unfinished {
                    cell: "failed_3".to_owned(),
                    state: State::Failed("the loss is not finite.".to_owned()),
                }],
                ..row(failed, Some(2), 2)
            },
            lab::Row {
                cells: 0,
                needs: Some("the weights of another model.".to_owned()),
                published: published(&[("food101", 30.9)], "Its prompts are others."),
                ..row(needs, None, 0)
            },
        ],
        compared: compare(&ways, &[(0, 1), (2, 1)]).expect("a table"),
        notes: vec!["The test set is ours.".to_owned()],
        work: Some(Work {
            stage_runs: 27,
            unshared: 108,
            planned: Some(4000.0),
            measured: Some(4400.0),
        }),
    }
}

/// Names that mean themselves.
pub const PLAIN: [&str; 4] = ["one stage", "two stages", "captions alone", "GPT-4V"];

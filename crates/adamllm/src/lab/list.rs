//! `adamllm lab --list`: the paper's grids, and those of its tables that need no run.

use std::path::Path;

use anyhow::{Result, anyhow};
use corpus::{Role, Sample, Seed, SeedTask};
use evaluation::tasks;
use run::grid::Grid;
use run::recipe::{Family, Training};
use serde::Serialize;
use serde_json::json;
use synthesis::{Input, Prompts, SeedOptions, seed_samples};

use super::hours::{self, Devices, Hours, UTILISATION};
use super::shelf::{GRIDS, Shipped};
use crate::columns::{hanging, table, width};
use crate::flags::Shared;
use crate::output::print;

/// The grid of table 12.
const CORRUPTION: &str = "corruption.toml";

/// Prints the shipped grids, and tables 1 and 9 to 13.
pub fn list(shared: &Shared) -> Result<()> {
    let grids = GRIDS.iter().map(Row::of).collect::<Result<Vec<Row>>>()?;
    let corruption = GRIDS.iter().find(|grid| grid.name == CORRUPTION);
    let corruption = corruption.map(read).transpose()?;
    let record = record()?;
    let settings = settings();
    let here = Devices::here();
    let hours = hours::all(&here);
    let data_sets = data_sets();
    let published: Vec<_> = corruption.iter().flat_map(|grid| &grid.published).collect();
    let corrupted: Vec<[String; 3]> = published
        .iter()
        .map(|row| {
            let level = |factor: &str| row.levels.get(factor).cloned().unwrap_or_default();
            let score = row.scores.values().next().copied().unwrap_or_default();
            [level("shown"), level("tuned"), format!("{score:.1}")]
        })
        .collect();
    let document = json!({
        "grids": grids,
        "table_1": record,
        "tables_9_and_10": settings,
        "table_11": {"hours": hours, "utilisation": UTILISATION, "here": here, "rests_on": hours::RESTS_ON},
        "table_12": {"grid": format!("recipes/paper/{CORRUPTION}"), "published": corrupted},
        "table_13": data_sets,
    });
    print(shared, &document, || {
        grids_text(&grids);
        record_text(&record);
        settings_text(&settings);
        hours_text(&hours, &here);
        corrupted_text(&corrupted);
        data_sets_text(&data_sets);
    })
}

/// A line of columns under a head.
fn tell<const N: usize>(head: &str, rows: &[[String; N]]) {
    println!("\n{}", hanging("", head, width()));
    let rows: Vec<[&str; N]> = rows
        .iter()
        .map(|row| std::array::from_fn(|at| row[at].as_str()))
        .collect();
    // As wide as the widest cell, but for the last column.
    let widths: Vec<usize> = (0..N.saturating_sub(1))
        .map(|at| {
            let cells = rows.iter().map(|row| row[at].chars().count());
            cells.max().unwrap_or(0) + 1
        })
        .collect();
    print!("{}", table(&rows, &widths, width()));
}

/// A shipped grid.
#[derive(Debug, Serialize)]
struct Row {
    grid: String,
    tables: &'static str,
    title: String,
    about: String,
    ways: usize,
    ways_without_cells: usize,
    cells: usize,
    comparisons: usize,
}

impl Row {
    fn of(shipped: &Shipped) -> Result<Self> {
        let grid = read(shipped)?;
        let ways = grid.ways();
        let cells = grid.cells();
        let cells = cells.map_err(|errors| anyhow!("{}: {}", shipped.name, errors.join("; ")))?;
        Ok(Self {
            grid: format!("recipes/paper/{}", shipped.name),
            tables: shipped.tables,
            ways: ways.len(),
            ways_without_cells: ways.iter().filter(|way| way.needs.is_some()).count(),
            cells: cells.len(),
            comparisons: grid.comparisons().len(),
            title: grid.title,
            about: grid.about,
        })
    }
}

/// A shipped grid as it is read beside the shipped recipes.
fn read(shipped: &Shipped) -> Result<Grid> {
    let place = Path::new("recipes/paper").join(shipped.name);
    let folder = place.parent().unwrap_or(Path::new(""));
    Grid::read(shipped.text, folder)
        .map_err(|errors| anyhow!("{}: {}", shipped.name, errors.join("; ")))
}

fn grids_text(grids: &[Row]) {
    let row = |grid: &Row| {
        let needs = match grid.ways_without_cells {
            0 => String::new(),
            some => format!(", {some} without cells"),
        };
        [
            grid.grid.clone(),
            grid.tables.to_owned(),
            format!("{} cells", grid.cells),
            format!("{}: {} ways{needs}", grid.title, grid.ways),
        ]
    };
    let rows: Vec<[String; 4]> = grids.iter().map(row).collect();
    let head = "Grids. Ways without cells need what no program can give. `adamllm lab GRID --dry-run` says what a grid takes.";
    tell(head, &rows);
}

/// What the synthesizer is tuned on, as this program makes it of a record.
#[derive(Debug, Serialize)]
struct Record {
    seed: Seed,
    sample: Sample,
}

fn record() -> Result<Record> {
    let seed = Seed {
        id: "example".to_owned(),
        images: vec!["picture.png".into()],
        caption: "(caption)".to_owned(),
        task: None,
        tasks: vec![SeedTask {
            instruction: "(instruction)".to_owned(),
            informative: "(informative answer)".to_owned(),
            precise: "(precise answer)".to_owned(),
        }],
    };
    let options = SeedOptions {
        input: Input::Both,
        blank: None,
        seed: 0,
    };
    let made = seed_samples(std::slice::from_ref(&seed), options, &Prompts::default());
    let sample = made.items.into_iter().next();
    let sample = sample.ok_or_else(|| anyhow!("the example of a seed record gives no sample"))?;
    Ok(Record { seed, sample })
}

fn record_text(record: &Record) {
    let turn = |turn: &corpus::Turn| {
        let role = match turn.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let learned = if turn.learn { "learned" } else { "given" };
        [
            role.to_owned(),
            learned.to_owned(),
            turn.text.replace('\n', " ⏎ "),
        ]
    };
    let rows: Vec<[String; 3]> = record.sample.turns.iter().map(turn).collect();
    tell(
        "Table 1. A conversation that the synthesizer is tuned on; the order of both answers is drawn. All behind the caption is \
         learned, instructions too, as the authors' code has it (the paper speaks of the turns of the task).",
        &rows,
    );
}

/// A setting of a training: ours, and the paper's.
#[derive(Debug, Serialize)]
struct Setting {
    table: u8,
    model: &'static str,
    key: &'static str,
    preset: String,
    paper: &'static str,
}

/// What tables 9 and 10 say, in the order of [`KEYS`]: the synthesizer, then the three families.
const PAPER: [[&str; 7]; 4] = [
    ["2", "128", "6144", "2e-5 / 2e-6", "cosine", "0", "0.03"],
    ["1", "128", "6144", "2e-5 / 2e-6", "cosine", "0", "0.03"],
    ["1", "128", "6144", "1e-5 / 1e-5", "cosine", "0.1", "0.1"],
    ["1", "128", "6144", "5e-6 / 5e-6", "cosine", "0.1", "0.1"],
];

/// Keys of a training that both tables have.
const KEYS: [&str; 7] = [
    "epochs",
    "batch_size",
    "max_seq_len",
    "learning_rate (language model / vision tower)",
    "scheduler",
    "weight_decay",
    "warmup_ratio",
];

fn settings() -> Vec<Setting> {
    let families = Family::ALL.into_iter();
    let trained = families.map(|family| (10, family.in_paper(), Training::post_training(family)));
    let tuned = (9, "synthesizer", Training::synthesizer());
    let all = std::iter::once(tuned).chain(trained);
    let mut out = Vec::new();
    for ((table, model, training), paper) in all.zip(PAPER) {
        let rates = training.learning_rate;
        let presets = [
            training.epochs.to_string(),
            training.batch_size.to_string(),
            training.max_seq_len.to_string(),
            format!("{:e} / {:e}", rates.language_model, rates.vision_tower),
            training.scheduler.as_str().to_owned(),
            training.weight_decay.to_string(),
            training.warmup_ratio.to_string(),
        ];
        out.extend(
            KEYS.into_iter()
                .zip(presets)
                .zip(paper)
                .map(|((key, preset), paper)| Setting {
                    table,
                    model,
                    key,
                    preset,
                    paper,
                }),
        );
    }
    out
}

fn settings_text(settings: &[Setting]) {
    for (number, what) in [
        (9, "Tuning the synthesizer"),
        (10, "Training the adapted model"),
    ] {
        let rows = settings.iter().filter(|setting| setting.table == number);
        let mut lines = vec![["model", "key", "preset", "paper"].map(str::to_owned)];
        lines.extend(rows.map(|setting| {
            [
                setting.model.to_owned(),
                setting.key.to_owned(),
                setting.preset.clone(),
                setting.paper.to_owned(),
            ]
        }));
        let head = format!("Table {number}. {what}: presets of recipes, and what the paper has.");
        tell(&head, &lines);
    }
}

fn hours_text(hours: &[Hours], here: &Devices) {
    let names = if here.names.is_empty() {
        "no GPU".to_owned()
    } else {
        here.names.join(", ")
    };
    let mut rows = vec![
        [
            "model",
            "source of pairs",
            "8 A100, planned",
            "paper",
            "paper's share of the rate",
            "here",
        ]
        .map(str::to_owned),
    ];
    rows.extend(hours.iter().map(|one| {
        [
            one.model.to_owned(),
            one.pairs.to_owned(),
            format!("{:.1} h", one.planned),
            format!("{} h", one.published),
            format!("{:.0} %", 100.0 * one.published_utilisation),
            one.here
                .map_or_else(|| "-".to_owned(), |here| format!("{here:.1} h")),
        ]
    }));
    let unknown = if here.rate.is_none() {
        "; its rate is not known, `adamllm bench train` measures one"
    } else {
        ""
    };
    let head = format!(
        "Table 11. Hours of training, planned: {}. This machine has {names}{unknown}.",
        hours::RESTS_ON
    );
    tell(&head, &rows);
}

fn corrupted_text(rows: &[[String; 3]]) {
    let mut lines = vec![["shown", "tuned", "paper"].map(str::to_owned)];
    lines.extend(rows.iter().cloned());
    tell(
        "Table 12. Corrupted pictures and captions: the grid recipes/paper/corruption.toml makes it. The paper's quality is one \
         score by people, of noise and crop together.",
        &lines,
    );
}

/// A benchmark with its published size.
#[derive(Debug, Serialize)]
struct DataSet {
    task: String,
    domain: String,
    items: usize,
    paper: usize,
    metrics: Vec<&'static str>,
    rests_on: String,
}

/// What table 13 says of each task.
const SIZES: [(&str, usize); 12] = [
    ("slake", 645 + 416),
    ("path-vqa", 3357 + 3362),
    ("vqa-rad", 179 + 272),
    ("pmc-vqa", 2000),
    ("recipe1m", 1000),
    ("nutrition5k", 507),
    ("food101", 25_250),
    ("foodseg103", 2135),
    ("clrs", 15_000),
    ("uc-merced", 21_000),
    ("floodnet", 11_000),
    ("nwpu-captions", 31_500),
];

fn data_sets() -> Vec<DataSet> {
    let all = tasks::all();
    let row = |(id, paper): (&str, usize)| {
        let task = all.iter().find(|task| task.id == id)?;
        Some(DataSet {
            task: task.id.clone(),
            domain: task.domain.clone(),
            items: task.published(),
            paper,
            metrics: task.metrics.iter().map(|metric| metric.name()).collect(),
            rests_on: task.source.clone(),
        })
    };
    SIZES.into_iter().filter_map(row).collect()
}

fn data_sets_text(rows: &[DataSet]) {
    let mut lines =
        vec![["task", "domain", "items", "paper", "metrics", "rests on"].map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        [
            row.task.clone(),
            row.domain.clone(),
            row.items.to_string(),
            row.paper.to_string(),
            row.metrics.join(", "),
            row.rests_on.clone(),
        ]
    }));
    tell(
        "Table 13. Benchmarks: items of the published test sets, and what the paper has. For remote sensing the paper tells the \
         sizes of whole data sets.",
        &lines,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_what_the_paper_has() {
        let number = |text: &str| text.parse::<f64>().ok();
        for Setting {
            model,
            key,
            preset,
            paper,
            ..
        } in settings()
        {
            let is_same = match (number(&preset), number(paper)) {
                (Some(ours), Some(theirs)) => (ours - theirs).abs() < 1e-12,
                _ => preset == paper,
            };
            assert!(is_same, "{key} of {model}: {preset}, {paper}");
        }
        assert_eq!(settings().len(), 28);
    }

    #[test]
    fn every_benchmark_has_a_published_size() {
        let found = data_sets();
        assert_eq!(found.len(), tasks::all().len());
        let other = found.iter().filter(|row| row.items != row.paper);
        let other: Vec<&str> = other.map(|row| row.task.as_str()).collect();
        // The paper's sizes of whole data sets; that of CLRS is its test set.
        assert_eq!(other, ["uc-merced", "floodnet", "nwpu-captions"]);
    }

    #[test]
    fn the_example_shows_what_is_learned() {
        let record = record().expect("a sample");
        let learned: Vec<bool> = record.sample.turns.iter().map(|turn| turn.learn).collect();
        // The request and the caption are given; instructions and both answers are learned.
        assert_eq!(learned, [false, false, true, true, true, true]);
    }

    #[test]
    fn every_shipped_grid_is_read() {
        for shipped in GRIDS {
            let row = Row::of(shipped).expect("a grid");
            assert!(row.cells > 0 && row.about.contains("paper"), "{}", row.grid);
        }
    }
}

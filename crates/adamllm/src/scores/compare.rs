//! `adamllm compare A B …`: systems beside each other and their paired differences, by both scorers.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use corpus::sealed::write_json;
use evaluation::ScoredTask;
use evaluation::scoring::Scorer;
use evaluation::systems::{self, Compared, Items, Named, System, document};
use report::Pictures;
use report::scores::pages;
use report::tables::{comparison, csv, systems as table};

use super::arguments::{Compare, FormatName};
use super::written::{roots, texts};
use crate::flags::Shared;
use crate::output::print;

/// Compares systems.
pub fn run(shared: &Shared, arguments: &Compare) -> Result<()> {
    let scorer: Scorer = arguments.scorer.into();
    let reading = arguments.reading.reading();
    let given = systems::named(&arguments.systems)?;
    let names: Vec<&str> = given.iter().map(|system| system.name.as_str()).collect();
    let base = systems::base(&names, arguments.against.as_deref())?;
    if let Some(folder) = &arguments.output {
        refuse_a_systems_folder(folder, &given)?;
    }
    let mut note = |line: &str| eprintln!("{line}");
    let mut read =
        |system: &Named| systems::read(&system.path, &arguments.tasks, &reading, scorer, &mut note);
    let all: Vec<Vec<ScoredTask>> = given.iter().map(&mut read).collect::<Result<_, _>>()?;
    let items = if arguments.common_items {
        Items::Common
    } else {
        Items::Same
    };
    let found = systems::compare(&beside(&names, &all), base, scorer, items, reading.seed)?;
    if let Some(folder) = &arguments.output {
        write(folder, &found, &all, &given, reading.data.as_deref())?;
    }
    let format = if shared.json {
        FormatName::Json
    } else {
        arguments.format
    };
    if matches!(format, FormatName::Csv | FormatName::Json) && !shared.quiet {
        for line in &found.notes {
            eprintln!("{line}");
        }
    }
    match format {
        FormatName::Json => {
            return print(
                &Shared {
                    json: true,
                    ..shared.clone()
                },
                &document(&found)?,
                || {},
            );
        }
        FormatName::Text => print!("{}", text(&found)),
        FormatName::Markdown => print!("{}", markdown(&found)),
        FormatName::Csv => print!("{}", table::csv(&found)),
        FormatName::Latex => print!("{}", table::latex(&found)),
    }
    if let Some(folder) = &arguments.output
        && !shared.quiet
    {
        let said = format!("written to `{}`", folder.display());
        // What a file is made of holds nothing else.
        if matches!(format, FormatName::Text) {
            println!("{said}");
        } else {
            eprintln!("{said}");
        }
    }
    Ok(())
}

/// Of two systems every test follows the table; of more of them the page and the files have all of it.
fn text(found: &Compared) -> String {
    match found.names[..] {
        [_, _] => format!("{}\n{}", table::text(found), comparison::markdown(found)),
        _ => table::text(found),
    }
}

fn markdown(found: &Compared) -> String {
    match found.names[..] {
        [_, _] => format!(
            "{}\n{}",
            table::markdown(found),
            comparison::markdown(found)
        ),
        _ => table::markdown(found),
    }
}

fn beside<'a>(names: &[&str], all: &'a [Vec<ScoredTask>]) -> Vec<System<'a>> {
    let of = |(name, tasks): (&&str, &'a Vec<ScoredTask>)| System {
        name: (*name).to_owned(),
        tasks,
    };
    names.iter().zip(all).map(of).collect()
}

/// Tables, the whole document and the pages.
fn write(
    folder: &Path,
    found: &Compared,
    all: &[Vec<ScoredTask>],
    given: &[Named],
    data: Option<&Path>,
) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let mut put = texts(folder);
    put("comparison.md", markdown(found))?;
    put("comparison.csv", csv::comparisons(found))?;
    put("table.csv", table::csv(found))?;
    put("table.tex", table::latex(found))?;
    write_json(&folder.join("comparison.json"), &document(found)?)?;
    let compared = found.tasks();
    let shown: Vec<Vec<ScoredTask>> = all
        .iter()
        .map(|tasks| {
            let tasks = tasks.iter();
            let tasks = tasks.filter(|task| compared.contains(&task.spec.id.as_str()));
            tasks.cloned().collect()
        })
        .collect();
    let names: Vec<&str> = found.names.iter().map(String::as_str).collect();
    let paths: Vec<&Path> = given.iter().map(|system| system.path.as_path()).collect();
    let mut pictures = Pictures::new(roots(&paths, data), folder);
    pages(
        &beside(&names, &shown),
        Some(found),
        &mut pictures,
        &mut put,
    )
}

/// The pages of a system's own results have the same names.
fn refuse_a_systems_folder(folder: &Path, named: &[Named]) -> Result<()> {
    let Ok(place) = folder.canonicalize() else {
        return Ok(());
    };
    for system in named {
        if system.path.canonicalize().is_ok_and(|path| path == place) {
            bail!(
                "`{}` holds the results of `{}`, whose pages would be overwritten; name another folder with `--output`",
                folder.display(),
                system.name
            );
        }
    }
    Ok(())
}

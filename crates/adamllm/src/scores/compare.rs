//! `adamllm compare A B`: paired differences of two systems, by both scorers.

use anyhow::{Context as _, Result};
use corpus::sealed::write_json;
use evaluation::scoring::Scorer;
use evaluation::systems::{by_both_scorers, compared, document, left_out, names, read};
use report::scores::pages;
use report::tables::{comparison, csv};
use report::{Pictures, System};

use super::arguments::Compare;
use super::written::{roots, texts};
use crate::flags::Shared;
use crate::output::print;

/// Compares two systems.
pub fn run(shared: &Shared, arguments: &Compare) -> Result<()> {
    let scorer: Scorer = arguments.scorer.into();
    let reading = arguments.reading.reading();
    let mut note = |line: &str| eprintln!("{line}");
    let mut system = |path| read(path, &arguments.tasks, &reading, scorer, &mut note);
    let base = system(&arguments.base)?;
    let adapted = system(&arguments.adapted)?;
    let found = by_both_scorers(&base, &adapted, scorer, reading.seed)?;
    if !shared.quiet {
        for line in left_out(&base, &adapted) {
            eprintln!("{line}");
        }
    }
    let markdown = comparison::markdown(&found);
    if let Some(folder) = &arguments.output {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        let mut put = texts(folder);
        put("comparison.md", markdown.clone())?;
        put("comparison.csv", csv::comparisons(&found))?;
        write_json(&folder.join("comparison.json"), &document(&found)?)?;
        let (before, after) = (compared(&base, &found), compared(&adapted, &found));
        let [first, second] = names(&arguments.base, &arguments.adapted);
        let systems =
            [(first, &before), (second, &after)].map(|(name, tasks)| System { name, tasks });
        let roots = roots(
            &[&arguments.base, &arguments.adapted],
            reading.data.as_deref(),
        );
        let mut pictures = Pictures::new(roots, folder);
        pages(&systems, &found, &mut pictures, &mut put)?;
    }
    print(shared, &document(&found)?, || {
        print!("{markdown}");
        if let Some(folder) = &arguments.output {
            println!("written to `{}`", folder.display());
        }
    })
}

//! Base and adapted model on the same questions, and the adapted one on blank pictures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpus::{Pair, Request, jsonl};
use evaluation::questions::{Item, MetricName, request, score};
use generate::LocalGenerator;

use super::{Counts, controls};
use crate::context::Context;
use crate::runner;

/// Task files that the recipe names, sorted.
pub(super) fn task_files(context: &Context) -> Result<Vec<PathBuf>> {
    let Some(folder) = &context.recipe.tasks_folder else {
        return Ok(Vec::new());
    };
    if !context.recipe.tasks.is_empty() {
        return context
            .recipe
            .tasks
            .iter()
            .map(|task| {
                let path = folder.join(format!("{task}.jsonl"));
                if path.is_file() {
                    Ok(path)
                } else {
                    bail!(
                        "`evaluate.tasks` names `{task}`, but there is no `{}`",
                        path.display()
                    )
                }
            })
            .collect();
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    Ok(files)
}

/// The tasks by name: the recipe's files, or the captions of the held-out pairs.
pub(super) fn tasks(context: &Context) -> Result<BTreeMap<String, Vec<Item>>> {
    let mut tasks = BTreeMap::new();
    for path in task_files(context)? {
        let name = path
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut items: Vec<Item> = jsonl::read(&path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for item in &mut items {
            for image in &mut item.images {
                *image = folder.join(&*image);
            }
        }
        items.truncate(context.limit.unwrap_or(usize::MAX));
        tasks.insert(name, items);
    }
    if context.recipe.tasks_folder.is_none() {
        let held_out: Vec<Pair> =
            jsonl::read(&context.run.stage("synthesize").join("held_out.jsonl"))?;
        let request = &context.prompts.synthesizer.caption_request;
        let items = held_out.into_iter().map(|pair| Item {
            question: pair.request.unwrap_or_else(|| request.clone()),
            cluster: pair.group.unwrap_or_else(|| pair.id.clone()),
            id: pair.id,
            images: pair.images,
            label: pair.caption,
            metric: MetricName::RougeL,
            choices: Vec::new(),
        });
        let items: Vec<Item> = items.collect();
        if !items.is_empty() {
            tasks.insert("description".to_owned(), items);
        }
    }
    Ok(tasks)
}

/// Answers all tasks with base, adapted and (on blank pictures) adapted model, and with the controls.
pub(super) fn run(context: &Context, folder: &Path) -> Result<Counts> {
    let tasks = tasks(context)?;
    if tasks.is_empty() {
        context.say("  nothing to evaluate: no task is given and no pair is held out");
        return Ok(Counts::new());
    }
    let blank = context.blank()?;
    let adapted = context.run.stage("train").join("model");
    let mut systems = vec![
        ("base", context.base_folder()),
        ("adapted", adapted.clone()),
        ("blind", adapted),
    ];
    for &control in &context.recipe.controls {
        let name = control.as_str();
        systems.push((name, controls::model(context, control, &folder.join(name))?));
    }
    let mut counts = Counts::new();
    for (name, model_folder) in systems {
        let sheet_folder = folder.join(name);
        std::fs::create_dir_all(&sheet_folder)?;
        let (model, processor) = context.open(&model_folder, context.recipe.dtype)?;
        let options = runner::options(context.recipe.seed);
        let mut generator = LocalGenerator::new(model.as_ref(), processor.as_ref(), options);
        for (task, items) in &tasks {
            let requests: Vec<Request> = items
                .iter()
                .map(|item| request(item, (name == "blind").then_some(&blank)))
                .collect();
            let path = sheet_folder.join(format!("{task}.completions.jsonl"));
            let bar = context.bar(requests.len(), &format!("{name} {task}"));
            let completions = runner::run(&mut generator, &requests, &path, &bar)?;
            let sheet = score(items, &completions);
            jsonl::write(
                &sheet_folder.join(format!("{task}.jsonl")),
                &sheet.predictions,
            )?;
            *counts.entry(format!("answers of {name}")).or_default() += items.len() as u64;
        }
    }
    Ok(counts)
}

//! What each stage depends on: recipe keys, and the content of every file and picture that it reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use corpus::{Pair, formats};
use serde_json::json;

use super::{evaluate, seeds_path};
use crate::context::Context;
use crate::run_folder::{Basis, STAGES};
use corpus::digests::together;

type Inputs = BTreeMap<String, String>;

/// The basis of each stage up to the one at `until`, in order.
pub fn all(context: &Context, until: usize) -> Result<Vec<Basis>> {
    let mut before = String::new();
    let mut out = Vec::new();
    for stage in STAGES.into_iter().take(until + 1) {
        let inputs = inputs(context, stage)?;
        let recipe = context.recipe.sections(sections(stage));
        let version = env!("CARGO_PKG_VERSION");
        let text = json!({"stage": stage, "version": version, "recipe": recipe, "inputs": inputs,
            "before": before, "limit": context.limit});
        let key = corpus::digest::bytes(text.to_string().as_bytes());
        before.clone_from(&key);
        out.push(Basis {
            key,
            version: version.to_owned(),
            recipe,
            inputs,
            limit: context.limit,
        });
    }
    context.digests.borrow_mut().remember();
    Ok(out)
}

/// The recipe sections that a stage reads beyond those of the stages before it.
fn sections(stage: &str) -> &'static [&'static str] {
    match stage {
        "tune-synthesizer" => &[
            "run",
            "model",
            "mix.synthetic",
            "synthesizer.checkpoint",
            "synthesizer.seed_data",
            "synthesizer.input",
            "synthesizer.blank_images",
            "synthesizer.train",
            "synthesizer.prompts",
        ],
        "synthesize" => &["data", "synthesizer"],
        "filter" => &["filter"],
        "mix" => &["mix"],
        "train" => &["train"],
        "evaluate" => &["evaluate"],
        _ => &[],
    }
}

/// Content digests of what a stage reads from outside of the stages: files, pictures and models.
pub fn inputs(context: &Context, stage: &str) -> Result<Inputs> {
    let recipe = context.recipe;
    let mut out = Inputs::new();
    match stage {
        "tune-synthesizer" => {
            model(context, "the model", &context.base_folder(), &mut out)?;
            if let Some(path) = &recipe.synthesizer.prompts {
                file(context, "the prompts", path, &mut out)?;
            }
            match (&recipe.synthesizer.train.data, seeds_path(context)) {
                (Some(path), Some(_)) => samples(context, "the tuning data", path, &mut out)?,
                (None, Some(path)) => {
                    let rows = formats::read_seeds(&path, &context.reading(false))?.rows;
                    let images = rows.into_iter().flat_map(|r| r.images);
                    data(context, "the seed data", &path, images, &mut out)?;
                }
                (_, None) => {}
            }
        }
        "synthesize" => {
            let reading = context.reading_pairs(false);
            out = pairs(context, &formats::read_pairs(&recipe.pairs, &reading)?.rows)?;
            if let Some(path) = &recipe.synthesizer.checkpoint {
                let folder = context.model_folder(path);
                model(context, "the synthesizer", &folder, &mut out)?;
            }
        }
        "filter" if recipe.filter.enabled => {
            let folder = super::judge_folder(context);
            model(context, "the judge", &folder, &mut out)?;
        }
        "mix" => {
            if let Some(path) = &recipe.mix.general {
                samples(context, "the replay data", path, &mut out)?;
            }
        }
        "train" => {
            if let Some(path) = &recipe.train.data {
                samples(context, "the training data", path, &mut out)?;
            }
        }
        "evaluate" => {
            for path in evaluate::task_files(context)? {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let items: Vec<evaluation::questions::Item> = corpus::jsonl::read(&path)?;
                let folder = path.parent().unwrap_or(Path::new("."));
                let images = items.into_iter().flat_map(|i| i.images);
                let images = images.map(|image| folder.join(image));
                data(context, &format!("task `{name}`"), &path, images, &mut out)?;
            }
        }
        _ => {}
    }
    Ok(out)
}

/// Content digests of the recipe's pairs and their pictures.
pub fn pairs(context: &Context, rows: &[Pair]) -> Result<Inputs> {
    let mut out = Inputs::new();
    let images = rows.iter().flat_map(|r| r.images.clone());
    data(
        context,
        "the pairs",
        &context.recipe.pairs,
        images,
        &mut out,
    )?;
    Ok(out)
}

fn samples(context: &Context, role: &str, path: &Path, out: &mut Inputs) -> Result<()> {
    let rows = formats::read_samples(path, &context.reading(false))?.rows;
    let images = rows.into_iter().flat_map(|r| r.images);
    data(context, role, path, images, out)
}

fn model(context: &Context, role: &str, folder: &Path, out: &mut Inputs) -> Result<()> {
    let digest = context.digests.borrow_mut().folder(folder)?;
    out.insert(role.to_owned(), digest);
    Ok(())
}

fn file(context: &Context, role: &str, path: &Path, out: &mut Inputs) -> Result<()> {
    let digest = context.digests.borrow_mut().file(path)?;
    out.insert(role.to_owned(), digest);
    Ok(())
}

/// A data file, what lies beside it and says how it is read, and its pictures.
fn data(
    context: &Context,
    role: &str,
    path: &Path,
    images: impl Iterator<Item = PathBuf>,
    out: &mut Inputs,
) -> Result<()> {
    if path.is_dir() {
        let digest = context.digests.borrow_mut().tree(path)?;
        out.insert(role.to_owned(), digest);
    } else {
        file(context, role, path, out)?;
    }
    let beside = path.with_file_name("dataset_info.json");
    if beside.is_file() {
        file(context, &format!("columns of {role}"), &beside, out)?;
    }
    let mut images: Vec<PathBuf> = images.collect();
    images.sort();
    images.dedup();
    // One that is not there is a reject of the stage that reads it; when it comes, the digest changes.
    images.retain(|image| image.is_file());
    let digests = context
        .digests
        .borrow_mut()
        .files(&images)
        .with_context(|| format!("pictures of {role}"))?;
    let names = images.iter().map(|image| {
        let inside = image.strip_prefix(&context.run.path).unwrap_or(image);
        inside.display().to_string()
    });
    let digest = together(names.zip(digests));
    out.insert(format!("pictures of {role}"), digest);
    Ok(())
}

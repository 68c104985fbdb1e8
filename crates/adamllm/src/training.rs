//! One training for synthesizer and adapted model alike: samples and a base in, a model folder out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpus::jsonl::{Appender, read_prefix};
use corpus::{Rejected, Sample};
use processor::{Encoded, Processor};
use train::{Metrics, SampleSource, Trainer};

use crate::context::Context;
use crate::recipe::Training;

struct Samples<'a> {
    samples: &'a [Sample],
    processor: &'a dyn Processor,
}

impl SampleSource for Samples<'_> {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.samples[index].id
    }

    fn encode(&self, index: usize) -> Result<Encoded, String> {
        self.processor
            .sample(&self.samples[index])
            .map_err(|e| e.to_string())
    }
}

/// Trains and saves `<folder>/model`; goes on from the newest sound checkpoint of the folder. Gives the counts.
pub fn train(
    context: &Context,
    stage: &str,
    folder: &Path,
    base: &Path,
    samples: &[Sample],
    training: &Training,
) -> Result<BTreeMap<String, u64>> {
    let (model, processor) = context.open(base, context.recipe.dtype)?;
    let source = Samples {
        samples,
        processor: processor.as_ref(),
    };
    let mut trainer = Trainer::new(model.as_ref(), &source, &training.config)?;
    let mut checkpoints = checkpoints(folder);
    while let Some((_, path)) = checkpoints.pop() {
        match trainer.resume(&path) {
            Ok(()) => {
                context.say(&format!("  going on from {}", path.display()));
                break;
            }
            Err(error) => context.say(&format!("  {error}; trying the one before")),
        }
    }
    let metrics_path = folder.join("metrics.jsonl");
    let stored: Vec<(Metrics, u64)> = read_prefix(&metrics_path)?;
    let keep = stored
        .iter()
        .take_while(|(m, _)| m.step <= trainer.steps_done())
        .last()
        .map_or(0, |(_, end)| *end);
    let mut metrics_file = Appender::open(&metrics_path, keep)?;
    let bar = context.bar(trainer.total_steps(), stage);
    bar.set_position(trainer.steps_done() as u64);
    let mut tokens = 0;
    while let Some(metrics) = trainer.step()? {
        tokens += metrics.tokens as u64;
        bar.set_position(metrics.step as u64);
        bar.set_message(format!("loss {:.3}", metrics.loss));
        let step = metrics.step;
        metrics_file.append(&[metrics])?;
        if training.save_steps > 0
            && step % training.save_steps == 0
            && step < trainer.total_steps()
        {
            trainer.save_checkpoint(&folder.join(format!("checkpoint-{step}")))?;
            prune(folder, training.keep)?;
        }
    }
    bar.finish_and_clear();
    let dropped: Vec<Rejected> = trainer
        .dropped()
        .iter()
        .map(|d| Rejected {
            id: d.id.clone(),
            stage: stage.to_owned(),
            reason: d.reason.as_str().to_owned(),
            detail: d.detail.clone(),
        })
        .collect();
    let mut rejected = crate::context::read_rejected(folder)?;
    // An attempt that was stopped after this may have noted them already.
    rejected.retain(|known| !dropped.contains(known));
    rejected.extend(dropped.iter().cloned());
    crate::context::write_rejected(folder, &rejected)?;
    if dropped.len() == samples.len() {
        bail!(
            "all {} samples were left out; see `{}`",
            samples.len(),
            folder.join("rejected.jsonl").display()
        );
    }
    model::save(
        model.as_ref(),
        &folder.join("model"),
        Some(base),
        context.recipe.dtype,
    )
    .context("cannot save the trained model")?;
    prune(folder, 0)?;
    Ok(BTreeMap::from([
        ("samples".to_owned(), samples.len() as u64),
        ("dropped".to_owned(), dropped.len() as u64),
        ("steps".to_owned(), trainer.steps_done() as u64),
        ("tokens".to_owned(), tokens),
    ]))
}

/// Checkpoints of the folder, the newest last.
fn checkpoints(folder: &Path) -> Vec<(usize, PathBuf)> {
    let mut found: Vec<(usize, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((
                name.strip_prefix("checkpoint-")?.parse().ok()?,
                entry.path(),
            ))
        })
        .collect();
    found.sort();
    found
}

fn prune(folder: &Path, keep: usize) -> Result<()> {
    let mut all = checkpoints(folder);
    all.truncate(all.len().saturating_sub(keep));
    for (_, path) in all {
        fs::remove_dir_all(&path).with_context(|| format!("cannot remove `{}`", path.display()))?;
    }
    Ok(())
}

//! One training for synthesizer and adapted model alike: samples and a base in, a model folder out.

mod lengths;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpus::jsonl::{Appender, read_prefix};
use corpus::{Rejected, Sample};
use processor::{Encoded, Processor};
use run::recipe::Training;
use train::{Metrics, SampleSource, Trainer};

use crate::context::Context;
use crate::proof;
use crate::signals;

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

/// The samples of a training, and what was lost of the records that they were made of.
pub struct Data<'a> {
    /// The samples.
    pub samples: &'a [Sample],
    /// Records that were read.
    pub read: usize,
    /// Of these, how many cannot be used.
    pub unusable: usize,
}

/// Trains and saves `<folder>/model`; goes on from the newest sound checkpoint of the folder. Gives the counts.
///
/// When the run is asked to stop, a checkpoint of the last whole step is saved first. The last checkpoints stay until
/// the caller has noted the stage as done and calls [`clear_checkpoints`].
pub fn train(
    context: &Context,
    stage: &str,
    folder: &Path,
    base: &Path,
    data: &Data,
    training: &Training,
) -> Result<BTreeMap<String, u64>> {
    let samples = data.samples;
    clear_leftovers(folder)?;
    let (model, processor) = context.open(base, context.recipe.dtype)?;
    let source = Samples {
        samples,
        processor: processor.as_ref(),
    };
    let config = pipeline::settings::config(training);
    let left_out = lengths::audit(context, folder, &source, data, &config)?;
    let mut trainer = Trainer::new(model.as_ref(), &source, &config)?;
    let mut checkpoints = checkpoints(folder);
    while let Some((_, path)) = checkpoints.pop() {
        match trainer.resume(&path) {
            Ok(()) => {
                context.say(&format!("  going on from {}", path.display()));
                break;
            }
            Err(error) => {
                eprintln!("warning: {error}");
                match checkpoints.last() {
                    Some((step, _)) => eprintln!("  going on from the one before, step {step}"),
                    None => eprintln!("  there is none before it; training starts anew"),
                }
                // It cannot be used, and would be in the way of the one that takes its place.
                fs::remove_dir_all(&path)
                    .with_context(|| format!("cannot remove `{}`", path.display()))?;
            }
        }
    }
    let metrics_path = folder.join("metrics.jsonl");
    let mut stored: Vec<(Metrics, u64)> = read_prefix(&metrics_path)?;
    stored.retain(|(m, _)| m.step <= trainer.steps_done());
    if stored.len() < trainer.steps_done() {
        eprintln!(
            "warning: `{}` is damaged; the lines of steps {} to {} are lost, the training is not",
            metrics_path.display(),
            stored.len() + 1,
            trainer.steps_done()
        );
    }
    let keep = stored.last().map_or(0, |(_, end)| *end);
    let mut metrics_file = Appender::open(&metrics_path, keep)?;
    let bar = context.bar(trainer.total_steps(), stage);
    bar.set_position(trainer.steps_done() as u64);
    let mut tokens: u64 = stored.iter().map(|(m, _)| m.tokens as u64).sum();
    let is_complete = stored.len() == trainer.steps_done();
    let mut counted: usize = stored.iter().map(|(m, _)| m.samples).sum();
    let total = trainer.total_steps();
    let checkpoint = |step: usize| folder.join(format!("checkpoint-{step}"));
    loop {
        let metrics = match trainer.step_unless(signals::asked()) {
            Ok(Some(metrics)) => metrics,
            Ok(None) => break,
            Err(train::Error::Stopped { .. }) => {
                let step = trainer.steps_done();
                bar.finish_and_clear();
                if step > 0 && !checkpoint(step).exists() {
                    metrics_file.sync()?;
                    trainer.save_checkpoint(&checkpoint(step))?;
                    prune(folder, training.keep.max(1))?;
                }
                context.say(&format!("  saved after step {step} of {total}"));
                return Err(signals::stopped().into());
            }
            Err(error) => return Err(error.into()),
        };
        tokens += metrics.tokens as u64;
        counted += metrics.samples;
        bar.set_position(metrics.step as u64);
        bar.set_message(format!("loss {:.3}", metrics.loss));
        let step = metrics.step;
        metrics_file.write(&[metrics])?;
        if training.save_steps > 0 && step % training.save_steps == 0 && step < total {
            metrics_file.sync()?;
            trainer.save_checkpoint(&checkpoint(step))?;
            prune(folder, training.keep.max(1))?;
        }
    }
    bar.finish_and_clear();
    metrics_file.sync()?;
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
    let drawn: BTreeSet<usize> = (0..total).flat_map(|s| trainer.plan().batch(s)).collect();
    let batches = (0..total).flat_map(|s| trainer.plan().batch(s));
    check_totals(
        samples,
        batches,
        &left_out,
        trainer.dropped(),
        is_complete.then_some(counted),
    )?;
    let used = drawn.len() - dropped.len();
    if used == 0 {
        bail!(
            "all {} samples were left out; see `{}`",
            samples.len(),
            folder.join("rejected.jsonl").display()
        );
    }
    let (saved, dtype) = (folder.join("model"), context.recipe.dtype);
    let kind = pipeline::settings::kind(dtype);
    model::save(model.as_ref(), &saved, Some(base), kind)
        .context("cannot save the trained model")?;
    let steps = trainer.steps_done();
    // The optimizer's memory is not needed any more.
    drop(trainer);
    proof::saved(model, processor.as_ref(), &saved, || {
        context.open(&saved, dtype)
    })?;
    let counts = BTreeMap::from([
        ("samples".to_owned(), samples.len() as u64),
        ("trained on".to_owned(), used as u64),
        ("not drawn".to_owned(), (samples.len() - drawn.len()) as u64),
        ("dropped".to_owned(), dropped.len() as u64),
        ("steps".to_owned(), steps as u64),
        ("tokens".to_owned(), tokens),
    ]);
    crate::cards::write(context, stage, &saved, samples, &counts)?;
    Ok(counts)
}

/// What was left out is what the audit foretold of the samples that were drawn, and every other draw was trained on;
/// `trained` is how many samples the steps counted, where all of their lines are there.
fn check_totals(
    samples: &[Sample],
    batches: impl Iterator<Item = usize>,
    foretold: &[train::Dropped],
    dropped: &[train::Dropped],
    trained: Option<usize>,
) -> Result<()> {
    let foretold: BTreeSet<&str> = foretold.iter().map(|d| d.id.as_str()).collect();
    let dropped: BTreeSet<&str> = dropped.iter().map(|d| d.id.as_str()).collect();
    let (mut draws, mut expected) = (0, BTreeSet::new());
    for at in batches {
        let id = samples[at].id.as_str();
        if foretold.contains(id) {
            expected.insert(id);
        } else {
            draws += 1;
        }
    }
    if expected != dropped {
        let other = expected.symmetric_difference(&dropped).next();
        bail!(
            "the length audit foretold {} samples to be left out of those drawn, and {} were (`{}` for one); did a \
             picture change meanwhile?",
            expected.len(),
            dropped.len(),
            other.unwrap_or(&"")
        );
    }
    match trained {
        Some(trained) if trained != draws => {
            bail!("{draws} samples were drawn and not left out, but the steps trained on {trained}")
        }
        _ => Ok(()),
    }
}

/// Removes the checkpoints of a stage that is done.
pub fn clear_checkpoints(folder: &Path) -> Result<()> {
    clear_leftovers(folder)?;
    prune(folder, 0)
}

/// Removes what an attempt that was killed had only half written: it fills the disk and is read by nobody.
fn clear_leftovers(folder: &Path) -> Result<()> {
    let is_half = |name: &str| {
        let ending = Path::new(name).extension().unwrap_or_default();
        name.starts_with("checkpoint-") && (ending == "part" || ending == "old")
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_half(&entry.file_name().to_string_lossy()) {
            let path = entry.path();
            fs::remove_dir_all(&path)
                .with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
    }
    for entry in fs::read_dir(folder.join("model"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') && name.ends_with(".partial") {
            let path = entry.path();
            fs::remove_file(&path)
                .with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_that_do_not_add_up_are_told() {
        let sample = |id: &str| Sample {
            id: id.to_owned(),
            images: Vec::new(),
            turns: Vec::new(),
            end: false,
            origin: serde_json::Value::Null,
        };
        let samples = ["a", "b", "c"].map(sample);
        let dropped = |id: &str| train::Dropped {
            id: id.to_owned(),
            reason: "too-long".to_owned(),
            detail: String::new(),
        };
        // Two epochs without `c`; `b` is left out each time.
        let check = |foretold: &[train::Dropped], dropped: &[train::Dropped], trained| {
            let found = check_totals(
                &samples,
                [0, 1, 1, 0].into_iter(),
                foretold,
                dropped,
                trained,
            );
            found.map_err(|e| e.to_string())
        };
        let b = [dropped("b")];
        assert_eq!(check(&b, &b, Some(2)), Ok(()));
        assert_eq!(check(&[dropped("b"), dropped("c")], &b, None), Ok(()));
        assert_eq!(check(&[], &[], Some(4)), Ok(()));
        assert!(check(&b, &b, Some(3)).is_err_and(|e| e.contains("2 samples were drawn")));
        assert!(check(&[], &b, Some(2)).is_err_and(|e| e.contains("`b` for one")));
        assert!(check(&b, &[], Some(4)).is_err_and(|e| e.contains("foretold 1 samples")));
    }
}

//! One training for synthesizer and adapted model alike: samples and a base in, a model folder out.

mod adapter;
mod best;
pub mod checkpoints;
mod data;
mod held_back;
mod lengths;
pub mod planned;
mod tensorboard;
mod token_counts;
mod watch;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use corpus::Rejected;
use corpus::jsonl::{Appender, read_prefix};
use model::proof;
use processor::{Opening, prepare_synthesizer};
use serde::{Deserialize, Serialize};
use train::{Metrics, Ranks, Sharding, Trainer};

use run::Stopped;
use run::recipe::{Training, Watching, training};
use run::usage::{METRICS, Usage};

use self::checkpoints::{clear_leftovers, found, prune};
pub use self::data::{Data, Purpose, STEPS, Task};
use self::watch::Watcher;
pub use self::watched::Watch;
use crate::cards;
use crate::error::{Error, Imbalance, Result};
use crate::records::{read_rejected, write_rejected};
use crate::sample_set::{Prepared, SampleSet};
use crate::settings;
use crate::stage::Site;
use crate::trained::Trained;

/// Whether a training could take pairs with their captions alone: their pictures can be read and they fit.
pub fn audit_captions(
    site: &Site<'_>,
    samples: &SampleSet,
    base: &Path,
    training: &Training,
    max_bad: f64,
) -> Result<()> {
    let processor = site.engine.processor(base)?;
    let source = Prepared::new(samples, processor.as_ref());
    lengths::audit_captions(site, &source, &settings::config(training), max_bad)
}

/// Trains and saves `model` in the site's folder; goes on from the newest sound checkpoint there. Gives the counts.
///
/// When the run is asked to stop, a checkpoint of the last whole step is saved first. The last checkpoints stay until
/// the stage is noted as done and [`checkpoints::clear`] is called.
pub fn train(site: &Site<'_>, task: &Task<'_>) -> Result<Trained> {
    let (folder, training) = (site.folder, task.training);
    let (samples, held_back) = held_back::split(
        task.data.samples,
        &task.watched.settings.validation,
        &task.watched.of_file,
        &task.watched.kinship,
    )?;
    let config = settings::config(training);
    let world = &*site.engine.world;
    if world.is_first() {
        clear_leftovers(folder)?;
    }
    let base = &site.engine.place(task.base)?.path();
    let (model, processor) = site.engine.open(base)?;
    let model = train::prepared(model, &config)?;
    let source = Prepared::new(&samples, processor.as_ref());
    let lengths = lengths::audit(site, &source, task, &config)?;
    let config = match task.learns {
        Some(tokens) => lengths.learning(tokens, config),
        None => config,
    };
    let left_out = lengths.left_out;
    planned::write(site.engine, base, training, folder)?;
    let both = (model.as_ref(), processor.as_ref());
    let groups = world.group().zip(world.group_on(model.device())?);
    let mut trainer = match groups {
        None => Trainer::new(model.as_ref(), &source, &config)?,
        Some((control, data)) => {
            let sharding = sharding(training);
            let ranks = Ranks {
                control,
                data,
                sharding,
            };
            let mut trainer = Trainer::together(model.as_ref(), &source, &config, ranks)?;
            trainer.balance_by(lengths.of_samples)?;
            trainer
        }
    };
    trainer.measure_rate()?;
    resume(site, &mut trainer, &task.watched.settings)?;
    let mut watcher = Watcher::new(site, task.watched, &held_back, both, trainer.steps_done())?;
    let metrics_path = folder.join(METRICS);
    let mut stored: Vec<(Metrics, u64)> = read_prefix(&metrics_path)?;
    stored.retain(|(m, _)| m.step <= trainer.steps_done());
    if stored.len() < trainer.steps_done() {
        site.report.warn(format!(
            "`{}` is damaged; the lines of steps {} to {} are lost, the training is not",
            metrics_path.display(),
            stored.len() + 1,
            trainer.steps_done()
        ));
    }
    let keep = stored.last().map_or(0, |(_, end)| *end);
    let mut metrics_file = Appender::open(&metrics_path, keep)?;
    watcher.draw(folder, stored.iter().map(|(m, _)| m))?;
    let mut tokens: u64 = stored.iter().map(|(m, _)| m.tokens as u64).sum();
    let mut learned: u64 = stored.iter().map(|(m, _)| m.learned_tokens as u64).sum();
    let is_complete = stored.len() == trainer.steps_done();
    let mut counted: usize = stored.iter().map(|(m, _)| m.samples).sum();
    let total = trainer.total_steps();
    site.report
        .progress(STEPS, trainer.steps_done() as u64, total as u64);
    // All processes write the checkpoints, and see them; what is watched and told is one's.
    let whole = site.whole;
    let checkpoint = |step: usize| whole.join(format!("checkpoint-{step}"));
    let tidy = || -> Result<()> {
        if world.is_first() {
            prune(whole, training.keep.max(1))?;
        }
        Ok(())
    };
    loop {
        let stepped = match watched(site, &mut watcher, &trainer) {
            Ok(true) => Ok(None),
            Ok(false) => trainer.step_unless(site.stop.flag()).map_err(Error::from),
            Err(error) => Err(error),
        };
        let metrics = match stepped {
            Ok(Some(metrics)) => metrics,
            Ok(None) => break,
            // What is done is worth keeping in both cases: more memory, or another day, and it goes on.
            Err(
                error @ (Error::Stopped(_)
                | Error::Train(train::Error::Stopped { .. } | train::Error::OutOfMemory(_))),
            ) => {
                let step = trainer.steps_done();
                // All processes save together, and where one has no memory left the others end.
                let is_of_all = world.is_alone()
                    || !matches!(error, Error::Train(train::Error::OutOfMemory(_)));
                if is_of_all {
                    if step > 0 && !checkpoint(step).exists() {
                        metrics_file.sync()?;
                        trainer.save_checkpoint(&checkpoint(step))?;
                        tidy()?;
                    }
                    let saved = format!("saved after step {step} of {total}");
                    site.report.note(saved);
                }
                return Err(match error {
                    Error::Train(train::Error::Stopped { .. }) => Stopped.into(),
                    other => other,
                });
            }
            Err(error) => return Err(error),
        };
        tokens += metrics.tokens as u64;
        learned += metrics.learned_tokens as u64;
        counted += metrics.samples;
        let step = metrics.step;
        if let Some(spike) = &metrics.skipped {
            site.report.warn(format!(
                "the batch of step {step} was left out: {} (loss {}, gradient norm {}); `{METRICS}` names its {} samples",
                spike.why,
                metrics.loss,
                metrics.grad_norm,
                spike.samples.len()
            ));
        }
        let mut numbers = BTreeMap::from([
            ("loss".to_owned(), metrics.loss),
            ("grad_norm".to_owned(), metrics.grad_norm),
        ]);
        // An event has no word for what is no number.
        numbers.retain(|_, number| number.is_finite());
        watcher.step(&metrics)?;
        metrics_file.write(&[metrics])?;
        site.report
            .measured(STEPS, step as u64, total as u64, numbers);
        if training.save_steps > 0 && step % training.save_steps == 0 && step < total {
            metrics_file.sync()?;
            trainer.save_checkpoint(&checkpoint(step))?;
            tidy()?;
            watcher.prune(folder)?;
        }
    }
    metrics_file.sync()?;
    if !world.is_first() {
        // The weights are the same everywhere, and one process keeps them.
        return Ok(Trained::default());
    }
    let dropped: Vec<Rejected> = trainer
        .dropped()
        .iter()
        .map(|d| Rejected {
            id: d.id.clone(),
            stage: site.stage().to_owned(),
            reason: d.reason.as_str().to_owned(),
            detail: d.detail.clone(),
        })
        .collect();
    let mut rejected = read_rejected(folder)?;
    // An attempt that was stopped after this may have noted them already.
    rejected.retain(|known| !dropped.contains(known));
    rejected.extend(dropped.iter().cloned());
    write_rejected(folder, site.stage(), &rejected)?;
    let times = trainer.plan().times_drawn_by(trainer.steps_done());
    let drawn = times.iter().filter(|&&times| times > 0).count();
    check_totals(
        &samples,
        &times,
        &left_out,
        trainer.dropped(),
        is_complete.then_some(counted),
    )?;
    if let Some(best) = watcher.best() {
        site.report.note(format!(
            "the model is that of step {}: {}",
            best.step,
            best.text()
        ));
    }
    let used = drawn - dropped.len();
    if used == 0 {
        return Err(Error::AllLeftOut {
            samples: samples.len(),
            rejected: folder.join("rejected.jsonl"),
        });
    }
    if let Some(usage) = Usage::read(folder) {
        site.report.note(format!(
            "{}; {} of {} samples were left out",
            usage.text(),
            dropped.len(),
            samples.len()
        ));
    }
    let steps = trainer.steps_done();
    // The optimizer's memory is not needed any more.
    match watcher.weights(folder, steps)? {
        Some(file) => trainer.end_with_weights(&file)?,
        None => drop(trainer),
    }
    let saved = folder.join("model");
    adapter::save(model.as_ref(), &saved, site.run, base, site.engine.dtype)?;
    let extra_bos = Some(processor.extra_bos());
    processor::FolderSettings { extra_bos }.write(&saved)?;
    if task.purpose == Purpose::Synthesis
        && let Opening::Unsuited(why) = prepare_synthesizer(&saved, processor.as_ref())?
    {
        site.report.warn(format!(
            "`{}` cannot be asked through a chat API to go on after a user header: its chat template has no place for that, since {why}",
            saved.display()
        ));
    }
    proof::saved(model, processor.as_ref(), &saved, || {
        site.engine.open(&adapter::place(&saved, base))
    })?;
    let counts = Trained {
        samples: samples.len() as u64,
        trained_on: used as u64,
        not_drawn: (samples.len() - drawn) as u64,
        dropped: dropped.len() as u64,
        steps: steps as u64,
        tokens,
        learned,
    };
    cards::write(site, task.card, &saved, &samples, &counts)?;
    Ok(counts)
}

/// What each process keeps of the optimizer's state.
fn sharding(training: &Training) -> Sharding {
    match training.sharding {
        training::Sharding::None => Sharding::None,
        training::Sharding::Auto if training.lora.is_some() => Sharding::None,
        training::Sharding::Auto | training::Sharding::Optimizer => Sharding::Optimizer,
    }
}

/// Looks at a training where a look is due; gives whether it is over. Of several processes that of rank 0 decides, and the others
/// compute with it what they can.
fn watched(site: &Site<'_>, watcher: &mut Watcher<'_>, trainer: &Trainer<'_>) -> Result<bool> {
    let world = &site.engine.world;
    if world.is_alone() {
        return watcher.look(site, trainer);
    }
    if !watcher.is_due(trainer) {
        return Ok(false);
    }
    let is_made = serde_json::to_string(&watcher.is_made(trainer))?;
    let is_made: bool = serde_json::from_str(&world.share(&is_made)?)?;
    let looked = if world.is_first() {
        watcher.look(site, trainer)
    } else if is_made {
        Ok(false)
    } else {
        watcher.look_along(site, trainer).map(|()| false)
    };
    let decided = match &looked {
        Ok(is_over) => Decided::Over(*is_over),
        Err(Error::Stopped(_) | Error::Train(train::Error::Stopped { .. })) => Decided::Stopped,
        // It ends the run, and is told to the others by whoever ends it.
        Err(_) => return looked,
    };
    match serde_json::from_str(&world.share(&serde_json::to_string(&decided)?)?)? {
        Decided::Over(is_over) => Ok(is_over),
        Decided::Stopped => Err(Stopped.into()),
    }
}

/// What the process that looks at a training tells the others.
#[derive(Serialize, Deserialize)]
enum Decided {
    /// Whether there is no more to be had.
    Over(bool),
    /// It was asked to stop in the middle of a look.
    Stopped,
}

/// Goes on from the newest checkpoint of the folder that is sound. All processes try the same ones, and agree on each.
fn resume(site: &Site<'_>, trainer: &mut Trainer<'_>, watching: &Watching) -> Result<()> {
    let world = &site.engine.world;
    let mut checkpoints: Vec<(usize, PathBuf)> = {
        let found = serde_json::to_string(&found(site.whole))?;
        serde_json::from_str(&world.share(&found)?)?
    };
    while let Some((step, path)) = checkpoints.pop() {
        let problem = watch::problem(site.whole, watching, step);
        let problem: Option<String> =
            serde_json::from_str(&world.share(&serde_json::to_string(&problem)?)?)?;
        let resumed = match problem {
            Some(problem) => Err(problem),
            None => trainer.resume(&path).map_err(|error| error.to_string()),
        };
        let error = match resumed {
            Ok(()) => {
                site.report.note(format!("going on from step {step}"));
                break;
            }
            Err(error) => error,
        };
        let next = match checkpoints.last() {
            Some((step, _)) => format!("going on from the one before, step {step}"),
            None => "there is none before it; training starts anew".to_owned(),
        };
        site.report.warn(format!("{error}\n  {next}"));
        // It cannot be used, and would be in the way of the one that takes its place.
        if world.is_first() {
            fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
    }
    world.wait_for_all()?;
    Ok(())
}

/// What was left out is what the audit foretold of the samples that were drawn, and every other draw was trained on;
/// `times` is how often each sample was drawn, `trained` how many samples the steps counted, where all of their lines are
/// there.
fn check_totals(
    samples: &SampleSet,
    times: &[usize],
    foretold: &[train::Dropped],
    dropped: &[train::Dropped],
    trained: Option<usize>,
) -> Result<(), Imbalance> {
    let foretold: BTreeSet<&str> = foretold.iter().map(|d| d.id.as_str()).collect();
    let dropped: BTreeSet<&str> = dropped.iter().map(|d| d.id.as_str()).collect();
    let (mut draws, mut expected) = (0, BTreeSet::new());
    for (at, times) in times.iter().enumerate().filter(|(_, times)| **times > 0) {
        let id = samples.id(at);
        if foretold.contains(id) {
            expected.insert(id);
        } else {
            draws += times;
        }
    }
    if expected != dropped {
        let other = expected.symmetric_difference(&dropped).next();
        return Err(Imbalance::Foretold {
            foretold: expected.len(),
            left_out: dropped.len(),
            differing: other.copied().unwrap_or_default().to_owned(),
        });
    }
    match trained {
        Some(trained) if trained != draws => Err(Imbalance::Trained {
            drawn: draws,
            trained,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_that_do_not_add_up_are_told() {
        let sample = |id: &str| corpus::Sample {
            id: id.to_owned(),
            images: Vec::new(),
            turns: Vec::new(),
            end: false,
            origin: serde_json::Value::Null,
        };
        let samples = SampleSet::new(["a", "b", "c"].map(sample).into());
        let dropped = |id: &str| train::Dropped {
            id: id.to_owned(),
            reason: "too-long".to_owned(),
            detail: String::new(),
        };
        // Two epochs without `c`; `b` is left out each time.
        let check = |foretold: &[train::Dropped], dropped: &[train::Dropped], trained| {
            check_totals(&samples, &[2, 2, 0], foretold, dropped, trained)
        };
        let foretold = |foretold: usize, left_out: usize| Imbalance::Foretold {
            foretold,
            left_out,
            differing: "b".to_owned(),
        };
        let b = [dropped("b")];
        assert_eq!(check(&b, &b, Some(2)), Ok(()));
        assert_eq!(check(&[dropped("b"), dropped("c")], &b, None), Ok(()));
        assert_eq!(check(&[], &[], Some(4)), Ok(()));
        let (drawn, trained) = (2, 3);
        let found = check(&b, &b, Some(trained));
        assert_eq!(found, Err(Imbalance::Trained { drawn, trained }));
        assert_eq!(check(&[], &b, Some(2)), Err(foretold(0, 1)));
        assert_eq!(check(&b, &[], Some(4)), Err(foretold(1, 0)));
        let told = foretold(1, 0).to_string();
        assert!(told.contains("foretold 1 samples") && told.contains("`b` for one"));
    }
}

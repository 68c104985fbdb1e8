//! Seed data become tuning samples of the synthesizer: after the caption, everything is learned, so that it learns to
//! write hint, instruction, answers, the headers between them, and to stop.

use std::path::Path;

use corpus::seed::{Rng, hash};
use corpus::{Rejected, Role, Sample, Seed, Turn};
use serde_json::json;

use crate::opening::{Input, missing, opening};
use crate::outcome::{Outcome, reject};
use crate::prompts::Prompts;
use crate::text;

/// A share of pictures to be replaced by a blank one, which makes the synthesizer read the caption (paper, appendix F).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blank<'a> {
    /// The blank picture.
    pub path: &'a Path,
    /// Probability for each seed; the paper's is 0.1.
    pub share: f64,
}

/// How samples are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeedOptions<'a> {
    /// What the synthesizer sees.
    pub input: Input,
    /// Blank pictures, where it sees picture and caption; a blank picture alone would teach it to invent.
    pub blank: Option<Blank<'a>>,
    /// Seed of the turn order and the blanks, each drawn by the record's id.
    pub seed: u64,
}

impl<'a> SeedOptions<'a> {
    /// The paper's: picture and caption are both seen, and a tenth of the pictures is replaced by this blank one.
    ///
    /// ```
    /// let options = synthesis::SeedOptions::paper("blank.png".as_ref(), 42);
    /// assert_eq!(options.blank.map(|blank| blank.share), Some(0.1));
    /// ```
    pub fn paper(blank: &'a Path, seed: u64) -> Self {
        Self {
            input: Input::Both,
            blank: Some(Blank {
                path: blank,
                share: 0.1,
            }),
            seed,
        }
    }
}

/// One sample a seed: the opening, then for each task a turn pair with each hint, all pairs in a drawn order.
pub fn seed_samples(seeds: &[Seed], options: SeedOptions, prompts: &Prompts) -> Outcome<Sample> {
    let mut outcome = Outcome::default();
    for seed in seeds {
        match seed_sample(seed, options, prompts, &mut outcome.rejected) {
            Ok(sample) => outcome.items.push(sample),
            Err(rejected) => outcome.rejected.push(rejected),
        }
    }
    outcome
}

fn seed_sample(
    seed: &Seed,
    options: SeedOptions,
    prompts: &Prompts,
    rejected: &mut Vec<Rejected>,
) -> Result<Sample, Rejected> {
    if let Some((reason, detail)) = missing(&seed.images, &seed.caption, options.input) {
        return Err(reject(&seed.id, reason, detail));
    }
    let hints = &prompts.synthesizer;
    let mut pairs = Vec::new();
    for task in &seed.tasks {
        let instruction = text::without_marks(&task.instruction);
        let (informative, precise) = (task.informative.trim(), task.precise.trim());
        if instruction.is_empty() || informative.is_empty() || precise.is_empty() {
            rejected.push(reject(&seed.id, "empty-part", &task.instruction));
            continue;
        }
        for (hint, answer) in [
            (&hints.hint_precise, precise),
            (&hints.hint_informative, informative),
        ] {
            pairs.push([
                Turn::new(Role::User, format!("{hint}\n{instruction}")).learned(),
                Turn::new(Role::Assistant, answer).learned(),
            ]);
        }
    }
    if pairs.is_empty() {
        return Err(reject(
            &seed.id,
            "no-task",
            "no task has an instruction and both answers",
        ));
    }
    Rng::new(hash(options.seed, &format!("order {}", seed.id))).shuffle(&mut pairs);
    let (mut images, mut turns) = opening(&seed.images, &seed.caption, options.input, hints);
    turns.extend(pairs.into_iter().flatten());
    let mut origin =
        json!({ "seed": seed.id, "task": seed.task, "prompts": hints.version, "blank": false });
    if let Some(blank) = options.blank.filter(|_| options.input == Input::Both)
        && Rng::new(hash(options.seed, &format!("blank {}", seed.id))).chance(blank.share)
    {
        images.fill(blank.path.to_owned());
        origin["blank"] = true.into();
    }
    Ok(Sample {
        id: seed.id.clone(),
        images,
        turns,
        end: true,
        origin,
    })
}

/// Splits seeds into a tuning and a held-out part within each task, then orders both anew (paper, appendix B).
///
/// Of `n` seeds of a task, `n × held_out` rounded down are held out.
pub fn split_seeds(seeds: &[Seed], held_out: f64, seed: u64) -> (Vec<Seed>, Vec<Seed>) {
    let mut tasks: Vec<(&str, Vec<&Seed>)> = Vec::new();
    for item in seeds {
        let name = item.task.as_deref().unwrap_or_default();
        match tasks.iter_mut().find(|(task, _)| *task == name) {
            Some((_, list)) => list.push(item),
            None => tasks.push((name, vec![item])),
        }
    }
    let (mut tuning, mut held) = (Vec::new(), Vec::new());
    for (name, mut list) in tasks {
        Rng::new(hash(seed, &format!("task {name}"))).shuffle(&mut list);
        let at = list.len() - (list.len() as f64 * held_out.clamp(0.0, 1.0)) as usize;
        held.extend(list.split_off(at).into_iter().cloned());
        tuning.extend(list.into_iter().cloned());
    }
    Rng::new(hash(seed, "tuning")).shuffle(&mut tuning);
    Rng::new(hash(seed, "held out")).shuffle(&mut held);
    (tuning, held)
}

#[cfg(test)]
mod tests;

//! The phase `read`, and samples without pictures: captions, questions about them, and extraction.

use std::path::Path;

use anyhow::Result;
use corpus::pictograms::Concept;
use corpus::seed::Rng;
use corpus::{Role, Sample, Turn};
use demo::pictures::thing;
use demo::world::{self, Asks, Lexicon, Thing};
use synthesis::Prompts;
use torch::Kind;
use train::Config;

use crate::samples::{Drawn, SampleKind, plain};
use crate::training::{drive, fresh};

const STEPS: usize = 2500;

/// Teaches a new decoder to read, and saves it as `<work>/read`.
pub fn run<'a>(
    work: &Path,
    folder: &Path,
    general: impl IntoIterator<Item = &'a Concept>,
) -> Result<()> {
    let model = fresh(folder, 2)?;
    let config = Config {
        micro_tokens: 4096,
        betas: [0.9, 0.98],
        weight_decay: 0.05,
        ..Config::small(1.2e-3, 16, STEPS)
    };
    let source = Drawn::new(folder, 2, Reading::new(general), STEPS * 16)?;
    drive("read", model.as_ref(), &source, &config, |_| Ok(()))?;
    model::save(
        model.as_ref(),
        &work.join("read"),
        Some(folder),
        Kind::Float,
    )?;
    Ok(())
}

/// Captions and questions over general and new names, without pictures.
pub struct Reading {
    things: Vec<Thing>,
    /// What new things are made of.
    pub lexicon: Lexicon,
    /// The words of requests.
    pub prompts: Prompts,
}

impl Reading {
    /// Over these concepts and invented things.
    pub fn new<'a>(concepts: impl IntoIterator<Item = &'a Concept>) -> Self {
        let mut things: Vec<Thing> = concepts.into_iter().map(|c| thing(c, "")).collect();
        things.dedup();
        Self {
            lexicon: Lexicon::new(&things),
            things,
            prompts: Prompts::default(),
        }
    }

    fn thing(&self, rng: &mut Rng) -> (Thing, Vec<String>) {
        if rng.chance(0.7) {
            return self.lexicon.unheard(rng);
        }
        let mut thing = rng.choose(&self.things).clone();
        let kinds = &self.lexicon.kinds;
        if rng.chance(0.5) {
            thing.kind.clone_from(rng.choose(kinds));
        }
        let colour = *rng.choose::<&str>(&world::COLOURS);
        colour.clone_into(&mut thing.colour);
        (thing, kinds.clone())
    }

    /// Answers after a caption, with the hints of the synthesizer's turns in half of the samples.
    pub fn answers(
        &self,
        mut turns: Vec<Turn>,
        thing: &Thing,
        kinds: &[String],
        asks: &[Asks],
        rng: &mut Rng,
    ) -> Vec<Turn> {
        let prompts = &self.prompts.synthesizer;
        for _ in 0..2 {
            let question = world::question(thing, *rng.choose(asks), kinds, rng);
            let precise = rng.chance(0.5);
            let hint = if precise {
                &prompts.hint_precise
            } else {
                &prompts.hint_informative
            };
            let answer = if precise {
                question.precise
            } else {
                question.informative
            };
            turns.push(Turn::new(
                Role::User,
                format!("{hint}\n{}", question.instruction),
            ));
            turns.push(Turn::new(Role::Assistant, answer).learned());
        }
        turns
    }

    /// A long answer or another one, and what it says to a question.
    pub fn extraction(&self, rng: &mut Rng) -> Vec<Turn> {
        let (thing, kinds) = self.thing(rng);
        let (other, _) = self.thing(rng);
        let asks = *rng.choose(&Asks::ALL);
        let question = world::question(&thing, asks, &kinds, rng);
        // The answer is what the text says, right or wrong, so a text about another thing gives another answer.
        let (text, answer) = if rng.chance(0.5) {
            let told = world::question(&other, asks, &kinds, rng);
            let fits = !matches!(asks, Asks::YesNo | Asks::Choice);
            if fits {
                (told.informative, told.precise)
            } else {
                (question.informative, question.precise)
            }
        } else {
            (question.informative, question.precise)
        };
        let request =
            synthesis::judge::extraction_request(&text, &question.instruction, &self.prompts);
        vec![
            Turn::new(Role::User, request),
            Turn::new(Role::Assistant, answer).learned(),
        ]
    }
}

impl SampleKind for Reading {
    fn sample(&self, rng: &mut Rng) -> Sample {
        if rng.chance(0.2) {
            return plain(self.extraction(rng), Vec::new());
        }
        let (thing, kinds) = self.thing(rng);
        let caption = world::caption(&thing, rng);
        let mut told = Turn::new(Role::Assistant, caption);
        // Captions of invented things are noise to predict, so they are learned now and then only.
        told.learn = rng.chance(0.2);
        let turns = vec![
            Turn::new(Role::User, self.prompts.synthesizer.caption_request.clone()),
            told,
        ];
        let turns = self.answers(turns, &thing, &kinds, &Asks::ALL, rng);
        plain(turns, Vec::new())
    }
}

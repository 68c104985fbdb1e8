//! The cards beside every trained model: what it is made of and for (`README.md`), and what it was trained on (`DATA.md`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use corpus::{Pair, jsonl};
use run::recipe::training::PASSING;
use run::recipe::{DEMO, Recipe, StageData};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::sample_set::SampleSet;
use crate::stage::{Link, Site};
use crate::stages::pairs::Pairs;
use crate::trained::Trained;

/// What the cards of a model say beyond what its training counted.
#[derive(Clone, Debug)]
pub struct Card {
    /// What the model is, in a sentence.
    what: String,
    /// The general model that it was made from.
    base: String,
    is_toy: bool,
    /// Key, value and origin of what the recipe says of this training.
    recipe: Vec<(String, String, String)>,
    data: Source,
    /// The stages of the training before, each with what it was trained on.
    before: Vec<(String, &'static str)>,
}

/// What a model was trained on.
#[derive(Clone, Debug)]
enum Source {
    /// Seed data, with a share of blank pictures.
    Seeds { name: String, blank: f64 },
    /// A file of samples.
    File(String),
    /// Pairs, what was trained of them, and replay with its ratio.
    Pairs {
        name: String,
        pairs: Link<Pairs>,
        tasks: String,
        general: Option<(String, f64)>,
    },
}

impl Card {
    /// Of a synthesizer that is tuned on seed data.
    pub fn of_synthesizer(recipe: &Recipe) -> Self {
        let seeds = recipe.synthesizer.seed_data.as_deref();
        Self::new(
            recipe,
            "a synthesizer: it reads a picture with its caption and writes an instruction with both answers".to_owned(),
            &["synthesizer.".to_owned()],
            if let Some(samples) = &recipe.synthesizer.train.data {
                Source::File(name_of(samples))
            } else {
                Source::Seeds {
                    name: seeds.map_or_else(|| "the shipped demo seed set".to_owned(), name_of),
                    blank: recipe.synthesizer.blank_images,
                }
            },
        )
    }

    /// Of an adapted model.
    pub fn of_adapted(recipe: &Recipe, pairs: &Link<Pairs>) -> Self {
        let data = match &recipe.train.data {
            Some(file) => Source::File(name_of(file)),
            None => Source::of_pairs(recipe, pairs, tasks(recipe), true),
        };
        Self::new(
            recipe,
            format!("{ADAPTED}, trained further on a domain's pictures"),
            &["train.".to_owned()],
            data,
        )
    }

    /// Of the model after the stage at this place of the recipe's; the last one makes the adapted model.
    pub fn of_stage(recipe: &Recipe, pairs: &Link<Pairs>, at: usize) -> Self {
        let (before, stage) = (&recipe.stages[..at], &recipe.stages[at]);
        let is_last = at + 1 == recipe.stages.len();
        let what = if is_last {
            format!("{ADAPTED}, trained further on a domain's pictures in stages")
        } else {
            format!(
                "{ADAPTED}, in the midst of a training of several stages: after the stage `{}`",
                stage.name
            )
        };
        let data = match stage.data {
            Some(StageData::Mix) => Source::of_pairs(recipe, pairs, tasks(recipe), true),
            Some(StageData::Synthetic) => {
                let alone = format!("{}{ALONE}", tasks(recipe));
                Source::of_pairs(recipe, pairs, alone, true)
            }
            Some(StageData::Caption) => {
                Source::of_pairs(recipe, pairs, CAPTIONS_ALONE.to_owned(), false)
            }
            Some(StageData::General) => {
                Source::File(recipe.mix.general.as_deref().map_or(String::new(), name_of))
            }
            None => Source::File(
                stage
                    .training
                    .data
                    .as_deref()
                    .map_or(String::new(), name_of),
            ),
        };
        let stages = recipe.stages[..=at].iter();
        let sections: Vec<String> = stages.map(|stage| stage.section() + ".").collect();
        Self {
            before: before
                .iter()
                .map(|stage| (stage.name.clone(), stage.about()))
                .collect(),
            ..Self::new(recipe, what, &sections, data)
        }
    }

    fn new(recipe: &Recipe, what: String, sections: &[String], data: Source) -> Self {
        // Paths are this machine's; the data card names the files.
        let is_path = |text: Option<&str>| text.is_some_and(|text| text.contains('/'));
        let is_told = |key: &str| {
            let others = ["run.", "mix.", "model."];
            let mut all = sections.iter().map(String::as_str).chain(others);
            let name = key.rsplit('.').next().unwrap_or(key);
            all.any(|section| key.starts_with(section)) && !PASSING.contains(&name)
        };
        let told = recipe
            .resolution
            .iter()
            .filter(|(key, resolved)| is_told(key) && !is_path(resolved.value.as_str()));
        Self {
            what,
            base: name_of(&recipe.checkpoint),
            is_toy: recipe.uses_demo_base(),
            recipe: told
                .map(|(key, resolved)| {
                    let value = resolved.value.to_string().replace('|', "\\|");
                    (key.clone(), value, resolved.origin.to_string())
                })
                .collect(),
            data,
            before: Vec::new(),
        }
    }
}

/// What every model of such a training is.
const ADAPTED: &str = "an adapted multimodal model: a general one";

/// What is trained of pairs.
const ALONE: &str = ", which were trained without the captions";
const CAPTIONS_ALONE: &str = "nothing but their captions";

/// What its tasks are, in words.
fn tasks(recipe: &Recipe) -> String {
    let maker = recipe.making.maker;
    let kept = if maker.gives_triplets() {
        " and the filter kept"
    } else {
        ""
    };
    format!("tasks {}{kept}", maker.about())
}

impl Source {
    fn of_pairs(recipe: &Recipe, pairs: &Link<Pairs>, tasks: String, has_replay: bool) -> Self {
        let names = recipe.pairs.iter().map(|path| name_of(path));
        let general = recipe.mix.general.as_ref().filter(|_| has_replay);
        Self::Pairs {
            name: names.collect::<Vec<_>>().join(", "),
            pairs: pairs.clone(),
            tasks,
            general: general.map(|path| (name_of(path), recipe.mix.general_ratio)),
        }
    }
}

/// Writes both cards into a model's folder. They hold no time and no place of this machine, so that the same run writes the
/// same cards.
pub fn write(
    site: &Site<'_>,
    card: &Card,
    model: &Path,
    samples: &SampleSet,
    trained: &Trained,
) -> Result<()> {
    for (name, text) in [
        ("README.md", model_card(site.stage(), card, trained)?),
        ("DATA.md", data_card(site, card, samples, trained)?),
    ] {
        let path = model.join(name);
        std::fs::write(&path, text).map_err(Error::io("write", &path))?;
    }
    Ok(())
}

/// A model's or file's name without the folders that only this machine has.
fn name_of(path: &Path) -> String {
    if path == Path::new(DEMO) {
        return "the shipped demo base (a toy on pictograms)".to_owned();
    }
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn model_card(stage: &str, card: &Card, trained: &Trained) -> Result<String> {
    let mut out = String::from(
        "---\npipeline_tag: image-text-to-text\ntags: [domain-adaptation, adamllm]\n---\n\n",
    );
    let _ = writeln!(
        out,
        "# Model card\n\nThis is {}. It was made from {} by adamllm {}, stage `{stage}`, in the manner of \"On \
        Domain-Specific Post-Training for Multimodal Large Language Models\" (arXiv 2411.19930).\n",
        card.what,
        card.base,
        env!("CARGO_PKG_VERSION")
    );
    out += "## Training\n\n";
    let counts = serde_json::to_value(trained)?;
    let counts: BTreeMap<&String, &Value> = counts.as_object().into_iter().flatten().collect();
    for (name, count) in counts {
        let _ = writeln!(out, "- {name}: {count}");
    }
    out += "\n## Recipe\n\n| key | value | from |\n|---|---|---|\n";
    for (key, value, origin) in &card.recipe {
        let _ = writeln!(out, "| `{key}` | `{value}` | {origin} |");
    }
    out += "\n## Scores\n\nThe run's `report/summary.json` and `report/index.html` have the scores before and after on the same \
            questions, with intervals; they are made after this file and are not repeated here.\n\n\
            ## Licence\n\nThat of the base model holds for this one too, and the licences of the data (`DATA.md`) may bind its use.\n\n\
            ## Limits\n\n- It was trained on answers that a model wrote and another filtered; some are wrong.\n\
            - What it says of pictures outside of its domain may be worse than what the base said: see the forgetting table of the report.\n\
            - It must not be used for decisions about people's health or safety without people who check them.\n";
    if card.is_toy {
        out += "- It is a toy of a few million parameters on pictograms, of use for nothing but showing the road.\n";
    }
    Ok(out)
}

fn data_card(
    site: &Site<'_>,
    card: &Card,
    samples: &SampleSet,
    trained: &Trained,
) -> Result<String> {
    let mut out = String::from("# Data card\n\n");
    let mut turns = 0;
    for sample in samples.iter() {
        turns += sample?.turns.iter().filter(|t| t.learn).count();
    }
    let _ = writeln!(
        out,
        "{} training samples with {turns} learned turns; {} of them were drawn.\n",
        samples.len(),
        trained.trained_on
    );
    for (stage, about) in &card.before {
        let _ = writeln!(
            out,
            "Before, in the stage `{stage}`, the model was trained on {about}; the data card of that stage's model tells more.\n"
        );
    }
    let (name, pairs, tasks, general) = match &card.data {
        Source::Seeds { name, blank } => {
            let _ = writeln!(
                out,
                "Seed data: {name}. A share of {blank} of the pictures was blank."
            );
            return Ok(out);
        }
        Source::File(name) => {
            let _ = writeln!(
                out,
                "Samples of the file `{name}`, which says where they come from."
            );
            return Ok(out);
        }
        Source::Pairs {
            name,
            pairs,
            tasks,
            general,
        } => (name, pairs, tasks, general),
    };
    let _ = writeln!(out, "Image-caption pairs of `{name}`, with {tasks}.\n");
    let mut sources: BTreeMap<(String, String), usize> = BTreeMap::new();
    for pair in jsonl::rows::<Pair>(&site.of(pairs, crate::stages::pairs::PAIRS))? {
        let pair = pair?;
        let licence = ["licence", "license"]
            .iter()
            .find_map(|key| pair.meta.get(*key));
        let licence = match licence {
            None => "not stated".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let source = pair.source.unwrap_or_else(|| "not stated".to_owned());
        *sources.entry((source, licence)).or_default() += 1;
    }
    out += "| source | licence | pairs |\n|---|---|---:|\n";
    for ((source, licence), count) in sources {
        let _ = writeln!(out, "| {source} | {licence} | {count} |");
    }
    if let Some((general, ratio)) = general {
        let _ = writeln!(
            out,
            "\nGeneral samples of `{general}` were replayed, {ratio} for each of the domain."
        );
    }
    out += "\nSources come from the pairs' key `source`, licences from their key `licence`; what is not stated there is not known here.\n";
    Ok(out)
}

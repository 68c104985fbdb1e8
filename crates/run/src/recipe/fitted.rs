//! `fit`: a training's choices by the memory of the device, among the keys that a recipe leaves open.

use std::path::Path;

use toml::Value;

use super::dtype::Dtype;
use super::fit_choice::FitChoice;
use super::fitting::Fitting;
use super::resolution::{Origin, Resolution, Resolved};
use super::training::Training;
use crate::memory::{Architecture, Choices, Device, KEYS, Planner, Row, Said};

/// How one training was fitted.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// Its section of the recipe.
    pub section: String,
    /// What its ways take.
    pub planner: Planner,
    /// What it was fitted to, with the recipe's own bound.
    pub device: Device,
    /// What it takes as it is to be done.
    pub row: Row,
    /// What was chosen, why, and what the next better way would need; or why nothing was chosen.
    pub why: String,
    /// Whether that is another way than the recipe and the presets say.
    pub is_chosen: bool,
    /// A sentence where nothing fits.
    pub problem: Option<String>,
}

/// The model and the trainings that a recipe asks for.
pub(super) struct Asked<'a> {
    /// The model's folder.
    pub checkpoint: &'a Path,
    /// Whether that is the shipped demo base.
    pub is_demo: bool,
    /// The dtype of its weights.
    pub dtype: Dtype,
    /// The most that tensors may take, where the recipe says it.
    pub memory: Option<u64>,
    /// Each section with what it says.
    pub trainings: Vec<(String, &'a Training)>,
}

/// Fits the trainings of a recipe: chosen words take their places in `resolution`, so that the recipe as it is written down has
/// them. A model that cannot be planned for is told of by whoever opens it.
pub(super) fn settle(
    asked: &Asked<'_>,
    fitting: &Fitting<'_>,
    resolution: &mut Resolution,
) -> Vec<Fitted> {
    let Some(device) = &fitting.device else {
        return Vec::new();
    };
    let device = &Device {
        budget: asked.memory.or(device.budget),
        ..device.clone()
    };
    let model = match fitting.demo_config.filter(|_| asked.is_demo) {
        Some(text) => serde_json::from_str(text)
            .ok()
            .and_then(|config| Architecture::of_config(&config).ok()),
        None => Architecture::of_folder(asked.checkpoint).ok(),
    };
    let Some(model) = model else {
        return Vec::new();
    };
    asked
        .trainings
        .iter()
        .map(|(section, training)| {
            let planner = Planner::of_training(model.clone(), asked.dtype, training);
            one(section, training.fit, &planner, device, fitting, resolution)
        })
        .collect()
}

fn one(
    section: &str,
    fit: FitChoice,
    planner: &Planner,
    device: &Device,
    fitting: &Fitting<'_>,
    resolution: &mut Resolution,
) -> Fitted {
    let said = said(section, resolution);
    let as_said = |why: &str| Fitted {
        section: section.to_owned(),
        planner: planner.clone(),
        device: device.clone(),
        row: planner.row(
            said.choices.clone(),
            device,
            said.shards(device, &said.choices),
        ),
        why: why.to_owned(),
        is_chosen: false,
        problem: None,
    };
    if fit == FitChoice::Off {
        return as_said("as the recipe says (`fit` is off)");
    }
    if let Some(kept) = &fitting.kept {
        let mut choices = said.choices.clone();
        for key in KEYS.into_iter().filter(|key| !said.fixed.contains(key)) {
            let word = kept.get(&format!("{section}.{key}"));
            if let Some(changed) = word.and_then(|word| choices.clone().with(key, word)) {
                choices = changed;
            }
        }
        let why = "this run began with it";
        write(section, &choices, &said, why, resolution);
        return Fitted {
            is_chosen: choices != said.choices,
            row: {
                let shards = said.shards(device, &choices);
                planner.row(choices, device, shards)
            },
            ..as_said(why)
        };
    }
    match planner.fit(device, &said) {
        Ok(found) => {
            let why = found.text(device);
            write(section, &found.row.choices, &said, &why, resolution);
            Fitted {
                is_chosen: found.row.choices != said.choices,
                row: found.row,
                ..as_said(&why)
            }
        }
        Err(nothing) => {
            let problem = nothing.text(section, device);
            Fitted {
                problem: Some(problem.clone()),
                ..as_said(&problem)
            }
        }
    }
}

/// What a section says of its choices. A key that it does not have cannot be changed.
fn said(section: &str, resolution: &Resolution) -> Said {
    let mut said = Said::default();
    for name in KEYS {
        let full = format!("{section}.{name}");
        let resolved = resolution.get(&full);
        let word = resolved.and_then(|resolved| resolved.value.as_str());
        if let Some(changed) = word.and_then(|word| said.choices.clone().with(name, word)) {
            said.choices = changed;
        }
        let is_said = resolved.is_some_and(|resolved| resolved.origin.is_said());
        if is_said || resolved.is_none() {
            said.fixed.push(name);
        }
    }
    let sharding = resolution.get(&format!("{section}.sharding"));
    let sharding = sharding.and_then(|resolved| resolved.value.as_str()?.parse().ok());
    said.sharding = sharding.unwrap_or_default();
    said
}

/// Writes the words that are not what they were.
fn write(section: &str, choices: &Choices, said: &Said, why: &str, resolution: &mut Resolution) {
    let pairs = KEYS.into_iter().zip(choices.words());
    for ((name, word), before) in pairs.zip(said.choices.words()) {
        if word != before {
            resolution.insert(
                format!("{section}.{name}"),
                Resolved {
                    value: Value::String(word.to_owned()),
                    origin: Origin::Fit(why.to_owned()),
                },
            );
        }
    }
}

//! The stages of a training by type, and what is wrong with them as trainings.

use std::path::Path;

use super::origin::Resolution;
use super::shape::listed;
use super::stages::{PIPELINE, Pipeline, STAGES, StageData, TrainStage, section_of};
use super::training::{Group, Lora};
use super::values::Values;

impl Values<'_> {
    /// The stages in their order; none where there is a single one.
    pub fn stages(&mut self) -> Vec<TrainStage> {
        let names = self.texts(STAGES).into_iter();
        names.map(|name| self.stage(name)).collect()
    }

    fn stage(&mut self, name: String) -> TrainStage {
        let section = section_of(&name);
        // A word where `[train]` has the name of a file.
        let key = format!("{section}.data");
        let said = self.resolution.get(&key);
        let word = said.and_then(|said| said.value.as_str()?.parse::<StageData>().ok());
        let put_aside = word.and_then(|_| self.resolution.remove_entry(&key));
        let training = self.training(&section);
        self.resolution.extend(put_aside);
        TrainStage {
            name,
            data: word,
            training,
        }
    }
}

/// What is wrong with stages, one sentence each; `general` are the general samples.
pub(super) fn problems(
    resolution: &Resolution,
    stages: &[TrainStage],
    general: Option<&Path>,
) -> Vec<String> {
    let mut out = Vec::new();
    let word = |key: &str| resolution.get(key).and_then(|key| key.value.as_str());
    let pipeline = word(PIPELINE).and_then(|word| word.parse::<Pipeline>().ok());
    let is_of_paper = pipeline.is_some_and(|pipeline| pipeline != Pipeline::Single);
    if is_of_paper && !resolution.contains_key("model.family") {
        out.push(format!(
            "what `{PIPELINE}` stands for follows the family of the model, which nothing tells; name it with `model.family`, \
             or your own stages in `[[{STAGES}]]`"
        ));
    }
    for pair in stages.windows(2) {
        let [before, stage] = pair else { continue };
        let function = |lora: &Lora| {
            (
                lora.rank,
                lora.alpha.to_bits(),
                lora.targets.clone(),
                lora.rslora,
            )
        };
        let then = before.training.lora.as_ref().map(function);
        if then.is_some() && stage.training.lora.as_ref().map(function) != then {
            out.push(format!(
                "the stage `{}` of `{STAGES}` goes on with the adapter of `{}`, and has to say the same of its `lora`",
                stage.name, before.name
            ));
        }
    }
    for stage in stages {
        let (name, section) = (&stage.name, stage.section());
        if stage.data == Some(StageData::General) && general.is_none() {
            out.push(format!(
                "the stage `{name}` of `{STAGES}` trains general samples; name them in `mix.general`"
            ));
        }
        let all_frozen = Group::ALL.iter().all(|g| stage.training.freeze.contains(g));
        // What is trained beside frozen groups has a table of its own.
        let beside = format!("{section}.lora");
        if all_frozen && !resolution.keys().any(|key| key.starts_with(&beside)) {
            out.push(format!(
                "`{section}.freeze` names {}, so that the stage trains nothing",
                listed(&Group::WORDS, "and")
            ));
        }
    }
    out
}

//! Trainings of several stages, in plain types: each goes on from the model of the one before.

use super::family::Family;
use super::training::Training;

/// A word for the stages of the adapted model's training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pipeline {
    /// One training on captions and tasks together.
    #[default]
    Single,
    /// Captions, then the synthetic tasks.
    TwoStage,
    /// Captions, then captions and synthetic tasks together.
    TwoStageReuse,
}

corpus::words!(Pipeline {
    Single = "single",
    TwoStage = "two-stage",
    TwoStageReuse = "two-stage-reuse",
});

/// What a stage trains on, where it is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StageData {
    /// Captions and synthetic tasks in one conversation a pair, as with a single stage.
    Mix,
    /// The caption task alone.
    Caption,
    /// The synthetic task alone.
    Synthetic,
    /// The general samples alone.
    General,
}

corpus::words!(StageData {
    Mix = "mix",
    Caption = "caption",
    Synthetic = "synthetic",
    General = "general",
});

impl StageData {
    /// Whether captions are trained.
    pub fn has_captions(self) -> bool {
        matches!(self, Self::Mix | Self::Caption)
    }

    /// Whether synthetic tasks are trained; general samples are replayed beside these.
    pub fn has_tasks(self) -> bool {
        matches!(self, Self::Mix | Self::Synthetic)
    }

    /// What it is, in words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Mix => "captions and synthetic tasks",
            Self::Caption => "captions",
            Self::Synthetic => "synthetic tasks",
            Self::General => "general samples",
        }
    }
}

/// One stage of a training of several.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainStage {
    /// Its name in the recipe; fit for a file name.
    pub name: String,
    /// What it trains on; none where `training.data` names a file of samples.
    pub data: Option<StageData>,
    /// How it trains.
    pub training: Training,
}

impl TrainStage {
    /// The section of its keys in a resolution.
    pub fn section(&self) -> String {
        section_of(&self.name)
    }

    /// What it trains on, in words.
    pub fn about(&self) -> &'static str {
        self.data.map_or("a file of samples", StageData::about)
    }
}

/// The key that holds the stages; in a resolution their names in order.
pub(super) const STAGES: &str = "train.stages";

/// The key of a word for them.
pub(super) const PIPELINE: &str = "train.pipeline";

/// The section of a stage's keys in a resolution.
pub(super) fn section_of(stage: &str) -> String {
    format!("{STAGES}.{stage}")
}

/// A stage as a pipeline has it.
pub(super) struct PresetStage {
    pub name: &'static str,
    pub data: StageData,
    /// Keys with values as TOML that are not those of `[train]`.
    pub own: &'static [(&'static str, &'static str)],
}

/// LLaVA's first stage; the others train the full model with the values of table 10.
const PROJECTOR_ALONE: &[(&str, &str)] = &[
    ("freeze", "[\"vision_tower\", \"language_model\"]"),
    ("learning_rate", "{ projector = 2e-3 }"),
];

impl Pipeline {
    /// The stages of the paper's two-stage baseline (appendix E) for a family; none for a single stage.
    pub(super) fn stages(self, family: Option<Family>) -> Vec<PresetStage> {
        let second = match self {
            Self::Single => return Vec::new(),
            Self::TwoStage => StageData::Synthetic,
            Self::TwoStageReuse => StageData::Mix,
        };
        let own = match family {
            Some(Family::LlavaNext) => PROJECTOR_ALONE,
            Some(Family::Qwen2Vl | Family::Mllama) | None => &[],
        };
        vec![
            PresetStage {
                name: "captions",
                data: StageData::Caption,
                own,
            },
            PresetStage {
                name: "instructions",
                data: second,
                own: &[],
            },
        ]
    }
}

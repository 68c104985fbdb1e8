//! Recipes: one TOML file a run, every key with a preset and the place that its value comes from.
//!
//! Two steps: the text becomes a flat table of known keys with origins ([`resolve`]), and that table becomes a typed
//! [`Recipe`] whose paths exist and whose numbers are in range ([`Recipe::new`]). [`Recipe::read`] does both and gives all
//! errors at once. What a recipe cannot know by itself, it is given as [`Surroundings`]; it reads no environment.

mod size;

mod fit_choice;
mod shape;
pub mod training;
mod watching;

mod control;
mod dtype;
mod family;

mod address;
mod endpoint_keys;
mod endpoints;
mod maker_keys;
mod making;

mod judging;
mod picture_format;
mod quality_keys;

mod key;
mod stages;
mod training_keys;

mod stage_keys;

mod keys;

mod flat;
mod origin;

mod stage_resolution;

mod resolution;

mod checked;
mod fitted;
mod fitting;
mod lora;
mod models;
mod optimizer_choices;
mod stage_values;
mod synthesizer;
mod unread;
mod unread_maker;
mod unread_quality;
mod unread_rule;
mod unread_synthesizer;
mod values;

mod presets;

mod differences;
mod explanation;
mod new;
mod settings;

pub use address::is_variable;
pub use checked::{Evaluate, Filter, Generate, Mix, Recipe};
pub use control::Control;
pub use differences::{Difference, differences};
pub use dtype::{Automatic, DeviceKind, Dtype, DtypeChoice, Processor};
pub use endpoint_keys::is_of_transport;
pub use endpoints::{EndpointPlace, EndpointPrices, EndpointSettings};
pub use explanation::{Row, explain};
pub use family::{Family, Found};
pub use fit_choice::FitChoice;
pub use fitted::Fitted;
pub use fitting::Fitting;
pub use judging::{Judging, NamedData};
pub use key::{Key, Preset};
pub use keys::{DEMO, help_of, keys};
pub use making::Making;
pub use new::{Answers, NewError, QUESTIONS};
pub use picture_format::PictureFormat;
pub use resolution::{
    Origin, Resolution, Resolved, Surroundings, evaluation_pixels, resolve, without_column,
    without_origins,
};
pub use settings::overrides;
pub use shape::Shape;
pub use size::bytes as size_in_bytes;
pub use stages::{Pipeline, StageData, TrainStage};
pub use synthesizer::Synthesizer;
pub use training::Training;
pub use watching::{BestBy, HeldBack, OnSpike, Watching};

#[cfg(test)]
mod tests;

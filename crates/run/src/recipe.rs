//! Recipes: one TOML file a run, every key with a preset and the place that its value comes from.
//!
//! Two steps: the text becomes a flat table of known keys with origins ([`resolve`]), and that table becomes a typed
//! [`Recipe`] whose paths exist and whose numbers are in range ([`Recipe::new`]). [`Recipe::read`] does both and gives all
//! errors at once. What a recipe cannot know by itself, it is given as [`Surroundings`]; it reads no environment.

mod size;

mod shape;
pub mod training;

mod control;
mod dtype;
mod family;

mod key;
mod training_keys;

mod keys;

mod resolution;

mod checked;
mod lora;
mod unread;
mod values;

mod presets;

mod differences;
mod explanation;
mod new;

pub use checked::{Evaluate, Filter, Generate, Mix, Recipe, Synthesizer};
pub use control::Control;
pub use differences::{Difference, differences};
pub use dtype::{Automatic, DeviceKind, Dtype, DtypeChoice, Processor};
pub use explanation::{Row, explain};
pub use family::{Family, Found};
pub use key::{Key, Preset};
pub use keys::{DEMO, help_of, keys};
pub use new::{Answers, NewError, QUESTIONS};
pub use resolution::{
    Origin, Resolution, Resolved, Surroundings, evaluation_pixels, resolve, without_column,
};
pub use shape::Shape;
pub use training::Training;

#[cfg(test)]
mod tests;

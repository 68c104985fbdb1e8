//! What trainings with `fit = "auto"` are fitted to.

use std::collections::BTreeMap;

use crate::memory::Device;

/// What trainings are fitted to.
#[derive(Clone, Debug, Default)]
pub struct Fitting<'a> {
    /// Where models run; nothing is fitted where nobody tells.
    pub device: Option<Device>,
    /// The `config.json` of the shipped demo base.
    pub demo_config: Option<&'a str>,
    /// What a run that goes on began with: the keys that were chosen for it, each with its word.
    pub kept: Option<BTreeMap<String, String>>,
}

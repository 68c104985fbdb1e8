//! The demo's settings.

/// The demo's recipe as text; paths are relative to the demo's folder.
pub const RECIPE: &str = include_str!("../../../recipes/demo.toml");

/// Overrides for a first look: fewer steps.
pub const QUICK: [&str; 2] = ["synthesizer.train.max_steps=40", "train.max_steps=40"];

//! Recipes, the graph of stages with their keys, run folders, events. No tensors, no models.

pub mod hub;
pub mod recipe;

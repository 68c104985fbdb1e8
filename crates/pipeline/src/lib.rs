//! The stages of a run, one file each, and the driver that goes through their graph.

pub mod settings;

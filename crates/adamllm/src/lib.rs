//! The program: its command line, its terminal, and the verbs that need no tensors.
//!
//! Two binaries are built on it. `adamllm` links no tensor library; for whatever needs one it executes `adamllm-engine` beside
//! it with the same arguments. Both understand the same command line.
#![expect(
    clippy::print_stdout,
    reason = "the program is the one crate that prints"
)]

pub mod bench;
pub mod cli;
mod columns;
mod convert;
pub mod convert_model;
pub mod doctor;
pub mod endpoint_flags;
pub mod engine;
pub mod environment;
pub mod flags;
mod inspect_checkpoint;
mod inspect_data;
mod inspect_run;
mod inspect_sample;
pub mod lab;
pub mod launch;
pub mod libtorch;
pub mod light;
pub mod machine;
pub mod output;
pub mod plan;
pub mod plan_pages;
pub mod planned;
pub mod program;
pub mod quality;
pub mod rank;
mod reading;
pub mod recipes;
pub mod reference;
pub mod scores;
pub mod secrets;
pub mod signals;
pub mod terminal;

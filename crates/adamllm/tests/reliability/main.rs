//! Never lost, never silent: the program is killed, stopped, starved of disk and fed bad input.

mod adapters;
mod bad_input;
mod disk_full;
mod interrupted;
mod places;
mod plan;
#[path = "../program/mod.rs"]
mod program;
mod run;
mod stages;
mod watched;

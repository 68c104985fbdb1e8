//! Processes that work together: started, told their places, signalled, killed. All of them are real.

mod children;
mod copies;
mod parts;
mod places;
#[path = "../program/mod.rs"]
mod program;

//! The client against a server that fails as it is told.

mod bad_input;
mod faulty;
mod keys;
mod kills;
mod likelihood;
mod pictures;
mod support;
mod ways;

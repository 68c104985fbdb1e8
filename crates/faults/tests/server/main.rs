//! The server as a client sees it that knows bytes and nothing else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod each_fault;
mod outside;
mod raw;
mod services;
mod whole;

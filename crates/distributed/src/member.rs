//! Who takes part.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A process that takes part in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Which of all processes it is, from 0.
    pub rank: usize,
    /// The name of its machine.
    pub host: String,
    /// Its number there.
    pub process: u32,
    /// The version of its program.
    pub program: String,
}

impl Member {
    /// This process.
    pub fn own(rank: usize) -> Self {
        let host = rustix::system::uname();
        Self {
            rank,
            host: host.nodename().to_string_lossy().into_owned(),
            process: std::process::id(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rank,
            host,
            process,
            ..
        } = self;
        write!(f, "rank {rank} (process {process} on `{host}`)")
    }
}

//! What can be wrong with processes that work together.

use std::path::PathBuf;

use crate::member::Member;

/// Why processes cannot work together, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The port at which processes would find each other cannot be used.
    #[error(
        "port {port} of this machine cannot be listened at ({said}); another run may use it: choose another one with MASTER_PORT"
    )]
    Port {
        /// The port.
        port: u16,
        /// What c10d says.
        said: torch::Error,
    },
    /// Nobody serves the store.
    #[error(
        "rank {rank} finds nobody at {address}:{port} ({said}); look whether the process of rank 0 was started, whether MASTER_ADDR and MASTER_PORT \
         are those of its machine, and whether machines reach each other there"
    )]
    Nobody {
        /// The rank of this process.
        rank: usize,
        /// The host.
        address: String,
        /// The port.
        port: u16,
        /// What c10d says.
        said: torch::Error,
    },
    /// Some did not come.
    #[error(
        "{missing} of {size} processes did not come within {seconds} s: {ranks}; were all of them started?"
    )]
    Absent {
        /// How many.
        missing: usize,
        /// Of so many.
        size: usize,
        /// How long they were waited for.
        seconds: u64,
        /// Which.
        ranks: String,
    },
    /// A rank is there already.
    #[error(
        "there is a process of rank {rank} already at {address}:{port}; two runs were started with one MASTER_PORT and one run id: give each its own"
    )]
    Twice {
        /// The rank.
        rank: usize,
        /// The host.
        address: String,
        /// The port.
        port: u16,
    },
    /// Programs of several versions.
    #[error(
        "{member} runs version {theirs} of the program, rank 0 version {ours}; install one version everywhere"
    )]
    Version {
        /// Who.
        member: Member,
        /// Its version.
        theirs: String,
        /// That of rank 0.
        ours: String,
    },
    /// The library for GPUs is not there.
    #[error(
        "several processes work together on GPUs through `{}`, which is not there; `cargo xtask nccl` builds it against the torch that \
         the program runs with",
        library.display()
    )]
    NoNccl {
        /// Where it should lie.
        library: PathBuf,
    },
    /// The GPUs cannot work together.
    #[error("the processes' GPUs cannot work together: {said}")]
    Nccl {
        /// What NCCL or the loader says.
        said: torch::Error,
    },
    /// Another process stopped as the run was asked to, and what this one waited for does not come.
    #[error("the run was asked to stop")]
    Stopped,
    /// A process left a file that another one does not see.
    #[error(
        "`{}`, which another process wrote, is not to be seen from {member} after {seconds} s; the run folder has to be on a file system that all \
         processes share",
        path.display()
    )]
    Unseen {
        /// The file.
        path: PathBuf,
        /// Who looked.
        member: String,
        /// For how long.
        seconds: u64,
    },
    /// Another process ended the run.
    #[error("{0}")]
    Ended(String),
    /// The store or a group failed.
    #[error("the processes lost each other: {0}")]
    Lost(#[from] torch::Error),
}

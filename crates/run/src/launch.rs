//! How many processes work together, and which of them this one is.

/// What started a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// Nobody but the user: the process works alone.
    User,
    /// `adamllm … --processes N`, or whoever else sets `RANK` and its like.
    Variables,
    /// torchrun, whose agent serves the store.
    Torchrun,
    /// Slurm's `srun`.
    Slurm,
    /// An MPI's `mpirun`.
    Mpi,
}

/// A process's place among those that work together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// What started it.
    pub launcher: Launcher,
    /// Which of all processes it is, from 0.
    pub rank: usize,
    /// Processes in all.
    pub size: usize,
    /// Which of the processes of its machine it is, from 0.
    pub local_rank: usize,
    /// Processes of its machine.
    pub local_size: usize,
    /// The host that serves the store through which processes find each other.
    pub address: String,
    /// The store's port there.
    pub port: u16,
    /// Whether the process of rank 0 serves the store; else the launcher does.
    pub serves: bool,
    /// What tells this run of the launcher from others: what it calls the run or the job.
    pub id: String,
    /// How often the launcher has started it again.
    pub restart: u64,
}

impl Launch {
    /// A process that works alone.
    pub fn alone() -> Self {
        Self {
            launcher: Launcher::User,
            rank: 0,
            size: 1,
            local_rank: 0,
            local_size: 1,
            address: String::new(),
            port: 0,
            serves: false,
            id: String::new(),
            restart: 0,
        }
    }
}

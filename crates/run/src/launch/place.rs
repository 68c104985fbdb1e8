//! A process's place among those that work together, and a machine's.

/// Names the run of whoever starts processes for whom no launcher does, so that one run is not taken for another.
pub const RUN_ID: &str = "ADAMLLM_RUN_ID";

/// How often that run was started again.
pub const RESTART: &str = "ADAMLLM_RESTART";

/// The process that started this one by `--processes` or for a machine's variables: this one ends with it.
pub const PARENT: &str = "ADAMLLM_PARENT";

/// This machine, for the stores of processes that all work on it.
pub const LOOPBACK: &str = "127.0.0.1";

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

    /// The variables by which a process that is started here finds its place; as those of torchrun, but for the name of the
    /// run.
    pub fn variables(&self) -> [(&'static str, String); 8] {
        [
            ("RANK", self.rank.to_string()),
            ("WORLD_SIZE", self.size.to_string()),
            ("LOCAL_RANK", self.local_rank.to_string()),
            ("LOCAL_WORLD_SIZE", self.local_size.to_string()),
            ("MASTER_ADDR", self.address.clone()),
            ("MASTER_PORT", self.port.to_string()),
            (RUN_ID, self.id.clone()),
            (RESTART, self.restart.to_string()),
        ]
    }
}

/// A machine that is to start its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Which of all machines it is, from 0.
    pub rank: usize,
    /// Machines in all.
    pub nodes: usize,
    /// Processes of each of them.
    pub processes: usize,
    /// The host of rank 0.
    pub address: String,
    /// The store's port there; none where all work on this machine and any free one will do.
    pub port: Option<u16>,
    /// As [`Launch::id`]; empty where nobody named the run.
    pub id: String,
    /// As [`Launch::restart`].
    pub restart: u64,
}

impl Node {
    /// The place of one of this machine's processes, with the port that was chosen where any would do.
    pub fn launch(&self, local_rank: usize, port: u16) -> Launch {
        Launch {
            launcher: Launcher::Variables,
            rank: self.rank * self.processes + local_rank,
            size: self.nodes * self.processes,
            local_rank,
            local_size: self.processes,
            address: self.address.clone(),
            port: self.port.unwrap_or(port),
            serves: true,
            id: self.id.clone(),
            restart: self.restart,
        }
    }

    /// A machine of one process starts none: the process that looks is the one.
    pub(super) fn found(self) -> Found {
        if self.nodes * self.processes == 1 {
            Found::Alone
        } else if self.processes == 1 {
            Found::Process(self.launch(0, 0))
        } else {
            Found::Node(self)
        }
    }
}

/// What the variables say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The process works alone.
    Alone,
    /// The process is one of several, all started.
    Process(Launch),
    /// The processes of this machine are to be started.
    Node(Node),
}

/// What a machine has; asked for only where a launcher leaves the number of processes to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// GPUs that the process sees.
    pub gpus: usize,
    /// Processors that it may run on.
    pub cpus: usize,
}

//! Variables that contradict each other, or do not suffice.

use super::hosts::HostsError;

/// Why a process cannot know its place. Each is what one line in a job's file mends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// One variable of a pair.
    #[error(
        "`{given}` is set, but `{missing}` is not; launchers set both: set `{missing}` too, or unset `{given}` to work alone"
    )]
    Missing {
        /// What is set.
        given: &'static str,
        /// What would have to be.
        missing: &'static str,
    },
    /// No number, or none that can be.
    #[error("`{variable}` is `{value}`; expected {expected}")]
    NoNumber {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A rank that there is none of.
    #[error("`{variable}` is {rank}, but `{of}` is {size}; ranks go from 0 to {}", size - 1)]
    Rank {
        /// The rank's variable.
        variable: &'static str,
        /// The rank.
        rank: usize,
        /// The variable of the number of ranks.
        of: &'static str,
        /// How many there are.
        size: usize,
    },
    /// More processes on one machine than there are.
    #[error(
        "`{variable}` is {local}, but `{of}` is {size}; a machine has no more processes than all machines"
    )]
    Local {
        /// The variable of the machine's processes.
        variable: &'static str,
        /// How many it says.
        local: usize,
        /// The variable of all processes.
        of: &'static str,
        /// How many it says.
        size: usize,
    },
    /// Processes on several machines that nobody tells where to meet.
    #[error(
        "`{by}` tells of {size} processes, but `{missing}` is not set or empty; set it to the host of rank 0"
    )]
    NoAddress {
        /// What tells of several processes.
        by: &'static str,
        /// How many.
        size: usize,
        /// The variable that would name the host.
        missing: &'static str,
    },
    /// The same for the port.
    #[error(
        "`{by}` tells of {size} processes, but `{missing}` is not set; set it to a port that is free on the host of rank 0, the \
         same for all"
    )]
    NoPort {
        /// What tells of several processes.
        by: &'static str,
        /// How many.
        size: usize,
        /// The variable that would name the port.
        missing: &'static str,
    },
    /// `--processes` where a launcher has started all.
    #[error(
        "`--processes {processes}` would start processes, but by `{by}` this process is one of {size} that a launcher has \
         started; leave `--processes` out"
    )]
    Both {
        /// What was asked for.
        processes: usize,
        /// What tells of the launcher.
        by: &'static str,
        /// How many it started.
        size: usize,
    },
    /// A number of machines that changes, which a launcher has to settle first.
    #[error(
        "`{variable}` is `{value}`, a range; what joins and leaves is torchrun's business: start this program by `torchrun \
         --no-python`, or give one number"
    )]
    Range {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// A process for each GPU, where there is none.
    #[error(
        "`{variable}` is `gpu`, but no GPU can be seen here; set it to a number, or look why with `adamllm doctor`"
    )]
    NoGpu {
        /// The variable.
        variable: &'static str,
    },
    /// A list of hosts that cannot be read.
    #[error("`{variable}` is `{value}`: {source}; set `MASTER_ADDR` to the host of rank 0")]
    Hosts {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        source: HostsError,
    },
    /// A list of numbers of tasks that cannot be read.
    #[error(
        "`{variable}` is `{value}`, which says nothing of machine {node}; expected the tasks of each machine, as `2(x3),1`"
    )]
    Tasks {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// Which machine this is, from 0.
        node: usize,
    },
    /// A PMIx that tells a rank alone.
    #[error(
        "`PMIX_RANK` is set, but nothing says how many processes there are; set `RANK`, `WORLD_SIZE`, `LOCAL_RANK`, \
         `LOCAL_WORLD_SIZE`, `MASTER_ADDR` and `MASTER_PORT` in what is started"
    )]
    Pmix,
}

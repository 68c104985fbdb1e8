//! How many processes work together, and which of them this one is.
//!
//! Launchers tell it by variables, each in its own way. [`lookup`] is a function of those variables and of nothing else.
//!
//! | looked for, in this order | who sets it |
//! |---|---|
//! | `RANK`, `WORLD_SIZE`, … | torchrun, `adamllm … --processes N`, files for Kubernetes |
//! | `PET_NNODES`, `PET_NODE_RANK`, `PET_NPROC_PER_NODE` | Kubeflow; they speak of machines, whose processes are still to be started |
//! | `OMPI_COMM_WORLD_RANK`, `PMI_RANK`, … | an MPI's `mpirun` |
//! | `SLURM_PROCID` of a step | Slurm's `srun` |
//! | `SKYPILOT_NODE_RANK`, `SKYPILOT_NODE_IPS` | SkyPilot; machines again |
//!
//! An MPI comes before Slurm, since its `mpirun` starts its daemons by `srun`, and what they start has the variables of both.
//!
//! ```
//! use run::launch::{Found, Machine, Variables, lookup};
//!
//! let variables = Variables::of([
//!     ("RANK", "5"),
//!     ("WORLD_SIZE", "8"),
//!     ("LOCAL_RANK", "1"),
//!     ("LOCAL_WORLD_SIZE", "4"),
//!     ("MASTER_ADDR", "node-0"),
//!     ("MASTER_PORT", "29400"),
//! ]);
//! let Found::Process(launch) = lookup(None, Machine::default(), &variables)? else {
//!     unreachable!("a process of eight");
//! };
//! assert_eq!((launch.rank, launch.size, launch.local_rank), (5, 8, 1));
//! # Ok::<(), run::launch::LaunchError>(())
//! ```

mod error;
mod hosts;
mod mpi;
mod nodes;
mod place;
mod ports;
mod ranks;
mod slurm;
mod threads;
mod variables;

pub use error::LaunchError;
pub use hosts::{HostsError, expand};
pub use place::{Found, Launch, Launcher, Machine, Node, PARENT, RESTART, RUN_ID};
pub use threads::threads;
pub use variables::Variables;

/// What the variables say, where `processes` is what somebody asked for by `--processes`.
pub fn lookup(
    processes: Option<usize>,
    machine: Machine,
    variables: &Variables,
) -> Result<Found, LaunchError> {
    if let Some(launch) = ranks::find(variables)? {
        // A process that `--processes` started has the flag too.
        let is_ours = variables.text(PARENT).is_some();
        return match processes {
            Some(processes) if !is_ours => Err(LaunchError::Both {
                processes,
                by: "RANK",
                size: launch.size,
            }),
            _ => Ok(Found::Process(launch)),
        };
    }
    if let Some(node) = nodes::of_pet(processes, machine, variables)? {
        return Ok(node.found());
    }
    for (by, launch) in [
        ("OMPI_COMM_WORLD_RANK or PMI_RANK", mpi::find(variables)?),
        ("SLURM_PROCID", slurm::find(variables)?),
    ] {
        match (launch, processes) {
            (Some(launch), Some(processes)) => {
                return Err(LaunchError::Both {
                    processes,
                    by,
                    size: launch.size,
                });
            }
            (Some(launch), None) => return Ok(Found::Process(launch)),
            (None, _) => {}
        }
    }
    if let Some(node) = nodes::of_skypilot(processes, variables)? {
        return Ok(node.found());
    }
    Ok(match processes {
        Some(processes) => nodes::alone(processes, variables)?.found(),
        None => Found::Alone,
    })
}

#[cfg(test)]
mod tests;

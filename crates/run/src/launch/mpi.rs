//! An MPI's `mpirun`: Open MPI, and those that come from MPICH (Intel's, Cray's, Hydra).

use super::error::LaunchError;
use super::place::{LOOPBACK, Launch, Launcher};
use super::ports;
use super::ranks::{below, is_loopback};
use super::slurm::first_host;
use super::variables::Variables;

/// How an MPI calls what it tells.
struct Names {
    rank: &'static str,
    size: &'static str,
    /// The rank on the machine and the number of its processes, by each of the names that there are.
    local: &'static [[&'static str; 2]],
}

const OPEN_MPI: Names = Names {
    rank: "OMPI_COMM_WORLD_RANK",
    size: "OMPI_COMM_WORLD_SIZE",
    local: &[["OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"]],
};

const MPICH: Names = Names {
    rank: "PMI_RANK",
    size: "PMI_SIZE",
    local: &[
        ["MPI_LOCALRANKID", "MPI_LOCALNRANKS"],
        ["PMI_LOCAL_RANK", "PMI_LOCAL_SIZE"],
    ],
};

/// The process that an MPI started; none outside of one, or where it started no other.
pub fn find(variables: &Variables) -> Result<Option<Launch>, LaunchError> {
    let is_set = |name| variables.text(name).is_some();
    let names = [OPEN_MPI, MPICH];
    let Some(names) = names
        .iter()
        .find(|names| is_set(names.rank) || is_set(names.size))
    else {
        // `srun` with PMIx sets it as well, and says the rest by its own variables.
        return if is_set("PMIX_RANK") && !is_set("SLURM_STEP_NUM_TASKS") {
            Err(LaunchError::Pmix)
        } else {
            Ok(None)
        };
    };
    let rank = variables.needed(names.rank, names.size)?;
    let size = variables.needed_count(names.size, names.rank)?;
    below(names.rank, rank, names.size, size)?;
    // `srun` speaks to MPICH by the variables of its `mpirun`, but for the place on the machine, which it says by its own. What an
    // `mpirun` starts inside of a job has variables of the step of its daemons, whatever these say.
    let is_of_mpirun =
        names.rank == OPEN_MPI.rank || names.local.iter().any(|[rank, _]| is_set(rank));
    let of_step = variables.number("SLURM_STEP_NUM_TASKS")?;
    let is_step =
        !is_of_mpirun && of_step == Some(size) && variables.number("SLURM_PROCID")? == Some(rank);
    if size == 1 || is_step {
        return Ok(None);
    }
    let given = variables.text("MASTER_ADDR");
    let local = names.local.iter().find(|[rank, _]| is_set(rank));
    let (local_rank, local_size) = match local {
        Some([rank, size]) => (
            variables.needed(rank, size)?,
            variables.needed_count(size, rank)?,
        ),
        None if given.is_none_or(is_loopback) => (rank, size),
        None => {
            return Err(LaunchError::Missing {
                given: names.rank,
                missing: names.local[0][0],
            });
        }
    };
    let [rank_name, size_name] = *local.unwrap_or(&names.local[0]);
    below(rank_name, local_rank, size_name, local_size)?;
    let id = variables.id(&["PMIX_NAMESPACE", "SLURM_JOB_ID"]);
    let port = variables.port("MASTER_PORT")?;
    Ok(Some(Launch {
        launcher: Launcher::Mpi,
        rank,
        size,
        local_rank,
        local_size,
        address: match given {
            Some(address) => address.to_owned(),
            None if local_size == size => LOOPBACK.to_owned(),
            // Inside of a Slurm job, `mpirun` takes its machines in their order; elsewhere nobody says where rank 0 is.
            None => {
                first_host(variables, &["SLURM_JOB_NODELIST"])?.ok_or(LaunchError::NoAddress {
                    by: names.size,
                    size,
                    missing: "MASTER_ADDR",
                })?
            }
        },
        port: port.unwrap_or_else(|| ports::of_name(&id)),
        serves: true,
        id,
        restart: variables.number("SLURM_RESTART_COUNT")?.unwrap_or(0) as u64,
    }))
}

//! `RANK` and its like, as torchrun sets them and as anybody can.

use super::error::LaunchError;
use super::place::{LOOPBACK, Launch, Launcher};
use super::variables::Variables;

/// Set by torchrun in all that it starts.
const ELASTIC: &str = "TORCHELASTIC_RUN_ID";

/// The place that these variables tell of; none where none of them does.
pub fn find(variables: &Variables) -> Result<Option<Launch>, LaunchError> {
    let (rank, size) = match (variables.text("RANK"), variables.text("WORLD_SIZE")) {
        (None, None) => return Ok(None),
        _ if speaks_of_machines(variables) => return Ok(None),
        _ => (
            variables.needed("RANK", "WORLD_SIZE")?,
            variables.needed_count("WORLD_SIZE", "RANK")?,
        ),
    };
    below("RANK", rank, "WORLD_SIZE", size)?;
    let is_elastic = variables.text(ELASTIC).is_some();
    let (address, port) = meeting(variables, size)?;
    let (local_rank, local_size) = local(variables, rank, size, &address)?;
    let restart = if is_elastic {
        variables.number("TORCHELASTIC_RESTART_COUNT")?.unwrap_or(0) as u64
    } else {
        variables.restart()?
    };
    // torchrun writes a Python value.
    let agent = variables.text("TORCHELASTIC_USE_AGENT_STORE");
    Ok(Some(Launch {
        launcher: if is_elastic {
            Launcher::Torchrun
        } else {
            Launcher::Variables
        },
        rank,
        size,
        local_rank,
        local_size,
        address,
        port,
        serves: !(is_elastic && agent == Some("True")),
        id: variables.id(&[ELASTIC]),
        restart,
    }))
}

/// Kubeflow's first version gives each machine of a PyTorchJob the rank of the machine and the number of all processes, and
/// says by other variables how many a machine is to start.
fn speaks_of_machines(variables: &Variables) -> bool {
    let is_set = |name| variables.text(name).is_some();
    is_set("PET_NODE_RANK") && !is_set("LOCAL_RANK") && !is_set(ELASTIC)
}

/// An error if a rank is none of `size`.
pub fn below(
    variable: &'static str,
    rank: usize,
    of: &'static str,
    size: usize,
) -> Result<(), LaunchError> {
    if rank < size {
        return Ok(());
    }
    Err(LaunchError::Rank {
        variable,
        rank,
        of,
        size,
    })
}

/// Where the processes meet.
fn meeting(variables: &Variables, size: usize) -> Result<(String, u16), LaunchError> {
    let (address, port) = (
        variables.text("MASTER_ADDR"),
        variables.port("MASTER_PORT")?,
    );
    let by = "WORLD_SIZE";
    match (address, port) {
        // Nobody to meet.
        _ if size == 1 => Ok((address.unwrap_or(LOOPBACK).to_owned(), port.unwrap_or(0))),
        (None, _) => Err(LaunchError::NoAddress {
            by,
            size,
            missing: "MASTER_ADDR",
        }),
        (_, None) => Err(LaunchError::NoPort {
            by,
            size,
            missing: "MASTER_PORT",
        }),
        (Some(address), Some(port)) => Ok((address.to_owned(), port)),
    }
}

/// The place on the machine.
fn local(
    variables: &Variables,
    rank: usize,
    size: usize,
    address: &str,
) -> Result<(usize, usize), LaunchError> {
    let [rank_name, size_name] = ["LOCAL_RANK", "LOCAL_WORLD_SIZE"];
    let is_here = is_loopback(address);
    let (local_rank, local_size) = match (variables.number(rank_name)?, variables.text(size_name)) {
        (None, None) if is_here => (rank, size),
        // One process on each machine, as on each pod of a job.
        (None, None) => (0, 1),
        (Some(local), None) if is_here => (local, size),
        _ => (
            variables.needed(rank_name, size_name)?,
            variables.needed_count(size_name, rank_name)?,
        ),
    };
    below(rank_name, local_rank, size_name, local_size)?;
    if local_size > size {
        return Err(LaunchError::Local {
            variable: size_name,
            local: local_size,
            of: "WORLD_SIZE",
            size,
        });
    }
    Ok((local_rank, local_size))
}

/// Whether an address leads to this machine wherever it is used.
pub fn is_loopback(address: &str) -> bool {
    address == "localhost" || address == "::1" || address.starts_with("127.")
}

//! Variables that speak of machines, whose processes are still to be started: Kubeflow's `PET_*`, and SkyPilot's.

use super::error::LaunchError;
use super::place::{LOOPBACK, Machine, Node};
use super::ports;
use super::ranks::below;
use super::variables::Variables;

/// Processes of this machine alone.
pub fn alone(processes: usize, variables: &Variables) -> Result<Node, LaunchError> {
    Ok(Node {
        rank: 0,
        nodes: 1,
        processes,
        address: LOOPBACK.to_owned(),
        port: None,
        id: variables.id(&[]),
        restart: variables.restart()?,
    })
}

/// By the variables that torchrun reads as its flags.
pub fn of_pet(
    processes: Option<usize>,
    machine: Machine,
    variables: &Variables,
) -> Result<Option<Node>, LaunchError> {
    let [count, rank, each] = ["PET_NNODES", "PET_NODE_RANK", "PET_NPROC_PER_NODE"];
    let Some((given, _)) = variables.first(&[count, rank, each]) else {
        return Ok(None);
    };
    let nodes = match variables.text(count) {
        None => 1,
        Some(range) if range.contains(':') => one_of_range(count, range)?,
        Some(_) => variables.needed_count(count, given)?,
    };
    let node = Node {
        processes: match processes {
            Some(processes) => processes,
            None => of_machine(each, machine, variables)?,
        },
        id: variables.id(&["PET_RDZV_ID"]),
        ..alone(1, variables)?
    };
    if nodes == 1 {
        return Ok(Some(node));
    }
    let rank_here = variables.needed(rank, count)?;
    below(rank, rank_here, count, nodes)?;
    let size = nodes * node.processes;
    let address = variables.text("PET_MASTER_ADDR");
    let port = variables.port("PET_MASTER_PORT")?;
    Ok(Some(Node {
        rank: rank_here,
        nodes,
        address: address.map(str::to_owned).ok_or(LaunchError::NoAddress {
            by: count,
            size,
            missing: "PET_MASTER_ADDR",
        })?,
        port: Some(port.ok_or(LaunchError::NoPort {
            by: count,
            size,
            missing: "PET_MASTER_PORT",
        })?),
        ..node
    }))
}

/// `2:2` is two machines, and `1:2` is not settled.
fn one_of_range(variable: &'static str, range: &str) -> Result<usize, LaunchError> {
    let ends = range.split_once(':');
    match ends.map(|(least, most)| (least.parse::<usize>(), most.parse::<usize>())) {
        Some((Ok(least), Ok(most))) if least == most && least > 0 => Ok(least),
        _ => Err(LaunchError::Range {
            variable,
            value: range.to_owned(),
        }),
    }
}

/// How many processes a machine is to start. A process uses all processors of its machine, so that `auto` without a GPU is one.
fn of_machine(
    variable: &'static str,
    machine: Machine,
    variables: &Variables,
) -> Result<usize, LaunchError> {
    match variables.text(variable) {
        None => Ok(1),
        Some("auto") => Ok(machine.gpus.max(1)),
        Some("cpu") => Ok(machine.cpus.max(1)),
        Some("gpu") if machine.gpus == 0 => Err(LaunchError::NoGpu { variable }),
        Some("gpu") => Ok(machine.gpus),
        Some(_) => variables.needed_count(variable, variable),
    }
}

/// By SkyPilot's, which a task's `run` has on each machine.
pub fn of_skypilot(
    processes: Option<usize>,
    variables: &Variables,
) -> Result<Option<Node>, LaunchError> {
    let [rank, hosts, gpus] = [
        "SKYPILOT_NODE_RANK",
        "SKYPILOT_NODE_IPS",
        "SKYPILOT_NUM_GPUS_PER_NODE",
    ];
    let (Some(_), Some(list)) = (variables.text(rank), variables.text(hosts)) else {
        return Ok(None);
    };
    let addresses: Vec<&str> = list.split_whitespace().collect();
    let rank_here = variables.needed(rank, hosts)?;
    below(rank, rank_here, hosts, addresses.len())?;
    let gpus = variables.number(gpus)?.unwrap_or(0);
    let node = Node {
        processes: processes.unwrap_or(gpus.max(1)),
        id: variables.id(&["SKYPILOT_TASK_ID"]),
        ..alone(1, variables)?
    };
    if addresses.len() == 1 {
        return Ok(Some(node));
    }
    let port = variables.port("MASTER_PORT")?;
    Ok(Some(Node {
        rank: rank_here,
        nodes: addresses.len(),
        address: addresses[0].to_owned(),
        port: Some(port.unwrap_or_else(|| ports::of_name(&node.id))),
        ..node
    }))
}

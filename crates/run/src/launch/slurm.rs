//! Slurm's `srun`: the tasks of a step.

use super::error::LaunchError;
use super::hosts;
use super::place::{LOOPBACK, Launch, Launcher};
use super::ports;
use super::ranks::below;
use super::variables::Variables;

/// The machines of the step, else of the job.
const LISTS: [&str; 3] = [
    "SLURM_STEP_NODELIST",
    "SLURM_JOB_NODELIST",
    "SLURM_NODELIST",
];

/// The task that `srun` started; none outside of a step of several tasks. A job's own script has `SLURM_PROCID` and
/// `SLURM_NTASKS` too, but no step: it is one process, however many tasks the job may have. Each job of an array has a number of
/// its own, so that nothing here asks for arrays.
pub fn find(variables: &Variables) -> Result<Option<Launch>, LaunchError> {
    let [rank_name, size_name] = ["SLURM_PROCID", "SLURM_STEP_NUM_TASKS"];
    let step = variables.first(&["SLURM_STEP_ID", "SLURM_STEPID"]);
    let (Some((_, step)), Some(_), Some(_)) =
        (step, variables.text(size_name), variables.text(rank_name))
    else {
        return Ok(None);
    };
    let size = variables.needed_count(size_name, rank_name)?;
    if size == 1 {
        return Ok(None);
    }
    let rank = variables.needed(rank_name, size_name)?;
    below(rank_name, rank, size_name, size)?;
    let local_rank = variables.needed("SLURM_LOCALID", rank_name)?;
    let (nodes, local_size) = tasks_here(variables, size)?;
    below(
        "SLURM_LOCALID",
        local_rank,
        "SLURM_STEP_TASKS_PER_NODE",
        local_size,
    )?;
    let job_name = "SLURM_JOB_ID";
    let job = variables.needed(job_name, rank_name)?;
    let address = match variables.text("MASTER_ADDR") {
        Some(address) => address.to_owned(),
        None if nodes == 1 => LOOPBACK.to_owned(),
        None => first_host(variables, &LISTS)?.ok_or(LaunchError::NoAddress {
            by: size_name,
            size,
            missing: "MASTER_ADDR",
        })?,
    };
    let port = variables.port("MASTER_PORT")?;
    Ok(Some(Launch {
        launcher: Launcher::Slurm,
        rank,
        size,
        local_rank,
        local_size,
        address,
        port: port
            .unwrap_or_else(|| ports::of_numbers(job as u64, step.parse().unwrap_or_default())),
        serves: true,
        id: format!("{job}.{step}"),
        restart: variables.number("SLURM_RESTART_COUNT")?.unwrap_or(0) as u64,
    }))
}

/// The machines of the step, and the tasks of this one.
fn tasks_here(variables: &Variables, size: usize) -> Result<(usize, usize), LaunchError> {
    let names = ["SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"];
    let node = variables.number("SLURM_NODEID")?.unwrap_or(0);
    let Some((variable, list)) = variables.first(&names) else {
        // All here, or nobody can say.
        return match variables.number("SLURM_STEP_NUM_NODES")? {
            Some(1) => Ok((1, size)),
            _ => Err(LaunchError::Missing {
                given: "SLURM_PROCID",
                missing: names[0],
            }),
        };
    };
    let wrong = || LaunchError::Tasks {
        variable,
        value: list.to_owned(),
        node,
    };
    let (mut nodes, mut here) = (0_usize, None);
    for part in list.split(',') {
        let (tasks, times) = match part.split_once("(x") {
            Some((tasks, times)) => (tasks, times.strip_suffix(')').ok_or_else(wrong)?),
            None => (part, "1"),
        };
        let tasks: usize = tasks.trim().parse().map_err(|_| wrong())?;
        let times: usize = times.parse().map_err(|_| wrong())?;
        if (nodes..nodes.saturating_add(times)).contains(&node) {
            here = Some(tasks);
        }
        nodes = nodes.saturating_add(times);
    }
    Ok((nodes, here.ok_or_else(wrong)?))
}

/// The first host of the first of these lists that is set.
pub fn first_host(
    variables: &Variables,
    names: &[&'static str],
) -> Result<Option<String>, LaunchError> {
    let Some((variable, value)) = variables.first(names) else {
        return Ok(None);
    };
    let hosts = hosts::expand(value).map_err(|source| LaunchError::Hosts {
        variable,
        value: value.to_owned(),
        source,
    })?;
    Ok(hosts.into_iter().next())
}

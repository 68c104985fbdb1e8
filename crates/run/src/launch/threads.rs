//! How many threads each of a machine's processes works with.

use super::place::{Launch, Launcher};
use super::variables::Variables;

/// A process's share of its machine's processors, where nobody said `--threads`. `available` are those that the process may
/// run on, `online` those that the machine has.
///
/// torchrun sets `OMP_NUM_THREADS=1` where nobody sets it; that is for programs whose threads are OpenMP's alone, and says
/// nothing here. Slurm may bind nothing, and its job has a part of the processors all the same. Slurm and MPIs may have bound each process to its own part already, which is then its share; torchrun binds
/// nothing.
pub fn threads(launch: &Launch, available: usize, online: usize, variables: &Variables) -> usize {
    let number = |name| variables.number(name).ok().flatten().filter(|n| *n > 0);
    let share = (available / launch.local_size).max(1);
    // Of a job of Slurm on this machine.
    let of_job = number("SLURM_CPUS_ON_NODE").unwrap_or(available);
    match launch.launcher {
        Launcher::User => available.min(of_job),
        Launcher::Slurm => match number("SLURM_CPUS_PER_TASK") {
            Some(each) => each.min(available),
            None if available < of_job => available,
            None => (available.min(of_job) / launch.local_size).max(1),
        },
        Launcher::Mpi if available < online => available,
        Launcher::Mpi | Launcher::Variables | Launcher::Torchrun => share,
    }
}

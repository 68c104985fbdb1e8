//! How many threads each of a machine's processes works with.

use super::place::{Launch, Launcher};
use super::variables::Variables;

/// A process's share of its machine's processors, where nobody said `--threads`. `available` are those that the process may
/// run on, `online` those that the machine has.
///
/// torchrun sets `OMP_NUM_THREADS=1` where nobody sets it; that is for programs whose threads are OpenMP's alone, and says
/// nothing here. Slurm and MPIs may have bound each process to its own part already, which is then its share; torchrun binds
/// nothing.
pub fn threads(launch: &Launch, available: usize, online: usize, variables: &Variables) -> usize {
    let number = |name| variables.number(name).ok().flatten().filter(|n| *n > 0);
    let share = (available / launch.local_size).max(1);
    match launch.launcher {
        Launcher::User => available,
        Launcher::Slurm => match (number("SLURM_CPUS_PER_TASK"), number("SLURM_CPUS_ON_NODE")) {
            (Some(each), _) => each.min(available),
            (None, Some(all)) if available < all => available,
            _ => share,
        },
        Launcher::Mpi if available < online => available,
        Launcher::Mpi | Launcher::Variables | Launcher::Torchrun => share,
    }
}

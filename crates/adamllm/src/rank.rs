//! Which of several processes this one is, by what its launcher left in the environment, and its share of the machine.

use anyhow::Result;
use run::launch::{self, Found, Launch, Machine, Variables};

/// This process's place among those that work together. `--processes` has been seen to before: who started others does no work
/// itself. Alone where nobody started others, and where what is asked for takes one process whatever the flag says, as a
/// dry run does.
pub fn of_process() -> Result<Launch> {
    match launch::lookup(None, machine(), &Variables::of_process())? {
        Found::Process(launch) => Ok(launch),
        Found::Alone | Found::Node(_) => Ok(Launch::alone()),
    }
}

/// How many threads work where nobody says it: all processors, or this process's share of them. What cannot be understood of
/// the environment is told by who starts or joins processes, and changes nothing here.
pub fn threads() -> usize {
    let machine = machine();
    let variables = Variables::of_process();
    let launch = match launch::lookup(None, machine, &variables) {
        Ok(Found::Process(launch)) => launch,
        _ => Launch::alone(),
    };
    launch::threads(&launch, machine.cpus, online(), &variables)
}

/// What this machine gives to this process.
pub fn machine() -> Machine {
    Machine {
        gpus: gpus(),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// GPUs that may be used here: those that the driver has a device of, or that somebody named.
fn gpus() -> usize {
    if let Ok(named) = std::env::var("CUDA_VISIBLE_DEVICES") {
        return named
            .split(',')
            .filter(|one| !one.trim().is_empty())
            .count();
    }
    let devices = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let is_gpu = |name: &str| {
        let number = name.strip_prefix("nvidia");
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    devices
        .filter(|device| device.file_name().to_str().is_some_and(is_gpu))
        .count()
}

/// Processors of the machine, whoever may run on them.
fn online() -> usize {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines().filter(|l| l.starts_with("processor")).count()
}

//! Ports where nobody names one: all processes of a run have to come to the same.

/// Below the ports that systems give to whoever asks for any, and below those of Kubernetes' services.
const FIRST: u64 = 20_000;
const NUMBER: u64 = 8_000;

/// By a job's number and its step's: jobs that follow each other have ports apart.
pub fn of_numbers(job: u64, step: u64) -> u16 {
    let at = job.wrapping_mul(7).wrapping_add(step) % NUMBER;
    (FIRST + at) as u16
}

/// By what a launcher calls the run.
pub fn of_name(name: &str) -> u16 {
    // FNV-1a: the same on all machines and in all versions.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (FIRST + hash % NUMBER) as u16
}

//! `adamllm bench`: how fast training, generation and data are on this machine, with models and inputs that other programs
//! can be given too.

mod data;
mod drawn;
mod generate;
mod inputs;
mod model_files;
mod outcome;
mod peer_files;
mod train;
mod usage;

use adamllm::bench::Bench;
use adamllm::flags::Shared;
use anyhow::Result;

/// Measures what is asked for.
pub fn run(shared: &Shared, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Train(asked) => train::run(shared, asked),
        Bench::Generate(asked) => generate::run(shared, asked),
        Bench::Data(asked) => data::run(shared, asked),
    }
}

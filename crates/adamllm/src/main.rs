//! `adamllm`: adapts a multimodal LLM to a domain from image-caption pairs, with the evidence that it is better. What needs a
//! tensor library is done by `adamllm-engine`.

use std::process::ExitCode;

use adamllm::cli::Command;
use adamllm::{doctor, engine, light, program};

fn main() -> ExitCode {
    program::run(|cli| {
        if let Some(done) = light::run(cli) {
            return done;
        }
        match &cli.command {
            Command::Doctor => doctor::without_engine(&cli.shared, &engine::execute()),
            _ => Err(engine::execute()),
        }
    })
}

//! Converts a LLaVA-NeXT between the layout of `transformers` and that of the original code, and compares both:
//!
//!     cargo run --release -p adamllm-model --example convert -- [MODEL OUTPUT]
//!
//! MODEL is a folder of `transformers`; OUTPUT must be empty or absent.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::path::PathBuf;

use model::convert::{Layout, Request, run};
use torch::Device;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let input = arguments.next();
    let beside = std::env::temp_dir().join("adamllm-open-llava-next");
    let output = if let Some(output) = arguments.next() {
        output
    } else {
        // Of an earlier call without arguments.
        let _ = std::fs::remove_dir_all(&beside);
        beside
    };
    let request = Request {
        from: Layout::Hf,
        to: Layout::OpenLlavaNext,
        input: input.unwrap_or_else(|| "assets/demo/base-model".into()),
        output,
        vision: None,
        seed: 0,
        dtype: None,
        device: Device::Cpu,
    };
    let found = run(&request)?;
    println!(
        "{} tensors, {} values in `{}`; both compute the same",
        found.tensors,
        found.values,
        request.output.display()
    );
    for warning in found.warnings {
        println!("warning: {warning}");
    }
    Ok(())
}

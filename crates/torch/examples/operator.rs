//! Calls an operator of libtorch by the name of its schema, for those that `tch` does not have:
//!
//!     cargo run -p adamllm-torch --example operator -- [aten::NAME [NUMBER …]]
//!
//! It gets the numbers as one tensor and nothing else, as `aten::exp` or `aten::sort` take it.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use torch::{Argument, Tensor, call};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    torch::check_version()?;
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "aten::sort".to_owned());
    let mut numbers = Vec::new();
    for text in arguments {
        numbers.push(text.parse::<f32>()?);
    }
    if numbers.is_empty() {
        numbers = vec![3.0, 1.0, 2.0];
    }
    for result in call(
        &name,
        "",
        &[Argument::Tensor(&Tensor::from_slice(&numbers))],
    )? {
        println!("{:?} {:?}", result.size(), Vec::<f64>::try_from(result)?);
    }
    Ok(())
}

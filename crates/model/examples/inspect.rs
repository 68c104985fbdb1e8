//! What a model folder holds, by its headers alone:
//!
//!     cargo run -p adamllm-model --example inspect -- [MODEL]
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1);
    let folder = folder.unwrap_or_else(|| "assets/demo/base-model".to_owned());
    let found = model::inspect::folder(folder.as_ref())?;
    println!(
        "`{folder}` is a {}, {} tokens of context",
        found.family.as_str().unwrap_or("model of no family"),
        found.context
    );
    for count in &found.groups {
        println!(
            "  {:<15} {:>5} tensors {:>15} values",
            count.group.as_str(),
            count.tensors,
            count.values
        );
    }
    for (dtype, values) in found.dtypes.iter().flatten() {
        println!("  {values} values as {dtype}");
    }
    for tensor in found.tensors.iter().take(8) {
        println!("  {:?} {}", tensor.shape, tensor.name);
    }
    Ok(())
}

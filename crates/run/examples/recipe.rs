//! Every key of a recipe with its value and where that comes from, and the graph of a run folder:
//!
//!     cargo run -p adamllm-run --example recipe -- [RECIPE [RUN FOLDER]]
//!
//! Nothing that the recipe names has to be there.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::path::Path;

use run::recipe::{Automatic, DeviceKind, Processor, Surroundings, explain, resolve};
use run::{Graph, RunFolder};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let recipe = arguments.next();
    let recipe = recipe.unwrap_or_else(|| "recipes/food/recipe1m-qwen2-vl-2b.toml".to_owned());
    let recipe = Path::new(&recipe);
    let text = std::fs::read_to_string(recipe)?;
    let folder = recipe.parent().unwrap_or(Path::new(""));
    let surroundings = Surroundings {
        automatic: Automatic::on(DeviceKind::Cpu, &Processor::default()),
        ..Surroundings::default()
    };
    let resolution =
        resolve(&text, &[], folder, &surroundings).map_err(|problems| problems.join("\n"))?;
    for row in explain(&resolution) {
        println!("{:<34} {:<28} {}", row.key, row.value, row.origin);
    }
    let Some(run) = arguments.next() else {
        return Ok(());
    };
    let run = RunFolder::open(run.as_ref())?;
    let Some(graph) = Graph::read(&run.path) else {
        return Err(format!("`{}` has no graph", run.path.display()).into());
    };
    println!("\nstages of `{}`:", run.path.display());
    for node in graph.nodes() {
        let inputs: Vec<&str> = node.inputs.values().map(String::as_str).collect();
        let stage = graph.stage_folder(&run.path, node);
        let key = stage.manifest().map(|manifest| manifest.basis.key);
        println!(
            "{:<18} after {:<40} {}",
            node.name,
            inputs.join(", "),
            key.as_deref().map_or("not finished", |key| &key[..12])
        );
    }
    Ok(())
}

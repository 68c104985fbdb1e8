//! The stages that a recipe asks for, each with the stages that it is made from:
//!
//!     cargo run -p adamllm-pipeline --example graph -- [RECIPE]
//!
//! What the recipe names does not have to be there; what is missing is told.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::path::Path;

use pipeline::Stages;
use run::recipe::{Recipe, Surroundings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let recipe = std::env::args().nth(1);
    let recipe = recipe.unwrap_or_else(|| "recipes/demo.toml".to_owned());
    let recipe = Path::new(&recipe);
    let text = std::fs::read_to_string(recipe)?;
    let folder = recipe.parent().unwrap_or(Path::new(""));
    let (recipe, problems) = Recipe::read_most(&text, &[], folder, &Surroundings::default())
        .map_err(|problems| problems.join("\n"))?;
    for problem in problems {
        println!("problem: {problem}");
    }
    let stages = Stages::of(&recipe, &std::env::temp_dir(), None)?;
    for node in stages.graph().nodes() {
        println!("{} in `{}`", node.name, node.folder.display());
        for (role, input) in &node.inputs {
            println!("    {role}: {input}");
        }
    }
    Ok(())
}

//! Runs a recipe in a folder, as the program does; a second call goes on, or has nothing to do:
//!
//!     cargo run --release -p adamllm-pipeline --example run -- [RECIPE RUN_FOLDER [UNTIL]]
//!
//! Without a recipe, the shipped toy model is trained on captions of pictograms for a minute.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use corpus::digests::Digests;
use corpus::{images, pictograms};
use pipeline::{Driver, Stages, preflight, settings};
use run::events::{Event, Listener, What};
use run::recipe::{Recipe, Surroundings};
use run::{Layout, RunFolder, Span, Stop};
use torch::Device;

/// Prints what stages tell, but for their progress.
struct Printed;

impl Listener for Printed {
    fn hear(&self, event: &Event) {
        if !matches!(event.what, What::Progress { .. }) {
            println!("{:<16} {:?}", event.stage, event.what);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().map_or_else(drawn, |p| Ok(p.into()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let run = arguments.next().map_or(folder.join("run"), PathBuf::from);
    let span = Span {
        from: None,
        until: arguments.next(),
    };
    let text = std::fs::read_to_string(&path)?;
    let recipe = Recipe::read(&text, &[], folder, &Surroundings::default())
        .map_err(|problems| problems.join("\n"))?;

    let run = RunFolder::open(&run)?;
    let stages = Stages::of(&recipe, &run.path, None)?;
    let engine = settings::engine(&recipe, &run.path, Device::Cpu, 1, None, None);
    torch::set_threads(engine.threads);
    // A program with a signal handler sets it; a training then saves and ends.
    let stop = AtomicBool::new(false);
    let driver = Driver {
        recipe: &recipe,
        stages: &stages,
        run: &run.path,
        layout: Layout::Run,
        engine: &engine,
        listener: &Printed,
        stop: Stop::when(&stop),
        digests: &RefCell::new(Digests::open(run.digests())),
    };
    let ready = preflight::look(&driver, &span)?;
    driver.run(ready)?;
    println!("what it made is in `{}`", run.path.display());
    Ok(())
}

/// A folder with pictures, their captions and a recipe.
fn drawn() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join("adamllm-run");
    std::fs::create_dir_all(&folder)?;
    let mut lines = String::new();
    for drawn in pictograms::load()?.iter().step_by(25) {
        let id = format!("{}-{}", drawn.concept.id, drawn.style);
        images::encode_png(&drawn.render(72)?, &folder.join(format!("{id}.png")))?;
        let caption = format!("A {} {}.", drawn.main_colour, drawn.concept.name);
        let pair =
            serde_json::json!({"id": id, "images": [format!("{id}.png")], "caption": caption});
        lines += &(pair.to_string() + "\n");
    }
    std::fs::write(folder.join("pairs.jsonl"), lines)?;
    // A text of JSON is one of TOML.
    let base = serde_json::to_string(&std::fs::canonicalize("assets/demo/base-model")?)?;
    let recipe = folder.join("recipe.toml");
    let text = format!(
        "[model]\ncheckpoint = {base}\n[data]\npairs = \"pairs.jsonl\"\n[mix]\nsynthetic = false\n[train]\n\
         max_steps = 20\nepochs = 100.0\nbatch_size = 8\nlearning_rate = 3e-4\n[evaluate]\nmax_new_tokens = 24\n"
    );
    std::fs::write(&recipe, text)?;
    Ok(recipe)
}

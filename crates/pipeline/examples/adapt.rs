//! Adapts a model to pictograms of food: load, generate, train, generate again, score. From the repository's root:
//!
//!     cargo run --release -p adamllm-pipeline --example adapt -- [MODEL]
//!
//! It asks for the name of each dish as one style draws it, and trains on the other styles. The adapted model is saved.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use corpus::{Sample, images, pictograms};
use evaluation::scoring::{Scored, compare, score_completions};
use evaluation::tasks::{FileMetric, Item};
use generate::{Generator as _, LocalGenerator};
use pipeline::Engine;
use torch::{Device, Kind};
use train::{Config, Samples, Trainer};

const QUESTION: &str = "What is this?";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let base = std::env::args().nth(1);
    let base = base.unwrap_or("assets/demo/base-model".to_owned());
    let folder = std::env::temp_dir().join("adamllm-adapt");
    std::fs::create_dir_all(&folder)?;
    let mut pictures = pictograms::load()?;
    pictures.retain(|drawn| drawn.concept.group == "food-drink");
    let (mut samples, mut items) = (Vec::new(), Vec::new());
    for drawn in pictures {
        let (id, name) = (&drawn.concept.id, &drawn.concept.name);
        let picture = folder.join(format!("{id}.{}.png", drawn.style));
        images::encode_png(&drawn.render(72)?, &picture)?;
        match drawn.style {
            "noto-v1" => items.push(Item::new(id, vec![picture], QUESTION, name)),
            _ => samples.push(Sample::exchange(id, vec![picture], QUESTION, name)),
        }
    }
    let (model, processor) = Engine::on(Device::Cpu, Kind::Float).open(base.as_ref())?;
    let mut task = FileMetric::ExactMatch.task("name");
    task.decoding.max_new_tokens = 16;
    let answer = || -> Result<Scored, Box<dyn std::error::Error>> {
        let mut generator = LocalGenerator::of(&*model, &*processor);
        let answers = generator.complete(&task.requests(&items)?)?;
        Ok(score_completions(&task, &items, &answers)?)
    };
    let before = answer()?;
    let source = Samples::new(&samples, &*processor);
    let mut trainer = Trainer::new(&*model, &source, &Config::small(5e-4, 16, 150))?;
    while let Some(step) = trainer.step()? {
        println!("step {}: loss {:.3}", step.step, step.loss);
    }
    let found = compare(&[before], &[answer()?], 0)?.average;
    let [low, high] = found.interval;
    println!("{:.1} before, {:.1} after", found.base, found.adapted);
    println!("difference at 95 %: {low:.1} to {high:.1}");
    model::save(&*model, &folder, Some(base.as_ref()), Kind::Float)?;
    Ok(())
}

//! Asks a model one question about a picture:
//!
//!     cargo run --release -p adamllm-generate --example ask -- [PICTURE [QUESTION [MODEL]]]
//!
//! Without a picture, a pictogram is drawn for the shipped toy model, which knows nothing but pictograms.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::path::PathBuf;

use corpus::{Request, images, pictograms};
use generate::{Generator as _, LocalGenerator, score};
use torch::{Device, Kind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let picture = arguments.next().map_or_else(drawn, |p| Ok(p.into()))?;
    let question = arguments.next();
    let question = question.unwrap_or_else(|| "What colour is this?".to_owned());
    let folder = arguments.next();
    let folder = folder.unwrap_or_else(|| "assets/demo/base-model".to_owned());

    let processor = processor::load(folder.as_ref(), &processor::Options::default())?;
    let model = model::load(folder.as_ref(), Device::Cpu, Kind::Float)?;
    let request = Request::question("1", vec![picture], &question);
    let mut generator = LocalGenerator::of(&*model, &*processor);
    for completion in generator.complete(std::slice::from_ref(&request))? {
        if let Some(error) = completion.error {
            return Err(error.into());
        }
        println!("{question} {}", completion.text.trim());
    }
    let colours = ["red", "green", "blue"].map(str::to_owned);
    let found = score(&*model, &*processor, &request, &colours)?;
    for (colour, likelihood) in colours.iter().zip(found) {
        println!("  {colour}: {:.2} nats", likelihood.log_probability);
    }
    Ok(())
}

fn drawn() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let path = std::env::temp_dir().join("adamllm-ask.png");
    let mut all = pictograms::load()?.into_iter();
    let drawing = all.find(|drawn| drawn.concept.id == "frog");
    let drawing = drawing.ok_or("there is no such pictogram")?;
    images::encode_png(&drawing.render(72)?, &path)?;
    Ok(path)
}

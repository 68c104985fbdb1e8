//! How a training runs: its steps with a line of progress now and then.

use std::path::Path;

use anyhow::Result;
use model::Mllm;
use torch::{Device, Kind};
use train::{Config, SampleSource, Trainer};

/// Trains to the end of the plan; `save` is called now and then on the way.
pub fn drive(
    name: &str,
    model: &dyn Mllm,
    source: &dyn SampleSource,
    config: &Config,
    save: impl Fn(&dyn Mllm) -> Result<()>,
) -> Result<()> {
    let mut trainer = Trainer::new(model, source, config)?;
    let total = trainer.total_steps();
    let (mut loss, mut tokens, mut seconds) = (0.0, 0, 0.0);
    while let Some(metrics) = trainer.step()? {
        loss += metrics.loss;
        tokens += metrics.tokens;
        seconds += metrics.seconds;
        if metrics.step % 50 == 0 {
            eprintln!(
                "{name} {}/{total}  loss {:.3}  {:.0} tokens/s",
                metrics.step,
                loss / 50.0,
                tokens as f64 / seconds
            );
            (loss, tokens, seconds) = (0.0, 0, 0.0);
        }
        if metrics.step % 300 == 0 {
            save(model)?;
        }
    }
    Ok(())
}

/// A model of the folder's configuration with weights drawn from the seed.
pub fn fresh(folder: &Path, seed: u64) -> Result<Box<dyn Mllm>> {
    let text = std::fs::read_to_string(folder.join("config.json"))?;
    Ok(model::fresh(&text, seed, Device::Cpu, Kind::Float)?)
}

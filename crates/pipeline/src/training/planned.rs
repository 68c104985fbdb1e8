//! What a training is planned to take, written beside what it then took.

use std::path::Path;

use corpus::sealed::write_json;
use run::memory::{Architecture, Choices, Needs, Planner};
use run::recipe::Training;
use run::usage::PLANNED;

use crate::engine::Engine;
use crate::error::Result;
use crate::settings;

/// Bytes by part at the largest moment; none of a model whose memory is not known.
pub fn needs(engine: &Engine, base: &Path, training: &Training) -> Option<Needs> {
    let model = Architecture::of_folder(base).ok()?;
    let planner = Planner::of_training(model, settings::dtype(engine.dtype), training);
    let kind = settings::device_kind(engine.device);
    Some(planner.needs(&Choices::of(training), kind, 1))
}

/// Writes it into a training's folder.
pub fn write(engine: &Engine, base: &Path, training: &Training, folder: &Path) -> Result<()> {
    if let Some(needs) = needs(engine, base, training) {
        write_json(&folder.join(PLANNED), &needs)?;
    }
    Ok(())
}

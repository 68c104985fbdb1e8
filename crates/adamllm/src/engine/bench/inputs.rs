//! The model that is measured and the folder that it lies in: a user's, or one with random weights.

use std::path::{Path, PathBuf};

use adamllm::bench::{FamilyName, Measured};
use anyhow::{Context as _, Result, bail};
use corpus::Sample;
use corpus::formats::{Options, read_samples};
use corpus::rejects::Groups;
use model::Mllm;
use pipeline::Engine;
use serde_json::{Value, json};

use super::model_files;
use crate::device;

/// The family where none is named.
pub const FAMILY: FamilyName = FamilyName::LlavaNext;

/// A folder for what is made and measured with; it goes when this does.
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty one.
    pub fn new() -> Result<Self> {
        let place = std::env::temp_dir().join(format!("adamllm-bench-{}", std::process::id()));
        std::fs::create_dir_all(&place)
            .with_context(|| format!("cannot make the folder `{}`", place.display()))?;
        Ok(Self(place))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The folder of the weights among what is written for other programs.
pub const MODEL: &str = "model";

/// Writes the model into `root`, which must not hold anything yet. Gives the root's whole path, and the folder that the model was
/// opened from.
pub fn write_model(engine: &Engine, asked: &Measured, root: &Path) -> Result<(PathBuf, PathBuf)> {
    empty(root)?;
    let root = root
        .canonicalize()
        .with_context(|| format!("cannot find `{}`", root.display()))?;
    let place = root.join(MODEL);
    let folder = folder(asked, &place)?;
    let model = open(engine, asked, &folder)?;
    model::export(model.as_ref(), &place, Some(&folder), engine.dtype)?;
    Ok((root, folder))
}

/// A folder that inputs for other programs go to, which must not hold anything yet.
fn empty(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let mut entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot look into `{}`", folder.display()))?;
    if entries.next().is_some() {
        bail!(
            "`{}` is not empty; name a new folder for --write-inputs",
            folder.display()
        );
    }
    Ok(())
}

/// The model's folder: the user's own, or `place` with everything but weights in it.
pub fn folder(measured: &Measured, place: &Path) -> Result<PathBuf> {
    let Some(own) = &measured.model else {
        let family = measured.family.unwrap_or(FAMILY);
        let config = model_files::config(family, measured.size, measured.layers)?;
        model_files::write(place, family, config)?;
        return Ok(place.to_owned());
    };
    device::model_folder(own)
}

/// Opens the model of a folder that [`folder`] gave.
pub fn open(engine: &Engine, measured: &Measured, folder: &Path) -> Result<Box<dyn Mllm>> {
    if measured.model.is_some() {
        return Ok(engine.open(folder)?.0);
    }
    let config = std::fs::read_to_string(folder.join("config.json"))
        .context("cannot read the configuration that was written")?;
    Ok(model::fresh(
        &config,
        measured.seed,
        engine.device,
        engine.dtype,
    )?)
}

/// Whether a model of this folder is shown pictures.
pub fn sees(folder: &Path) -> Result<bool> {
    let path = folder.join("config.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let config: Value =
        serde_json::from_str(&text).with_context(|| format!("`{}` is no JSON", path.display()))?;
    Ok(config["vision_config"].is_object())
}

/// What is measured, for a file.
pub fn told(measured: &Measured, model: &dyn Mllm) -> Value {
    let parameters: usize = model.parameters().iter().map(|p| p.tensor.numel()).sum();
    match &measured.model {
        Some(folder) => json!({"folder": folder, "parameters": parameters}),
        None => json!({
            "family": measured.family.unwrap_or(FAMILY).as_str(), "size": measured.size.as_str(), "layers": measured.layers,
            "seed": measured.seed,
            "parameters": parameters,
        }),
    }
}

/// The samples of a user's file, all of which must be sound: one that is left out would change what is measured.
pub fn samples(file: &Path) -> Result<Vec<Sample>> {
    let options = Options {
        check_images: true,
        ..Options::default()
    };
    let loaded = read_samples(file, &options)?;
    let path = file.display();
    if !loaded.rejected.is_empty() {
        bail!(
            "{} of {} records of `{path}` cannot be used (`adamllm inspect data --as samples --json {path}` lists all):\n{}",
            loaded.rejected.len(),
            loaded.rows.len() + loaded.rejected.len(),
            Groups::of_rejected(&loaded.rejected).indented("  ")
        );
    }
    if loaded.rows.is_empty() {
        bail!("`{path}` has no sample");
    }
    Ok(loaded.rows)
}

//! The phases, which can run side by side where one does not need the other.
//!
//! 1. `tower`: the vision tower tells general pictograms apart ([`crate::tower`]).
//! 2. `read`: the decoder reads captions over general and invented names and answers from them, without pictures
//!    ([`crate::reading`]).
//! 3. `joint`: both together on general pictograms: captions, questions, questions after a caption, extraction
//!    ([`crate::joint`]). Most of the captions that are asked about tell of invented things, so that what a caption says is
//!    copied and not recalled.
//! 4. `polish`: the same at a lower rate, with more of what the synthesizer and the judge need: answers that copy from a
//!    caption, and extraction.
//! 5. `contrast`: polish again, with captions that also tell what a thing is not, and questions about that.
//! 6. `compare`: polish again, with many questions whether a thing is of a kind that a caption names or does not. Telling two
//!    spelled words apart is learned late and all at once, and not by every run of the phases before.
//! 7. `score`: what it knows is measured ([`crate::gates`]) into `<work>/scores.json`.
//!
//! Food never occurs, not even in the tokenizer's training text: a word that is one token there and never trained could
//! not be copied. Food words are spelled in pieces that general text has taught.

use std::path::Path;

use anyhow::{Result, bail};
use corpus::pictograms;
use demo::parts::{self, Part};
use demo::pictures::render;

use crate::{gates, joint, model_folder, reading, tower};

/// The phases in the order that makes a base from nothing.
pub const PHASES: [&str; 7] = [
    "tower", "read", "joint", "polish", "contrast", "compare", "score",
];

/// Runs one phase, or all, in the work folder; the finished model lies in `<work>/base-model`.
/// With `check`, scores that stay behind those of the shipped models are an error.
pub fn run(work: &Path, phases: &[String], check: bool) -> Result<()> {
    std::fs::create_dir_all(work)?;
    let all = pictograms::load()?;
    let folder = work.join("base-model");
    if !folder.join("tokenizer.json").exists() {
        model_folder::write(&folder, &all)?;
    }
    let wanted = |phase: &str| phases.is_empty() || phases.iter().any(|p| p == phase);
    if let Some(unknown) = phases.iter().find(|p| !PHASES.contains(&p.as_str())) {
        bail!(
            "unknown phase `{unknown}`; phases are {}",
            PHASES.join(", ")
        );
    }
    let draw = |of: Part| render(&parts::general(&all, of), &work.join("images"));
    if wanted("tower") {
        tower::run(
            work,
            &folder,
            &draw(Part::Shown)?,
            &draw(Part::HeldPicture)?,
        )?;
    }
    if wanted("read") {
        let general = all.iter().filter(|p| p.concept.is_general());
        reading::run(work, &folder, general.map(|p| p.concept.as_ref()))?;
    }
    if wanted("joint") {
        joint::joint(work, &folder, &draw(Part::Shown)?)?;
    }
    if wanted("polish") {
        joint::polish(work, &folder, &draw(Part::Shown)?)?;
    }
    if wanted("contrast") {
        joint::contrast(work, &folder, &draw(Part::Shown)?)?;
    }
    if wanted("compare") {
        joint::compare(work, &folder, &draw(Part::Shown)?)?;
    }
    if wanted("score") || check {
        let found = gates::measure(work)?;
        eprint!("{}", gates::table(&found));
        corpus::sealed::write_json(&work.join("scores.json"), &found)?;
        if check {
            gates::compare(&found)?;
        }
    }
    Ok(())
}

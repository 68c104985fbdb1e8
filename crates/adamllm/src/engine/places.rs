//! Folders that one process at a time works in, be it of another machine: what is told while one waits for them, and what ends.

use std::path::Path;

use adamllm::signals;
use adamllm::terminal::Terminal;
use anyhow::Result;
use run::events::Reporter;
use run::lease::{Terms, Waiting};
use run::{RunFolder, Store};

fn terms() -> Terms {
    Terms::default().stopped_by(signals::stop())
}

fn tell(terminal: &Terminal, what: &str, waiting: &Waiting) {
    Reporter::new("", terminal).note(format!("{what} {waiting}"));
}

/// A wait that somebody stopped is told as a run that somebody stopped.
fn known<T>(opened: Result<T, run::Error>) -> Result<T> {
    Ok(opened.map_err(|error| match error {
        run::Error::Stopped(stopped) => stopped.into(),
        other => pipeline::Error::from(other),
    })?)
}

/// Opens a run folder. If it is lost to another process, the run is asked to stop; [`RunFolder::check`] says why.
pub fn run_folder(path: &Path, terminal: &Terminal) -> Result<RunFolder> {
    let mut told = |waiting: &Waiting| tell(terminal, "the run folder", waiting);
    known(RunFolder::open_with(path, &terms(), &mut told))
}

/// Opens a store to work in it, with losses as for a run folder.
pub fn store(path: &Path, terminal: &Terminal) -> Result<Store> {
    let mut told = |waiting: &Waiting| tell(terminal, "the lab", waiting);
    known(Store::open_with(path, &terms(), &mut told))
}

/// Opens a store to clear it.
pub fn store_alone(path: &Path, terminal: &Terminal) -> Result<Store> {
    let mut told = |waiting: &Waiting| tell(terminal, "the lab", waiting);
    known(Store::alone_with(path, &terms(), &mut told))
}

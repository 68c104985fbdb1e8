//! `adamllm lab clean`: removes from a store what no cell of the grid needs.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use adamllm::flags::Shared;
use adamllm::lab::{Clean, folder_of};
use adamllm::output::print;
use adamllm::signals;
use adamllm::terminal::Terminal;
use anyhow::{Result, bail};
use pipeline::lab::Lab;
use run::plan::{bytes, size_of_folder};
use serde_json::json;

use super::cells::{Named, Place, Prepared, STORE};
use crate::device;
use crate::places;

/// Removes what no cell needs.
pub fn run(shared: &Shared, arguments: &Clean) -> Result<()> {
    let path = &arguments.grid;
    let folder = arguments.lab_dir.clone().unwrap_or_else(|| folder_of(path));
    if !folder.join(STORE).is_dir() {
        bail!(
            "there is no lab in `{}`; name its folder with --lab-dir",
            folder.display()
        );
    }
    let grid = Named::read(path, &arguments.set)?;
    let device = device::ready(shared)?;
    let terminal = Terminal::new(shared);
    let store = places::store_alone(&folder.join(STORE), &terminal)?;
    let place = Place::of(&folder, store, shared, device)?;
    let digests = RefCell::new(place.digests(0));
    let prepared = Prepared::of(&grid, &place, shared, &terminal, &digests)?;
    let lab = Lab {
        store: &place.store,
        folder: &place.folder,
        cells: &prepared.cells,
        frees_weights: false,
        listener: &terminal,
        stop: signals::stop(),
        digests: &digests,
    };
    let drivers = lab.drivers();
    let union = lab.union(&drivers)?;
    // Of a cell that cannot be told by its keys nobody knows what it needs.
    let unknown = prepared.all.iter().filter(|(_, found)| match found {
        Ok(number) => !union.missing(*number).is_empty(),
        Err(_) => true,
    });
    let unknown: Vec<&str> = unknown.map(|(cell, _)| cell.name.as_str()).collect();
    if !unknown.is_empty() {
        bail!(
            "{} cells of the grid wait for something that is missing (such as `{}`), so nobody can tell which results are \
             theirs; nothing was removed",
            unknown.len(),
            unknown[0]
        );
    }
    let needed: BTreeSet<&str> = union.works.iter().map(|work| work.id.as_str()).collect();
    let is_needed = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        needed.contains(&*name)
    };
    let mut all = place.store.folders();
    all.retain(|path| !is_needed(path));
    let size: u64 = all.iter().map(|path| size_of_folder(path)).sum();
    if !arguments.dry_run {
        for path in &all {
            place.store.remove(path)?;
        }
    }
    let names = all.iter().filter_map(|path| path.file_name());
    let names: Vec<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    print(
        shared,
        &json!({"removed": names, "bytes": size, "dry_run": arguments.dry_run}),
        || {
            let done = if arguments.dry_run {
                "would be removed"
            } else {
                "removed"
            };
            println!("{} results of stages {done}: {}", names.len(), bytes(size));
            for name in &names {
                println!("  {name}");
            }
        },
    )
}

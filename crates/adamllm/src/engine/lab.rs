//! `adamllm lab`: the cells of a grid, worked on as one.

mod begun;
mod cells;
mod clean;
mod table;

use std::cell::RefCell;
use std::path::Path;

use adamllm::flags::Shared;
use adamllm::lab::{Action, Lab as Arguments, folder_of};
use adamllm::output::print;
use adamllm::signals;
use adamllm::terminal::Terminal;
use anyhow::{Context as _, Result, bail};
use pipeline::lab::{CellState, Lab, LabPlan, Shard, Union, Worked};
use pipeline::memory;
use run::events::Reporter;
use run::grid::Keep;
use run::plan::bytes;

use self::begun::Begun;
use self::cells::{Named, Place, Prepared, STORE};
use crate::device;
use crate::kept::Kept;
use crate::places;
use crate::road::refuse_short_caps;

/// `adamllm lab`.
pub fn run(shared: &Shared, arguments: &Arguments) -> Result<()> {
    if let Some(Action::Clean(clean)) = &arguments.action {
        return clean::run(shared, clean);
    }
    let path = arguments.grid.as_deref().context("no grid is named")?;
    let folder = arguments.lab_dir.clone().unwrap_or_else(|| folder_of(path));
    let grid = Named::read(path, &arguments.set)?;
    let device = device::ready(shared)?;
    signals::take_over()?;
    let store = arguments.store.clone();
    let terminal = Terminal::new(shared);
    let store = places::store(&store.unwrap_or_else(|| folder.join(STORE)), &terminal)?;
    let place = Place::of(&folder, store, shared, device)?;
    let digests = RefCell::new(place.digests(arguments.shard.map_or(0, |part| part.number)));
    let prepared = Prepared::of(&grid, &place, shared, &terminal, &digests)?;
    let lab = Lab {
        store: &place.store,
        folder: &place.folder,
        cells: &prepared.cells,
        frees_weights: grid.grid.keep == Keep::Predictions,
        listener: &terminal,
        stop: signals::stop(),
        digests: &digests,
    };
    let drivers = lab.drivers();
    let union = lab.union(&drivers)?;
    if let Some((one, other)) = union.twins() {
        bail!(
            "cells `{}` and `{}` of the grid `{}` are the same in every stage; leave one out, or say what tells them apart",
            prepared.cells[one].name,
            prepared.cells[other].name,
            path.display()
        );
    }
    let report = Reporter::new("", &terminal);
    let begun = Begun::of(&prepared, &union);
    let notes = begun.against(&place.folder, &prepared, arguments.changed)?;
    for note in &notes {
        report.note(note);
    }
    let plan = lab.plan(&union, arguments.dry_run)?;
    if arguments.dry_run {
        return print(shared, &serde_json::to_value(&plan)?, || {
            print!("{}", text(&plan, &prepared));
        });
    }
    refuse_too_little(&plan, &prepared, &place.folder)?;
    if let Some(forecast) = &plan.endpoints {
        refuse_short_caps(forecast, arguments.yes)?;
    }
    {
        let _writing = place.store.wait()?;
        begun.write(&place.folder, &prepared)?;
        if let Some(cell) = prepared.cells.first() {
            // Another process may have written it by now.
            Kept::of(&place.folder).keep(&place.folder, report, &cell.engine)?;
        }
    }
    if let Some(cell) = prepared.cells.first() {
        torch::set_threads(cell.engine.threads);
        memory::bound(device, cell.engine.memory);
    }
    report.note(summary(&plan));
    let part = arguments.shard.map_or_else(Shard::default, |part| Shard {
        index: part.number - 1,
        of: part.of,
    });
    let worked = lab.work(&union, part, Some(&plan), &mut |_| {});
    // That a stage was lost to another process is why this one was stopped.
    place.store.check()?;
    let worked = worked?;
    tell(&plan, &union, &worked, report);
    let states = prepared.states(&union, &worked);
    let of = table::Of {
        grid: &grid.grid,
        prepared: &prepared,
        union: &union,
        worked: &worked,
        plan: &plan,
        states: &states,
    };
    let table = {
        let _writing = place.store.wait()?;
        of.write(&place.folder)?
    };
    print(shared, &serde_json::to_value(&table.page)?, || {
        print!("{}", table.text);
        println!("\ntable: {}", place.folder.join(table::PAGE).display());
    })?;
    unfinished(&states, path, &place.folder)
}

/// Refuses a lab that this machine has no room for.
fn refuse_too_little(plan: &LabPlan, prepared: &Prepared, folder: &Path) -> Result<()> {
    if plan.disk > plan.free_disk {
        bail!(
            "the cells need {} on the disk, and {} are free in `{}`; make room, choose another --lab-dir, or keep less \
             (`keep = \"predictions\"` in the grid's `[lab]`)",
            bytes(plan.disk),
            bytes(plan.free_disk),
            folder.display()
        );
    }
    let budget = prepared.cells.first().and_then(|cell| cell.engine.memory);
    if let Some(budget) = budget.filter(|&budget| plan.memory > budget) {
        bail!(
            "the largest stage needs {} of memory at the least, and the budget (`model.memory`) is {}; `adamllm plan` shows \
             what needs less",
            bytes(plan.memory),
            bytes(budget)
        );
    }
    Ok(())
}

/// A plan in a sentence.
fn summary(plan: &LabPlan) -> String {
    let time = plan.seconds.map_or_else(
        || "time unknown without weights".to_owned(),
        |seconds| format!("about {:.0} min one after the other", seconds / 60.0),
    );
    format!(
        "{} cells: {} stage runs instead of {} ({:.0} % saved by sharing), {} of them done before; {time}; disk {} at the \
         most",
        plan.cells,
        plan.stage_runs,
        plan.stage_runs_unshared,
        plan.saved() * 100.0,
        plan.done,
        bytes(plan.disk)
    )
}

/// A plan for a terminal.
fn text(plan: &LabPlan, prepared: &Prepared) -> String {
    use std::fmt::Write as _;
    let mut out = format!("the grid is sound\n{}\n", summary(plan));
    for (kind, of) in &plan.kinds {
        let time = of
            .seconds
            .map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.0} s"));
        let _ = writeln!(
            out,
            "  {kind:<18} {:>4} stage runs, {:>4} done before  {time:>8}",
            of.stage_runs, of.done
        );
    }
    if let Some(forecast) = &plan.endpoints {
        let _ = writeln!(
            out,
            "endpoints: {} ({})",
            forecast.total.text(),
            forecast.basis
        );
    }
    let _ = writeln!(out, "free disk: {}", bytes(plan.free_disk));
    for (cell, missing) in prepared.waiting(plan) {
        let _ = writeln!(
            out,
            "cell {cell} would wait for:\n  {}",
            missing.join("\n  ")
        );
    }
    for note in &plan.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}

/// Stage runs and time against the plan.
fn tell(plan: &LabPlan, union: &Union<'_>, worked: &Worked, report: Reporter<'_>) {
    report.note(format!(
        "stage runs: {} done by this process, {} found done, {} in all of {} unshared",
        worked.runs,
        worked.found_done,
        union.works.len(),
        union.unshared()
    ));
    if worked.again > 0 {
        report.note(format!(
            "{} stages were done again, since their weights had been removed and something new needs them",
            worked.again
        ));
    }
    if worked.freed > 0 {
        report.note(format!("weights of {} were removed", bytes(worked.freed)));
    }
    if let Some([planned, took]) = plan.against_measured(union, worked)
        && took > 0.0
    {
        report.note(format!(
            "time of these: {:.1} min; planned at the rate of the first of each kind {:.1} min ({:+.0} %)",
            took / 60.0,
            planned / 60.0,
            (planned / took - 1.0) * 100.0
        ));
    }
}

/// An error that tells how to go on, unless all cells are finished.
fn unfinished(states: &[CellState], grid: &Path, folder: &Path) -> Result<()> {
    let count = |is: fn(&CellState) -> bool| states.iter().filter(|&state| is(state)).count();
    let failed = count(|state| matches!(state, CellState::Failed { .. } | CellState::Open { .. }));
    let waiting = count(|state| matches!(state, CellState::Waiting { .. }));
    if failed + waiting == 0 {
        return Ok(());
    }
    bail!(
        "{} of {} cells are not finished ({failed} failed, {waiting} wait); the table says why. Mend it and go on with \
         `adamllm lab {} --lab-dir {}`",
        failed + waiting,
        states.len(),
        grid.display(),
        folder.display()
    )
}

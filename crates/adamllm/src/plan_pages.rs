//! What `adamllm plan` shows: ways with their bytes for a person, and tables for the documentation.

use std::fmt::Write as _;
use std::path::PathBuf;

use run::memory::{
    Choices, Device, Gradients, Masters, OptimizerDevice, OptimizerState, Recompute, Row,
};
use run::plan::bytes;

use crate::planned::{Planned, rows};

/// A training on a device, way by way.
pub fn text(planned: &Planned) -> String {
    let fitted = &planned.fitted;
    let (arithmetic, device) = (&fitted.planner, &fitted.device);
    let load = arithmetic.load;
    let mut out = format!(
        "{} [{}]: {} parameters in {}, microbatches of at most {} tokens and {} patches\n{device} gives tensors {}\n",
        planned.recipe.display(),
        fitted.section,
        count(arithmetic.num_parameters()),
        arithmetic.dtype().as_str(),
        load.tokens,
        load.patches,
        bytes(device.for_tensors()),
    );
    let head = [
        "weights",
        "gradients",
        "state",
        "activations",
        "workspace",
        "total",
        "speed",
    ];
    let _ = write!(out, "  {:<58}", "way");
    for name in head {
        let _ = write!(out, " {name:>11}");
    }
    out.push('\n');
    let rows = rows(planned);
    for row in &rows {
        let needs = &row.needs;
        let mark = if row.fits { '+' } else { ' ' };
        let _ = write!(out, "{mark} {:<58}", name(row));
        for n in [
            needs.weights,
            needs.gradients,
            needs.state,
            needs.activations,
            needs.workspace,
            row.total,
        ] {
            let _ = write!(out, " {:>11}", size(n));
        }
        let _ = writeln!(out, " {:>11.2}", row.speed);
    }
    out += "+ fits; speeds are by a table, relative to the plain way\n";
    if rows.iter().any(|row| row.needs.host > 0) {
        let host = rows.iter().map(|row| row.needs.host).max().unwrap_or(0);
        let _ = writeln!(
            out,
            "a host optimizer takes up to {} of the host's memory",
            bytes(host)
        );
    }
    if rows.iter().any(|row| row.shards > 1) {
        out += "parted ways keep a piece of the optimizer's state in each of as many processes (`--processes`)\n";
    }
    let _ = match &fitted.problem {
        None => writeln!(out, "fit: {}", fitted.why),
        Some(problem) => writeln!(out, "nothing fits: {problem}"),
    };
    out
}

/// Parameters in words.
fn count(n: u64) -> String {
    match n {
        n if n < 1_000_000_000 => format!("{:.2} M", n as f64 / 1e6),
        n => format!("{:.2} B", n as f64 / 1e9),
    }
}

/// A way in short.
fn name(row: &Row) -> String {
    let mut name = short(&row.choices);
    if row.shards > 1 {
        let _ = write!(name, ", parted among {}", row.shards);
    }
    name
}

fn short(choices: &Choices) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut add = |is: bool, part: &str| {
        if is {
            parts.push(part.to_owned());
        }
    };
    add(choices.recompute == Recompute::Cheap, "cheap recompute");
    add(choices.recompute == Recompute::Blocks, "blocks recomputed");
    add(
        choices.optimizer_device == OptimizerDevice::Cpu,
        "host optimizer",
    );
    add(choices.gradients == Gradients::Bf16, "bf16 gradients");
    add(
        choices.optimizer_state == OptimizerState::Bf16,
        "bf16 state",
    );
    add(
        choices.optimizer_state == OptimizerState::EightBit,
        "8-bit state",
    );
    add(choices.masters == Masters::None, "no masters");
    if let Some(lora) = &choices.lora {
        parts.insert(0, format!("LoRA {}", lora.rank));
    }
    if parts.is_empty() {
        "plain".to_owned()
    } else {
        parts.join(", ")
    }
}

/// The recipes and devices of a table, each once and in their order.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut out = Vec::new();
    for one in all {
        if !out.contains(&one) {
            out.push(one);
        }
    }
    out
}

/// What fits where: all of a model trained, and LoRA.
pub fn markdown(all: &[Planned]) -> String {
    let recipes: Vec<&PathBuf> = distinct(all.iter().map(|one| &one.recipe));
    let devices: Vec<&Device> = distinct(all.iter().map(|one| &one.fitted.device));
    let table = |title: &str, cell: &dyn Fn(&Planned) -> String| {
        let mut out = format!("| {title} |");
        for recipe in &recipes {
            let stem = recipe.file_stem().unwrap_or_default().to_string_lossy();
            let _ = write!(out, " {stem} |");
        }
        out += "\n|---|";
        out += &"---|".repeat(recipes.len());
        out.push('\n');
        for device in &devices {
            let _ = write!(out, "| {device} |");
            for recipe in &recipes {
                let own = all
                    .iter()
                    .filter(|one| one.recipe == **recipe && one.fitted.device == **device);
                let cells: Vec<String> = own.map(cell).collect();
                let _ = write!(out, " {} |", cells.join("; "));
            }
            out.push('\n');
        }
        out
    };
    let told = |row: &Row| match row.needs.host {
        0 => format!("{}: {}", name(row), bytes(row.total)),
        host => format!(
            "{}: {} and {} of the host",
            name(row),
            bytes(row.total),
            bytes(host)
        ),
    };
    let full = table("all of it trained", &|one: &Planned| {
        if one.fitted.problem.is_some() {
            "–".to_owned()
        } else {
            told(&one.fitted.row)
        }
    });
    let lora = table("LoRA", &|one: &Planned| {
        let rows = rows(one);
        let found = rows
            .iter()
            .find(|row| row.choices.lora.is_some() && row.fits);
        found.map_or("–".to_owned(), told)
    });
    format!("{full}\n{lora}")
}

/// Bytes in words.
fn size(n: u64) -> String {
    match n {
        0 => "-".to_owned(),
        n => bytes(n),
    }
}

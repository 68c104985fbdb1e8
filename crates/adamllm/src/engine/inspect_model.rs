//! `adamllm inspect model`: what a model is made of, from its configuration and the headers of its weight files.

use std::path::Path;

use adamllm::flags::Shared;
use adamllm::output::print;
use anyhow::Result;
use model::inspect::{self, Inspection};

use crate::device;

/// Shows a folder. No weights are read.
pub fn run(shared: &Shared, folder: &Path, tensors: bool) -> Result<()> {
    device::ready_for_files(shared)?;
    let found = inspect::folder(&device::model_folder(folder)?)?;
    print(shared, &found.document(tensors), || show(&found, tensors))
}

fn show(found: &Inspection, tensors: bool) {
    println!(
        "{} of {} parameters, context {}",
        found.family.as_str().unwrap_or("?"),
        found.parameters(),
        found.context
    );
    match &found.dtypes {
        Some(dtypes) => {
            let list: Vec<String> = dtypes
                .iter()
                .map(|(k, n)| format!("{k} ({n} values)"))
                .collect();
            println!("stored as {}", list.join(", "));
        }
        None => println!("no weights beside the configuration"),
    }
    if found.tied {
        println!("the head is the embedding");
    }
    println!();
    println!(
        "{:<16} {:>14} {:>14}",
        "group", "parameters", "with gradient"
    );
    for group in &found.groups {
        println!(
            "{:<16} {:>14} {:>14}",
            group.group.as_str(),
            group.values,
            group.values - group.unreachable
        );
    }
    println!();
    if tensors {
        for tensor in &found.tensors {
            println!("{:<76} {:?}", tensor.name, tensor.shape);
        }
    } else {
        for part in found.repeated() {
            let times = if part.times > 1 {
                format!("× {}", part.times)
            } else {
                String::new()
            };
            let name = format!("{} {:?}", part.name, part.shape);
            println!("{name:<84} {times:>6} {:>14}", part.values);
        }
    }
    let unreachable = found.no_gradient_counts();
    if !unreachable.is_empty() {
        println!(
            "\nno gradient (the family never reads them, or it is zero by construction), kept out of weight decay:"
        );
        for (name, count) in unreachable {
            if count > 1 {
                println!("  {name} × {count}");
            } else {
                println!("  {name}");
            }
        }
    }
}

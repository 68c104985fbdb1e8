//! Verb `plan`: what each way to train a recipe's model takes on a device, by arithmetic and without weights.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use run::memory::{Architecture, Device, Row};
use run::plan::bytes;
use run::recipe::training::Group;
use run::recipe::{Automatic, DeviceKind, Fitted, Fitting, Processor, Recipe};
use serde_json::{Value, json};

use crate::flags::Shared;
use crate::output::print;
use crate::{machine, plan_pages, recipes};

/// `adamllm plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adamllm plan my.toml
  adamllm plan my.toml --device 24GB,48GB,8x80GB
  adamllm plan my.toml --device host:64GB --json

A device is its memory: `24GB` is a GPU, `8x80GB` eight of them, `host:24GB` a machine without one, `24GB+host:64GB` a GPU in a
machine of known memory. Neither weights nor libtorch are needed: a model folder with its `config.json` is enough.")]
pub struct Plan {
    /// A recipe, or several.
    #[arg(required = true, value_name = "RECIPE")]
    pub recipes: Vec<PathBuf>,
    /// Override of a recipe key; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Tables of what fits where, one row a recipe, as in the documentation.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

/// One training of a recipe on one device.
pub struct Planned {
    /// The recipe's file.
    pub recipe: PathBuf,
    /// What was found.
    pub fitted: Fitted,
}

/// Plans and tells.
pub fn run(shared: &Shared, asked: &Plan) -> Result<()> {
    let devices = devices(&shared.device)?;
    let mut all = Vec::new();
    for recipe in &asked.recipes {
        for (device, automatic) in &devices {
            all.extend(planned(shared, recipe, &asked.set, device, automatic)?);
        }
    }
    if asked.markdown {
        print!("{}", plan_pages::markdown(&all));
        return Ok(());
    }
    let document: Vec<Value> = all.iter().map(document).collect();
    print(shared, &json!(document), || {
        for one in &all {
            println!("{}", plan_pages::text(one));
        }
    })
}

/// What `--device` names, with what `model.dtype = "auto"` stands for there.
fn devices(named: &str) -> Result<Vec<(Device, Automatic)>> {
    match named {
        "auto" | "cpu" => {
            let total = machine::total_memory().context(
                "the system does not tell how much memory there is; name it: `--device host:64GB`",
            )?;
            let automatic = Automatic::on(DeviceKind::Cpu, &machine::processor());
            Ok(vec![(Device::new(DeviceKind::Cpu, total), automatic)])
        }
        name if name.starts_with("cuda") => bail!(
            "a plan is made without libtorch, which knows how much memory a GPU has; name it: `--device 24GB`"
        ),
        list => {
            let devices = Device::list(list)?.into_iter();
            // Of a machine that is named by its memory the processor is not known.
            let each =
                devices.map(|one| (one.clone(), Automatic::on(one.kind, &Processor::default())));
            Ok(each.collect())
        }
    }
}

/// The trainings of a recipe on a device.
pub fn planned(
    shared: &Shared,
    path: &Path,
    set: &[String],
    device: &Device,
    automatic: &Automatic,
) -> Result<Vec<Planned>> {
    let fitting = Fitting {
        device: Some(device.clone()),
        ..Fitting::default()
    };
    let (recipe, errors) = recipes::load_most(path, set, automatic.clone(), fitting)?;
    refuse_unsound(path, &errors)?;
    if recipe.fits.is_empty() {
        return Err(why_nothing(path, &recipe));
    }
    if !errors.is_empty() && !shared.quiet {
        eprintln!(
            "note: {} of what `{}` names is not there yet (`adamllm run --dry-run` says what); a plan does without",
            errors.len(),
            path.display()
        );
    }
    let fits = recipe.fits.into_iter();
    let planned = fits.map(|fitted| Planned {
        recipe: path.to_owned(),
        fitted,
    });
    Ok(planned.collect())
}

/// Errors but for data that is not there yet.
fn refuse_unsound(path: &Path, errors: &[String]) -> Result<()> {
    let is_absent = |error: &&String| {
        error.contains("which does not exist") && !error.contains("`model.checkpoint`")
            || error.contains("needs a synthesizer")
    };
    let unsound: Vec<String> = errors.iter().filter(|e| !is_absent(e)).cloned().collect();
    if unsound.is_empty() {
        return Ok(());
    }
    Err(recipes::refused(path, &unsound))
}

/// Why a recipe has no training that can be planned.
fn why_nothing(path: &Path, recipe: &Recipe) -> anyhow::Error {
    match Architecture::of_folder(&recipe.checkpoint) {
        Err(error) if !recipe.uses_demo_base() => {
            anyhow::Error::new(error).context(format!("`{}` cannot be planned", path.display()))
        }
        _ => anyhow!(
            "`{}` trains nothing: it names neither pairs nor seed data",
            path.display()
        ),
    }
}

/// Every way to train.
pub fn rows(planned: &Planned) -> Vec<Row> {
    let fitted = &planned.fitted;
    let lora = fitted.row.choices.lora.as_ref();
    fitted.planner.rows(&fitted.device, lora)
}

fn document(planned: &Planned) -> Value {
    let fitted = &planned.fitted;
    let groups = Group::ALL.map(|group| {
        let count = fitted.planner.parameters_of(group);
        (group.as_str().to_owned(), json!(count))
    });
    json!({
        "recipe": planned.recipe,
        "section": fitted.section,
        "parameters": serde_json::Map::from_iter(groups),
        "dtype": fitted.planner.dtype().as_str(),
        "microbatch": fitted.planner.load,
        "device": {
            "name": fitted.device.to_string(), "count": fitted.device.count, "total": fitted.device.total,
            "for_tensors": fitted.device.for_tensors(),
        },
        "ways": rows(planned),
        "chosen": fitted.problem.is_none().then_some(&fitted.row),
        "why": fitted.why,
    })
}

/// Bytes in words.
pub fn size(n: u64) -> String {
    match n {
        0 => "-".to_owned(),
        n => bytes(n),
    }
}

//! Verb `plan`: what each way to train a recipe's model takes on a device, by arithmetic and without weights.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use run::memory::{Architecture, Device};
use run::recipe::training::Group;
use run::recipe::{Automatic, DeviceKind, Fitting, Processor, Recipe};
use serde_json::{Value, json};

use crate::flags::Shared;
use crate::output::print;
use crate::planned::{Planned, rows};
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
    #[arg(long)]
    pub markdown: bool,
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    /// The command that makes the tables of the documentation, in the repository's folder.
    const COMMAND: &str = "adamllm plan docs/hardware/qwen2-vl-2b.toml docs/hardware/llava-v1.6-llama3-8b.toml \
        docs/hardware/llama-3.2-11b-vision.toml \
        --device 16GB,24GB,48GB,80GB,141GB,host:24GB,host:64GB,host:256GB --markdown";

    fn parsed(line: &str) -> (Shared, Plan) {
        let cli = Cli::try_parse_from(line.split_whitespace()).expect("a sound command");
        match cli.command {
            Command::Plan(plan) => (cli.shared, plan),
            other => panic!("{other:?}"),
        }
    }

    fn all(line: &str) -> Result<Vec<Planned>> {
        let (shared, plan) = parsed(line);
        let mut all = Vec::new();
        for recipe in &plan.recipes {
            for (device, automatic) in devices(&shared.device)? {
                let path = Path::new(ROOT).join(recipe);
                all.extend(planned(&shared, &path, &plan.set, &device, &automatic)?);
            }
        }
        Ok(all)
    }

    #[test]
    fn the_documentation_has_the_tables_that_the_command_prints() {
        let page =
            std::fs::read_to_string(Path::new(ROOT).join("docs/hardware.md")).expect("a page");
        let tables = plan_pages::markdown(&all(COMMAND).expect("planned"));
        let words: Vec<&str> = COMMAND.split_whitespace().collect();
        let own = page.replace("\\\n", " ");
        let own: Vec<&str> = own.split_whitespace().collect();
        assert!(
            own.windows(words.len()).any(|part| part == words),
            "docs/hardware.md does not name its command"
        );
        assert!(
            page.contains(&tables),
            "docs/hardware.md should have\n{tables}"
        );
    }

    #[test]
    fn every_way_is_shown_with_its_bytes() {
        let found = all("adamllm plan docs/hardware/qwen2-vl-2b.toml --device 48GB,8x24GB")
            .expect("planned");
        assert_eq!(found.len(), 2);
        let single = plan_pages::text(&found[0]);
        for part in [
            "2.21 B parameters in bf16",
            "a GPU of 48.0 GB gives tensors 43.2 GB",
            "LoRA 16",
            "blocks recomputed, bf16 gradients, 8-bit state, no masters",
            "fit: ",
        ] {
            assert!(single.contains(part), "{part} in\n{single}");
        }
        let several = plan_pages::text(&found[1]);
        assert!(
            several.contains("plain, parted among 8") && several.contains("(`--processes`)"),
            "{several}"
        );
        let document = document(&found[0]);
        assert_eq!(document["parameters"]["projector"], 34_087_936);
        assert_eq!(document["device"]["for_tensors"], 43_200_000_000_u64);
        assert_eq!(document["ways"].as_array().map(Vec::len), Some(27));
        assert_eq!(document["ways"][0]["choices"]["recompute"], "none");
        assert_eq!(document["chosen"]["fits"], true);
    }

    #[test]
    fn what_cannot_be_planned_is_said() {
        let said = |line: &str| format!("{:#}", all(line).err().expect("an error"));
        let qwen = "adamllm plan docs/hardware/qwen2-vl-2b.toml";
        let device = said(&format!("{qwen} --device 24"));
        assert!(
            device.contains("`24` is no device") && device.contains("`24GB`"),
            "{device}"
        );
        let cuda = said(&format!("{qwen} --device cuda:0"));
        assert!(cuda.contains("--device 24GB"), "{cuda}");
        let empty = said(&format!("{qwen} --device 24GB --set model.checkpoint=."));
        assert!(empty.contains("`config.json`"), "{empty}");
        let unknown = said(&format!("{qwen} --device 24GB --set train.fitt=auto"));
        assert!(unknown.contains("`train.fit`"), "{unknown}");
    }
}

//! The cards beside every trained model: what it is made of and for (`README.md`), and what it was trained on (`DATA.md`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use corpus::{Pair, Sample, jsonl};
use run::recipe::DEMO;
use serde_json::Value;

use crate::context::Context;

/// Writes both cards into a model's folder. They hold no time and no place of this machine, so that the same run writes the
/// same cards.
pub fn write(
    context: &Context,
    stage: &str,
    model: &Path,
    samples: &[Sample],
    counts: &BTreeMap<String, u64>,
) -> Result<()> {
    for (name, text) in [
        ("README.md", model_card(context, stage, counts)),
        ("DATA.md", data_card(context, stage, samples, counts)?),
    ] {
        let path = model.join(name);
        std::fs::write(&path, text)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

/// A model's or file's name without the folders that only this machine has.
fn name_of(path: &Path) -> String {
    if path == Path::new(DEMO) {
        return "the shipped demo base (a toy on pictograms)".to_owned();
    }
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn model_card(context: &Context, stage: &str, counts: &BTreeMap<String, u64>) -> String {
    let recipe = context.recipe;
    let (what, section) = if stage == "tune-synthesizer" {
        (
            "a synthesizer: it reads a picture with its caption and writes an instruction with both answers",
            "synthesizer",
        )
    } else {
        (
            "an adapted multimodal model: a general one, trained further on a domain's pictures",
            "train",
        )
    };
    let mut out = String::from(
        "---\npipeline_tag: image-text-to-text\ntags: [domain-adaptation, adamllm]\n---\n\n",
    );
    let base = name_of(&recipe.checkpoint);
    let _ = writeln!(
        out,
        "# Model card\n\nThis is {what}. It was made from {base} by adamllm {}, stage `{stage}`, in the manner of \"On \
        Domain-Specific Post-Training for Multimodal Large Language Models\" (arXiv 2411.19930).\n",
        env!("CARGO_PKG_VERSION")
    );
    out += "## Training\n\n";
    for (name, count) in counts {
        let _ = writeln!(out, "- {name}: {count}");
    }
    out += "\n## Recipe\n\n| key | value | from |\n|---|---|---|\n";
    for (key, resolved) in &recipe.resolution {
        // Paths are this machine's; the data card names the files.
        let is_path = matches!(resolved.value.as_str(), Some(text) if text.contains('/'));
        if is_path
            || !(key.starts_with(section)
                || key.starts_with("run.")
                || key.starts_with("mix.")
                || key.starts_with("model."))
        {
            continue;
        }
        let value = resolved.value.to_string().replace('|', "\\|");
        let _ = writeln!(out, "| `{key}` | `{value}` | {} |", resolved.origin);
    }
    out += "\n## Scores\n\nThe run's `report/summary.json` and `report/index.html` have the scores before and after on the same \
            questions, with intervals; they are made after this file and are not repeated here.\n\n\
            ## Licence\n\nThat of the base model holds for this one too, and the licences of the data (`DATA.md`) may bind its use.\n\n\
            ## Limits\n\n- It was trained on answers that a model wrote and another filtered; some are wrong.\n\
            - What it says of pictures outside of its domain may be worse than what the base said: see the forgetting table of the report.\n\
            - It must not be used for decisions about people's health or safety without people who check them.\n";
    if recipe.uses_demo_base() {
        out += "- It is a toy of a few million parameters on pictograms, of use for nothing but showing the road.\n";
    }
    out
}

fn data_card(
    context: &Context,
    stage: &str,
    samples: &[Sample],
    counts: &BTreeMap<String, u64>,
) -> Result<String> {
    let recipe = context.recipe;
    let mut out = String::from("# Data card\n\n");
    let turns: usize = samples
        .iter()
        .map(|s| s.turns.iter().filter(|t| t.learn).count())
        .sum();
    let _ = writeln!(
        out,
        "{} training samples with {turns} learned turns; {} of them were drawn.\n",
        samples.len(),
        counts.get("trained on").copied().unwrap_or(0)
    );
    if stage == "tune-synthesizer" {
        let seeds = recipe.synthesizer.seed_data.as_deref();
        let _ = writeln!(
            out,
            "Seed data: {}. A share of {} of the pictures was blank.",
            seeds.map_or_else(|| "the shipped demo seed set".to_owned(), name_of),
            recipe.synthesizer.blank_images
        );
        return Ok(out);
    }
    if let Some(data) = &recipe.train.data {
        let _ = writeln!(
            out,
            "Samples of the file `{}`, which says where they come from.",
            name_of(data)
        );
        return Ok(out);
    }
    let _ = writeln!(
        out,
        "Image-caption pairs of `{}`, with tasks that the synthesizer wrote and the filter kept.\n",
        name_of(&recipe.pairs)
    );
    let path = context.run.stage("synthesize").join("pairs.jsonl");
    let pairs: Vec<Pair> = if path.is_file() {
        jsonl::read(&path)?
    } else {
        Vec::new()
    };
    let mut sources: BTreeMap<(String, String), usize> = BTreeMap::new();
    for pair in &pairs {
        let licence = ["licence", "license"]
            .iter()
            .find_map(|key| pair.meta.get(*key));
        let licence = match licence {
            None => "not stated".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let source = pair
            .source
            .clone()
            .unwrap_or_else(|| "not stated".to_owned());
        *sources.entry((source, licence)).or_default() += 1;
    }
    out += "| source | licence | pairs |\n|---|---|---:|\n";
    for ((source, licence), count) in sources {
        let _ = writeln!(out, "| {source} | {licence} | {count} |");
    }
    if let Some(general) = &recipe.mix.general {
        let _ = writeln!(
            out,
            "\nGeneral samples of `{}` were replayed, {} for each of the domain.",
            name_of(general),
            recipe.mix.general_ratio
        );
    }
    out += "\nSources come from the pairs' key `source`, licences from their key `licence`; what is not stated there is not known here.\n";
    Ok(out)
}

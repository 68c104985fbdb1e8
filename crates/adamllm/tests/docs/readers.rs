//! The recipe keys that stages really read, as a finished run noted them, against those that the reference says.

use std::collections::BTreeMap;
use std::path::Path;

use adamllm::reference::{Reader, readers};
use clap::ValueEnum as _;
use run::recipe::training::PASSING;
use run::recipe::{Shape, is_of_transport, keys};

use crate::published::read;

/// Keys that change what a stage gives through the content of files or the number of questions, or do not change it at all,
/// or are noted only where they are set; a manifest of a run by the synthesizer has none of them.
const BY_CONTENT: &[&str] = &[
    "data.maker",
    "data.max_bad",
    "endpoints.max_picture_side",
    "endpoints.picture_format",
    "evaluate.by_likelihood",
    "evaluate.general",
    "evaluate.held_out_limit",
    "evaluate.max_new_tokens",
    "evaluate.tasks",
    "generate.block",
    "generate.cache_tokens",
    "generate.group",
    "generate.prefill_tokens",
    "maker.max_new_tokens",
    "maker.mentions",
    "maker.rounds",
    "maker.temperature",
    "maker.top_p",
    "model.memory",
    "quality.data",
    "synthesizer.corrupt",
    "synthesizer.min_p",
    "synthesizer.repetition_penalty",
    "synthesizer.tuned",
];

/// Compares every stage of a finished run.
pub fn check(run: &Path) {
    let graph = read(&run.join("graph.json"));
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in graph["nodes"].as_array().expect("nodes") {
        let folder = node["folder"].as_str().expect("folder");
        let manifest = read(&run.join(folder).join("manifest.json"));
        let kind = manifest["version"].as_str().expect("version");
        let kind = kind.split(' ').next().unwrap_or_default().to_owned();
        let noted = manifest["recipe"].as_object().expect("keys");
        let noted = noted.keys().filter(|name| name.contains('.'));
        seen.entry(kind).or_default().extend(noted.cloned());
    }
    let resolved = read(&run.join("recipe.json"));
    for reader in Reader::value_variants() {
        let name = reader.name();
        let noted = seen
            .get(&name)
            .unwrap_or_else(|| panic!("no stage {name}: {seen:?}"));
        for key in noted {
            assert!(
                readers(key).contains(reader),
                "`{key}` is read by `{name}`, which the reference does not say"
            );
        }
        for key in keys().filter(|key| readers(key.name).contains(reader)) {
            let is_place = matches!(key.shape, Shape::Path | Shape::Paths | Shape::Model);
            let is_passing = is_of_transport(key.name)
                || PASSING
                    .iter()
                    .any(|last| key.name.ends_with(&format!("train.{last}")));
            // Noted by what it comes to: `questions on blank pictures`.
            let is_setting = *reader == Reader::Answer && key.name == "evaluate.blind_limit";
            let is_noted =
                !(is_place || is_passing || is_setting || BY_CONTENT.contains(&key.name));
            if is_noted && resolved.get(key.name).is_some() {
                assert!(
                    noted.iter().any(|one| one == key.name),
                    "the reference says that `{name}` reads `{}`, and it does not",
                    key.name
                );
            }
        }
    }
}

//! Every grid of the paper planned in a folder that holds the published configurations, stand-ins for the tokenizers and a few
//! records, and no weights.

mod program;
#[path = "program/published.rs"]
mod published;

use std::path::Path;

use program::text;
use published::{root, write_data, write_models};
use serde_json::Value;

/// Copies the recipes of a folder.
fn copy(group: &str, to: &Path) {
    let to = to.join("recipes").join(group);
    std::fs::create_dir_all(&to).expect("folder");
    for entry in std::fs::read_dir(root().join("recipes").join(group)).expect("folder") {
        let entry = entry.expect("entry");
        if entry.path().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copy");
        }
    }
}

#[test]
fn every_grid_of_the_paper_is_planned_without_weights() {
    let folder = tempfile::tempdir().expect("folder");
    write_models(&folder.path().join("models"));
    write_data(&folder.path().join("data"));
    for group in [
        "synthesizer",
        "biomed",
        "food",
        "remote-sensing",
        "paper",
        "paper/from-seed-data",
    ] {
        copy(group, folder.path());
    }
    for (name, cells) in [
        ("main-biomed", 12),
        ("main-food", 6),
        ("remote-sensing", 6),
        ("pipelines", 36),
        ("ablations", 18),
        ("synthesizer-inputs", 6),
        ("filter", 6),
        ("data-quality", 6),
        ("corruption", 8),
    ] {
        let grid = folder.path().join("recipes/paper").join(name);
        let mut command = program::adamllm();
        command.args(["lab", "--dry-run", "--json", "--threads", "1"]);
        // As on the machines of the paper.
        command.args(["--set", "model.dtype=bf16"]);
        command
            .arg("--lab-dir")
            .arg(folder.path().join("labs").join(name));
        let output = command.arg(grid.with_extension("toml")).output();
        let output = output.expect("the program starts");
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        let plan: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(plan["cells"], cells, "{name}: {plan}");
        let (distinct, unshared) = (&plan["stage_runs"], &plan["stage_runs_unshared"]);
        assert!(distinct.as_u64() < unshared.as_u64(), "{name}: {plan}");
    }
}

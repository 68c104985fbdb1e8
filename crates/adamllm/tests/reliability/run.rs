//! A small run on pictures made here, with the shipped demo base and a few steps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::program;

/// A folder with ten pairs and a recipe.
pub struct Small {
    pub folder: tempfile::TempDir,
}

impl Small {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let mut rows = String::new();
        for i in 0..10_u8 {
            let picture = image::RgbImage::from_fn(80 + u32::from(i), 70, |x, y| {
                image::Rgb([(x * 2) as u8, (y * 2) as u8, i * 20])
            });
            let name = format!("{i}.png");
            picture.save(folder.path().join(&name)).expect("picture");
            let caption = format!("Dish number {i}: a stew of beans, in a red bowl.");
            rows += &json!({"id": format!("dish-{i}"), "images": [name], "caption": caption})
                .to_string();
            rows.push('\n');
        }
        let small = Self { folder };
        small.write("pairs.jsonl", rows.as_bytes());
        let recipe = "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"pairs.jsonl\"\n[synthesizer]\n\
                      max_new_tokens = 40\n[synthesizer.train]\nmax_steps = 4\nsave_steps = 1\nkeep = 2\nbatch_size = 4\n\
                      [train]\nmax_steps = 4\nsave_steps = 1\nbatch_size = 4\n";
        small.write("my.toml", recipe.as_bytes());
        small
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("write");
    }

    /// `adamllm run my.toml` in the folder `run`.
    pub fn command(&self) -> Command {
        let mut command = program::adamllm();
        command.arg("run").arg(self.path("my.toml"));
        command.arg("--run-dir").arg(self.path("run"));
        command.args(["--threads", "1", "--limit", "40"]);
        command
    }

    pub fn run(&self, more: &[&str]) -> Output {
        self.command()
            .args(more)
            .output()
            .expect("the program starts")
    }
}

/// The content of what a run gave: all files of its stages but notes of times, and the scores.
pub fn results(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(run).expect("run folder") {
        let stage = entry.expect("entry").path();
        // Pages, events and what the demo's files are made of tell times and the program, a lease the process.
        let passing = ["report", "demo", "events", ".lease"];
        if stage.is_dir() && !passing.iter().any(|name| stage.ends_with(name)) {
            collect(run, &stage, &mut out);
        }
    }
    let summary = std::fs::read_to_string(run.join("report/summary.json")).expect("summary");
    let mut summary: Value = serde_json::from_str(&summary).expect("json");
    for key in ["seconds", "peak_rss_bytes"] {
        summary.as_object_mut().expect("object").remove(key);
    }
    out.insert("summary".to_owned(), summary.to_string().into_bytes());
    out
}

fn collect(run: &Path, folder: &Path, out: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        let name = path
            .file_name()
            .expect("name")
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            collect(run, &path, out);
        } else if !["manifest.json", "metrics.jsonl"].contains(&name.as_str()) {
            let name = path
                .strip_prefix(run)
                .expect("inside")
                .display()
                .to_string();
            out.insert(name, std::fs::read(path).expect("read"));
        }
    }
}

/// Fails with the names of what differs, not with megabytes.
pub fn assert_same(a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>) {
    let names = a.keys().chain(b.keys());
    let differing: Vec<&String> = names.filter(|n| a.get(*n) != b.get(*n)).collect();
    assert!(differing.is_empty(), "these differ: {differing:?}");
}

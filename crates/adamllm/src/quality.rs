//! `adamllm quality`: how good sets of tasks are.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

/// `adamllm quality`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adamllm quality runs/my --run-dir runs/quality
  adamllm quality ours=runs/my seeds=seeds.jsonl --run-dir runs/quality --judge models/judge
  adamllm quality runs/my --run-dir runs/quality --filter --ratings ratings-anna.json --ratings ratings-ben.json
  adamllm quality tasks.json --run-dir runs/quality --endpoint http://host:8000/v1 --endpoint-model judge --send-images

Without a judge it measures what needs none and writes `judging/assess/sheet.html`, on which people rate; their files come back
with --ratings.")]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command")]
pub struct Quality {
    /// Sets of tasks, each a path or NAME=PATH: a run folder, triplets, a maker's conversations, seed data, samples, or
    /// conversations of any layout.
    #[arg(required = true, value_name = "DATA")]
    pub data: Vec<String>,
    /// Where everything goes.
    #[arg(long)]
    pub run_dir: PathBuf,
    /// The model that judges.
    #[arg(long, value_name = "MODEL")]
    pub judge: Option<PathBuf>,
    /// The judge at an endpoint with OpenAI's interface; repeatable, several share the work.
    #[arg(
        long,
        value_name = "URL",
        requires = "endpoint_model",
        conflicts_with = "judge"
    )]
    pub endpoint: Vec<String>,
    /// The judge's name at its endpoint.
    #[arg(long, value_name = "NAME", requires = "endpoint")]
    pub endpoint_model: Option<String>,
    /// Let pictures leave this machine for the judge's endpoint, encoded anew and without what else their files hold.
    #[arg(long, requires = "endpoint")]
    pub send_images: bool,
    /// Ratings that a person saved from the sheet; repeatable.
    #[arg(long, value_name = "FILE")]
    pub ratings: Vec<PathBuf>,
    /// What is true of the pairs.
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Pictures and captions of triplets that do not lie in a run folder.
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// A model that is asked with the picture and with a blank one.
    #[arg(long, value_name = "MODEL")]
    pub answerer: Option<PathBuf>,
    /// Most tasks of each set that are judged; 200 if it is not said.
    #[arg(long, value_name = "N")]
    pub sample: Option<usize>,
    /// Measure the filter: half of what is judged was kept by it, half dropped.
    #[arg(long)]
    pub filter: bool,
    /// A pair that is shown with every set's task; repeatable.
    #[arg(long, value_name = "ID")]
    pub case: Vec<String>,
    /// Seed of what is drawn.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Value of a recipe key, such as `quality.alone=true`; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Say what would be done, and begin no stage.
    #[arg(long)]
    pub dry_run: bool,
    /// Begin although endpoints are forecast to take more than a cap (`max_cost`, `max_tokens`) allows.
    #[arg(long)]
    pub yes: bool,
}

impl Quality {
    /// What the flags say as values of recipe keys.
    ///
    /// Fails where a path is no text.
    pub fn overrides(&self) -> Result<Vec<String>> {
        let mut all = vec![list("quality.data", &self.data)];
        let paths = [
            ("quality.checkpoint", &self.judge),
            ("data.truth", &self.truth),
            ("quality.pairs", &self.pairs),
            ("quality.answerer", &self.answerer),
        ];
        for (key, path) in paths {
            if let Some(path) = path {
                all.push(format!("{key}={}", quoted(text(path)?)));
            }
        }
        if !self.endpoint.is_empty() {
            all.push(list("quality.endpoint", &self.endpoint));
        }
        if let Some(name) = &self.endpoint_model {
            all.push(format!("quality.endpoint_model={}", quoted(name)));
        }
        let ratings: Result<Vec<&str>> = self.ratings.iter().map(|path| text(path)).collect();
        let ratings = ratings?;
        for (key, texts) in [
            ("quality.ratings", ratings),
            (
                "quality.show",
                self.case.iter().map(String::as_str).collect(),
            ),
        ] {
            if !texts.is_empty() {
                all.push(list(key, &texts));
            }
        }
        if let Some(sample) = self.sample {
            all.push(format!("quality.sample={sample}"));
        }
        if let Some(seed) = self.seed {
            all.push(format!("run.seed={seed}"));
        }
        for (key, is_on) in [
            ("quality.filter", self.filter),
            ("quality.send_images", self.send_images),
        ] {
            if is_on {
                all.push(format!("{key}=true"));
            }
        }
        all.extend(self.set.iter().cloned());
        Ok(all)
    }
}

fn text(path: &Path) -> Result<&str> {
    match path.to_str() {
        Some(text) => Ok(text),
        None => bail!("the path `{}` is not UTF-8", path.display()),
    }
}

/// A text as TOML has it, which for texts is as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list<T: AsRef<str>>(key: &str, texts: &[T]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text.as_ref())).collect();
    format!("{key}=[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        quality: Quality,
    }

    #[test]
    fn flags_are_values_of_keys() {
        let line = [
            "quality",
            "ours=runs/a \"b\"",
            "c.json",
            "--run-dir",
            "q",
            "--judge",
            "m",
            "--sample",
            "20",
            "--filter",
            "--ratings",
            "r.json",
            "--case",
            "p1",
            "--set",
            "quality.alone=true",
        ];
        let line = Line::try_parse_from(line).expect("a sound command");
        assert_eq!(
            line.quality.overrides().expect("texts"),
            [
                r#"quality.data=["ours=runs/a \"b\"", "c.json"]"#,
                r#"quality.checkpoint="m""#,
                r#"quality.ratings=["r.json"]"#,
                r#"quality.show=["p1"]"#,
                "quality.sample=20",
                "quality.filter=true",
                "quality.alone=true",
            ]
        );
    }
}

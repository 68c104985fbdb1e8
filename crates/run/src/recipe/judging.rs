//! What a recipe says of judging data.

use std::path::{Path, PathBuf};

use corpus::ModelPlace;

use super::endpoints::EndpointPlace;
use super::keys::DEMO;
use super::values::Values;

/// `[quality]`.
#[derive(Clone, Debug)]
pub struct Judging {
    /// Sets of tasks that lie somewhere.
    pub data: Vec<NamedData>,
    /// Pictures and captions of triplets outside of a run folder.
    pub pairs: Option<PathBuf>,
    /// Most tasks of each set that are judged.
    pub sample: usize,
    /// Whether the filter is measured.
    pub filter: bool,
    /// The judge.
    pub checkpoint: Option<PathBuf>,
    /// The judge, asked at an endpoint.
    pub endpoint: Option<EndpointPlace>,
    /// Whether the judge sees one task at a time.
    pub alone: bool,
    /// The model that is asked with the picture and without.
    pub answerer: Option<PathBuf>,
    /// Ratings by people.
    pub ratings: Vec<PathBuf>,
    /// Pairs that are shown.
    pub cases: usize,
    /// Ids of pairs that are shown in their place.
    pub show: Vec<String>,
    /// A TOML file that replaces prompts by name.
    pub prompts: Option<PathBuf>,
}

/// A set of tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedData {
    /// What it is called in tables.
    pub name: String,
    /// A file, or a run folder.
    pub path: PathBuf,
}

impl Judging {
    /// Whether a model judges.
    pub fn has_judge(&self) -> bool {
        self.checkpoint.is_some() || self.endpoint.is_some()
    }

    /// Whether a model of it is the shipped demo base, alone or below an adapter.
    pub fn uses_demo_base(&self) -> bool {
        let mut models = self.checkpoint.iter().chain(&self.answerer);
        models.any(|model| ModelPlace::of(model).base == Path::new(DEMO))
    }

    /// What is wrong with it.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut out = Vec::new();
        let mut names: Vec<&str> = self.data.iter().map(|set| set.name.as_str()).collect();
        names.sort_unstable();
        let mut twice = names.iter().zip(names.iter().skip(1));
        if let Some((name, _)) = twice.find(|(one, next)| one == next) {
            out.push(format!(
                "`quality.data` has two sets of the name `{name}`; name them with `NAME=PATH`"
            ));
        }
        let is_kept = self
            .endpoint
            .as_ref()
            .is_some_and(|place| !place.send_images);
        if is_kept {
            out.push(
                "a judge at `quality.endpoint` is shown the pictures of the data, which would leave this machine; allow it with \
                 `quality.send_images = true`, or judge with a local model in `quality.checkpoint`"
                    .to_owned(),
            );
        }
        out
    }
}

impl Values<'_> {
    /// `[quality]`.
    pub fn judging(&mut self) -> Judging {
        Judging {
            data: self.sets("quality.data"),
            pairs: self.path("quality.pairs"),
            sample: self.integer("quality.sample") as usize,
            filter: self.flag("quality.filter"),
            checkpoint: self.model("quality.checkpoint"),
            endpoint: self.endpoint("quality"),
            alone: self.flag("quality.alone"),
            answerer: self.model("quality.answerer"),
            ratings: self.paths("quality.ratings"),
            cases: self.integer("quality.cases") as usize,
            show: self.texts("quality.show"),
            prompts: self.path("quality.prompts"),
        }
    }

    /// Paths, each with the name before its `=` or, without one, the path's own: of a file that is called as in every run the
    /// folder's with it.
    fn sets(&mut self, key: &str) -> Vec<NamedData> {
        let mut found = Vec::new();
        for text in self.texts(key) {
            let (name, path) = match text.split_once('=') {
                Some((name, path)) if !name.is_empty() && !path.is_empty() => (name, path),
                _ => {
                    let plain = text.trim_end_matches('/');
                    (plain, plain)
                }
            };
            found.push(NamedData {
                name: name.trim().to_owned(),
                path: self.existing(key, path),
            });
        }
        found
    }
}

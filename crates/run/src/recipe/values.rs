//! Values of a resolution by type, with paths and models looked up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use corpus::words::UnknownWord;
use toml::Value;

use super::keys::DEMO;
use super::lora;
use super::resolution::Resolution;
use super::shape::{as_number, listed};
use super::size;
use super::training::{Group, Lora, Rates, Training};
use super::watching::{BestBy, HeldBack, Watching};
use crate::hub::Hub;

/// What the keys say, by type. A key without a value gives the type's own nothing; the presets leave none where that
/// would be wrong.
pub(super) struct Values<'a> {
    pub resolution: Resolution,
    folder: &'a Path,
    hub: &'a Hub,
    /// What could not be used, one sentence each.
    pub errors: Vec<String>,
}

impl<'a> Values<'a> {
    /// Paths are relative to `folder`.
    pub fn new(resolution: Resolution, folder: &'a Path, hub: &'a Hub) -> Self {
        Self {
            resolution,
            folder,
            hub,
            errors: Vec::new(),
        }
    }

    pub fn value(&self, key: &str) -> Option<&Value> {
        self.resolution.get(key).map(|r| &r.value)
    }

    pub fn text(&self, key: &str) -> String {
        self.value(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    pub fn optional_text(&self, key: &str) -> Option<String> {
        Some(self.value(key)?.as_str()?.to_owned())
    }

    /// What a word stands for.
    pub fn word<T: FromStr<Err = UnknownWord> + Default>(&mut self, key: &str) -> T {
        self.text(key).parse().unwrap_or_else(|error: UnknownWord| {
            self.errors.push(format!("`{key}`: {error}"));
            T::default()
        })
    }

    pub fn texts(&self, key: &str) -> Vec<String> {
        let list = self
            .value(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        list.iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    }

    /// Names, and files by their endings as full paths.
    pub fn names_or_files(&self, key: &str) -> Vec<String> {
        let names = self.texts(key).into_iter();
        let placed = names.map(|name| {
            let ending = Path::new(&name).extension();
            if ending.is_some_and(|ending| ending == "toml" || ending == "jsonl") {
                self.folder.join(name).display().to_string()
            } else {
                name
            }
        });
        placed.collect()
    }

    pub fn integer(&self, key: &str) -> i64 {
        self.value(key)
            .and_then(Value::as_integer)
            .unwrap_or_default()
    }

    /// A whole number, where 0 stands for none.
    pub fn optional_count(&self, key: &str) -> Option<usize> {
        usize::try_from(self.integer(key)).ok().filter(|&n| n > 0)
    }

    /// A random seed, of which 0 is one like any other.
    pub fn optional_seed(&self, key: &str) -> Option<u64> {
        let seed = self.value(key).and_then(Value::as_integer)?;
        u64::try_from(seed).ok()
    }

    /// So many bytes.
    pub fn optional_size(&self, key: &str) -> Option<u64> {
        self.value(key)
            .and_then(Value::as_str)
            .and_then(size::bytes)
    }

    pub fn number(&self, key: &str) -> f64 {
        self.optional_number(key).unwrap_or_default()
    }

    pub fn optional_number(&self, key: &str) -> Option<f64> {
        self.value(key).and_then(as_number)
    }

    pub fn flag(&self, key: &str) -> bool {
        self.optional_flag(key).unwrap_or_default()
    }

    pub fn optional_flag(&self, key: &str) -> Option<bool> {
        self.value(key).and_then(Value::as_bool)
    }

    pub fn columns(&self, key: &str) -> BTreeMap<String, String> {
        let table = self
            .value(key)
            .and_then(Value::as_table)
            .cloned()
            .unwrap_or_default();
        table
            .iter()
            .filter_map(|(k, v)| v.as_str().map(|v| (k.clone(), v.to_owned())))
            .collect()
    }

    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        let name = self.value(key)?.as_str()?.to_owned();
        Some(self.existing(key, &name))
    }

    /// A place where there need not be anything yet.
    pub fn future_path(&self, key: &str) -> Option<PathBuf> {
        Some(self.folder.join(self.value(key)?.as_str()?))
    }

    pub(super) fn existing(&mut self, key: &str, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        if !path.exists() {
            self.errors.push(format!(
                "`{key}` names `{}`, which does not exist (paths are relative to the recipe's folder)",
                path.display()
            ));
        }
        path
    }

    /// The files of a key that takes one or several.
    pub fn paths(&mut self, key: &str) -> Vec<PathBuf> {
        let names = match self.value(key) {
            Some(Value::String(one)) => vec![one.clone()],
            _ => self.texts(key),
        };
        names.iter().map(|name| self.existing(key, name)).collect()
    }

    pub fn model(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.value(key)?.as_str()?.to_owned();
        if text == DEMO {
            return Some(PathBuf::from(DEMO));
        }
        // A folder beside the recipe, or else a repository in the hub's cache on this machine.
        if let Some(found) = self.hub.cached(Path::new(&text)) {
            return Some(found);
        }
        let mut place = self.hub.model_place(&text, self.folder);
        if text.split('+').next() == Some(DEMO) {
            place.base = PathBuf::from(DEMO);
        }
        if place.adapter.is_some() {
            if place.base != Path::new(DEMO) && !place.base.join("config.json").exists() {
                self.errors.push(format!(
                    "`{key}` names the base `{}`, which has no `config.json`",
                    place.base.display()
                ));
            }
            return Some(place.path());
        }
        let path = self.path(key)?;
        if path.exists() && !path.join("config.json").exists() {
            self.errors.push(format!(
                "`{key}` names `{}`, which has no `config.json`",
                path.display()
            ));
        }
        Some(path)
    }

    /// The adapter of a training; none where it has no rank.
    fn lora(&mut self, section: &str, frozen: &[Group]) -> Option<Lora> {
        let key = |name: &str| format!("{section}.lora.{name}");
        self.value(&key("rank"))?;
        let rank = self.integer(&key("rank"));
        let lora = Lora {
            rank,
            alpha: self
                .optional_number(&key("alpha"))
                .unwrap_or(2.0 * rank as f64),
            dropout: self.number(&key("dropout")),
            targets: self.texts(&key("targets")),
            rslora: self.flag(&key("rslora")),
        };
        self.errors.extend(lora::problems(&lora, section, frozen));
        Some(lora)
    }

    pub fn training(&mut self, section: &str) -> Training {
        let key = |name: &str| format!("{section}.{name}");
        let rates = self
            .value(&key("learning_rate"))
            .cloned()
            .unwrap_or(Value::Float(0.0));
        let rate = |group: Group| match &rates {
            Value::Table(table) => table
                .get(group.as_str())
                .and_then(as_number)
                .unwrap_or_default(),
            other => as_number(other).unwrap_or_default(),
        };
        let betas: Vec<f64> = self
            .value(&key("betas"))
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(as_number).collect())
            .unwrap_or_default();
        let mut freeze = Vec::new();
        for name in self.texts(&key("freeze")) {
            match name.parse::<Group>() {
                Ok(group) => freeze.push(group),
                Err(unknown) => self.errors.push(format!(
                    "`{}` names the unknown group `{name}`; expected {}",
                    key("freeze"),
                    listed(unknown.known, "or")
                )),
            }
        }
        let lora = self.lora(section, &freeze);
        let max_steps = self.integer(&key("max_steps")) as usize;
        let sharding = self.word(&key("sharding"));
        self.errors
            .extend(lora::sharded(section, sharding, lora.as_ref()));
        Training {
            data: self.path(&key("data")),
            save_steps: self.integer(&key("save_steps")) as usize,
            keep: self.integer(&key("keep")) as usize,
            epochs: self.number(&key("epochs")),
            max_steps: (max_steps > 0).then_some(max_steps),
            batch_size: self.integer(&key("batch_size")) as usize,
            micro_tokens: self.integer(&key("micro_tokens")) as usize,
            max_seq_len: self.integer(&key("max_seq_len")) as usize,
            too_long: self.word(&key("too_long")),
            shuffle: self.flag(&key("shuffle")),
            seed: self
                .value(&key("seed"))
                .and_then(Value::as_integer)
                .unwrap_or_else(|| self.integer("run.seed")) as u64,
            learning_rate: Rates {
                vision_tower: rate(Group::VisionTower),
                projector: rate(Group::Projector),
                language_model: rate(Group::LanguageModel),
            },
            freeze,
            scheduler: self.word(&key("scheduler")),
            warmup_ratio: self.number(&key("warmup_ratio")),
            min_lr: self.number(&key("min_lr")),
            weight_decay: self.number(&key("weight_decay")),
            betas: [
                betas.first().copied().unwrap_or(0.9),
                betas.get(1).copied().unwrap_or(0.999),
            ],
            eps: self.number(&key("eps")),
            max_grad_norm: self.number(&key("max_grad_norm")),
            recompute: self.word(&key("recompute")),
            fit: self.word(&key("fit")),
            gradients: self.word(&key("gradients")),
            optimizer_state: self.word(&key("optimizer_state")),
            masters: self.word(&key("masters")),
            optimizer_device: self.word(&key("optimizer_device")),
            sharding,
            watching: self.watching(section),
            lora,
        }
    }

    fn watching(&mut self, section: &str) -> Watching {
        let key = |name: &str| format!("{section}.{name}");
        let validation = key("validation");
        let held_back = match self.optional_number(&validation) {
            Some(share) if share > 0.0 => HeldBack::Share(share),
            Some(_) => HeldBack::Nothing,
            None => self
                .path(&validation)
                .map_or(HeldBack::Nothing, HeldBack::File),
        };
        let watching = Watching {
            validation: held_back,
            eval_steps: self.integer(&key("eval_steps")) as usize,
            eval_tasks: self.names_or_files(&key("eval_tasks")),
            best_by: BestBy::named(&self.text(&key("best_by"))),
            patience: self.integer(&key("patience")) as usize,
            on_spike: self.word(&key("on_spike")),
            tensorboard: self.flag(&key("tensorboard")),
        };
        self.errors.extend(watching.problems(section));
        watching
    }
}

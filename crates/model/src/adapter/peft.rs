//! `adapter_config.json` of `peft` 0.21: which layers have an adapter, of which rank and scale. What changes the function
//! is honoured or refused by its name.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::{Map, Value};

use super::error::AdapterError;
use super::lora::{ends_with, scale};

/// The file of settings.
pub const CONFIG: &str = "adapter_config.json";

/// Keys that are read below, or that change nothing of what a saved adapter computes.
const KNOWN: &[&str] = &[
    "auto_mapping",
    "base_model_name_or_path",
    "revision",
    "peft_type",
    "task_type",
    "inference_mode",
    "peft_version",
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "exclude_modules",
    "rank_pattern",
    "alpha_pattern",
    "use_rslora",
    "layers_to_transform",
    "layers_pattern",
    // `peft` itself turns it off for linear layers.
    "fan_in_fan_out",
    "init_lora_weights",
    "bias",
    "megatron_core",
    "loftq_config",
    "eva_config",
    "corda_config",
    "lora_ga_config",
    "qalora_group_size",
    "runtime_config",
];
/// Ways to start A and B that leave the base as it was; others subtract from its weights.
const PLAIN_STARTS: &[&str] = &["gaussian", "eva", "orthogonal"];
const MERGE_FIRST: &str = "; merge it with `peft` and take the merged folder";

/// What an adapter's settings say.
#[derive(Clone, Debug)]
pub struct PeftConfig {
    path: PathBuf,
    /// `base_model_name_or_path`.
    pub base: Option<String>,
    /// The class of the base, where it was noted.
    pub base_class: Option<String>,
    /// Share of A's inputs that is left out while training.
    pub dropout: f64,
    /// Whether scales are by the root of the rank.
    pub rslora: bool,
    rank: i64,
    alpha: f64,
    targets: Names,
    excluded: Option<Names>,
    layers: Option<Layers>,
    ranks: Vec<(Regex, i64)>,
    alphas: Vec<(Regex, f64)>,
}

/// Names of layers: a list, or a pattern of the whole name.
#[derive(Clone, Debug)]
enum Names {
    List(Vec<String>),
    Pattern(Regex),
}

impl Names {
    fn has(&self, module: &str) -> bool {
        match self {
            Self::List(names) => names.iter().any(|name| ends_with(module, name)),
            Self::Pattern(pattern) => pattern.is_match(module),
        }
    }
}

/// `layers_to_transform` and `layers_pattern`.
#[derive(Clone, Debug)]
struct Layers {
    numbers: Vec<i64>,
    /// The first that matches gives the layer's number.
    patterns: Vec<Regex>,
}

impl Layers {
    fn has(&self, module: &str) -> bool {
        let found = self.patterns.iter().find_map(|p| p.captures(module));
        let number = found.and_then(|found| found["idx"].parse::<i64>().ok());
        number.is_some_and(|number| self.numbers.contains(&number))
    }
}

impl PeftConfig {
    /// Reads the settings of an adapter's folder.
    pub fn open(folder: &Path) -> Result<Self, crate::Error> {
        let path = folder.join(CONFIG);
        if !path.is_file() {
            return Err(AdapterError::NoAdapter {
                folder: folder.to_owned(),
                missing: CONFIG,
                hint: "",
            }
            .into());
        }
        let text = std::fs::read_to_string(&path).map_err(|source| crate::Error::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let json = serde_json::from_str(&text).map_err(|source| crate::Error::Json {
            path: path.clone(),
            source,
        })?;
        Ok(Reader { folder, path, json }.config()?)
    }

    /// Whether this layer has an adapter.
    pub fn has(&self, module: &str) -> bool {
        let excluded = self.excluded.as_ref();
        !excluded.is_some_and(|names| names.has(module))
            && self.targets.has(module)
            // Of a list alone, as in `peft`: a layer named in full is taken whatever its number.
            && match &self.targets {
                Names::List(names) if !names.iter().any(|name| name == module) => {
                    self.layers.as_ref().is_none_or(|l| l.has(module))
                }
                _ => true,
            }
    }

    /// The rank that this layer is to have.
    pub fn rank(&self, module: &str) -> i64 {
        first(&self.ranks, module).unwrap_or(self.rank)
    }

    /// The alpha that this layer is to have.
    pub fn alpha(&self, module: &str) -> f64 {
        first(&self.alphas, module).unwrap_or(self.alpha)
    }

    /// What this layer's update is multiplied with.
    pub fn scale(&self, module: &str) -> f64 {
        scale(self.alpha(module), self.rank(module), self.rslora)
    }

    /// Where the settings lie.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn first<T: Copy>(patterns: &[(Regex, T)], module: &str) -> Option<T> {
    let found = patterns
        .iter()
        .find(|(pattern, _)| pattern.is_match(module));
    found.map(|(_, value)| *value)
}

struct Reader<'a> {
    folder: &'a Path,
    path: PathBuf,
    json: Value,
}

impl Reader<'_> {
    fn config(&self) -> Result<PeftConfig, AdapterError> {
        self.refuse()?;
        let rank = self.json["r"].as_i64().unwrap_or(8);
        let alpha = self.number("lora_alpha", 8.0)?;
        let positive = |key, sound: bool| {
            if sound {
                return Ok(());
            }
            Err(self.wrong(key, "is not above 0".to_owned()))
        };
        positive("r", rank > 0)?;
        let text = |key: &str| self.json[key].as_str().map(str::to_owned);
        let class = &self.json["auto_mapping"]["base_model_class"];
        let Some(targets) = self.names("target_modules")? else {
            return Err(self.wrong("target_modules", "names no layer".to_owned()));
        };
        Ok(PeftConfig {
            path: self.path.clone(),
            base: text("base_model_name_or_path").filter(|name| !name.is_empty()),
            base_class: class.as_str().map(str::to_owned),
            dropout: self.number("lora_dropout", 0.0)?,
            rslora: self.json["use_rslora"] == true,
            rank,
            alpha,
            targets,
            excluded: self.names("exclude_modules")?,
            layers: self.layers()?,
            ranks: self.patterns("rank_pattern", |v| v.as_i64().filter(|&r| r > 0))?,
            alphas: self.patterns("alpha_pattern", Value::as_f64)?,
        })
    }

    /// What would compute something else than is computed here.
    fn refuse(&self) -> Result<(), AdapterError> {
        let empty = Map::new();
        let object = self.json.as_object().unwrap_or(&empty);
        let refused = |option: &str, hint| {
            Err(AdapterError::Option {
                folder: self.folder.to_owned(),
                option: option.to_owned(),
                value: self.json[option].to_string(),
                hint,
            })
        };
        if self.json["peft_type"] != "LORA" {
            return refused("peft_type", "; only LORA is");
        }
        if !matches!(self.json["bias"].as_str(), None | Some("none")) {
            return refused("bias", MERGE_FIRST);
        }
        let is_plain = match &self.json["init_lora_weights"] {
            Value::Null | Value::Bool(_) => true,
            Value::String(start) => PLAIN_STARTS.contains(&start.as_str()),
            _ => false,
        };
        if !is_plain {
            return refused("init_lora_weights", MERGE_FIRST);
        }
        for (key, value) in object {
            let is_off = match value {
                Value::Null | Value::Bool(false) => true,
                Value::Array(list) => list.is_empty(),
                Value::Object(table) => table.is_empty(),
                _ => false,
            };
            if !is_off && !KNOWN.contains(&key.as_str()) {
                return refused(key, MERGE_FIRST);
            }
        }
        Ok(())
    }

    fn number(&self, key: &'static str, absent: f64) -> Result<f64, AdapterError> {
        match &self.json[key] {
            Value::Null => Ok(absent),
            value => value
                .as_f64()
                .ok_or_else(|| self.wrong(key, format!("is {value}, no number"))),
        }
    }

    fn names(&self, key: &'static str) -> Result<Option<Names>, AdapterError> {
        Ok(match &self.json[key] {
            Value::String(pattern) => Some(Names::Pattern(
                self.pattern(key, &format!("^(?:{pattern})$"))?,
            )),
            Value::Array(list) if !list.is_empty() => {
                let names = list.iter().filter_map(|v| v.as_str().map(str::to_owned));
                Some(Names::List(names.collect()))
            }
            _ => None,
        })
    }

    fn layers(&self) -> Result<Option<Layers>, AdapterError> {
        let numbers: Vec<i64> = match &self.json["layers_to_transform"] {
            Value::Number(one) => one.as_i64().into_iter().collect(),
            Value::Array(list) => list.iter().filter_map(Value::as_i64).collect(),
            _ => Vec::new(),
        };
        if numbers.is_empty() {
            return Ok(None);
        }
        let key = "layers_pattern";
        let named: Vec<&str> = match &self.json[key] {
            Value::String(one) if !one.is_empty() => vec![one],
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let patterns = if named.is_empty() {
            vec![self.pattern(key, r"^.*?\.[^.]*\.(?P<idx>\d+)\.")?]
        } else {
            let each = named.into_iter();
            each.map(|name| self.pattern(key, &format!(r"^(?:|.*?\.)(?:{name})\.(?P<idx>\d+)\.")))
                .collect::<Result<_, _>>()?
        };
        Ok(Some(Layers { numbers, patterns }))
    }

    /// Patterns of the end of a name, with what each gives.
    fn patterns<T>(
        &self,
        key: &'static str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<(Regex, T)>, AdapterError> {
        let table = self.json[key].as_object().into_iter().flatten();
        table
            .map(|(name, value)| {
                let bad = || self.wrong(key, format!("gives `{name}` the value {value}"));
                let pattern = self.pattern(key, &format!(r"^(?:.*\.)?(?:{name})$"))?;
                Ok((pattern, read(value).ok_or_else(bad)?))
            })
            .collect()
    }

    fn pattern(&self, key: &'static str, text: &str) -> Result<Regex, AdapterError> {
        Regex::new(text).map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim().to_owned();
            self.wrong(
                key,
                format!("has a pattern that is not supported ({reason})"),
            )
        })
    }

    fn wrong(&self, key: &'static str, problem: String) -> AdapterError {
        AdapterError::Config {
            path: self.path.clone(),
            key,
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "written where it is used")]
    fn read(changes: Value) -> Result<PeftConfig, AdapterError> {
        let mut json = json!({
            "peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"], "bias": "none",
            "rank_pattern": {}, "alpha_pattern": {}, "use_dora": false, "modules_to_save": null,
            "init_lora_weights": true, "megatron_core": "megatron.core", "loftq_config": {}, "peft_version": "0.21.2",
        });
        for (key, value) in changes.as_object().expect("a table") {
            json[key] = value.clone();
        }
        let (folder, path) = (Path::new("adapter"), PathBuf::from(CONFIG));
        Reader { folder, path, json }.config()
    }

    const Q0: &str = "model.layers.0.self_attn.q_proj";
    const Q1: &str = "model.layers.1.self_attn.q_proj";
    const TOWER: &str = "model.vision_tower.encoder.layers.1.self_attn.q_proj";

    /// As `peft` 0.21.2's `check_target_module_exists` and `get_pattern_key` answer for these.
    #[test]
    fn layers_are_chosen_as_peft_chooses_them() {
        let which = |changes: Value| {
            let config = read(changes).expect("sound");
            [Q0, Q1, TOWER].map(|module| config.has(module))
        };
        assert_eq!(which(json!({})), [true; 3]);
        assert_eq!(which(json!({"target_modules": ["k_proj"]})), [false; 3]);
        assert_eq!(which(json!({"target_modules": [Q1]})), [false, true, false]);
        // A pattern has to match the whole name.
        assert_eq!(which(json!({"target_modules": "q_proj"})), [false; 3]);
        assert_eq!(
            which(json!({"target_modules": r".*vision_tower.*\.(q_proj|k_proj)"})),
            [false, false, true]
        );
        assert_eq!(
            which(json!({"exclude_modules": r".*vision_tower.*"})),
            [true, true, false]
        );
        assert_eq!(
            which(json!({"exclude_modules": ["layers.0.self_attn.q_proj"]})),
            [false, true, true]
        );
        assert_eq!(
            which(json!({"layers_to_transform": [1]})),
            [false, true, true]
        );
        assert_eq!(
            which(json!({"layers_to_transform": 0, "layers_pattern": "layers"})),
            [true, false, false]
        );
        assert_eq!(
            which(json!({"layers_to_transform": [0], "layers_pattern": ["blocks"]})),
            [false; 3]
        );
        // Not of a pattern.
        assert_eq!(
            which(json!({"target_modules": r".*q_proj", "layers_to_transform": [1]})),
            [true; 3]
        );
    }

    #[test]
    fn ranks_and_scales_follow_the_patterns() {
        let config = read(json!({
            "rank_pattern": {"layers.1.self_attn.q_proj": 16, "^model.layers.0.self_attn.q_proj": 2},
            "alpha_pattern": {"q_proj": 32}, "use_rslora": true,
        }))
        .expect("sound");
        assert_eq!([Q0, Q1, TOWER].map(|m| config.rank(m)), [2, 16, 16]);
        assert!((config.scale(Q1) - 8.0).abs() < 1e-12);
        let plain = read(json!({})).expect("sound");
        assert!((plain.scale(Q0) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn what_would_compute_something_else_is_refused_by_name() {
        for changes in [
            json!({"use_dora": true}),
            json!({"bias": "lora_only"}),
            json!({"modules_to_save": ["lm_head"]}),
            json!({"lora_bias": true}),
            json!({"layer_replication": [[0, 1], [0, 2]]}),
            json!({"trainable_token_indices": [1]}),
            json!({"target_parameters": ["experts.weight"]}),
            json!({"init_lora_weights": "pissa_niter_4"}),
            json!({"init_lora_weights": "loftq"}),
            json!({"peft_type": "IA3"}),
            json!({"some_option_of_tomorrow": 1}),
        ] {
            let told = read(changes.clone()).expect_err("refused").to_string();
            let key = changes.as_object().and_then(|t| t.keys().next());
            let named = format!("`{}` =", key.expect("one key"));
            assert!(told.contains(&named), "{told}");
        }
        let told = read(json!({"target_modules": "(?!.*tower).*q_proj"}));
        let told = told.expect_err("refused").to_string();
        assert!(
            told.contains("`target_modules` has a pattern that is not supported"),
            "{told}"
        );
        let told = read(json!({"r": 0})).expect_err("refused").to_string();
        assert!(told.contains("`r` is not above 0"), "{told}");
        assert!(read(json!({"target_modules": null})).is_err());
        assert!(read(json!({"init_lora_weights": "gaussian", "eva_config": {"rho": 2.0}})).is_ok());
    }
}

//! Texts of the rule-made baseline.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Templates and word lists of the rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulePrompts {
    /// Kept with every triplet.
    pub version: String,
    /// Colour words to look for.
    pub colours: Vec<String>,
    /// Colours to ask for where they are absent.
    pub other_colours: Vec<String>,
    /// Number words to look for.
    pub numbers: Vec<String>,
    /// Field to the names under which records and captions have it.
    pub fields: BTreeMap<String, Vec<String>>,
    /// Kinds of tasks.
    pub families: Vec<RuleFamily>,
}

/// One kind of task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFamily {
    /// Its name, kept with the triplet.
    pub name: String,
    /// One is drawn.
    pub requests: Vec<String>,
    /// Fields that are told in half of the requests.
    #[serde(default)]
    pub optional: Vec<String>,
    /// The answer.
    pub layout: String,
}

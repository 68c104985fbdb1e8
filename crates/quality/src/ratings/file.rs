//! The file that a sheet saves.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use synthesis::prompts::RubricPrompts;

use crate::aspect::{Aspect, Scale};

/// What tells a file of ratings from other JSON.
pub const FORMAT: &str = "adamllm-ratings";
/// The only version of the format that there is.
pub const VERSION: u64 = 1;

/// What one person said of one sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatingsFile {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u64,
    /// [`Sample::id`](crate::Sample::id).
    pub sample: String,
    /// How the person calls themself.
    pub rater: String,
    /// When it was saved, as RFC 3339 writes it; nothing depends on it.
    #[serde(default)]
    pub made: String,
    /// The version of the rubrics that were shown.
    #[serde(default)]
    pub rubrics: String,
    /// The words of the aspects that were asked; what has a value counts as asked as well.
    #[serde(default)]
    pub aspects: Vec<String>,
    /// A list and no map, so that an item that stands twice is seen.
    pub items: Vec<RatedItem>,
}

/// What was said of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatedItem {
    /// [`Item::key`](crate::Item::key).
    pub key: String,
    /// The word of each aspect that has a value, with the value.
    #[serde(default)]
    pub values: Values,
    /// A remark in the person's own words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A JSON object in the order of the file, with all entries of a name that stands twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(pub Vec<(String, Value)>);

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Values;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of aspects and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Values(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// The words that files have for the values of an aspect, the first for 1; none of one with levels, whose values are numbers.
pub fn choices(aspect: Aspect, rubrics: &RubricPrompts) -> Vec<&str> {
    match aspect.scale() {
        Scale::Levels => Vec::new(),
        Scale::YesNo => vec!["no", "yes"],
        Scale::Classes => {
            let list = match aspect {
                Aspect::ImageDomain => &rubrics.image_domain,
                _ => &rubrics.task_type,
            };
            list.options.iter().map(String::as_str).collect()
        }
    }
}

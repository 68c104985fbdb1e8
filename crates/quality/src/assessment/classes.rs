//! Task types and picture domains.

use serde::{Deserialize, Serialize};
use synthesis::prompts::RubricPrompts;

use super::parts::Items;
use super::table::Table;
use crate::aspect::Aspect;
use crate::rating::Rater;

/// The first so many task types are those of the paper's Figure 5.
const COMMON_TYPES: usize = 17;

/// How often a rater gave each class of a list in a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassCounts {
    /// Who.
    pub rater: Rater,
    /// [`Part::name`](super::Part::name).
    pub part: String,
    /// Task type or picture domain.
    pub aspect: Aspect,
    /// One for each entry of the list, in its order.
    pub counts: Vec<usize>,
    /// Items that have a class. More items find more types: diversities of different numbers do not compare.
    pub items: usize,
    /// Of task types: the distinct ones among the list's first 17, in percent of 17 (the paper's Table 8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversity_of_17: Option<f64>,
    /// Of task types: the distinct ones in percent of the whole list, the 20 of the paper's appendix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversity_of_all: Option<f64>,
}

pub(super) fn counts(
    tables: &[Table<'_>],
    parts: &[Items<'_>],
    prompts: &RubricPrompts,
) -> Vec<ClassCounts> {
    let lists = [
        (Aspect::TaskType, prompts.task_type.options.len()),
        (Aspect::ImageDomain, prompts.image_domain.options.len()),
    ];
    let mut out = Vec::new();
    for table in tables {
        for (aspect, length) in lists {
            let Some(classes) = table.classes.get(&aspect) else {
                continue;
            };
            for part in parts {
                let mut counts = vec![0; length];
                for item in &part.items {
                    let number = classes.get(item.key.as_str());
                    if let Some(count) = number.and_then(|n| counts.get_mut(n.wrapping_sub(1))) {
                        *count += 1;
                    }
                }
                let items = counts.iter().sum();
                if items == 0 {
                    continue;
                }
                let distinct = |of: usize| {
                    let found = counts.iter().take(of).filter(|count| **count > 0).count();
                    (aspect == Aspect::TaskType).then(|| 100.0 * found as f64 / of as f64)
                };
                out.push(ClassCounts {
                    rater: table.rater.clone(),
                    part: part.about.name.clone(),
                    aspect,
                    items,
                    diversity_of_17: distinct(COMMON_TYPES),
                    diversity_of_all: distinct(length),
                    counts,
                });
            }
        }
    }
    out
}

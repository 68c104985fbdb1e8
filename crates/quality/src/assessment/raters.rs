//! What comes in: one rater with everything that they said.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::aspect::Aspect;
use crate::judge::Unread;
use crate::rating::{Rater, Rating};

/// Everything that one rater said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RaterRatings {
    /// Who.
    pub rater: Rater,
    /// How [`Item::author`](crate::Item::author) names the rater, where that is not the rater's name: a judge may be a maker too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What they said.
    pub ratings: Vec<Rating>,
    /// Why answers of a model could not be read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unread: BTreeMap<Aspect, BTreeMap<Unread, usize>>,
}

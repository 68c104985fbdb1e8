//! What of a task is judged, and on which scale.

use serde::{Deserialize, Serialize};

use crate::item::Item;

/// What is judged (paper, appendix G).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// How much of the picture the task calls on.
    Knowledge,
    /// How hard the task is.
    Complexity,
    /// How right the response is that is trained.
    Accuracy,
    /// How right the precise answer of a triplet is.
    PreciseAccuracy,
    /// How right the informative answer of a triplet is.
    InformativeAccuracy,
    /// Whether the precise answer of a triplet follows from its informative one.
    Consistency,
    /// The kind of task, whose distinct kinds are the diversity.
    TaskType,
    /// What the picture is about.
    ImageDomain,
}

corpus::words!(Aspect {
    Knowledge = "knowledge",
    Complexity = "complexity",
    Accuracy = "accuracy",
    PreciseAccuracy = "precise-accuracy",
    InformativeAccuracy = "informative-accuracy",
    Consistency = "consistency",
    TaskType = "task-type",
    ImageDomain = "image-domain",
});

/// The values that a rating may have, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// 1 to 5, the worst first.
    Levels,
    /// 1 is no, 2 is yes.
    YesNo,
    /// The number of an entry of a list.
    Classes,
}

impl Aspect {
    /// Its scale.
    pub fn scale(self) -> Scale {
        match self {
            Self::Consistency => Scale::YesNo,
            Self::TaskType | Self::ImageDomain => Scale::Classes,
            _ => Scale::Levels,
        }
    }

    /// Whether an item has what it is about: two answers where these are judged, a picture where that is.
    pub fn is_of(self, item: &Item) -> bool {
        match self {
            Self::PreciseAccuracy | Self::InformativeAccuracy | Self::Consistency => {
                item.is_triplet()
            }
            Self::Knowledge | Self::ImageDomain => !item.images.is_empty(),
            Self::Complexity | Self::Accuracy | Self::TaskType => true,
        }
    }
}

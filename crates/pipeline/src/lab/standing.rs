//! Where the stages and the cells of a lab stand.

use serde::{Deserialize, Serialize};

/// Where a stage of a lab stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is to be done.
    Open,
    /// It is done.
    Done {
        /// What it gave.
        gave: String,
        /// Whether the weights that it made are gone.
        freed: bool,
    },
    /// It failed.
    Failed(String),
    /// A stage that it is made from failed: that one's name in the store.
    Blocked(String),
}

/// Where a cell stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum CellState {
    /// All of its stages are done.
    Finished,
    /// It waits for what is not there.
    Waiting {
        /// What, a sentence each.
        missing: Vec<String>,
    },
    /// One of its stages failed.
    Failed {
        /// The stage.
        stage: String,
        /// Why.
        text: String,
    },
    /// Some of its stages are to be done.
    Open {
        /// How many are done.
        done: usize,
        /// How many there are.
        of: usize,
    },
}

//! Where the stages and the cells of a lab stand.

use std::collections::BTreeMap;

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

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Worked {
    /// Where each work stands.
    pub standings: Vec<Standing>,
    /// Works that this process did.
    pub runs: usize,
    /// Works that were done before, or by others.
    pub found_done: usize,
    /// Works that this process did again, since the weights that they had made were removed and something new needs them.
    pub again: usize,
    /// Bytes of weights that were removed.
    pub freed: u64,
    /// Wall time of the works that this process did, by number.
    pub seconds: BTreeMap<usize, f64>,
}

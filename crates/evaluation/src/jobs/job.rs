//! A task with the file of its predictions.

use std::path::PathBuf;

use crate::tasks::{Extraction, Spec, UserTask};

/// A task with the file of its predictions.
#[derive(Clone, Debug)]
pub struct Job {
    /// How it is scored.
    pub spec: Spec,
    /// How the answer is taken out of what was written.
    pub extraction: Extraction,
    /// A user's own task.
    pub own: Option<UserTask>,
    /// Whether options are ranked by likelihood instead of read from an answer.
    pub by_likelihood: bool,
    /// The predictions.
    pub file: PathBuf,
}

impl Job {
    /// A built-in task; its file is named later.
    pub fn of(spec: Spec) -> Self {
        Self {
            spec,
            extraction: Extraction::default(),
            own: None,
            by_likelihood: false,
            file: PathBuf::new(),
        }
    }

    /// A user's own task; its file is named later.
    pub fn of_own(own: UserTask) -> Self {
        Self {
            spec: own.spec.clone(),
            extraction: own.extraction.clone(),
            by_likelihood: own.by_likelihood,
            own: Some(own),
            file: PathBuf::new(),
        }
    }
}

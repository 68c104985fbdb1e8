//! What a client is lent: books, and somebody who watches.

use std::sync::Arc;

use crate::cache::Cache;
use crate::ledger::Ledger;
use crate::notice::Notice;

/// Where answers are kept and money is counted.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// What is spent; without one nothing is counted and no cap holds.
    pub ledger: Option<Arc<Ledger>>,
    /// Answers by content; without one everything is asked.
    pub cache: Option<Arc<Cache>>,
}

/// Who hears how it goes, and who may stop it.
pub struct Watch<'a> {
    /// Whether it is asked to stop; looked at ten times a second.
    pub stop: &'a dyn Fn() -> bool,
    /// Hears what happens.
    pub notice: &'a mut dyn FnMut(Notice),
}

//! What is true of a run's pairs.

use std::collections::BTreeMap;
use std::path::Path;

use corpus::jsonl;
use synthesis::truth::Truth;

use crate::error::Result;

/// The truth of a recipe's file by pair; nothing where it names none.
///
/// Gives [`Error::Corpus`](crate::Error::Corpus).
pub fn read(path: Option<&Path>) -> Result<BTreeMap<String, Truth>> {
    let Some(path) = path else {
        return Ok(BTreeMap::new());
    };
    let rows = jsonl::read::<Truth>(path)?.into_iter();
    Ok(rows.map(|row| (row.id.clone(), row)).collect())
}

//! Why a record is not in the file that is written.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Fault};

/// Why a record was not written.
pub(super) enum Trouble {
    /// It cannot be; others can.
    Row(Fault),
    /// Nothing can.
    File(Error),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Row(fault)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::File(error)
    }
}

/// A part of a record as JSON.
pub(super) fn value<T: Serialize>(part: &T, path: &Path) -> Result<Value, Error> {
    serde_json::to_value(part)
        .map_err(|e| Error::file(path, format!("a record cannot be written: {e}")))
}

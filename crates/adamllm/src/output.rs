//! What goes to standard output.

use anyhow::Result;
use serde_json::Value;

use crate::flags::Shared;

/// One JSON document with `--json`, else what a person reads.
pub fn print(shared: &Shared, document: &Value, person: impl FnOnce()) -> Result<()> {
    if shared.json {
        println!("{}", serde_json::to_string_pretty(document)?);
    } else {
        person();
    }
    Ok(())
}

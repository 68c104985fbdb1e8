//! `adamllm doctor` on a machine where the engine cannot start: what can be looked at without it, and what is missing.

use anyhow::{Error, Result};

use crate::flags::Shared;
use crate::machine::{check, checks, tell};

/// Looks at the machine; `missing` says why the engine does not start.
pub fn without_engine(shared: &Shared, missing: &Error) -> Result<()> {
    let mut found = checks(shared)?;
    found.insert(
        1,
        check("libtorch", "cannot be used", Some(format!("{missing:#}"))),
    );
    found.push(check(
        "matmul, gpu, overfit, demo",
        "not measured, since they need libtorch",
        None,
    ));
    tell(shared, &found)
}

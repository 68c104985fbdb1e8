//! `adamllm doctor` on a machine where the engine cannot start: what can be looked at without it, and what is missing.

use anyhow::{Error, Result};

use crate::flags::Shared;
use crate::machine::{self, check, checks, tell};

/// Looks at the machine; `missing` says why the engine does not start.
pub fn without_engine(shared: &Shared, missing: &Error) -> Result<()> {
    let mut found = checks(shared)?;
    found.insert(
        1,
        check("libtorch", "cannot be used", Some(format!("{missing:#}"))),
    );
    let gpu = if machine::has_gpu() {
        format!("{}; whether it can be used needs libtorch", machine::gpu())
    } else {
        "none; everything runs on the CPU".to_owned()
    };
    found.push(check("gpu", gpu, None));
    found.push(check(
        "matmul, overfit, demo",
        "not measured, since they need libtorch",
        None,
    ));
    tell(shared, &found)
}

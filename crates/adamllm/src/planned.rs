//! A training on a device, and every way to do it there.

use std::path::PathBuf;

use run::memory::Row;
use run::recipe::Fitted;

/// One training of a recipe on one device.
pub struct Planned {
    /// The recipe's file.
    pub recipe: PathBuf,
    /// What was found.
    pub fitted: Fitted,
}

/// Every way to train.
pub fn rows(planned: &Planned) -> Vec<Row> {
    let fitted = &planned.fitted;
    let lora = fitted.row.choices.lora.as_ref();
    fitted.planner.rows(&fitted.device, lora)
}

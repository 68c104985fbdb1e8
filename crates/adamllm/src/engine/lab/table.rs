//! The table of a lab.

use std::path::Path;

use anyhow::Result;
use pipeline::lab::{CellState, LabPlan, Union, Worked};
use run::grid::Grid;
use serde_json::{Value, json};

use super::cells::Prepared;

/// The page.
pub const PAGE: &str = "table.html";

/// What a table is made of.
pub struct Of<'a> {
    pub grid: &'a Grid,
    pub prepared: &'a Prepared,
    pub union: &'a Union<'a>,
    pub worked: &'a Worked,
    pub plan: &'a LabPlan,
    pub states: &'a [CellState],
}

pub struct Table {
    pub page: Value,
    pub text: String,
}

impl Of<'_> {
    pub fn write(&self, _lab: &Path) -> Result<Table> {
        let _ = (self.grid, self.union, self.worked, self.plan);
        Ok(Table {
            page: json!({"states": self.states}),
            text: format!("{} cells\n", self.prepared.all.len()),
        })
    }
}

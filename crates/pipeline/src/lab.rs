//! A lab: the graphs of many recipes, the *cells*, worked on as one. Stages with the same key are one stage, whose results
//! lie once in the store; several processes may work in it at the same time.
//!
//! What is known before anything runs is the [`Union`]; [`Lab::work`] goes through it.

mod cell;
mod freed;
mod links;
mod plan;
mod standing;
mod union;
mod work;

pub use self::cell::{Lab, LabCell, Shard};
pub use self::links::CELLS;
pub use self::plan::{LabPlan, OfKind, Progress};
pub use self::standing::{CellState, Standing, Worked};
pub use self::union::{Union, Work};
pub use self::work::state_of;

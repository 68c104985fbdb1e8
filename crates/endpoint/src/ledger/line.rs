//! The lines of a ledger.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::prices::{Money, Usage};

/// The layout of the lines that this program writes and reads.
pub(super) const FORMAT: u32 = 1;

/// A line; money is in units of 10^-12.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Line<'a> {
    /// A process began to write. What those before it left open may have been paid for.
    Opened {
        format: u32,
        /// Which one to write this ledger, counted from 1.
        process: u64,
        /// Its number in the system, for whoever looks.
        pid: u32,
        /// When, in UTC (RFC 3339).
        #[serde(borrow)]
        time: Cow<'a, str>,
    },
    /// A request may leave, and take so much at most.
    Reserved {
        /// Counted from 1 without a gap.
        number: u64,
        #[serde(borrow)]
        place: Cow<'a, str>,
        /// The digest of what is asked.
        #[serde(borrow)]
        what: Cow<'a, str>,
        cost: Money,
        tokens: u64,
        /// Which process it left from.
        process: u64,
    },
    /// What became of a reserved request, and what is counted for it.
    Settled {
        number: u64,
        how: How,
        cost: Money,
        tokens: u64,
        /// What the endpoint counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<Usage>,
    },
}

/// What became of a reserved request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum How {
    Paid,
    Uncounted,
    Free,
    Uncertain,
}

//! What is told while requests are answered.

use std::time::Duration;

/// Something that whoever watches a run should hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An endpoint does not answer; the others do its work.
    Down {
        /// Which one.
        address: String,
        /// What happened last.
        problem: String,
    },
    /// An endpoint answers again.
    Back {
        /// Which one.
        address: String,
    },
    /// An endpoint asks for patience.
    Paused {
        /// Which one.
        address: String,
        /// How long.
        pause: Duration,
    },
    /// Pictures were scaled down before they were sent, so many so far.
    ScaledDown {
        /// How many.
        pictures: u64,
        /// To how many pixels on the longer side.
        side: u32,
    },
    /// The endpoint counts tokens that cannot be, or none; what was reserved counts.
    WrongCount {
        /// What is wrong with it.
        problem: String,
    },
}

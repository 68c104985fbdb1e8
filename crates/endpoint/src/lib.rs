//! A client of OpenAI-compatible endpoints.

#![deny(missing_docs)]

mod address;
mod failure;
mod fleet;
mod ledger;
mod notice;
mod prices;
mod rates;
mod retry;
mod secret;
mod settings;
mod window;

pub use address::{Address, AddressError};
pub use failure::Failure;
pub use fleet::{Fleet, Pick, Sent};
pub use ledger::Caps;
pub use notice::Notice;
pub use prices::{Money, Prices, Usage};
pub use secret::Secret;
pub use settings::{Limits, PictureFormat, Pictures, Settings, Timeouts};

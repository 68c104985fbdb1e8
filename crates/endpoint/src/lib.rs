//! A client of OpenAI-compatible endpoints.

#![deny(missing_docs)]

mod address;
mod failure;
mod ledger;
mod notice;
mod prices;
mod secret;
mod settings;

pub use address::{Address, AddressError};
pub use ledger::Caps;
pub use notice::Notice;
pub use prices::{Money, Prices, Usage};
pub use secret::Secret;
pub use settings::{Limits, PictureFormat, Pictures, Settings, Timeouts};

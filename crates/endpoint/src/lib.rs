//! A client of OpenAI-compatible endpoints.

#![deny(missing_docs)]

mod address;
mod cache;
mod durable;
mod failure;
mod ledger;
mod notice;
mod prices;
mod secret;
mod settings;

pub use address::{Address, AddressError};
pub use cache::{Cache, CacheError};
pub use ledger::{
    Amount, Caps, Exhausted, Ledger, LedgerError, Refusal, Settlement, Spent, Ticket,
};
pub use notice::Notice;
pub use prices::{Money, MoneyError, PriceError, Prices, Usage};
pub use secret::Secret;
pub use settings::{Limits, PictureFormat, Pictures, Settings, Timeouts};

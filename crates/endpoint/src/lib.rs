#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod address;
mod attempt;
mod books;
mod cache;
mod client;
mod driver;
mod durable;
mod error;
mod failure;
mod fleet;
mod job;
mod learned;
mod ledger;
mod notice;
mod picture;
mod prices;
mod probe;
mod queue;
mod rates;
mod retry;
mod secret;
mod settings;
mod tries;
mod window;
mod wire;

pub use address::{Address, AddressError};
pub use books::{Books, Watch};
pub use cache::{Cache, CacheError};
pub use client::{Client, Scored};
pub use error::Error;
pub use failure::Failure;
pub use fleet::{Fleet, Pick, Sent};
pub use ledger::{
    Amount, Caps, Exhausted, Ledger, LedgerError, Refusal, Settlement, Spent, Ticket,
};
pub use notice::Notice;
pub use prices::{Money, MoneyError, PriceError, Prices, Usage};
pub use secret::Secret;
pub use settings::{Limits, PictureFormat, Pictures, Settings, Timeouts};
pub use wire::Need;
pub use wire::scoring::Likelihood;

#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod address;
mod attempt;
mod cache;
mod client;
mod driver;
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
mod rates;
mod retry;
mod secret;
mod settings;
mod tries;
mod window;
mod wire;

pub use address::{Address, AddressError};
pub use cache::{Cache, CacheError};
pub use client::{Books, Client, Scored, Watch};
pub use error::Error;
pub use ledger::{
    Amount, Caps, Exhausted, Ledger, LedgerError, Refusal, Settlement, Spent, Ticket,
};
pub use notice::Notice;
pub use prices::{Money, MoneyError, PriceError, Prices, Usage};
pub use secret::Secret;
pub use settings::{Limits, PictureFormat, Pictures, Settings, Timeouts};
pub use wire::Service;
pub use wire::scoring::Likelihood;

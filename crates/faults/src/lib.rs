#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod answer;
mod certificates;
mod chance;
mod delivery;
mod exchange;
mod fault;
mod fields;
mod http;
mod listening;
mod log;
mod picture;
mod proxy;
mod refusing;
mod request;
mod schedule;
mod server;
mod setup;
mod state;
pub mod tokens;
mod wire;

pub use answer::{Answer, Finish};
pub use certificates::CertificateError;
pub use fault::{Fault, KeyPlace, WrongCount};
pub use log::{Arrival, KeySeen, Totals};
pub use picture::Picture;
pub use proxy::Proxy;
pub use request::{Message, Prompt, Request, Service};
pub use schedule::Faults;
pub use server::{Server, StartError};
pub use setup::{Responder, Setup, Wording};
pub use state::Stray;

//! Jobs between their tries, and one try.

use std::sync::Arc;

use serde_json::Value;

use crate::attempt::{Exchange, Most};
use crate::failure::Failure;
use crate::fleet::Sent;
use crate::job::{Job, Words};
use crate::ledger::{LedgerError, Ticket};
use crate::settings::Settings;

/// A job that is to be sent, or sent again.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub job: Arc<Job>,
    pub key: Arc<str>,
    /// Tries that count.
    pub tries: u32,
    /// All of them, patience asked for included.
    pub times: u32,
    /// Where it failed last.
    pub avoid: Option<usize>,
}

/// A job on its way.
#[derive(Debug)]
pub(crate) struct Flight {
    pub waiting: Waiting,
    pub sent: Sent,
}

/// What came back of one try.
#[derive(Debug)]
pub(crate) struct Tried {
    pub ticket: Option<Ticket>,
    pub scaled: u64,
    pub outcome: Result<Value, Ended>,
}

/// How a try ended without an answer.
#[derive(Debug)]
pub(crate) enum Ended {
    /// At the endpoint.
    Failure(Failure),
    /// Before it left: the request itself is wrong.
    Request(String),
    /// The ledger cannot be kept.
    Ledger(LedgerError),
}

/// One try of a job at an endpoint: its pictures are encoded, its reservation is brought to the disk, it leaves.
pub(crate) async fn attempted(
    exchange: Exchange,
    settings: Arc<Settings>,
    job: Arc<Job>,
    words: Words,
    index: usize,
    ticket: Option<Ticket>,
) -> Tried {
    let mut tried = Tried {
        ticket,
        scaled: 0,
        outcome: Err(Ended::Request(String::new())),
    };
    let body = if job.request.images.is_empty() {
        job.body(&settings, words)
    } else {
        let (job, settings) = (Arc::clone(&job), Arc::clone(&settings));
        let encoded = tokio::task::spawn_blocking(move || job.body(&settings, words));
        encoded.await.unwrap_or_else(|error| Err(error.to_string()))
    };
    let body = match body {
        Ok(body) => body,
        Err(problem) => {
            tried.outcome = Err(Ended::Request(problem));
            return tried;
        }
    };
    tried.scaled = body.scaled;
    if let Some(ticket) = &mut tried.ticket
        && let Err(error) = ticket.synced().await
    {
        tried.outcome = Err(Ended::Ledger(error));
        return tried;
    }
    let url = settings.addresses[index].of(job.service().path());
    let most = Most {
        bytes: job.most_bytes(),
        stream: settings.stream,
    };
    let answered = exchange.post(&url, body.bytes, most).await;
    tried.outcome = answered.map_err(Ended::Failure);
    tried
}

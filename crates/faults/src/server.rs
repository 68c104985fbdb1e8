//! A server from its start to its end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::answer::Answer;
use crate::certificates::{Authority, CertificateError};
use crate::delivery::{Reply, deliver};
use crate::exchange::exchange;
use crate::http::Wire;
use crate::listening::Listening;
use crate::log::{Arrival, Totals};
use crate::refusing::Elsewhere;
use crate::request::Request;
use crate::schedule::Faults;
use crate::setup::Setup;
use crate::state::{State, Stray};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or there is none.
    #[error("cannot listen on port {port} of 127.0.0.1: {source}")]
    Port {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// The log cannot be made.
    #[error("cannot write the log `{}`: {source}", path.display())]
    Log {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] CertificateError),
}

/// A server in a thread of its own, until it is dropped: then all connections end, also in the middle of an answer.
///
/// ```
/// use faults::{Answer, Fault, Faults, Server, Setup};
///
/// let setup = Setup::default()
///     .answering(|request| Answer::text(request.text().to_uppercase()))
///     .with_faults(Faults::default().and_at(1, Fault::Down(500, None)));
/// let server = Server::start(setup)?;
/// assert!(server.url().starts_with("http://127.0.0.1:") && server.url().ends_with("/v1"));
/// assert_eq!(server.totals().arrivals, 0);
/// # Ok::<(), faults::StartError>(())
/// ```
pub struct Server {
    listening: Listening,
    state: Arc<State>,
    authority: Option<Authority>,
}

impl Server {
    /// Starts a server that behaves like this.
    pub fn start(setup: Setup) -> Result<Self, StartError> {
        let authority = setup.tls.then(Authority::new).transpose()?;
        let acceptor = authority.as_ref().map(Authority::acceptor).transpose()?;
        let port = setup.port;
        let log = setup.log.clone().unwrap_or_default();
        let state = State::new(setup).map_err(|source| StartError::Log { path: log, source })?;
        let state = Arc::new(state);
        let shared = Arc::clone(&state);
        let serve = move |listeners: Vec<TcpListener>| serve(listeners, acceptor, shared);
        let listening = Listening::start(&[port, 0], serve)
            .map_err(|source| StartError::Port { port, source })?;
        Ok(Self {
            listening,
            state,
            authority,
        })
    }

    /// Starts a server without faults that answers like this.
    pub fn answering(
        respond: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        Self::start(Setup::default().answering(respond))
    }

    /// What a client is given: scheme, host, port and `/v1`.
    pub fn url(&self) -> String {
        let scheme = match self.authority {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}/v1", self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening.addresses[0]
    }

    /// The certificate of its authority (PEM), if it speaks TLS: what a client has to trust.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_ref().map(Authority::pem)
    }

    /// From now on arrivals meet these faults.
    pub fn set_faults(&self, faults: Faults) {
        self.state.set_faults(faults);
    }

    /// All arrivals so far, in the order in which they came.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.state.log().arrivals()
    }

    /// Sums over the arrivals so far.
    pub fn totals(&self) -> Totals {
        self.state.log().totals()
    }

    /// Who followed a redirect to where no client should go.
    pub fn strays(&self) -> Vec<Stray> {
        self.state.strays().clone()
    }
}

async fn serve(mut listeners: Vec<TcpListener>, acceptor: Option<TlsAcceptor>, state: Arc<State>) {
    let (Some(elsewhere), Some(listener)) = (listeners.pop(), listeners.pop()) else {
        return;
    };
    let address = elsewhere.local_addr().map(|address| address.to_string());
    let name = Elsewhere(format!("http://{}", address.unwrap_or_default()));
    let name = Arc::new(name);
    tokio::spawn(catch_strays(elsewhere, Arc::clone(&state)));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files: some connection has to end first.
            tokio::task::yield_now().await;
            continue;
        };
        let (acceptor, state, name) = (acceptor.clone(), Arc::clone(&state), Arc::clone(&name));
        tokio::spawn(async move {
            drop(stream.set_nodelay(true));
            match acceptor {
                None => converse(stream, &state, &name).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        converse(stream, &state, &name).await;
                    }
                }
            }
        });
    }
}

/// Answers one request after the other until somebody closes.
async fn converse<C: AsyncRead + AsyncWrite + Unpin>(stream: C, state: &State, name: &Elsewhere) {
    let mut wire = Wire::new(stream);
    while let Ok(Some(head)) = wire.head().await {
        match exchange(&mut wire, head, state, name).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => return,
        }
    }
    wire.close().await;
}

/// Notes who comes to the place that redirects lead to.
async fn catch_strays(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move { note_stray(stream, &state).await });
    }
}

async fn note_stray(stream: TcpStream, state: &State) {
    let mut wire = Wire::new(stream);
    if let Ok(Some(head)) = wire.head().await {
        state.strays().push(Stray {
            path: head.path,
            brought_key: head.authorization.is_some(),
        });
        let reply = Reply::json(200, &serde_json::json!({}));
        drop(deliver(&mut wire, reply, None, true).await);
    }
    wire.close().await;
}

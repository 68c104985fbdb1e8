//! A plain proxy on the way to servers on this machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::listening::Listening;
use crate::server::StartError;

/// Most bytes of a head.
const HEAD: usize = 64 << 10;

/// A proxy that leads to 127.0.0.1 and nowhere else, until it is dropped. It takes whole addresses and `CONNECT`.
pub struct Proxy {
    listening: Listening,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts one on a port of the system's choice.
    pub fn start() -> Result<Self, StartError> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&seen);
        let serve = move |mut listeners: Vec<TcpListener>| async move {
            let Some(listener) = listeners.pop() else {
                return;
            };
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&shared);
                tokio::spawn(async move { drop(forward(stream, &seen).await) });
            }
        };
        let listening =
            Listening::start(&[0], serve).map_err(|source| StartError::Port { port: 0, source })?;
        Ok(Self { listening, seen })
    }

    /// What a client is given.
    pub fn url(&self) -> String {
        format!("http://{}", self.listening.addresses[0])
    }

    /// What was asked of it so far: methods and targets, such as `CONNECT 127.0.0.1:8000`.
    pub fn seen(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }
}

async fn forward(mut client: TcpStream, seen: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if read.len() > HEAD || client.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let (line, headers) = head.split_once("\r\n").unwrap_or_default();
    let mut words = line.split(' ');
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(format!("{method} {target}"));
    let rest = target.strip_prefix("http://").unwrap_or(target);
    let (host, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let Some(address) = on_this_machine(host) else {
        return client
            .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await;
    };
    let Ok(mut server) = TcpStream::connect(address).await else {
        return client
            .write_all(
                b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            )
            .await;
    };
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        // One request a connection: the next one may be for somebody else.
        let head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n{headers}");
        server.write_all(head.as_bytes()).await?;
    }
    server.write_all(&read[end..]).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// The address of a host and a port, if the host is this machine.
fn on_this_machine(host: &str) -> Option<SocketAddr> {
    let (host, port) = host.rsplit_once(':')?;
    let is_here = host == "127.0.0.1" || host == "localhost";
    let port = port.parse().ok()?;
    is_here.then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

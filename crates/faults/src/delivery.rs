//! How an answer goes over the wire, well or badly.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use crate::fault::Fault;
use crate::http::{Wire, reason};
use crate::wire;

/// Most bytes of an answer without end; a client that takes all of them has no bound of its own.
const ENDLESS: u64 = 1 << 30;

/// An answer without end comes in pieces of so many bytes.
const ENDLESS_PIECE: usize = 64 << 10;

/// An answer before it is sent.
pub(crate) struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

/// What an answer holds.
pub(crate) enum Body {
    Whole(Vec<u8>),
    /// The events of a stream, each with its `data:`.
    Events(Vec<Vec<u8>>),
}

impl Reply {
    /// An object.
    pub fn json(status: u16, value: &Value) -> Self {
        Self {
            status,
            content_type: "application/json",
            headers: Vec::new(),
            body: Body::Whole(value.to_string().into_bytes()),
        }
    }

    /// A stream of objects, and the mark of its end.
    pub fn events(values: &[Value]) -> Self {
        let mut events: Vec<Vec<u8>> = values
            .iter()
            .map(|value| format!("data: {value}\n\n").into_bytes())
            .collect();
        events.push(b"data: [DONE]\n\n".to_vec());
        Self {
            status: 200,
            content_type: "text/event-stream",
            headers: Vec::new(),
            body: Body::Events(events),
        }
    }

    /// The first half, as if it were all: what stands in the middle is cut.
    fn halve(&mut self) {
        match &mut self.body {
            Body::Whole(body) => body.truncate(body.len() / 2),
            Body::Events(events) => {
                events.truncate(events.len() / 2 + 1);
                if let Some(last) = events.last_mut() {
                    last.truncate(last.len() / 2);
                }
            }
        }
    }

    /// Nothing.
    fn empty(&mut self) {
        match &mut self.body {
            Body::Whole(body) => body.clear(),
            Body::Events(events) => events.clear(),
        }
    }

    /// An error where an answer should be, or in its middle.
    fn fail_inside(&mut self) {
        let message = "The engine process failed unexpectedly.";
        let error = wire::error("InternalServerError", None, message).to_string();
        match &mut self.body {
            Body::Whole(body) => *body = error.into_bytes(),
            Body::Events(events) => {
                let end = events.pop();
                events.truncate(events.len() / 2);
                events.push(format!("data: {error}\n\n").into_bytes());
                events.extend(end);
            }
        }
    }

    fn head(&self, length: Option<usize>, closes: bool) -> String {
        let mut head = format!(
            "HTTP/1.1 {} {}\r\ncontent-type: {}\r\n",
            self.status,
            reason(self.status),
            self.content_type
        );
        for (name, value) in &self.headers {
            // Nothing that a client sent ends a header early.
            let value = value.replace(['\r', '\n'], " ");
            write!(head, "{name}: {value}\r\n").expect("a string takes all");
        }
        match length {
            Some(length) => write!(head, "content-length: {length}\r\n"),
            None => write!(head, "transfer-encoding: chunked\r\n"),
        }
        .expect("a string takes all");
        if closes {
            head.push_str("connection: close\r\n");
        }
        head.push_str("\r\n");
        head
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// Sends an answer with what its fault does to the sending; tells whether the connection can go on.
pub(crate) async fn deliver<C: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<C>,
    mut reply: Reply,
    fault: Option<Fault>,
    closes: bool,
) -> io::Result<bool> {
    match fault {
        Some(Fault::Endless) => return endless(wire, &reply).await.map(|()| false),
        Some(Fault::HalfJson) => reply.halve(),
        Some(Fault::Empty) => reply.empty(),
        Some(Fault::ErrorInside) => reply.fail_inside(),
        Some(Fault::WrongContentType) => reply.content_type = "text/plain",
        _ => {}
    }
    let (head, body) = match &reply.body {
        Body::Whole(body) => (reply.head(Some(body.len()), closes), body.clone()),
        Body::Events(events) => {
            let mut body: Vec<u8> = events.iter().flat_map(|event| chunk(event)).collect();
            body.extend_from_slice(b"0\r\n\r\n");
            (reply.head(None, closes), body)
        }
    };
    let (first, second) = body.split_at(body.len() / 2);
    match fault {
        Some(Fault::Broken) => {
            wire.send(&[head.as_bytes(), first].concat()).await?;
            return Ok(false);
        }
        Some(Fault::Pause(pause)) => {
            wire.send(&[head.as_bytes(), first].concat()).await?;
            if !wire.stays_for(pause).await {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            wire.send(second).await?;
        }
        Some(Fault::Drip(pause)) => {
            wire.send(head.as_bytes()).await?;
            for byte in &body {
                wire.send(std::slice::from_ref(byte)).await?;
                sleep(pause).await;
            }
        }
        _ => wire.send(&[head.as_bytes(), &body].concat()).await?,
    }
    Ok(!closes && fault != Some(Fault::SilentClose))
}

/// Sends the first half of an answer and then words until the client has enough of them.
async fn endless<C: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<C>,
    reply: &Reply,
) -> io::Result<()> {
    wire.send(reply.head(None, true).as_bytes()).await?;
    let words = "and so on ".repeat(ENDLESS_PIECE / 10);
    let piece = match &reply.body {
        Body::Whole(body) => {
            wire.send(&chunk(&body[..body.len() / 2])).await?;
            words.into_bytes()
        }
        // The second event holds the first words.
        Body::Events(events) => events.get(1).cloned().unwrap_or_default().repeat(200),
    };
    let piece = chunk(&piece);
    while wire.sent < ENDLESS {
        wire.send(&piece).await?;
        sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

//! HTTP/1.1 as bytes. A server that breaks its promises writes what no library of HTTP would let it write.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until};

/// Most bytes of a head.
const HEAD: usize = 64 << 10;

/// Most bytes of a body.
const BODY: usize = 512 << 20;

/// Most headers.
const HEADERS: usize = 64;

/// What stands before a body.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub method: String,
    /// The path alone, also if a whole address was sent, as to a proxy.
    pub path: String,
    /// The value of `Authorization`.
    pub authorization: Option<String>,
    length: Option<usize>,
    is_chunked: bool,
    waits_for_word: bool,
    /// Whether the client closes after this one.
    pub closes: bool,
}

/// A connection with what was read of it and not yet used.
pub(crate) struct Wire<C> {
    stream: C,
    read: Vec<u8>,
    /// Bytes that were sent so far.
    pub sent: u64,
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl<C: AsyncRead + AsyncWrite + Unpin> Wire<C> {
    pub fn new(stream: C) -> Self {
        Self {
            stream,
            read: Vec::new(),
            sent: 0,
        }
    }

    /// The next head; none when the client closed.
    pub async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if !self.read.is_empty()
                && let Some((length, head)) = parsed(&self.read)?
            {
                self.read.drain(..length);
                return Ok(Some(head));
            }
            if self.read.len() > HEAD {
                return Err(bad("a head without end"));
            }
            if self.more().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The body that belongs to a head.
    pub async fn body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        if head.waits_for_word {
            self.stream
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .await?;
        }
        if head.is_chunked {
            return self.chunks().await;
        }
        let length = head.length.unwrap_or(0);
        if length > BODY {
            return Err(bad("too long a body"));
        }
        self.read.reserve(length.saturating_sub(self.read.len()));
        self.fill(length).await?;
        let rest = self.read.split_off(length);
        Ok(std::mem::replace(&mut self.read, rest))
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                match self.read.windows(2).position(|two| two == b"\r\n") {
                    Some(end) => break end,
                    None if self.more().await? == 0 => return Err(bad("half a chunk")),
                    None => {}
                }
            };
            let digits = std::str::from_utf8(&self.read[..line]).unwrap_or_default();
            let digits = digits.split(';').next().unwrap_or_default().trim();
            let length =
                usize::from_str_radix(digits, 16).map_err(|_| bad("a chunk without a length"))?;
            if body.len() + length > BODY {
                return Err(bad("too long a body"));
            }
            let (begin, end) = (line + 2, line + 2 + length);
            self.fill(end + 2).await?;
            body.extend_from_slice(&self.read[begin..end]);
            self.read.drain(..end + 2);
            if length == 0 {
                return Ok(body);
            }
        }
    }

    /// Reads until so many bytes are there.
    async fn fill(&mut self, length: usize) -> io::Result<()> {
        while self.read.len() < length {
            if self.more().await? == 0 {
                return Err(bad("half a body"));
            }
        }
        Ok(())
    }

    async fn more(&mut self) -> io::Result<usize> {
        self.read.reserve(4096);
        self.stream.read_buf(&mut self.read).await
    }

    /// Waits so long, and tells whether the client is still there. What it sends meanwhile is kept for later.
    pub async fn stays_for(&mut self, time: Duration) -> bool {
        let end = Instant::now() + time;
        loop {
            tokio::select! {
                () = sleep_until(end) => return true,
                read = self.more() => if !read.is_ok_and(|bytes| bytes > 0) {
                    return false;
                },
            }
        }
    }

    /// Sends these bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        self.sent += bytes.len() as u64;
        Ok(())
    }

    /// Closes for good, with no more than what was sent.
    pub async fn close(mut self) {
        drop(self.stream.shutdown().await);
    }
}

/// Reads a head, if all of it is there, and tells its length.
fn parsed(read: &[u8]) -> io::Result<Option<(usize, Head)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = request.parse(read).map_err(|_| bad("no HTTP"))?
    else {
        return Ok(None);
    };
    let target = request.path.unwrap_or_default();
    let mut head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        path: path_of(target).to_owned(),
        ..Head::default()
    };
    for header in request.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let value = String::from_utf8_lossy(header.value);
        if is("content-length") {
            let length = value.trim().parse().map_err(|_| bad("a strange length"))?;
            head.length = Some(length);
        } else if is("authorization") {
            head.authorization = Some(value.into_owned());
        } else if is("transfer-encoding") {
            head.is_chunked = value.to_ascii_lowercase().contains("chunked");
        } else if is("connection") {
            head.closes = value.eq_ignore_ascii_case("close");
        } else if is("expect") {
            head.waits_for_word = true;
        }
    }
    Ok(Some((length, head)))
}

/// The path of a target, without a scheme and a host, and without a query.
fn path_of(target: &str) -> &str {
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    path.split('?').next().unwrap_or_default()
}

/// The words after a status.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_head() {
        let text = b"POST http://h:1/v1/x?y=1 HTTP/1.1\r\nContent-LENGTH: 3\r\nauthorization: Bearer k\r\nConnection: close\r\n\r\nabc";
        let (length, head) = parsed(text).unwrap().unwrap();
        assert_eq!(length, text.len() - 3);
        assert_eq!((&*head.method, &*head.path), ("POST", "/v1/x"));
        assert_eq!(head.length, Some(3));
        assert_eq!(head.authorization.as_deref(), Some("Bearer k"));
        assert!(head.closes && !head.is_chunked);
        assert!(parsed(&text[..20]).unwrap().is_none());
        assert!(parsed(b"\x16\x03\x01 no \x00").is_err());
    }
}

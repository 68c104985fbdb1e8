//! A client of bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// No test waits longer for a byte.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug, Default)]
pub struct Outcome {
    /// 0 if nothing came.
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// What came after the head, without the frames of chunks.
    pub body: Vec<u8>,
    /// Whether the body came to the end that its head promised.
    pub is_whole: bool,
    /// When the first byte and the last one came.
    pub first_byte: Duration,
    pub last_byte: Duration,
}

impl Outcome {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(found, _)| found == name)
            .map(|(_, value)| &**value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The objects of a stream, and whether it came to `[DONE]`.
    pub fn events(&self) -> (Vec<Value>, bool) {
        let text = self.text();
        let data: Vec<&str> = text
            .split("\n\n")
            .filter_map(|event| event.strip_prefix("data: "))
            .collect();
        let objects = data
            .iter()
            .filter_map(|data| serde_json::from_str(data).ok());
        (objects.collect(), data.last() == Some(&"[DONE]"))
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The bytes of a request with a body.
pub fn post(path: &str, key: Option<&str>, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let key = key.map_or_else(String::new, |key| {
        format!("authorization: Bearer {key}\r\n")
    });
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{key}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Reads one answer.
pub fn read(stream: &mut impl Read) -> Outcome {
    read_since(Instant::now(), stream)
}

/// Reads one answer, and measures from this moment.
fn read_since(started: Instant, stream: &mut impl Read) -> Outcome {
    let mut outcome = Outcome::default();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return outcome,
        }
        if head.len() == 1 {
            outcome.first_byte = started.elapsed();
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    outcome.status = status.parse().unwrap();
    outcome.headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if let Some(length) = outcome.header("content-length") {
        let length: usize = length.parse().unwrap();
        // A connection that breaks off leaves what came before.
        drop(stream.take(length as u64).read_to_end(&mut outcome.body));
        outcome.is_whole = outcome.body.len() == length;
    } else {
        outcome.is_whole = read_chunks(stream, &mut outcome.body).is_some();
    }
    outcome.last_byte = started.elapsed();
    outcome
}

/// Reads chunks up to the last one, or to the bound that this client has.
fn read_chunks(stream: &mut impl Read, body: &mut Vec<u8>) -> Option<()> {
    while body.len() < 2 << 20 {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).ok()?;
            line.push(byte[0]);
        }
        let digits = String::from_utf8(line).unwrap();
        let length = usize::from_str_radix(digits.trim(), 16).unwrap();
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk).ok()?;
        assert_eq!(&chunk[length..], b"\r\n");
        if length == 0 {
            return Some(());
        }
        body.extend_from_slice(&chunk[..length]);
    }
    None
}

/// Sends bytes over a connection of their own and reads one answer.
pub fn sent(address: SocketAddr, bytes: &[u8]) -> Outcome {
    let mut stream = connect(address);
    let started = Instant::now();
    stream.write_all(bytes).unwrap();
    read_since(started, &mut stream)
}

/// Asks in a chat.
pub fn ask(address: SocketAddr, words: &str, fields: &Value) -> Outcome {
    let mut body = json!({"model": "model", "messages": [{"role": "user", "content": words}]});
    for (field, value) in fields.as_object().unwrap() {
        body[field] = value.clone();
    }
    sent(
        address,
        &post("/v1/chat/completions", Some("sk-0123456789"), &body),
    )
}

/// Asks for a completion.
pub fn complete(address: SocketAddr, body: &Value) -> Outcome {
    sent(address, &post("/v1/completions", None, body))
}

/// Waits for what another thread brings about, and not for ever.
pub fn wait_until(is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "waited in vain");
        std::thread::yield_now();
    }
}

//! How many requests a second the server answers at most: 10,000 requests of 1 kB over 64 connections, from a client that
//! does no more than send bytes and count what comes back.
//!
//! `cargo run --release -p adamllm-faults --example flood -- [REQUESTS] [CONNECTIONS]`

use std::error::Error;
use std::time::Instant;

use faults::{Server, Setup};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[expect(
    clippy::print_stdout,
    reason = "an example, and the number is its output"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let requests = numbers.next().transpose()?.unwrap_or(10_000);
    let connections = numbers.next().transpose()?.unwrap_or(64).max(1);
    let server = Server::start(Setup::default())?;
    let address = server.address();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let started = Instant::now();
    runtime.block_on(async {
        let senders: Vec<_> = (0..connections)
            .map(|connection| {
                let numbers = (connection..requests).step_by(connections);
                tokio::spawn(async move { send(TcpStream::connect(address).await?, numbers).await })
            })
            .collect();
        for sender in senders {
            sender.await??;
        }
        Ok::<(), Box<dyn Error>>(())
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let totals = server.totals();
    assert_eq!(totals.distinct_sound, requests as u64);
    println!(
        "{:.0} requests/s ({requests} in {seconds:.2} s over {connections} connections, at most {} at once)",
        requests as f64 / seconds,
        totals.most_at_once
    );
    if let Some(busy) = server_seconds() {
        println!(
            "{:.0} requests/s of the server's own time, whatever else the machine does",
            requests as f64 / busy
        );
    }
    Ok(())
}

/// How long the server's thread ran, as Linux tells it.
fn server_seconds() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let server = threads
        .filter_map(|thread| Some(thread.ok()?.path()))
        .find(|thread| {
            let name = std::fs::read_to_string(thread.join("comm"));
            name.is_ok_and(|name| name.trim() == "faulty-endpoint")
        })?;
    let times = std::fs::read_to_string(server.join("schedstat")).ok()?;
    let nanoseconds: f64 = times.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

/// Sends these requests, one after the other, and reads the answer to each.
async fn send(
    mut stream: TcpStream,
    numbers: impl Iterator<Item = usize>,
) -> Result<(), std::io::Error> {
    stream.set_nodelay(true)?;
    let padding = "x".repeat(900);
    let mut read = Vec::new();
    for number in numbers {
        let body = format!(
            r#"{{"model":"model","messages":[{{"role":"user","content":"{number:08} {padding}"}}],"max_tokens":64,"temperature":0}}"#
        );
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await?;
        read.clear();
        while !is_whole(&read) {
            if stream.read_buf(&mut read).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
    Ok(())
}

/// Whether an answer with a `content-length` is there to its end.
fn is_whole(read: &[u8]) -> bool {
    let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&read[..end]);
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length
        .and_then(|length| length.parse::<usize>().ok())
        .is_some_and(|length| read.len() >= end + 4 + length)
}

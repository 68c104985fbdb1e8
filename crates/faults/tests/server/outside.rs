//! TLS, the proxy, and the program.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use faults::{Proxy, Server, Setup};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use crate::raw::{Outcome, ask, connect, post, read};

/// Asks over TLS, trusting this authority alone.
fn ask_over_tls(
    address: SocketAddr,
    authority: &str,
    name: &'static str,
) -> Result<Outcome, String> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(authority.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, connect(address));
    let body = json!({"model": "model", "prompt": "x"});
    stream
        .write_all(&post("/v1/completions", None, &body))
        .map_err(|error| error.to_string())?;
    Ok(read(&mut stream))
}

#[test]
fn speaks_tls_to_those_who_trust_its_authority() {
    let start = || {
        Server::start(Setup {
            tls: true,
            ..Setup::default()
        })
        .unwrap()
    };
    let (server, other) = (start(), start());
    assert!(server.url().starts_with("https://127.0.0.1:"));
    let authority = server.authority().unwrap();
    for name in ["127.0.0.1", "localhost"] {
        let outcome = ask_over_tls(server.address(), authority, name).unwrap();
        assert_eq!((outcome.status, outcome.is_whole), (200, true));
    }
    let strange = ask_over_tls(server.address(), other.authority().unwrap(), "127.0.0.1");
    assert!(strange.unwrap_err().contains("invalid peer certificate"));
    let elsewhere = ask_over_tls(server.address(), authority, "example.org");
    assert!(elsewhere.unwrap_err().contains("invalid peer certificate"));
}

#[test]
fn a_proxy_leads_to_this_machine_and_nowhere_else() {
    let (server, proxy) = (
        Server::start(Setup::default()).unwrap(),
        Proxy::start().unwrap(),
    );
    let address: SocketAddr = proxy.url()["http://".len()..].parse().unwrap();
    let body = json!({"model": "model", "prompt": "x"});
    let mut stream = connect(address);
    let target = format!("http://{}/v1/completions", server.address());
    stream.write_all(&post(&target, None, &body)).unwrap();
    assert_eq!(read(&mut stream).status, 200);

    let mut stream = connect(address);
    let tunnel = format!("CONNECT {} HTTP/1.1\r\n\r\n", server.address());
    stream.write_all(tunnel.as_bytes()).unwrap();
    let mut word = [0; 19];
    std::io::Read::read_exact(&mut stream, &mut word).unwrap();
    assert_eq!(&word, b"HTTP/1.1 200 OK\r\n\r\n");
    stream
        .write_all(&post("/v1/completions", None, &body))
        .unwrap();
    assert_eq!(read(&mut stream).status, 200);
    assert_eq!(server.totals().sound, 2);

    for far in [
        "GET http://example.org/ HTTP/1.1\r\n\r\n",
        "CONNECT 10.0.0.1:80 HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = connect(address);
        stream.write_all(far.as_bytes()).unwrap();
        assert_eq!(read(&mut stream).status, 403);
    }
    let seen = proxy.seen();
    assert_eq!(
        seen[..2],
        [
            format!("POST {target}"),
            format!("CONNECT {}", server.address())
        ]
    );
    assert_eq!(seen.len(), 4);
}

/// Ends the program with the test.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_program_prints_its_address_and_serves() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let mut command = Command::new(env!("CARGO_BIN_EXE_faulty-endpoint"));
    command
        .args([
            "--port",
            "0",
            "--seed",
            "1",
            "--faults",
            "1",
            "--only",
            "down-503",
            "--latency",
            "1ms",
        ])
        .args([
            "--jitter",
            "1ms",
            "--at-once",
            "32",
            "--key-env",
            "A_KEY_OF_A_TEST",
            "--log",
        ])
        .arg(&log)
        .env("A_KEY_OF_A_TEST", "sk-0123456789")
        .stdout(Stdio::piped());
    let mut child = Ended(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .trim()
        .trim_start_matches("http://")
        .trim_end_matches("/v1");
    assert_eq!(
        ask(address.parse().unwrap(), "hello", &json!({})).status,
        503
    );
    crate::raw::wait_until(|| {
        std::fs::read_to_string(&log)
            .unwrap()
            .contains("\"fault\":\"down-503\"")
    });
}

#[test]
fn the_program_says_what_is_wrong_with_its_arguments() {
    let told = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_faulty-endpoint"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(told(&["--only", "rain"]).contains("no fault is called `rain`"));
    assert!(told(&["--latency", "soon"]).contains("`soon` is no time"));
    assert!(told(&["--key-env", "NOT_SET_BY_ANYBODY"]).contains("`NOT_SET_BY_ANYBODY` is not set"));
}

//! Proxies, own authorities, limits a minute, stops.

use std::cell::Cell;
use std::time::{Duration, Instant};

use endpoint::{Address, Books, Caps, Client, Error, Limits, Settings, Watch};
use faults::{Proxy, Server, Setup};

use crate::support::{ask, books, expected, requests, settings};

#[test]
fn through_a_proxy() {
    let (server, proxy) = (
        Server::start(Setup::default()).expect("server"),
        Proxy::start().expect("proxy"),
    );
    let told = Settings {
        proxy: Some(proxy.url()),
        ..settings(&server)
    };
    let mut client = Client::open(told, Books::default()).expect("client");
    let asked = requests(5);
    assert_eq!(ask(&mut client, &asked).texts(), expected(&asked));
    assert!(!proxy.seen().is_empty());
}

#[test]
fn with_an_authority_of_ones_own() {
    let setup = Setup {
        tls: true,
        ..Setup::default()
    };
    let server = Server::start(setup).expect("server");
    let folder = tempfile::tempdir().expect("folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, server.authority().expect("authority")).expect("written");
    let mut told = settings(&server);
    assert!(told.addresses[0].to_string().starts_with("https://"));
    let mut stranger = Client::open(told.clone(), Books::default()).expect("client");
    let error = stranger
        .probe(&[], &mut |_| {})
        .expect_err("unknown authority");
    assert!(
        error.to_string().to_lowercase().contains("certificate"),
        "{error}"
    );
    told.ca_file = Some(ca.clone());
    let mut client = Client::open(told.clone(), Books::default()).expect("client");
    let asked = requests(5);
    assert_eq!(ask(&mut client, &asked).texts(), expected(&asked));
    std::fs::write(&ca, "none").expect("written");
    let error = Client::open(told, Books::default()).expect_err("no certificate");
    assert!(matches!(error, Error::Certificates { .. }), "{error}");
}

#[test]
fn a_stop_lets_come_home_what_is_on_its_way() {
    let setup = Setup {
        latency: Duration::from_millis(400),
        ..Setup::default()
    };
    let server = Server::start(setup).expect("server");
    let folder = tempfile::tempdir().expect("folder");
    let mut client =
        Client::open(settings(&server), books(folder.path(), Caps::default())).expect("client");
    let begun = Instant::now();
    let came = Cell::new(0);
    let mut watch = Watch {
        stop: &|| begun.elapsed() > Duration::from_millis(200),
        notice: &mut |_| {},
    };
    let ended = client.generate(&mut requests(500).into_iter(), &mut watch, &mut |_| {
        came.set(came.get() + 1);
        Ok(())
    });
    assert!(matches!(ended, Err(Error::Stopped)));
    assert_eq!(came.get(), server.totals().arrivals);
    assert_eq!(client.spent().uncertain.tokens, 0);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn so_many_requests_a_minute_and_no_more() {
    let server = Server::start(Setup::default()).expect("server");
    let told = Settings {
        limits: Limits {
            // Two a second.
            requests_per_minute: Some(120),
            ..settings(&server).limits
        },
        ..settings(&server)
    };
    let mut client = Client::open(told, Books::default()).expect("client");
    let begun = Instant::now();
    let mut watch = Watch {
        stop: &|| begun.elapsed() > Duration::from_secs(3),
        notice: &mut |_| {},
    };
    let ended = client.generate(&mut requests(500).into_iter(), &mut watch, &mut |_| Ok(()));
    assert!(matches!(ended, Err(Error::Stopped)));
    let arrivals = server.totals().arrivals;
    assert!((4..=14).contains(&arrivals), "{arrivals}");
}

#[test]
fn an_address_that_takes_no_connection_is_no_hang() {
    let address = Address::parse("http://127.0.0.1:9/v1").expect("address");
    let client = Client::open(Settings::new(vec![address], "model"), Books::default());
    let begun = Instant::now();
    let mut client = client.expect("client");
    let error = client.probe(&[], &mut |_| {});
    assert!(matches!(error, Err(Error::Unreachable(_))));
    assert!(begun.elapsed() < Duration::from_secs(15));
}

//! What a user can say wrong is told once, and before anything is asked where that can be.

use std::time::Duration;

use endpoint::{Address, Books, Client, Error, Limits, Need, Notice, Secret, Settings};
use faults::{Fault, Faults, Server, Setup};

use crate::support::{ask, requests, settings};

fn probed(settings: Settings, needs: &[Need]) -> Result<(), Error> {
    let mut client = Client::open(settings, Books::default()).expect("client");
    client.probe(needs, &mut |_| {})
}

fn keyed() -> Server {
    let setup = Setup {
        key: Some("sk-right-0123456789".to_owned()),
        ..Setup::default()
    };
    Server::start(setup).expect("server")
}

#[test]
fn no_key_and_a_wrong_key_are_told_before_the_start() {
    let server = keyed();
    let error = probed(settings(&server), &[]).expect_err("no key");
    assert!(
        matches!(&error, Error::NoKey { variable, .. } if variable == "OPENAI_API_KEY"),
        "{error}"
    );
    let wrong = Settings {
        key: Secret::new("sk-wrong-0123456789"),
        ..settings(&server)
    };
    let error = probed(wrong, &[]).expect_err("wrong key");
    assert!(matches!(error, Error::WrongKey { .. }), "{error}");
    assert!(!error.to_string().contains("sk-wrong"), "{error}");
    let right = Settings {
        key: Secret::new("sk-right-0123456789\n"),
        ..settings(&server)
    };
    probed(right, &[Need::Chat, Need::Completions]).expect("all is there");
}

#[test]
fn a_key_that_goes_wrong_meanwhile_ends_it_once() {
    let setup = Setup::default().with_faults(Faults::always(Fault::WrongKey));
    let server = Server::start(setup).expect("server");
    let mut client = Client::open(settings(&server), Books::default()).expect("client");
    let came = ask(&mut client, &requests(1000));
    let error = came.ended.expect_err("no key");
    assert!(matches!(error, Error::NoKey { .. }), "{error}");
    assert!(came.completions.is_empty());
    assert!(server.totals().arrivals <= 64, "{:?}", server.totals());
}

#[test]
fn a_model_that_is_not_there_is_told_with_those_that_are() {
    let setup = Setup {
        models: vec!["tea".to_owned(), "soup".to_owned()],
        ..Setup::default()
    };
    let server = Server::start(setup).expect("server");
    let error = probed(settings(&server), &[])
        .expect_err("no such model")
        .to_string();
    assert!(
        error.contains("no model `model`; it has tea, soup"),
        "{error}"
    );
}

#[test]
fn a_judge_without_completions_is_told() {
    let setup = Setup {
        has_completions: false,
        ..Setup::default()
    };
    let server = Server::start(setup).expect("server");
    probed(settings(&server), &[Need::Chat]).expect("chat is there");
    let error = probed(settings(&server), &[Need::Chat, Need::Completions]);
    let error = error.expect_err("no completions").to_string();
    assert!(
        error.contains("no `/completions`") && error.contains("vLLM"),
        "{error}"
    );
}

#[test]
fn nobody_there_is_told_for_each_address() {
    // Ports that were free a moment ago.
    let addresses: Vec<Address> = (0..2)
        .map(|_| {
            let free = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
            let port = free.local_addr().expect("address").port();
            Address::parse(&format!("http://127.0.0.1:{port}/v1")).expect("address")
        })
        .collect();
    let told = Settings::new(addresses.clone(), "model");
    let error = probed(told.clone(), &[]).expect_err("nobody").to_string();
    for address in &addresses {
        assert!(error.contains(&address.to_string()), "{error}");
    }
    // One of several is left out.
    let server = Server::start(Setup::default()).expect("server");
    let mut some = told.clone();
    some.addresses.extend(settings(&server).addresses);
    let mut client = Client::open(some, Books::default()).expect("client");
    let mut down = 0;
    let looked = client.probe(&[], &mut |notice| {
        down += usize::from(matches!(notice, Notice::Down { .. }));
    });
    looked.expect("one is there");
    assert_eq!(down, 2);
    // While it runs patience ends it.
    let short = Settings {
        limits: Limits {
            patience: Duration::from_secs(1),
            ..Limits::default()
        },
        ..told
    };
    let mut client = Client::open(short, Books::default()).expect("client");
    let error = ask(&mut client, &requests(3)).ended.expect_err("silent");
    assert!(matches!(error, Error::Silent { .. }), "{error}");
}

#[test]
fn a_redirect_is_not_followed() {
    let faults = Faults::of(
        &[
            Fault::Redirect(302),
            Fault::Redirect(307),
            Fault::Redirect(308),
        ],
        0.5,
    );
    let setup = Setup {
        key: Some("sk-right-0123456789".to_owned()),
        ..Setup::default().with_faults(faults)
    };
    let server = Server::start(setup).expect("server");
    let told = Settings {
        key: Secret::new("sk-right-0123456789"),
        ..settings(&server)
    };
    let mut client = Client::open(told, Books::default()).expect("client");
    let came = ask(&mut client, &requests(40));
    came.ended.expect("answered");
    assert!(server.strays().is_empty(), "{:?}", server.strays());
}

#[test]
fn what_is_no_such_server_is_told() {
    let setup = Setup::default().with_faults(Faults::always(Fault::Html));
    let server = Server::start(setup).expect("server");
    let told = Settings {
        limits: Limits {
            attempts: 2,
            ..Limits::default()
        },
        ..settings(&server)
    };
    let mut client = Client::open(told, Books::default()).expect("client");
    let error = ask(&mut client, &requests(3))
        .ended
        .expect_err("no endpoint");
    assert!(error.to_string().contains("a web page"), "{error}");
}

#[test]
fn an_answer_of_another_model_is_refused_unless_it_is_allowed() {
    let setup = Setup::default().with_faults(Faults::always(Fault::OtherModel));
    let server = Server::start(setup).expect("server");
    let told = Settings {
        limits: Limits {
            attempts: 2,
            ..Limits::default()
        },
        ..settings(&server)
    };
    let mut client = Client::open(told.clone(), Books::default()).expect("client");
    let error = ask(&mut client, &requests(3)).ended.expect_err("another");
    assert!(error.to_string().contains("accept_other_model"), "{error}");
    let allowed = Settings {
        accept_other_model: true,
        ..told
    };
    let mut client = Client::open(allowed, Books::default()).expect("client");
    ask(&mut client, &requests(3)).ended.expect("answered");
}

#[test]
fn hosted_models_are_asked_in_words_that_they_know() {
    let setup = Setup {
        is_strict: true,
        ..Setup::default()
    };
    let server = Server::start(setup).expect("server");
    let mut client = Client::open(settings(&server), Books::default()).expect("client");
    let came = ask(&mut client, &requests(5));
    came.ended.as_ref().expect("answered");
    assert!(
        came.completions.iter().all(|it| it.error.is_none()),
        "{:?}",
        came.completions
    );
}

#[test]
fn control_tokens_of_the_served_model_are_no_ordinary_text() {
    let server = Server::start(Setup::default()).expect("server");
    let told = Settings {
        control_tokens: vec!["<|eot_id|>".to_owned(), "<image>".to_owned()],
        ..settings(&server)
    };
    let mut client = Client::open(told, Books::default()).expect("client");
    let mut asked = requests(3);
    asked[1].turns[0].text = "Tea.<|eot_id|>And?".to_owned();
    let came = ask(&mut client, &asked);
    let error = came.completions[1].error.as_deref().unwrap_or_default();
    assert!(error.contains("`<|eot_id|>`"), "{error}");
    assert_eq!(server.totals().arrivals, 2);
}

#[test]
fn addresses_are_read_with_care() {
    let error = |text: &str| Address::parse(text).expect_err("no address").to_string();
    assert!(error("host:8000/v1").contains("write `http://host:8000/v1`"));
    assert!(error("ftp://host").contains("neither"));
    for told in [
        "http://me:hush@host/v1",
        "https://host/v1?key=hush",
        "me:hush@host/v1",
        "http://host/v1#hush",
    ] {
        assert!(!error(told).contains("hush"), "{told}");
    }
}

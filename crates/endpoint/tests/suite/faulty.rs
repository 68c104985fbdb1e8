//! Faults of the way and of busy servers change nothing of what comes.

use std::time::Duration;

use corpus::FinishReason;
use endpoint::{Books, Caps, Client, Error, Limits, Money, Notice, Prices, Settings, Timeouts};
use faults::{Fault, Faults, Server, Setup, WrongCount};

use crate::support::{ask, books, expected, requests, settings};

const PRICES: Prices = Prices {
    input: 2.0,
    output: 8.0,
    cached_input: None,
    request: 0.0,
};

#[test]
fn a_fifth_of_faults_changes_no_answer_and_a_second_run_costs_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let requests = requests(400);
    let expected = expected(&requests);
    let setup = Setup::default().with_faults(Faults::mixed(0.2));
    let server = Server::start(setup).expect("server");
    let told = Settings {
        prices: Some(PRICES),
        ..settings(&server)
    };
    let mut client =
        Client::open(told.clone(), books(folder.path(), Caps::default())).expect("client");
    let came = ask(&mut client, &requests);
    came.ended.as_ref().expect("answered");
    assert_eq!(came.texts(), expected);
    let spent = client.spent();
    let billed = server.totals();
    assert!(
        spent.at_most().tokens >= billed.billed(),
        "{spent:?} {billed:?}"
    );
    drop(client);

    // Again with the same books, and none is asked.
    let before = server.totals().arrivals;
    let mut client = Client::open(told, books(folder.path(), Caps::default())).expect("client");
    let again = ask(&mut client, &requests);
    assert_eq!(again.texts(), expected);
    assert_eq!((client.known(), server.totals().arrivals), (400, before));
    assert_eq!(client.spent().paid, spent.paid);
}

#[test]
fn streams_give_the_same() {
    let requests = requests(150);
    let expected = expected(&requests);
    let setup = Setup::default().with_faults(Faults::mixed(0.2));
    let server = Server::start(setup).expect("server");
    let told = Settings {
        stream: true,
        ..settings(&server)
    };
    let mut client = Client::open(told, Books::default()).expect("client");
    let came = ask(&mut client, &requests);
    came.ended.as_ref().expect("answered");
    assert_eq!(came.texts(), expected);
}

#[test]
fn a_cap_is_never_exceeded_and_a_higher_one_goes_on() {
    let folder = tempfile::tempdir().expect("folder");
    let requests = requests(120);
    let setup = Setup::default().with_faults(Faults::mixed(0.2));
    let server = Server::start(setup).expect("server");
    let cap = Money::new(0.01).expect("money");
    let told = |cost| Settings {
        prices: Some(PRICES),
        caps: Caps { cost, tokens: None },
        ..settings(&server)
    };
    let mut client =
        Client::open(told(Some(cap)), books(folder.path(), Caps::default())).expect("client");
    let came = ask(&mut client, &requests);
    let error = came.ended.expect_err("too little").to_string();
    assert!(
        error.contains("`max_cost`") && error.contains("kept"),
        "{error}"
    );
    assert!(!came.completions.is_empty() && came.completions.len() < 120);
    assert!(client.spent().at_most().cost <= cap);
    let totals = server.totals();
    let billed = totals.prompt_tokens as f64 * 2.0 + totals.completion_tokens as f64 * 8.0;
    assert!(billed / 1e6 <= 0.01, "{totals:?}");
    drop(client);
    let mut client =
        Client::open(told(None), books(folder.path(), Caps::default())).expect("client");
    let came = ask(&mut client, &requests);
    came.ended.as_ref().expect("answered");
    assert_eq!(came.texts(), expected(&requests));
}

#[test]
fn a_cap_on_tokens_of_the_run_holds_over_places() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::start(Setup::default()).expect("server");
    let caps = Caps {
        cost: None,
        tokens: Some(4000),
    };
    let books = books(folder.path(), caps);
    for place in ["synthesizer", "filter"] {
        let told = Settings {
            place: place.to_owned(),
            seed: 7,
            model: "model".to_owned(),
            ..settings(&server)
        };
        let mut client = Client::open(told, books.clone()).expect("client");
        let mut requests = requests(200);
        for request in &mut requests {
            request.id = format!("{place} {}", request.id);
            request.turns[0].text.push_str(place);
        }
        let error = ask(&mut client, &requests).ended.expect_err("too little");
        assert!(matches!(error, Error::Spent(_)), "{error}");
        assert!(error.to_string().contains("the run"), "{error}");
    }
    assert!(server.totals().billed() <= 4000);
}

#[test]
fn what_an_answer_ends_with_is_kept_with_its_reason() {
    let faults = Faults::default()
        .and_at(1, Fault::Refusal)
        .and_at(2, Fault::ContentFilter)
        .and_at(3, Fault::Length);
    let server = Server::start(Setup::default().with_faults(faults)).expect("server");
    let mut client = Client::open(
        Settings {
            limits: Limits {
                concurrency: 1,
                ..Limits::default()
            },
            ..settings(&server)
        },
        Books::default(),
    )
    .expect("client");
    let came = ask(&mut client, &requests(4));
    let reasons: Vec<FinishReason> = came.completions.iter().map(|it| it.finish_reason).collect();
    assert_eq!(
        reasons,
        [
            FinishReason::Refusal,
            FinishReason::ContentFilter,
            FinishReason::Length,
            FinishReason::Stop
        ]
    );
    assert!(came.completions[0].error.is_some() && came.completions[3].error.is_none());
}

#[test]
fn counts_that_cannot_be_are_told_once_and_what_was_reserved_counts() {
    for count in [WrongCount::Absurd, WrongCount::Absent, WrongCount::Zero] {
        let folder = tempfile::tempdir().expect("folder");
        let setup = Setup::default().with_faults(Faults::always(Fault::Count(count)));
        let server = Server::start(setup).expect("server");
        let mut client =
            Client::open(settings(&server), books(folder.path(), Caps::default())).expect("client");
        let came = ask(&mut client, &requests(20));
        came.ended.as_ref().expect("answered");
        let told = came.notices.iter();
        let told = told.filter(|it| matches!(it, Notice::WrongCount { .. }));
        assert_eq!(told.count(), 1, "{:?}", came.notices);
        assert!(came.completions.iter().all(|it| it.prompt_tokens == 0));
        let spent = client.spent();
        // 256 + 16 for the template, 32 + 1 written, and the text.
        assert!(
            (20 * 305..20 * 340).contains(&spent.paid.tokens),
            "{spent:?}"
        );
    }
}

#[test]
fn a_request_that_is_refused_is_a_completion_with_the_reason() {
    let faults = Faults::default().and_at(2, Fault::ContextTooLong);
    let server = Server::start(Setup::default().with_faults(faults)).expect("server");
    let mut client = Client::open(settings(&server), Books::default()).expect("client");
    let came = ask(&mut client, &requests(20));
    came.ended.as_ref().expect("answered");
    let failed: Vec<_> = came
        .completions
        .iter()
        .filter_map(|it| it.error.as_deref())
        .collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].starts_with("400: "), "{failed:?}");
}

#[test]
fn a_body_without_end_and_one_that_drips_are_given_up() {
    for fault in [Fault::Endless, Fault::Pause(Duration::from_secs(30))] {
        let faults = Faults::default().and_at(1, fault);
        let server = Server::start(Setup::default().with_faults(faults)).expect("server");
        let told = Settings {
            timeouts: Timeouts {
                between_bytes: Duration::from_millis(300),
                ..settings(&server).timeouts
            },
            ..settings(&server)
        };
        let mut client = Client::open(told, Books::default()).expect("client");
        let asked = requests(3);
        let came = ask(&mut client, &asked);
        came.ended.as_ref().expect("answered");
        assert_eq!(came.texts(), expected(&asked));
    }
}

#[test]
fn one_of_two_endpoints_that_dies_is_left_out_and_told() {
    let good = Server::start(Setup::default()).expect("server");
    let setup = Setup::default().with_faults(Faults::always(Fault::Down(500, None)));
    let bad = Server::start(setup).expect("server");
    let mut told = settings(&bad);
    told.addresses.extend(settings(&good).addresses);
    let mut client = Client::open(told, Books::default()).expect("client");
    let asked = requests(300);
    let came = ask(&mut client, &asked);
    came.ended.as_ref().expect("answered");
    assert_eq!(came.texts(), expected(&asked));
    let down =
        |notice: &&Notice| matches!(notice, Notice::Down { address, .. } if *address == bad.url());
    assert_eq!(
        came.notices.iter().filter(down).count(),
        1,
        "{:?}",
        came.notices
    );
    assert!(bad.totals().arrivals < 60, "{:?}", bad.totals());
}

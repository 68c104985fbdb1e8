//! A key is in no file, notice, answer or error, whatever a server sends back.

use std::fs;
use std::path::Path;

use endpoint::{Books, Caps, Client, Secret, Settings};
use faults::{Fault, Faults, KeyPlace, Server, Setup};

use crate::support::{ask, books, requests, settings};

const KEY: &str = "sk-proj-7Qx9Zt4Lr2Wm8Vb3Nc6Kd1";

/// Whether any file below a folder holds a telling part of the key.
fn files_with_key(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with_key(&path));
        } else if tells(&fs::read(&path).expect("file")) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn tells(bytes: &[u8]) -> bool {
    let key = KEY.as_bytes();
    let parts: Vec<&[u8]> = key.windows(12).collect();
    bytes.windows(12).any(|part| parts.contains(&part))
}

#[test]
fn it_is_nowhere_after_two_thousand_requests_of_bad_luck() {
    let folder = tempfile::tempdir().expect("folder");
    let places = [
        KeyPlace::Text,
        KeyPlace::Error,
        KeyPlace::Header,
        KeyPlace::Redirect,
    ];
    let faults: Vec<Fault> = places.map(Fault::EchoKey).into();
    let setup = Setup {
        key: Some(KEY.to_owned()),
        ..Setup::default().with_faults(Faults::of(&faults, 0.6))
    };
    let server = Server::start(setup).expect("server");
    let told = Settings {
        key: Secret::new(KEY),
        ..settings(&server)
    };
    let debug = format!("{told:?}");
    assert!(!tells(debug.as_bytes()));
    let mut client = Client::open(told, books(folder.path(), Caps::default())).expect("client");
    let came = ask(&mut client, &requests(2000));
    came.ended.as_ref().expect("answered");
    let echoed = came.completions.iter().filter(|it| it.text.contains("***"));
    assert!(echoed.count() > 100, "the server sent it back");
    let file = folder.path().join("completions.jsonl");
    corpus::jsonl::write(&file, &came.completions).expect("written");
    let notices = format!("{:?}", came.notices);
    assert!(!tells(notices.as_bytes()));
    drop(client);
    assert_eq!(files_with_key(folder.path()), Vec::<String>::new());
    assert!(server.strays().is_empty());
}

#[test]
fn errors_do_not_tell_it() {
    for place in [KeyPlace::Error, KeyPlace::Redirect] {
        let setup = Setup {
            key: Some(KEY.to_owned()),
            ..Setup::default().with_faults(Faults::always(Fault::EchoKey(place)))
        };
        let server = Server::start(setup).expect("server");
        let mut told = settings(&server);
        told.key = Secret::new(KEY);
        told.limits.attempts = 2;
        let mut client = Client::open(told, Books::default()).expect("client");
        let error = ask(&mut client, &requests(2)).ended.expect_err("no answer");
        let text = format!("{error} {error:?}");
        assert!(!tells(text.as_bytes()), "{error}");
    }
}

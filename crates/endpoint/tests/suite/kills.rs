//! A run that is killed three times ends with what the clean one gives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use corpus::jsonl;
use endpoint::{Address, Caps, Client, Limits, Settings};
use faults::{Faults, Server, Setup};

use crate::support::{ask, books, expected, requests};

/// What the child finds its work in.
const WORK: &str = "ADAMLLM_TEST_KILLED";
const REQUESTS: usize = 2000;
const AT_ONCE: usize = 32;

/// The process that is killed: this very test with its work in the environment.
#[test]
fn child() {
    let Ok(work) = std::env::var(WORK) else {
        return;
    };
    let (url, folder) = work.split_once(' ').expect("address and folder");
    let folder = PathBuf::from(folder);
    let told = Settings {
        limits: Limits {
            concurrency: AT_ONCE,
            ..Limits::default()
        },
        caps: cap(),
        ..Settings::new(vec![Address::parse(url).expect("address")], "model")
    };
    let mut client = Client::open(told, books(&folder, Caps::default())).expect("client");
    let came = ask(&mut client, &requests(REQUESTS));
    came.ended.as_ref().expect("answered");
    jsonl::write(&folder.join("completions.jsonl"), &came.completions).expect("written");
}

/// Enough for all requests, with what faults may waste.
fn cap() -> Caps {
    Caps {
        cost: None,
        tokens: Some(500_000),
    }
}

fn start(server: &Server, folder: &Path) -> std::process::Child {
    let program = std::env::current_exe().expect("this test");
    Command::new(program)
        .args(["kills::child", "--exact"])
        .env(WORK, format!("{} {}", server.url(), folder.display()))
        .stdout(Stdio::null())
        .spawn()
        .expect("child")
}

#[test]
fn the_same_comes_and_no_more_is_paid_twice_than_was_on_its_way() {
    let folder = tempfile::tempdir().expect("folder");
    let setup = Setup {
        latency: Duration::from_millis(10),
        jitter: Duration::from_millis(8),
        ..Setup::default().with_faults(Faults::mixed(0.2))
    };
    let server = Server::start(setup).expect("server");
    let deadline = Instant::now() + Duration::from_mins(3);
    for arrivals in [500, 1100, 1700] {
        let mut child = start(&server, folder.path());
        while server.totals().arrivals < arrivals {
            assert!(Instant::now() < deadline, "{:?}", server.totals());
            assert!(child.try_wait().expect("child").is_none(), "it ended early");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
    }
    let done = start(&server, folder.path()).wait().expect("child");
    assert!(done.success());

    let came: Vec<corpus::Completion> =
        jsonl::read(&folder.path().join("completions.jsonl")).expect("completions");
    let texts: Vec<&str> = came.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, expected(&requests(REQUESTS)));

    // Sound answers to the same beyond the first of each.
    let mut sound: BTreeMap<String, usize> = BTreeMap::new();
    for arrival in server.arrivals().iter().filter(|arrival| arrival.sound) {
        *sound.entry(arrival.digest.clone()).or_default() += 1;
    }
    let twice: usize = sound.values().map(|count| count - 1).sum();
    assert!(twice <= 3 * AT_ONCE, "{twice} paid twice");
    let cap = cap().tokens.expect("a cap");
    let spent = books(folder.path(), Caps::default());
    let spent = spent.ledger.expect("ledger").spent("endpoint");
    assert!(spent.at_most().tokens <= cap, "{spent:?}");
    assert!(
        server.totals().billed() <= spent.at_most().tokens,
        "{spent:?} {:?}",
        server.totals()
    );
}

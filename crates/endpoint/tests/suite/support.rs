//! Requests, clients and books for tests.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use corpus::{Completion, Decoding, Request, Turn};
use endpoint::{
    Address, Books, Cache, Caps, Client, Error, Ledger, Limits, Notice, Settings, Timeouts, Watch,
};
use faults::Server;

/// Requests about so many different things.
pub fn requests(count: usize) -> Vec<Request> {
    let one = |at: usize| Request {
        decoding: Decoding {
            max_new_tokens: 32,
            ..Decoding::default()
        },
        ..Request::question(
            format!("r{at}"),
            Vec::new(),
            &format!("What is thing {at}?"),
        )
    };
    (0..count).map(one).collect()
}

/// A raw prompt.
pub fn raw(id: &str, prompt: &str) -> Request {
    Request {
        turns: Vec::<Turn>::new(),
        prompt: Some(prompt.to_owned()),
        ..Request::question(id, Vec::new(), "")
    }
}

/// Settings for a server, which wait for no more than a test can.
pub fn settings(server: &Server) -> Settings {
    let address = Address::parse(&server.url()).expect("address");
    Settings {
        timeouts: Timeouts {
            connect: Duration::from_secs(2),
            first_byte: Duration::from_secs(3),
            between_bytes: Duration::from_secs(2),
        },
        limits: Limits {
            concurrency: 64,
            patience: Duration::from_mins(1),
            ..Limits::default()
        },
        ..Settings::new(vec![address], "model")
    }
}

/// Books in a folder, with caps of a run.
pub fn books(folder: &Path, caps: Caps) -> Books {
    let cache = Cache::open(&folder.join("answers"), None).expect("cache");
    let cache = Arc::new(cache);
    let ledger = Ledger::open(&folder.join("ledger.jsonl"), caps, Some(Arc::clone(&cache)));
    Books {
        ledger: Some(Arc::new(ledger.expect("ledger"))),
        cache: Some(cache),
    }
}

/// What came, in the order of the requests, and what was told.
pub struct Came {
    pub completions: Vec<Completion>,
    pub notices: Vec<Notice>,
    pub ended: Result<(), Error>,
}

impl Came {
    pub fn texts(&self) -> Vec<&str> {
        self.completions.iter().map(|it| it.text.as_str()).collect()
    }
}

/// Asks until all is answered or something ends it.
pub fn ask(client: &mut Client, requests: &[Request]) -> Came {
    let (mut completions, mut notices) = (Vec::new(), Vec::new());
    let mut watch = Watch {
        stop: &|| false,
        notice: &mut |notice| notices.push(notice),
    };
    let ended = client.generate(&mut requests.iter().cloned(), &mut watch, &mut |one| {
        completions.push(one);
        Ok(())
    });
    let place = |id: &str| requests.iter().position(|request| request.id == id);
    completions.sort_by_key(|one: &Completion| place(&one.id));
    Came {
        completions,
        notices,
        ended,
    }
}

/// What a server answers that never fails.
pub fn expected(requests: &[Request]) -> Vec<String> {
    let server = Server::start(faults::Setup::default()).expect("server");
    let mut client = Client::open(settings(&server), Books::default()).expect("client");
    let came = ask(&mut client, requests);
    came.ended.as_ref().expect("answered");
    came.texts().into_iter().map(str::to_owned).collect()
}

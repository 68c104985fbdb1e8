//! A server as a whole: limits, faults in a mix, its log, its end.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use faults::{Answer, Arrival, Fault, Faults, Server, Setup, Wording};
use serde_json::json;

use crate::raw::{ask, connect, post, read, wait_until};

#[test]
fn more_than_the_limit_at_once_are_too_many() {
    let server = Server::start(Setup {
        latency: Duration::from_millis(400),
        at_once: Some(2),
        ..Setup::default()
    })
    .unwrap();
    let mut streams: Vec<TcpStream> = (0..5).map(|_| connect(server.address())).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        let body = json!({"model": "model", "prompt": number.to_string()});
        stream
            .write_all(&post("/v1/completions", None, &body))
            .unwrap();
    }
    let mut statuses: Vec<u16> = streams
        .iter_mut()
        .map(|stream| read(stream).status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 429, 429, 429]);
    let totals = server.totals();
    assert_eq!((totals.most_at_once, totals.too_many), (2, 3));
    // There is room again.
    assert_eq!(ask(server.address(), "later", &json!({})).status, 200);
}

#[test]
fn whoever_leaves_is_billed_and_makes_room() {
    let minute = Duration::from_mins(1);
    for fault in [Fault::Late(minute), Fault::Pause(minute)] {
        let server = Server::start(Setup {
            at_once: Some(1),
            ..Setup::default()
                .answering(|_| Answer::text("yes"))
                .with_faults(Faults::default().and_at(1, fault))
        })
        .unwrap();
        let mut stream = connect(server.address());
        let body = json!({"model": "model", "prompt": "hello"});
        stream
            .write_all(&post("/v1/completions", None, &body))
            .unwrap();
        wait_until(|| !server.arrivals().is_empty() && server.arrivals()[0].received > 0);
        assert_eq!(ask(server.address(), "x", &json!({})).status, 429);
        drop(stream);
        wait_until(|| server.arrivals()[0].gone > 0.0);
        let first = &server.arrivals()[0];
        // Five bytes were read and three written.
        assert_eq!((first.billed(), first.sound), (3, false));
        assert_eq!(ask(server.address(), "x", &json!({})).status, 200);
    }
}

#[test]
fn a_patient_client_gets_over_the_mix_and_gets_the_same() {
    let quick: Vec<Fault> = Fault::PASSING
        .into_iter()
        .chain(Fault::COUNTS)
        .filter(|fault| !matches!(fault, Fault::Late(_) | Fault::Pause(_) | Fault::Drip(_)))
        .collect();
    let run = |faults: Faults| {
        let setup = Setup {
            seed: 4,
            ..Setup::default()
        }
        .with_faults(faults);
        let server = Server::start(setup).unwrap();
        let texts: Vec<String> = (0..100)
            .map(|number| {
                let answer = (0..20).find_map(|_| {
                    let outcome = ask(server.address(), &number.to_string(), &json!({}));
                    let is_json = outcome.header("content-type") == Some("application/json");
                    let is_sound = outcome.status == 200 && outcome.is_whole && is_json;
                    let answer = is_sound.then(|| serde_json::from_slice(&outcome.body).ok());
                    let answer: serde_json::Value = answer.flatten()?;
                    let text = answer["choices"][0]["message"]["content"].as_str()?;
                    Some(text.to_owned())
                });
                answer.unwrap()
            })
            .collect();
        (texts, server.totals(), server.arrivals())
    };
    let (clean, totals, _) = run(Faults::default());
    assert_eq!(
        (totals.arrivals, totals.sound, totals.distinct),
        (100, 100, 100)
    );
    let (faulty, totals, arrivals) = run(Faults::of(&quick, 0.3));
    assert_eq!(clean, faulty);
    assert_eq!((totals.sound, totals.distinct_sound), (100, 100));
    assert!(totals.arrivals > 110, "{totals:?}");
    // The same faults at the same arrivals, since nothing came at once.
    let names = |arrivals: &[Arrival]| -> Vec<Option<String>> {
        arrivals
            .iter()
            .map(|arrival| arrival.fault.clone())
            .collect()
    };
    let (_, _, again) = run(Faults::of(&quick, 0.3));
    assert_eq!(names(&arrivals), names(&again));
    let billed: u64 = arrivals.iter().map(Arrival::billed).sum();
    assert_eq!(billed, totals.billed());
}

#[test]
fn faults_change_while_it_runs_and_answers_can_have_their_own() {
    let server = Server::answering(|request| match &*request.text() {
        "bad" => Answer::failing(Fault::ContextTooLong),
        "odd" => Answer::failing(Fault::NoChoices),
        "no" => Answer::refusing("No."),
        _ => Answer {
            cached_tokens: 1,
            ..Answer::text("yes")
        },
    })
    .unwrap();
    let status = |words: &str| ask(server.address(), words, &json!({})).status;
    assert_eq!(
        (status("good"), status("bad"), status("bad")),
        (200, 400, 400)
    );
    server.set_faults(Faults::always(Fault::Down(503, None)));
    assert_eq!((status("good"), status("bad")), (503, 503));
    server.set_faults(Faults::default());
    let good = ask(server.address(), "good", &json!({})).json();
    assert_eq!(good["usage"]["prompt_tokens_details"]["cached_tokens"], 1);
    assert_eq!(
        ask(server.address(), "odd", &json!({})).json()["choices"],
        json!([])
    );
    let refused = ask(server.address(), "no", &json!({})).json();
    assert_eq!(refused["choices"][0]["message"]["refusal"], "No.");
    let sound: Vec<bool> = server
        .arrivals()
        .iter()
        .map(|arrival| arrival.sound)
        .collect();
    assert_eq!(sound, [true, false, false, false, false, true, false, true]);
}

#[test]
fn the_list_of_models_has_faults_of_its_own() {
    let server = Server::start(Setup {
        models_fault: Some(Fault::Down(500, None)),
        ..Setup::default()
    })
    .unwrap();
    let list = b"GET /v1/models HTTP/1.1\r\n\r\n";
    assert_eq!(crate::raw::sent(server.address(), list).status, 500);
    assert_eq!(ask(server.address(), "x", &json!({})).status, 200);
    let numbers: Vec<u64> = server
        .arrivals()
        .iter()
        .map(|arrival| arrival.number)
        .collect();
    assert_eq!((numbers, server.totals().arrivals), (vec![0, 1], 1));
}

#[test]
fn errors_are_worded_as_vllm_does() {
    let server = Server::start(Setup {
        wording: Wording::Vllm,
        key: Some("sk-0123456789".to_owned()),
        context: Some(10),
        ..Setup::default()
    })
    .unwrap();
    let list = b"GET /v1/models HTTP/1.1\r\n\r\n";
    let refused = crate::raw::sent(server.address(), list);
    assert_eq!(
        (refused.status, refused.json()),
        (401, json!({"error": "Unauthorized"}))
    );
    let long = ask(server.address(), "hello", &json!({"max_tokens": 9}));
    let error = long.json()["error"].clone();
    assert_eq!(
        (&error["code"], &error["type"]),
        (&json!(400), &json!("BadRequestError"))
    );
}

#[test]
fn the_log_is_also_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let server = Server::start(Setup {
        log: Some(log.clone()),
        ..Setup::default()
    })
    .unwrap();
    ask(server.address(), "one", &json!({}));
    ask(server.address(), "two", &json!({}));
    wait_until(|| server.arrivals().iter().all(|arrival| arrival.gone > 0.0));
    let lines = || std::fs::read_to_string(&log).unwrap();
    wait_until(|| lines().lines().count() == 2);
    for (line, arrival) in lines().lines().zip(server.arrivals()) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line, serde_json::to_value(&arrival).unwrap());
        assert_eq!(
            (&line["key"], &line["sound"]),
            (&json!("right"), &json!(true))
        );
    }
    // No key is written down.
    assert!(!lines().contains("sk-"));
    let nowhere = Setup {
        log: Some(folder.path().join("no/log")),
        ..Setup::default()
    };
    let error = Server::start(nowhere).err().unwrap().to_string();
    assert!(error.starts_with("cannot write the log"), "{error}");
}

#[test]
fn a_server_that_dies_ends_all_connections_and_can_come_back() {
    let setup = |port, latency| Setup {
        port,
        latency,
        ..Setup::default()
    };
    let server = Server::start(setup(0, Duration::from_mins(1))).unwrap();
    let address = server.address();
    let mut stream = connect(address);
    let body = json!({"model": "model", "prompt": "x"});
    stream
        .write_all(&post("/v1/completions", None, &body))
        .unwrap();
    wait_until(|| server.totals().arrivals == 1);
    let error = Server::start(setup(address.port(), Duration::ZERO))
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("cannot listen on port"),
        "{error}"
    );
    drop(server);
    assert_eq!(read(&mut stream).status, 0);
    assert!(TcpStream::connect(address).is_err());
    let server = Server::start(setup(address.port(), Duration::ZERO)).unwrap();
    assert_eq!(server.address(), address);
    assert_eq!(ask(address, "x", &json!({})).status, 200);
}

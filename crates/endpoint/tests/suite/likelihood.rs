//! Log-probabilities of given answers.

use corpus::Request;
use endpoint::{Books, Client, Error, Scored, Watch};
use faults::{Fault, Faults, Server, Setup};

use crate::support::{raw, settings};

fn likelihoods(
    server: &Server,
    asked: &[Scored],
) -> Result<Vec<Vec<Option<endpoint::Likelihood>>>, Error> {
    let mut client = Client::open(settings(server), Books::default()).expect("client");
    let mut watch = Watch {
        stop: &|| false,
        notice: &mut |_| {},
    };
    client.likelihoods(asked, &mut watch)
}

fn scored(request: Request, answers: &[&str]) -> Scored {
    Scored {
        request,
        answers: answers.iter().map(|&answer| answer.to_owned()).collect(),
        prompt_tokens: None,
    }
}

/// A piece of text is as likely as it is short.
fn likely(_: &str, piece: &str) -> f64 {
    -(piece.len() as f64)
}

#[test]
fn of_raw_prompts_they_are_those_of_the_answers_tokens() {
    let server = Server::start(Setup::default().scoring(likely)).expect("server");
    let asked: Vec<Scored> = (0..30)
        .map(|at| {
            scored(
                raw(&at.to_string(), &format!("Is {at} it?")),
                &[" yes", " never"],
            )
        })
        .collect();
    let found = likelihoods(&server, &asked).expect("found");
    for one in found {
        let sums: Vec<f64> = one
            .iter()
            .map(|it| it.expect("known").log_probability)
            .collect();
        assert_eq!(sums, [-4.0, -6.0]);
    }
}

#[test]
fn of_turns_they_are_those_of_the_last_turn() {
    let server = Server::start(Setup::default().scoring(likely)).expect("server");
    let asked = [scored(
        Request::question("1", Vec::new(), "Tea?"),
        &["yes", "no"],
    )];
    let found = likelihoods(&server, &asked).expect("found");
    let [yes, no] = [found[0][0], found[0][1]].map(|it| it.expect("known").log_probability);
    // Both have the same end of turn.
    assert!((no - yes - 1.0).abs() < 1e-9, "{found:?}");
}

#[test]
fn an_endpoint_that_gives_none_is_told_once() {
    let setup = Setup::default().with_faults(Faults::always(Fault::NoLogprobs));
    let server = Server::start(setup).expect("server");
    let asked: Vec<Scored> = (0..30)
        .map(|at| scored(raw(&at.to_string(), &format!("Is {at} it?")), &[" yes"]))
        .collect();
    let error = likelihoods(&server, &asked).expect_err("none");
    assert!(matches!(error, Error::NoLikelihoods { .. }), "{error}");
    assert!(server.totals().arrivals < 64, "{:?}", server.totals());
}

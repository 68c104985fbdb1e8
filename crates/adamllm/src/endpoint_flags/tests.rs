use clap::Parser as _;

use crate::cli::{Cli, Command};

use super::*;

fn parse(arguments: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("adamllm").chain(arguments.split_whitespace()))
}

fn flags(arguments: &str) -> EndpointFlags {
    match parse(arguments).expect("sound").command {
        Command::Generate(generate) => generate.endpoint,
        Command::Evaluate(evaluate) => evaluate.benchmarks.endpoint,
        _ => panic!("{arguments}"),
    }
}

const ASK: &str = "generate --prompt hello --endpoint http://one:8000/v1 --endpoint-model tuned";

#[test]
fn a_model_folder_or_an_endpoint_answers() {
    for sound in [
        "generate --prompt hello --model DIR",
        ASK,
        "generate --prompt hello --endpoint-model tuned",
        "evaluate --model DIR --output OUT --tasks slake",
        "evaluate --endpoint-model m --endpoint http://one --output OUT --tasks slake --limit 3 --blind",
        "evaluate recipe.toml --run-dir RUN",
        "evaluate --list",
    ] {
        let parsed = parse(sound);
        assert!(parsed.is_ok(), "{sound}: {:?}", parsed.err());
    }
    for (wrong, part) in [
        ("generate --prompt hello", "--model"),
        (
            "generate --prompt hello --model DIR --endpoint-model m",
            "cannot be used with",
        ),
        (
            "generate --prompt hello --model DIR --endpoint http://one",
            "--endpoint",
        ),
        (
            "generate --prompt hello --endpoint http://one",
            "--endpoint-model",
        ),
        (
            "generate --prompt hello --model DIR --send-images",
            "--endpoint-model",
        ),
        ("evaluate --endpoint-model m --tasks slake", "--output"),
        ("evaluate --endpoint-model m --list", "cannot be used with"),
        (
            "evaluate recipe.toml --run-dir RUN --endpoint-model m --output OUT",
            "cannot be used with",
        ),
        (
            "evaluate recipe.toml --run-dir RUN --tasks slake",
            "--model",
        ),
        ("evaluate --output OUT --tasks slake", "--model"),
        (
            "evaluate --endpoint-model m --output OUT --min-pixels 9",
            "--model",
        ),
        (
            "generate --prompt hello --endpoint-model m --max-cost 3",
            "--input-price",
        ),
        (
            "generate --prompt hello --endpoint-model m --input-price 3",
            "--output-price",
        ),
        (
            "generate --prompt hello --endpoint-model m --max-picture-side 30",
            "--send-images",
        ),
    ] {
        let error = parse(wrong).expect_err(wrong).to_string();
        assert!(error.contains(part), "{wrong}: {error}");
    }
}

#[test]
fn flags_become_a_place() {
    let asked = flags(&format!(
        "{ASK} --endpoint https://two/v1 --endpoint-key MY_KEY --send-images --max-picture-side 512 --input-price 2.5 \
         --output-price 10 --max-cost 3 --max-tokens 7"
    ))
    .asked()
    .expect("sound");
    let place = EndpointPlace {
        addresses: ["http://one:8000/v1", "https://two/v1"]
            .map(str::to_owned)
            .to_vec(),
        model: "tuned".to_owned(),
        key_variable: Some("MY_KEY".to_owned()),
        send_images: true,
        max_cost: Some(3.0),
        max_tokens: Some(7),
        prices: Some(EndpointPrices {
            input: 2.5,
            output: 10.0,
            cached_input: None,
            request: 0.0,
        }),
    };
    let max_picture_side = Some(512);
    assert_eq!(
        asked,
        Some(AskedEndpoint {
            place,
            max_picture_side
        })
    );
    assert_eq!(
        flags("generate --prompt hello --model DIR")
            .asked()
            .expect("sound"),
        None
    );
}

#[test]
fn what_is_wrong_with_a_flag_repeats_no_key() {
    let key = "sk-Zm9vYmFyYmF6";
    for (more, part) in [
        (
            format!("--endpoint-key {key}"),
            "`--endpoint-key` is no name of an environment variable",
        ),
        (
            format!("--endpoint http://me:{key}@two"),
            "`--endpoint` cannot be used",
        ),
        (
            format!("--endpoint http://two/v1?key={key}"),
            "`--endpoint` cannot be used",
        ),
        ("--endpoint two:8000".to_owned(), "has no scheme"),
        (
            "--input-price=-1 --output-price 2".to_owned(),
            "`--input-price` is -1",
        ),
        (
            "--input-price 1 --output-price inf".to_owned(),
            "`--output-price` is inf",
        ),
        ("--max-tokens 0".to_owned(), "`--max-tokens` is 0"),
        (
            "--send-images --max-picture-side 0".to_owned(),
            "`--max-picture-side` is 0",
        ),
    ] {
        let error = flags(&format!("{ASK} {more}")).asked().expect_err(&more);
        let told = format!("{error:#}");
        assert!(
            told.contains(part) && !told.contains("Zm9v"),
            "{more}: {told}"
        );
    }
}

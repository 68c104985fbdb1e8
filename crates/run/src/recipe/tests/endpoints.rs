//! Models at endpoints, as a recipe names them.

use std::path::Path;
use std::time::Duration;

use super::super::*;
use super::surroundings;

/// A recipe of a LLaVA-NeXT with pairs, and with `rest`.
fn read(rest: &str, overrides: &[&str]) -> Result<Recipe, Vec<String>> {
    let folder = tempfile::tempdir().expect("folder");
    for name in ["model", "other"] {
        std::fs::create_dir(folder.path().join(name)).expect("folder");
        let config = folder.path().join(name).join("config.json");
        std::fs::write(config, r#"{"model_type": "llava_next"}"#).expect("file");
    }
    for name in ["pairs.jsonl", "seeds.jsonl", "ca.pem"] {
        std::fs::write(folder.path().join(name), "").expect("file");
    }
    let text = format!("model.checkpoint = \"model\"\ndata.pairs = \"pairs.jsonl\"\n{rest}");
    let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
    Recipe::read(&text, &overrides, folder.path(), &surroundings())
}

fn said(rest: &str) -> Vec<String> {
    read(rest, &[]).err().unwrap_or_default()
}

/// A synthesizer at an endpoint that is shown captions.
const CAPTIONS: &str = "synthesizer.endpoint = \"http://one:8000/v1\"\nsynthesizer.endpoint_model = \"tuned\"\n\
                        synthesizer.input = \"caption\"\n";

/// A judge at an endpoint, beside a synthesizer that is tuned here.
const JUDGE: &str = "synthesizer.seed_data = \"seeds.jsonl\"\nfilter.endpoint = \"https://judge/v1\"\n\
                     filter.endpoint_model = \"wise\"\n";

#[test]
fn a_model_may_stand_at_endpoints() {
    let recipe = read(
        &format!(
            "{JUDGE}filter.judge = \"extraction\"\nfilter.endpoint_key = \"JUDGE_KEY\"\nfilter.max_tokens = 7\n\
             filter.max_cost = 1\nfilter.prices = {{ input = 2.5, output = 10, cached_input = 0.25 }}\n\
             endpoints.max_cost = 3.5\nendpoints.patience = 5\nendpoints.cache = \"shared\"\nendpoints.ca_file = \"ca.pem\"\n\
             endpoints.proxy = \"http://proxy:3128\"\n"
        ),
        &[],
    )
    .expect("sound");
    assert_eq!(recipe.synthesizer.endpoint, None);
    let judge = EndpointPlace {
        addresses: vec!["https://judge/v1".to_owned()],
        model: "wise".to_owned(),
        key_variable: Some("JUDGE_KEY".to_owned()),
        send_images: false,
        max_cost: Some(1.0),
        max_tokens: Some(7),
        prices: Some(EndpointPrices {
            input: 2.5,
            output: 10.0,
            cached_input: Some(0.25),
            request: 0.0,
        }),
    };
    assert_eq!(recipe.filter.endpoint, Some(judge));
    let shared = &recipe.endpoints;
    assert_eq!(shared.max_cost, Some(3.5));
    assert_eq!(shared.max_tokens, None);
    assert_eq!(shared.patience, Duration::from_secs(5));
    assert_eq!(shared.connect_timeout, Duration::from_secs(10));
    assert_eq!((shared.concurrency, shared.attempts), (256, 10));
    assert_eq!(shared.proxy.as_deref(), Some("http://proxy:3128"));
    let ends =
        |path: &Option<std::path::PathBuf>, name| path.as_ref().is_some_and(|p| p.ends_with(name));
    assert!(ends(&shared.cache, "shared") && ends(&shared.ca_file, "ca.pem"));
    assert_eq!(shared.picture_format, PictureFormat::Png);
    assert_eq!(
        (shared.max_picture_side, shared.picture_tokens),
        (None, 1600)
    );

    // Several addresses, and pictures that may leave.
    let several = "synthesizer.endpoint = [\"http://a/v1\", \"http://b:1/v1\"]\nsynthesizer.endpoint_model = \"m\"\n\
                   synthesizer.send_images = true\nendpoints.picture_format = \"jpeg\"\nendpoints.max_picture_side = 512\n";
    let recipe = read(several, &[]).expect("sound");
    let place = recipe.synthesizer.endpoint.expect("a place");
    assert_eq!(place.addresses, ["http://a/v1", "http://b:1/v1"]);
    assert!(place.send_images && place.key_variable.is_none() && place.prices.is_none());
    assert_eq!(recipe.endpoints.max_picture_side, Some(512));
    assert_eq!(recipe.endpoints.picture_format, PictureFormat::Jpeg);
    // Nothing is tuned for a synthesizer that is served.
    assert_eq!(recipe.synthesizer.seed_data, None);
}

#[test]
fn what_is_wrong_with_an_endpoint_is_said_in_one_sentence() {
    let tuned = "synthesizer.checkpoint = \"other\"\n";
    for (rest, expected) in [
        (
            format!("{CAPTIONS}{tuned}"),
            "`synthesizer.checkpoint` and `synthesizer.endpoint` are both given",
        ),
        (
            format!("{JUDGE}filter.checkpoint = \"other\"\n"),
            "`filter.checkpoint` and `filter.endpoint` are both given",
        ),
        (
            format!("{tuned}filter.endpoint = \"http://one/v1\"\n"),
            "`filter.endpoint_model` is missing",
        ),
        (
            format!("{CAPTIONS}synthesizer.max_cost = 2\n"),
            "`synthesizer.max_cost` needs `synthesizer.prices`",
        ),
        (
            format!(
                "{CAPTIONS}filter.endpoint = \"http://j/v1\"\nfilter.endpoint_model = \"m\"\nendpoints.max_cost = 2\n\
                 synthesizer.prices = {{ input = 1, output = 1 }}\n"
            ),
            "`endpoints.max_cost` needs `filter.prices`;",
        ),
        (
            CAPTIONS.replace("\"caption\"", "\"both\""),
            "with `synthesizer.input = \"both\"` the pictures and captions of `data.pairs` would leave this machine",
        ),
        (
            CAPTIONS.replace("\"caption\"", "\"image\""),
            "with `synthesizer.input = \"image\"` the pictures of `data.pairs` would leave this machine",
        ),
        (
            format!("{CAPTIONS}filter.prices = {{ input = -1, output = 1 }}\n"),
            "`filter.prices` is `{ input = -1, output = 1 }`, expected a table of `input` and `output`",
        ),
        (
            format!("{CAPTIONS}synthesizer.prices = {{ input = 1 }}\n"),
            "`synthesizer.prices` is `{ input = 1 }`, expected",
        ),
        (
            format!("{CAPTIONS}synthesizer.prices = {{ input = 1, output = 1, outptu = 2 }}\n"),
            "`synthesizer.prices` is `{ ",
        ),
        (
            CAPTIONS.replace("http://one:8000/v1", "one:8000/v1"),
            "`synthesizer.endpoint` is `one:8000/v1`, which has no scheme; write `http://one:8000/v1` or `https://one:8000/v1`",
        ),
        (
            CAPTIONS.replace("http:", "ftp:"),
            "`synthesizer.endpoint` is `ftp://one:8000/v1`, which is neither `http://` nor `https://`",
        ),
        (
            CAPTIONS.replace("8000", "80000"),
            "`synthesizer.endpoint` is `http://one:80000/v1`, which is no address",
        ),
        (
            CAPTIONS.replace("\"http://one:8000/v1\"", "[]"),
            "`synthesizer.endpoint` cannot be used, expected an address in quotes, such as",
        ),
        (
            format!("{CAPTIONS}endpoints.ca_file = \"none.pem\"\n"),
            "`endpoints.ca_file` names `",
        ),
    ] {
        let found = said(&rest);
        assert_eq!(found.len(), 1, "{rest}: {found:?}");
        assert!(found[0].starts_with(expected), "{rest}: {found:?}");
    }
    let mut sound = vec!["http://[::1]:8000/v1", "http://[::1]", "https://host"];
    sound.push("http://127.0.0.1:1/any/path/");
    for address in sound {
        let rest = CAPTIONS.replace("http://one:8000/v1", address);
        assert_eq!(said(&rest), [""; 0], "{address}");
    }
}

/// What is wrong with an address hides nothing of what is wrong beside it.
#[test]
fn all_that_is_wrong_with_an_endpoint_is_said_at_once() {
    let tuned = "synthesizer.checkpoint = \"other\"\n";
    let found = said(&format!(
        "{tuned}synthesizer.endpoint = \"one:8000/v1\"\nsynthesizer.max_cost = 2\nfilter.endpoint = \"two/v1\"\n\
         filter.endpoint_model = \"wise\"\nfilter.prices = {{ input = 1, output = 1 }}\nendpoints.max_cost = 3\n"
    ));
    let expected = [
        "`synthesizer.endpoint` is `one:8000/v1`, which has no scheme",
        "`filter.endpoint` is `two/v1`, which has no scheme",
        "`synthesizer.checkpoint` and `synthesizer.endpoint` are both given",
        "`synthesizer.endpoint_model` is missing",
        "`synthesizer.max_cost` needs `synthesizer.prices`",
        "`endpoints.max_cost` needs `synthesizer.prices`;",
        "with `synthesizer.input = \"both\"` the pictures and captions",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (sentence, start) in found.iter().zip(expected) {
        assert!(sentence.starts_with(start), "{found:#?}");
    }
}

/// A key of an endpoint that somebody wrote into a recipe.
const KEY: &str = "sk-Zm9vYmFyYmF6cXV4";

#[test]
fn a_key_in_a_recipe_is_never_repeated() {
    let quoted = format!("\"{KEY}\"");
    for (rest, about) in [
        (
            format!("{CAPTIONS}synthesizer.endpoint_key = {quoted}\n"),
            "`synthesizer.endpoint_key` is no name",
        ),
        (
            format!("{CAPTIONS}synthesizer.endpoint_key = [{quoted}]\n"),
            "`synthesizer.endpoint_key` is no name",
        ),
        // No TOML at all.
        (
            format!("{CAPTIONS}synthesizer.endpoint_key = {KEY}\n"),
            "line 6: ",
        ),
        (
            format!("{CAPTIONS}endpoints.proxy = \"http://me:{KEY}@proxy\"\n"),
            "`endpoints.proxy` holds more than",
        ),
        (
            CAPTIONS.replace("http://one", &format!("http://me:{KEY}@one")),
            "`synthesizer.endpoint` holds more than",
        ),
        (
            CAPTIONS.replace("/v1", &format!("/v1?key={KEY}")),
            "`synthesizer.endpoint` holds more than",
        ),
        (
            CAPTIONS.replace("http://one", &format!("{KEY}@one")),
            "`synthesizer.endpoint` holds more than",
        ),
        (
            CAPTIONS.replace("\"http://one:8000/v1\"", &format!("{{ key = {quoted} }}")),
            "`synthesizer.endpoint` cannot be used",
        ),
    ] {
        let found = said(&rest);
        assert!(found.iter().any(|e| e.contains(about)), "{rest}: {found:?}");
        assert!(!found.join("\n").contains("Zm9v"), "{rest}: {found:?}");
    }
    for (name, is_name) in [
        ("OPENAI_API_KEY", true),
        ("_KEY2", true),
        ("KEY", true),
        ("openai_api_key", false),
        ("2KEY", false),
        ("AKIAZZZZZZZZEXAMPLE0", false),
        ("", false),
    ] {
        let rest = format!("{CAPTIONS}synthesizer.endpoint_key = \"{name}\"\n");
        assert_eq!(said(&rest).is_empty(), is_name, "{name}");
    }
}

#[test]
fn keys_of_endpoints_are_read_where_a_model_is_at_one() {
    let tuned = "synthesizer.checkpoint = \"other\"\n";
    for (rest, expected) in [
        (
            format!("{tuned}filter.prices = {{ input = 1, output = 1 }}\nfilter.max_tokens = 5\n"),
            "nothing reads `filter.max_tokens` or `filter.prices`: it is for a model at `filter.endpoint`",
        ),
        (
            format!("{tuned}synthesizer.endpoint_model = \"m\"\nsynthesizer.send_images = true\n"),
            "nothing reads `synthesizer.endpoint_model` or `synthesizer.send_images`: ",
        ),
        (
            format!("{tuned}endpoints.concurrency = 4\n"),
            "nothing reads `endpoints.concurrency`: it is for models at endpoints",
        ),
        (
            format!("{JUDGE}endpoints.picture_format = \"jpeg\"\n"),
            "nothing reads `endpoints.picture_format`: it is for pictures that are sent",
        ),
        (
            format!("{CAPTIONS}synthesizer.send_images = true\n"),
            "nothing reads `synthesizer.send_images`: it is for pictures, and `synthesizer.input` shows the synthesizer none",
        ),
        (
            format!(
                "{CAPTIONS}synthesizer.seed_data = \"seeds.jsonl\"\nsynthesizer.train.epochs = 2\n"
            ),
            "nothing reads `synthesizer.seed_data` or `synthesizer.train.epochs`: it is for a synthesizer that is tuned",
        ),
        (
            format!("{JUDGE}filter.enabled = false\n"),
            "nothing reads `filter.endpoint` or `filter.endpoint_model`: it is for the filter, and `filter.enabled` is off",
        ),
    ] {
        let found = said(&rest);
        assert!(
            !found.is_empty() && found[0].starts_with(expected),
            "{rest}: {found:?}"
        );
    }
    // Turned off for once, what the file says of it is passed over.
    let with_judge = format!("{JUDGE}filter.max_tokens = 9\nendpoints.attempts = 2\n");
    let off = read(&with_judge, &["filter.enabled=false"]).expect("sound");
    assert_eq!(off.endpoint_places().count(), 0);
    assert_eq!(
        read(&format!("{CAPTIONS}endpoints.attempts = 2\n"), &[]).err(),
        None
    );
}

/// Where, how fast and for how much an answer comes changes nothing of it.
#[test]
fn an_identity_reads_what_changes_an_answer() {
    let rest = format!(
        "{CAPTIONS}synthesizer.prices = {{ input = 1, output = 2 }}\nsynthesizer.max_tokens = 9\n\
         synthesizer.endpoint_key = \"A_KEY\"\nfilter.endpoint = \"http://j/v1\"\nfilter.endpoint_model = \"judge\"\n\
         filter.max_cost = 1\nfilter.prices = {{ input = 1, output = 2 }}\n"
    );
    let recipe = read(&rest, &[]).expect("sound");
    let read: Vec<String> = recipe
        .values(&["synthesizer", "filter", "endpoints"])
        .into_keys()
        .collect();
    let among: Vec<&str> = read
        .iter()
        .map(String::as_str)
        .filter(|key| !key.starts_with("synthesizer.train."))
        .collect();
    assert_eq!(
        among,
        [
            "endpoints.max_picture_side",
            "endpoints.picture_format",
            "filter.enabled",
            "filter.endpoint_model",
            "filter.judge",
            "synthesizer.blank_images",
            "synthesizer.corrupt",
            "synthesizer.endpoint_model",
            "synthesizer.input",
            "synthesizer.max_new_tokens",
            "synthesizer.min_p",
            "synthesizer.repetition_penalty",
            "synthesizer.same_question",
            "synthesizer.temperature",
            "synthesizer.top_p",
            "synthesizer.tuned",
        ]
    );
    assert!(is_of_transport("endpoints.cache") && !is_of_transport("filter.judge"));
}

/// By hand: 2 requests at 0.01, 1.5 M tokens at 3, 0.2 M at 15.
#[test]
fn prices_are_of_a_million_tokens() {
    let prices = EndpointPrices {
        input: 3.0,
        output: 15.0,
        cached_input: None,
        request: 0.01,
    };
    let cost = prices.cost(2, 1_500_000, 200_000);
    assert!((cost - 7.52).abs() < 1e-12, "{cost}");
}

/// Two recipes at other addresses and with other caps are told apart by nothing that a stage reads.
#[test]
fn the_shipped_recipes_name_no_endpoint() {
    let recipe = Recipe::read(
        "model.checkpoint = \"demo\"\ndata.pairs = \"Cargo.toml\"\n",
        &[],
        Path::new(env!("CARGO_MANIFEST_DIR")),
        &surroundings(),
    )
    .expect("sound");
    assert_eq!(recipe.endpoint_places().count(), 0);
}

//! Who makes the data, as a recipe says it.

use synthesis::Maker;

use super::super::*;
use super::surroundings;

/// A recipe of a LLaVA-NeXT with pairs, with `rest` and overrides.
fn read(rest: &str, overrides: &[&str]) -> Result<Recipe, Vec<String>> {
    let folder = tempfile::tempdir().expect("folder");
    for name in ["model", "other"] {
        std::fs::create_dir(folder.path().join(name)).expect("folder");
        let config = folder.path().join(name).join("config.json");
        std::fs::write(config, r#"{"model_type": "llava_next"}"#).expect("file");
    }
    for name in ["pairs.jsonl", "seeds.jsonl", "words.toml"] {
        std::fs::write(folder.path().join(name), "").expect("file");
    }
    let text = format!("model.checkpoint = \"model\"\ndata.pairs = \"pairs.jsonl\"\n{rest}");
    let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
    Recipe::read(&text, &overrides, folder.path(), &surroundings())
}

fn said(rest: &str) -> Vec<String> {
    read(rest, &[]).err().unwrap_or_default()
}

fn maker(word: &str) -> String {
    format!("data.maker = \"{word}\"\n")
}

/// A model at an endpoint.
const THERE: &str = "maker.endpoint = \"http://one/v1\"\nmaker.endpoint_model = \"gpt\"\n";

#[test]
fn a_maker_needs_no_synthesizer() {
    let read = |rest: &str| read(rest, &[]).expect("sound").making;
    assert_eq!(
        read("synthesizer.seed_data = \"seeds.jsonl\"").maker,
        Maker::Synthesizer
    );
    for word in ["rules", "general"] {
        assert_eq!(read(&maker(word)).maker.as_str(), word);
    }
    let local = read(&format!(
        "{}maker.checkpoint = \"other\"\n",
        maker("one-shot")
    ));
    assert!(
        local
            .checkpoint
            .is_some_and(|folder| folder.ends_with("other"))
    );
    assert_eq!(
        (local.temperature, local.top_p, local.max_new_tokens),
        (0.7, 1.0, 1024)
    );
    assert_eq!((local.rounds, local.mentions.as_str()), (3, "mentions"));
    let there = read(&format!(
        "{}{THERE}maker.send_images = true\n",
        maker("with-picture")
    ));
    assert!(
        there
            .endpoint
            .is_some_and(|place| place.model == "gpt" && place.send_images)
    );
    // The likeliest answer is the same in every round.
    let greedy = read(&format!(
        "{}{THERE}maker.temperature = 0\n",
        maker("text-only")
    ));
    assert_eq!(greedy.rounds, 0);
}

#[test]
fn endpoints_are_those_of_the_maker() {
    let places = |rest: &str| {
        let recipe = read(rest, &[]).expect("sound");
        let sections = recipe.endpoint_places().map(|(section, _)| section);
        sections.collect::<Vec<_>>()
    };
    assert_eq!(places(&format!("{}{THERE}", maker("text-only"))), ["maker"]);
    let judge = "filter.endpoint = \"http://judge/v1\"\nfilter.endpoint_model = \"wise\"\nfilter.judge = \"extraction\"\n";
    assert_eq!(places(&format!("{}{judge}", maker("general"))), ["filter"]);
}

#[test]
fn what_a_maker_lacks_is_said_in_one_sentence() {
    for (rest, expected) in [
        (
            maker("rule"),
            "is `\"rule\"`, expected one of synthesizer, rules, text-only, with-picture, one-shot, general",
        ),
        (
            maker("text-only"),
            "`data.maker = \"text-only\"` asks a model: name one in `maker.checkpoint`, or in `maker.endpoint`",
        ),
        (
            format!("{}{THERE}", maker("with-picture")),
            "the pictures and captions of `data.pairs` would leave this machine for `maker.endpoint`; allow it with \
             `maker.send_images = true`",
        ),
        (
            format!(
                "{}{THERE}maker.checkpoint = \"other\"\n",
                maker("text-only")
            ),
            "`maker.checkpoint` and `maker.endpoint` are both given",
        ),
        (
            format!("{}maker.endpoint = \"http://one/v1\"\n", maker("text-only")),
            "`maker.endpoint_model` is missing",
        ),
        (
            format!("{}{THERE}maker.max_cost = 2\n", maker("text-only")),
            "`maker.max_cost` needs `maker.prices`",
        ),
    ] {
        let found = said(&rest);
        // A maker that is none leaves the synthesizer's own lacks to be told, too.
        assert!(
            found.first().is_some_and(|it| it.contains(expected)),
            "{rest}\n{found:?}"
        );
        assert!(found.len() == 1 || rest.contains("rule"), "{found:?}");
    }
}

#[test]
fn keys_of_other_makers_are_read_by_nobody() {
    let text_only = format!("{}{THERE}", maker("text-only"));
    let seeds = "synthesizer.seed_data = \"seeds.jsonl\"\n";
    for (rest, expected) in [
        (
            format!("{seeds}maker.rounds = 1\nmaker.checkpoint = \"other\"\n"),
            "nothing reads `maker.checkpoint` or `maker.rounds`: it is for another `data.maker`",
        ),
        (
            format!(
                "{}{seeds}synthesizer.prompts = \"words.toml\"\n",
                maker("rules")
            ),
            "nothing reads `synthesizer.prompts` or `synthesizer.seed_data`: it is for the synthesizer",
        ),
        (
            format!(
                "{}maker.temperature = 1\nmaker.mentions = \"seen\"\n",
                maker("rules")
            ),
            "nothing reads `maker.mentions` or `maker.temperature`: it is for a maker that asks a model",
        ),
        (
            format!("{}{THERE}", maker("general")),
            "nothing reads `maker.endpoint` or `maker.endpoint_model`: ",
        ),
        (
            format!("{text_only}maker.send_images = true\n"),
            "nothing reads `maker.send_images`: it is for pictures",
        ),
        (
            format!(
                "{}{THERE}maker.send_images = true\nmaker.mentions = \"seen\"\n",
                maker("one-shot")
            ),
            "nothing reads `maker.mentions`: ",
        ),
        (
            format!("{text_only}maker.temperature = 0\nmaker.rounds = 1\nmaker.top_p = 0.5\n"),
            "nothing reads `maker.rounds` or `maker.top_p`: it is for a `maker.temperature` above 0",
        ),
        (
            format!("{text_only}filter.enabled = false\nmix.joiner = \"varied\"\n"),
            "nothing reads `filter.enabled` or `mix.joiner`: it is for tasks with two answers",
        ),
        (
            format!("{text_only}endpoints.picture_format = \"jpeg\"\n"),
            "nothing reads `endpoints.picture_format`: ",
        ),
        (
            format!(
                "{}maker.send_images = true\nmaker.checkpoint = \"other\"\n",
                maker("one-shot")
            ),
            "nothing reads `maker.send_images`: it is for a model at `maker.endpoint`",
        ),
        (
            format!("mix.synthetic = false\n{}", maker("rules")),
            "nothing reads `data.maker`: ",
        ),
    ] {
        let found = said(&rest);
        assert!(
            found.len() == 1 && found[0].contains(expected),
            "{rest}\n{found:?}"
        );
    }
    // What is changed for once may leave the rest of the file as it is.
    let file = format!(
        "{seeds}filter.enabled = false\nmix.joiner = \"varied\"\nsynthesizer.temperature = 0.7\nsynthesizer.top_p = 0.5\n"
    );
    assert!(read(&file, &["data.maker=rules", "maker.prompts=words.toml"]).is_ok());
    let rules = read(
        &format!("{}maker.prompts = \"words.toml\"\n", maker("rules")),
        &[],
    );
    assert!(rules.is_ok_and(|recipe| {
        recipe
            .prompts()
            .is_some_and(|path| path.ends_with("words.toml"))
    }));
}

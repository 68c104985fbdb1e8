//! What is for one maker of data, where another one makes them.

use synthesis::Maker;
use toml::Value;

use super::unread_rule::{Unread, Values, unread};

/// What the recipe's maker does not read.
pub(super) fn of_maker(recipe: Values<'_>) -> Vec<Unread> {
    let maker = maker_of(recipe);
    let mut all = Vec::new();
    let mut add = |keys: &[&str], because: &[&str], why: String| {
        all.push(unread(keys, because, &why));
    };
    if maker == Maker::Synthesizer {
        add(
            &["maker."],
            &[MAKER],
            "it is for another `data.maker` than the synthesizer, which `[synthesizer]` is about"
                .to_owned(),
        );
        return all;
    }
    let of = format!("`data.maker = \"{}\"`", maker.as_str());
    add(
        &["synthesizer."],
        &[MAKER],
        format!(
            "it is for the synthesizer, and with {of} there is none; what replaces prompts is `maker.prompts`"
        ),
    );
    let Some(asks) = maker.asks() else {
        let keys = OF_MODEL.map(|name| format!("maker.{name}"));
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let why = format!("it is for a maker that asks a model, and {of} asks none");
        add(&keys, &[MAKER], why);
        return with_filter(all, maker, &of);
    };
    if !asks.reads_mentions() {
        let why = "it is for `data.maker = \"text-only\"`, which is told what mentions the picture";
        add(&["maker.mentions"], &[MAKER], why.to_owned());
    }
    if !asks.shows_pictures() {
        let why = format!("it is for pictures, and {of} sends none");
        add(&["maker.send_images"], &[MAKER], why);
    }
    if recipe.is_zero("maker.temperature") {
        add(
            &["maker.top_p", "maker.rounds"],
            &["maker.temperature"],
            "it is for a `maker.temperature` above 0, and at 0 the likeliest token is taken, the same in every round".to_owned(),
        );
    }
    with_filter(all, maker, &of)
}

/// Who makes the data.
pub(super) fn maker_of(recipe: Values<'_>) -> Maker {
    let word = recipe.get(MAKER).and_then(Value::as_str);
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// The key that says who makes the data.
const MAKER: &str = "data.maker";

/// The keys of the model that a maker asks.
const OF_MODEL: [&str; 13] = [
    "checkpoint",
    "endpoint",
    "endpoint_model",
    "endpoint_key",
    "send_images",
    "prices",
    "max_cost",
    "max_tokens",
    "temperature",
    "top_p",
    "max_new_tokens",
    "rounds",
    "mentions",
];

/// What is for the two answers of a triplet, where there are none.
fn with_filter(mut all: Vec<Unread>, maker: Maker, of: &str) -> Vec<Unread> {
    if !maker.gives_triplets() {
        let why = format!(
            "it is for tasks with two answers, and those of {of} have one each, which no judge compares and nothing joins"
        );
        let keys = ["filter.", "mix.joiner", "mix.answers"];
        all.push(unread(&keys, &[MAKER], &why));
    }
    all
}

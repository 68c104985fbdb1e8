//! Keys that a recipe gives and that nothing would read: each is an error that says what does read it.

use synthesis::{Input, Maker};
use toml::Value;

use super::control::Control;
use super::family::Family;
use super::resolution::Resolution;
use super::shape::listed;
use super::stages::{PIPELINE, STAGES, StageData, section_of};
use super::training::Scheduler;
use super::unread_maker::{maker_of, of_maker};
use super::unread_quality;
use super::unread_rule::{Unread, Values, unread};
use super::unread_synthesizer;

/// What is wrong with the keys that are given, one sentence for each reason. `model_types` are those of the folders that the
/// recipe names.
pub(super) fn problems(resolution: &Resolution, model_types: &[String]) -> Vec<String> {
    let mut told: Vec<&str> = Vec::new();
    let mut out = Vec::new();
    for Unread { keys, because, why } in all(Values(resolution), model_types) {
        let rank = |key: &str| resolution.get(key)?.origin.rank();
        let latest = because.iter().filter_map(|key| rank(key)).max();
        let names = resolution.iter().filter(|(name, resolved)| {
            let is_given = resolved.origin.rank().is_some_and(|own| {
                let is_changed = latest.is_some_and(|latest| latest > own);
                !is_changed
            });
            is_given
                && !because.contains(name)
                && keys
                    .iter()
                    .any(|key| key == *name || key.ends_with('.') && name.starts_with(key.as_str()))
        });
        let names: Vec<&str> = names
            .map(|(name, _)| name.as_str())
            .filter(|name| !told.contains(name))
            .collect();
        if names.is_empty() {
            continue;
        }
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        out.push(format!("nothing reads {}: {why}", listed(&quoted, "or")));
        told.extend(names);
    }
    out
}

/// In the order in which they are told of: a key is told of once.
fn all(recipe: Values<'_>, model_types: &[String]) -> Vec<Unread> {
    let mut all = unread_quality::of_quality(recipe);
    if !recipe.has("data.pairs") {
        all.push(unread(
            &[
                "data.images",
                "data.columns",
                "data.held_out",
                "data.split_seed",
                "data.maker",
                "maker.",
                "synthesizer.same_question",
                "synthesizer.temperature",
                "synthesizer.top_p",
                "synthesizer.min_p",
                "synthesizer.repetition_penalty",
                "synthesizer.max_new_tokens",
                "synthesizer.endpoint",
                "synthesizer.corrupt",
                "filter.",
                "mix.",
                "train.",
                "evaluate.",
            ],
            &["data.pairs"],
            "without `data.pairs` the run ends with the tuned synthesizer; name pairs, or leave it out",
        ));
    }
    if !recipe.has("data.pairs") && !recipe.has("quality.data") {
        all.push(unread(
            &["data.truth"],
            &["data.pairs", "quality.data"],
            "it is what is true of pairs, and there are none",
        ));
    }
    all.extend(of_stages(recipe));
    if recipe.is_off("mix.synthetic") {
        all.push(unread(
            &[
                "synthesizer.checkpoint",
                "synthesizer.endpoint",
                "synthesizer.seed_data",
                "synthesizer.tuned",
                "synthesizer.corrupt",
                "synthesizer.input",
                "synthesizer.blank_images",
                "synthesizer.same_question",
                "synthesizer.temperature",
                "synthesizer.top_p",
                "synthesizer.min_p",
                "synthesizer.repetition_penalty",
                "synthesizer.max_new_tokens",
                "synthesizer.train.",
                "data.maker",
                "maker.",
                "filter.",
                "mix.without_triplet",
                "mix.joiner",
                "mix.answers",
                "mix.caption_position",
                "data.truth",
                "evaluate.quality",
            ],
            // Stages of a training say by themselves whether any has synthetic tasks.
            &["mix.synthetic", STAGES, PIPELINE],
            if recipe.has(STAGES) {
                "it is for synthetic tasks, and no stage of the training has any"
            } else {
                "it is for synthetic tasks, and `mix.synthetic` is off"
            },
        ));
    }
    all.extend(of_maker(recipe));
    all.extend(unread_synthesizer::untuned(recipe));
    if recipe.has("synthesizer.checkpoint") {
        all.push(unread(
            &[
                "synthesizer.seed_data",
                "synthesizer.blank_images",
                "synthesizer.train.",
            ],
            &["synthesizer.checkpoint"],
            "it is for a synthesizer that is tuned from `synthesizer.seed_data`, and `synthesizer.checkpoint` names one that \
             was tuned before",
        ));
    }
    if recipe.has("synthesizer.train.data") {
        all.push(unread(
            &["synthesizer.seed_data", "synthesizer.blank_images"],
            &["synthesizer.train.data"],
            "the synthesizer is tuned on the samples of `synthesizer.train.data` as they are, and not on seed data",
        ));
    }
    if !recipe.says("synthesizer.input", Input::Both.as_str()) {
        all.push(unread(
            &["synthesizer.blank_images"],
            &["synthesizer.input"],
            "it is for `synthesizer.input = \"both\"`, where a caption says what a blank picture does not",
        ));
    }
    all.extend(unread_synthesizer::corruption(recipe));
    if recipe.is_zero("synthesizer.temperature") {
        all.push(unread(
            &["synthesizer.top_p", "synthesizer.min_p"],
            &["synthesizer.temperature"],
            "it is for a `synthesizer.temperature` above 0, and at 0 the likeliest token is taken",
        ));
    }
    if recipe.is_off("filter.enabled") {
        all.push(unread(
            &["filter."],
            &["filter.enabled"],
            "it is for the filter, and `filter.enabled` is off",
        ));
    }
    all.extend(of_endpoints(recipe));
    if recipe.is_off("mix.caption") {
        all.push(unread(
            &["mix.without_triplet", "mix.caption_position"],
            // Stages of a training say by themselves whether any has captions.
            &["mix.caption", STAGES, PIPELINE],
            "it is for captions beside synthetic tasks, and `mix.caption` is off",
        ));
    }
    all.extend(of_replay(recipe));
    if recipe.is_zero("data.held_out") {
        all.push(unread(
            &["evaluate.held_out_limit", "data.split_seed"],
            &["data.held_out"],
            "it is for held-out pairs, and `data.held_out` is 0",
        ));
    }
    all.extend(of_training(recipe, "synthesizer.train"));
    if !recipe.has(STAGES) {
        all.extend(of_training(recipe, "train"));
    }
    for stage in recipe.list(STAGES) {
        all.extend(of_training(recipe, &section_of(stage)));
    }
    let sized = Family::Qwen2Vl.as_str();
    if !model_types.is_empty() && model_types.iter().all(|name| name != sized) {
        all.push(unread(
            &[
                "model.min_pixels",
                "model.max_pixels",
                "evaluate.min_pixels",
                "evaluate.max_pixels",
            ],
            &[
                "model.checkpoint",
                "synthesizer.checkpoint",
                "maker.checkpoint",
                "filter.checkpoint",
            ],
            "it is for Qwen2-VL, and no model of this recipe is one",
        ));
    }
    all
}

/// What is for models at endpoints where there are none, and what such a synthesizer does not read.
fn of_endpoints(recipe: Values<'_>) -> Vec<Unread> {
    let mut all = Vec::new();
    let is_asked = |section: &str, switch: &str| {
        recipe.has(&format!("{section}.endpoint")) && !recipe.is_off(switch)
    };
    let is_made = recipe.has("data.pairs") && !recipe.is_off("mix.synthetic");
    let maker = maker_of(recipe);
    let synthesizer =
        is_made && maker == Maker::Synthesizer && is_asked("synthesizer", "mix.synthetic");
    let asks = maker
        .asks()
        .filter(|_| is_made && recipe.has("maker.endpoint"));
    let filter = is_asked("filter", "filter.enabled")
        && !recipe.is_off("mix.synthetic")
        && maker.gives_triplets();
    let judge = recipe.has("quality.endpoint") && unread_quality::judges(recipe);
    for (section, switch, is_asked) in [
        ("quality", "quality.data", judge),
        ("synthesizer", "mix.synthetic", synthesizer),
        ("maker", "data.maker", asks.is_some()),
        ("filter", "filter.enabled", filter),
    ] {
        if !is_asked {
            let endpoint = format!("{section}.endpoint");
            let names = OF_PLACE.map(|name| format!("{section}.{name}"));
            all.push(Unread {
                keys: names.to_vec(),
                because: [endpoint.as_str(), switch, "mix.synthetic", STAGES, PIPELINE]
                    .map(str::to_owned)
                    .to_vec(),
                why: format!("it is for a model at `{endpoint}`, and none is asked there"),
            });
        }
    }
    if synthesizer {
        all.push(unread(
            &[
                "synthesizer.seed_data",
                "synthesizer.blank_images",
                "synthesizer.train.",
            ],
            &["synthesizer.endpoint"],
            "it is for a synthesizer that is tuned from `synthesizer.seed_data`, and `synthesizer.endpoint` serves one that was \
             tuned before",
        ));
        all.push(unread(
            &["synthesizer.tuned"],
            &["synthesizer.endpoint"],
            "whether the model at `synthesizer.endpoint` is tuned is known there; to ask the general model, serve it there, or leave \
             the endpoint out",
        ));
        let sees = recipe.get("synthesizer.input").and_then(Value::as_str);
        let sees: Option<Input> = sees.and_then(|word| word.parse().ok());
        if sees.is_some_and(|input| !input.has_image()) {
            all.push(unread(
                &["synthesizer.send_images"],
                &["synthesizer.input"],
                "it is for pictures, and `synthesizer.input` shows the synthesizer none",
            ));
        }
    }
    let sends = judge && !recipe.is_off("quality.send_images")
        || synthesizer && !recipe.is_off("synthesizer.send_images")
        || asks.is_some_and(|asks| asks.shows_pictures() && !recipe.is_off("maker.send_images"));
    if !synthesizer && asks.is_none() && !filter && !judge {
        all.push(unread(
            &["endpoints."],
            &[
                "synthesizer.endpoint",
                "maker.endpoint",
                "filter.endpoint",
                "quality.endpoint",
                "mix.synthetic",
                "filter.enabled",
                "data.maker",
                STAGES,
                PIPELINE,
            ],
            "it is for models at endpoints (`synthesizer.endpoint`, `maker.endpoint`, `filter.endpoint`, `quality.endpoint`), and none is asked at \
             one",
        ));
    } else if !sends {
        all.push(unread(
            &[
                "endpoints.picture_format",
                "endpoints.max_picture_side",
                "endpoints.picture_tokens",
            ],
            &[
                "synthesizer.send_images",
                "synthesizer.endpoint",
                "maker.send_images",
                "maker.endpoint",
                "data.maker",
            ],
            if maker == Maker::Synthesizer {
                "it is for pictures that are sent, and `synthesizer.send_images` sends none"
            } else {
                "it is for pictures that are sent, and `maker.send_images` sends none"
            },
        ));
    }
    all
}

/// The keys of a place beside `endpoint` itself.
const OF_PLACE: [&str; 6] = [
    "endpoint_model",
    "endpoint_key",
    "send_images",
    "prices",
    "max_cost",
    "max_tokens",
];

/// What a training of several stages does not read, and what only such a training reads.
fn of_stages(recipe: Values<'_>) -> Vec<Unread> {
    let mut all = Vec::new();
    if recipe.list(STAGES).count() < 2 {
        all.push(unread(
            &["evaluate.after_each_stage"],
            &[STAGES, PIPELINE],
            "it is for a training of several stages, and this one has a single one",
        ));
    }
    if !recipe.has(STAGES) {
        return all;
    }
    let because = &[STAGES, PIPELINE];
    all.push(unread(
        &["train.data"],
        because,
        "what a stage of the training is trained on says its own `data`",
    ));
    let keys = recipe
        .0
        .keys()
        .filter_map(|key| Some((key, key.strip_prefix("train.")?)));
    let of_training = keys.filter(|(_, name)| *name != "data" && !name.starts_with("stages"));
    for (key, name) in of_training.filter(|(key, _)| *key != PIPELINE) {
        if !recipe.is_shared(name) {
            all.push(unread(
                &[key],
                because,
                "every stage of the training has its own",
            ));
        }
    }
    let has = |wanted: fn(StageData) -> bool| {
        let mut stages = recipe.stages();
        stages.any(|(_, data)| data.is_some_and(wanted))
    };
    if !has(|data| data == StageData::Mix) {
        all.push(unread(
            &["mix.without_triplet", "mix.caption_position"],
            because,
            "it is for captions and tasks in one conversation, and no stage of the training has both",
        ));
    }
    if !has(StageData::has_tasks) {
        all.push(unread(
            &["mix.general_ratio"],
            because,
            "general samples are replayed beside synthetic tasks, and no stage of the training has any",
        ));
    }
    all
}

fn of_replay(recipe: Values<'_>) -> Option<Unread> {
    if !recipe.has("mix.general") {
        return Some(unread(
            &["mix.general_ratio"],
            &["mix.general"],
            "it is for the samples that `mix.general` names, and nothing is named",
        ));
    }
    let mut controls = recipe.list("evaluate.controls");
    let mut stages = recipe.stages();
    let is_unused = recipe.is_zero("mix.general_ratio")
        && !stages.any(|(_, data)| data == Some(StageData::General))
        && !controls.any(|name| name == Control::General.as_str());
    is_unused.then(|| {
        unread(
            &["mix.general"],
            &["mix.general_ratio", "evaluate.controls"],
            "it is for a `mix.general_ratio` above 0, how many of its samples come to each of the domain, or for the control \
             or a stage `general`",
        )
    })
}

fn of_training(recipe: Values<'_>, section: &str) -> Vec<Unread> {
    let key = |name: &str| format!("{section}.{name}");
    let mut all = Vec::new();
    let mut add = |name: &str, because: &str, why: String| {
        all.push(Unread {
            keys: vec![key(name)],
            because: vec![key(because)],
            why,
        });
    };
    if !recipe.has(&key("lora.rank")) {
        let why = "without a `lora.rank` all weights are trained and there is no adapter; give it a rank, or leave it out";
        add("lora.", "lora.rank", why.to_owned());
    }
    if recipe.is_off(&key("shuffle")) {
        let why = format!("it is for a drawn order, and `{}` is off", key("shuffle"));
        add("seed", "shuffle", why);
    }
    if recipe.says(&key("scheduler"), Scheduler::Constant.as_str()) {
        let why = format!(
            "it is for a `{}` that falls, and this one is constant",
            key("scheduler")
        );
        add("min_lr", "scheduler", why);
    }
    let watches = recipe.has(&key("validation")) && !recipe.is_zero(&key("validation"));
    let eval_tasks = key("eval_tasks");
    if !watches && recipe.list(&eval_tasks).next().is_none() {
        let why = format!(
            "it is for what `{}` holds back or `{eval_tasks}` names, and there is nothing of either",
            key("validation")
        );
        add("eval_steps", "validation", why);
    }
    let rates = recipe.get(&key("learning_rate")).and_then(Value::as_table);
    let named = |group: &&str| rates.is_some_and(|table| table.contains_key(*group));
    let freeze = key("freeze");
    let frozen = recipe.list(&freeze).filter(named);
    let frozen: Vec<String> = frozen.map(|group| format!("`{group}`")).collect();
    if !frozen.is_empty() {
        let why = format!(
            "it names a rate for {}, which `{freeze}` keeps as it is",
            listed(&frozen, "and")
        );
        add("learning_rate", "freeze", why);
    }
    all
}

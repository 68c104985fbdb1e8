use super::*;

fn errors(text: &str, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
    match resolve(text, &overrides) {
        Err(errors) => errors.join("\n"),
        Ok(resolution) => {
            Recipe::new(resolution, Path::new(".")).map_or_else(|e| e.join("\n"), |_| String::new())
        }
    }
}

#[test]
fn names_the_nearest_known_key() {
    assert!(
        errors("[data]\nmax_bda = 0.1", &[])
            .contains("unknown key `data.max_bda`; did you mean `data.max_bad`?")
    );
}

#[test]
fn reports_every_error_at_once() {
    let text = "[run]\nseed = -1\n[filter]\njudge = \"oracle\"\n[train]\nbatch_size = 0";
    let found = errors(text, &["mix.joinr=paper", "oops"]);
    for part in [
        "run.seed",
        "filter.judge",
        "train.batch_size",
        "mix.joinr",
        "--set oops",
    ] {
        assert!(found.contains(part), "{part} is not in:\n{found}");
    }
}

#[test]
fn names_controls_that_cannot_be_trained() {
    let text = "[evaluate]\ncontrols = [\"captions\", \"no-replay\", \"placebo\"]";
    let found = errors(text, &[]);
    for part in [
        "control `no-replay` of `evaluate.controls` needs general samples",
        "`evaluate.controls` names `placebo`; controls are captions, shuffled-pictures",
    ] {
        assert!(found.contains(part), "{part} is not in:\n{found}");
    }
}

#[test]
fn says_what_only_the_user_can_know() {
    let found = errors("", &[]);
    assert!(
        found.contains("`model.checkpoint` is missing")
            && found.contains("`data.pairs` is missing"),
        "{found}"
    );
    assert!(errors("[model]\ncheckpoint = \".\"", &[]).contains("synthesizer.seed_data"));
}

#[test]
fn keeps_the_origin_of_each_value() {
    let resolution = resolve("[run]\nseed = 3", &["train.epochs=2".to_owned()]).expect("valid");
    assert_eq!(resolution["run.seed"].origin, Origin::Recipe);
    assert_eq!(resolution["train.epochs"].origin, Origin::Set);
    assert_eq!(
        resolution["train.batch_size"].origin,
        Origin::Preset("paper, table 10 (LLaVA-v1.6-8B)".to_owned())
    );
}

#[test]
fn presets_fit_their_shapes() {
    for key in KEYS {
        if let Some(preset) = key.preset {
            let value = loose_value(preset);
            assert!(key.shape.check(&value).is_ok(), "{} = {preset}", key.name);
        }
    }
}

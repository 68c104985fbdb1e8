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

/// Damaged recipes end in errors or in a recipe; `cargo xtask fuzz` does more runs.
#[test]
fn hostile_recipes_are_errors_or_recipes() {
    const PIECES: [&str; 11] = [
        "-1",
        "1e999",
        "nan",
        "inf",
        "[",
        "]]",
        "{",
        "\"",
        "= ",
        "\n[train]\n",
        "99999999999999999999",
    ];
    let asked = std::env::var("ADAMLLM_FUZZ_RUNS");
    let number = |text: String| text.parse().expect("ADAMLLM_FUZZ_RUNS is a whole number");
    let runs: u64 = asked.map_or(3000, number);
    let mut all: Vec<String> = vec![demo::RECIPE.to_owned()];
    all.push(KEYS.iter().fold(String::new(), |text, key| {
        text + key.name + " = " + key.preset.unwrap_or("\"x\"") + "\n"
    }));
    let start = std::time::Instant::now();
    for run in 0..runs {
        let mut rng = corpus::seed::Rng::new(corpus::seed::hash(run, "recipe"));
        let mut bytes = rng.choose(&all).clone().into_bytes();
        for _ in 0..=rng.below(4) {
            if bytes.is_empty() {
                break;
            }
            let at = rng.below(bytes.len());
            let end = (at + rng.below(30)).min(bytes.len());
            match rng.below(5) {
                0 => bytes[at] = rng.next_u64() as u8,
                1 => bytes.truncate(at),
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => drop(bytes.splice(at..at, rng.choose(&PIECES).bytes())),
            }
        }
        let said = errors(&String::from_utf8_lossy(&bytes), &[]);
        assert!(said.len() < 1 << 20, "run {run}: {} bytes", said.len());
    }
    let each = start.elapsed() / runs.max(1) as u32;
    assert!(each.as_secs() < 1, "{each:?} a recipe");
}

/// A recipe, its section, epochs, batch, rates, decay and warm-up.
type Published = (&'static str, &'static str, f64, f64, [f64; 3], f64, f64);

/// The values of the paper's tables 9 and 10 by recipe: rates of tower, projector and decoder, weight decay, warm-up.
const TABLES: [Published; 13] = {
    const LLAVA: [f64; 3] = [2e-6, 2e-5, 2e-5];
    const QWEN: [f64; 3] = [1e-5; 3];
    const LLAMA: [f64; 3] = [5e-6; 3];
    [
        (
            "synthesizer/llava-v1.6-8b",
            "synthesizer.train",
            2.0,
            128.0,
            LLAVA,
            0.0,
            0.03,
        ),
        (
            "biomed/pmc-raw-llava-v1.6-8b",
            "train",
            1.0,
            128.0,
            LLAVA,
            0.0,
            0.03,
        ),
        (
            "biomed/pmc-raw-qwen2-vl-2b",
            "train",
            1.0,
            128.0,
            QWEN,
            0.1,
            0.1,
        ),
        (
            "biomed/pmc-raw-llama-3.2-11b",
            "train",
            1.0,
            128.0,
            LLAMA,
            0.1,
            0.1,
        ),
        (
            "biomed/pmc-refined-llava-v1.6-8b",
            "train",
            1.0,
            128.0,
            LLAVA,
            0.0,
            0.03,
        ),
        (
            "biomed/pmc-refined-qwen2-vl-2b",
            "train",
            1.0,
            128.0,
            QWEN,
            0.1,
            0.1,
        ),
        (
            "biomed/pmc-refined-llama-3.2-11b",
            "train",
            1.0,
            128.0,
            LLAMA,
            0.1,
            0.1,
        ),
        (
            "food/recipe1m-llava-v1.6-8b",
            "train",
            1.0,
            128.0,
            LLAVA,
            0.0,
            0.03,
        ),
        (
            "food/recipe1m-qwen2-vl-2b",
            "train",
            1.0,
            128.0,
            QWEN,
            0.1,
            0.1,
        ),
        (
            "food/recipe1m-llama-3.2-11b",
            "train",
            1.0,
            128.0,
            LLAMA,
            0.1,
            0.1,
        ),
        (
            "remote-sensing/captions-llava-v1.6-8b",
            "train",
            1.0,
            128.0,
            LLAVA,
            0.0,
            0.03,
        ),
        (
            "remote-sensing/captions-qwen2-vl-2b",
            "train",
            1.0,
            128.0,
            QWEN,
            0.1,
            0.1,
        ),
        (
            "remote-sensing/captions-llama-3.2-11b",
            "train",
            1.0,
            128.0,
            LLAMA,
            0.1,
            0.1,
        ),
    ]
};

#[test]
fn shipped_recipes_have_the_values_of_tables_9_and_10() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let number = |value: &Value| value.as_float().or(value.as_integer().map(|i| i as f64));
    for (name, section, epochs, batch, rates, decay, warmup) in TABLES {
        let text = std::fs::read_to_string(folder.join(format!("{name}.toml"))).expect(name);
        let resolution = resolve(&text, &[]).expect(name);
        let value = |key: &str| resolution[&format!("{section}.{key}")].value.clone();
        for (key, expected) in [
            ("epochs", epochs),
            ("batch_size", batch),
            ("max_seq_len", 6144.0),
            ("weight_decay", decay),
            ("warmup_ratio", warmup),
            ("min_lr", 0.0),
        ] {
            assert_eq!(number(&value(key)), Some(expected), "{name}: {key}");
        }
        let all = value("learning_rate");
        for (group, rate) in ["vision_tower", "projector", "language_model"]
            .iter()
            .zip(rates)
        {
            assert_eq!(number(&all[*group]), Some(rate), "{name}: {group}");
        }
        assert_eq!(value("scheduler").as_str(), Some("cosine"), "{name}");
        assert_eq!(
            value("freeze").as_array().map(Vec::len),
            Some(0),
            "{name}: the full model is trained"
        );
        assert_eq!(
            resolution["model.dtype"].value.as_str(),
            Some("bf16"),
            "{name}"
        );
    }
    let text =
        std::fs::read_to_string(folder.join("synthesizer/llava-v1.6-8b.toml")).expect("recipe");
    let resolution = resolve(&text, &[]).expect("recipe");
    for (key, expected) in [
        ("synthesizer.train.save_steps", 500.0),
        ("synthesizer.train.keep", 1.0),
        ("synthesizer.blank_images", 0.1),
    ] {
        assert_eq!(number(&resolution[key].value), Some(expected), "{key}");
    }
    // Each recipe of the folder is one of the tables'.
    let mut found = 0;
    for sub in ["synthesizer", "biomed", "food", "remote-sensing"] {
        found += std::fs::read_dir(folder.join(sub)).expect("folder").count();
    }
    assert_eq!(found, TABLES.len());
}

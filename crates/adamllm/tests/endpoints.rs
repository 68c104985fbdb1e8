//! Models at endpoints before anything is asked (plans, caps, what is refused), and what a run tells of them afterwards.

mod program;

use std::path::PathBuf;
use std::process::Output;

use faults::{Answer, Request, Server, Setup};
use program::{adamllm, text};
use serde_json::{Value, json};

/// A recipe of ten pairs with the demo base, whose synthesizer and judge are at endpoints where nobody listens.
struct Small {
    folder: tempfile::TempDir,
}

impl Small {
    fn new() -> Self {
        let small = Self {
            folder: tempfile::tempdir().expect("folder"),
        };
        let mut rows = String::new();
        for at in 0..10_u8 {
            let picture = image::RgbImage::from_pixel(80, 70, image::Rgb([at * 20, 90, 40]));
            let name = format!("{at}.png");
            picture.save(small.path(&name)).expect("picture");
            let caption = format!("Dish number {at}: a stew of beans, in a red bowl.");
            let row = json!({"id": format!("dish-{at}"), "images": [name], "caption": caption});
            rows += &row.to_string();
            rows.push('\n');
        }
        std::fs::write(small.path("pairs.jsonl"), rows).expect("write");
        let recipe = "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"pairs.jsonl\"\n[synthesizer]\n\
                      endpoint = [\"http://127.0.0.1:1/v1\", \"http://127.0.0.1:2/v1\"]\nendpoint_model = \"tuned\"\n\
                      send_images = true\nmax_new_tokens = 40\nprices = { input = 2.0, output = 8.0, request = 0.001 }\n\
                      [filter]\nendpoint = \"http://127.0.0.1:1/v1\"\nendpoint_model = \"judge\"\njudge = \"extraction\"\n\
                      prices = { input = 1.0, output = 1.0 }\n[train]\nmax_steps = 2\nbatch_size = 4\n\
                      [endpoints]\npicture_tokens = 1000\n";
        std::fs::write(small.path("my.toml"), recipe).expect("write");
        small
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, verb: &str, more: &[&str]) -> Output {
        let mut command = adamllm();
        command.arg(verb).arg(self.path("my.toml"));
        command.arg("--run-dir").arg(self.path("run"));
        command.args(["--threads", "1"]).args(more);
        command.output().expect("the program starts")
    }
}

#[test]
fn a_plan_says_what_endpoints_take() {
    let small = Small::new();
    let output = small.run("run", &["--dry-run", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let plan: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let stages = plan["stages"].as_array().expect("stages");
    let of = |stage: &str| {
        let found = stages.iter().find(|step| step["stage"] == stage);
        found.expect("stage")["endpoint"].clone()
    };
    let number = |value: &Value| value.as_u64().expect("a count");
    // One of ten pairs is held out. Half of 40 tokens are written for each of nine; the prompt has a picture and some text.
    let synthesizer = of("synthesize");
    assert_eq!(synthesizer["place"], "synthesizer");
    assert_eq!(synthesizer["requests"], 9);
    assert_eq!(synthesizer["completion_tokens"], 9 * 20);
    let read = number(&synthesizer["prompt_tokens"]);
    assert!((9 * 1020..9 * 1100).contains(&read), "{read}");
    let cost = |requests: f64, read: u64, written: f64, input: f64, output: f64| {
        0.001 * requests + (input * read as f64 + output * written) / 1e6
    };
    let close = |value: &Value, expected: f64| {
        let found = value.as_f64().expect("a cost");
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    };
    close(&synthesizer["cost"], cost(9.0, read, 180.0, 2.0, 8.0));
    // The judge is asked for an answer of at most 32 tokens, and how likely the precise one is.
    let filter = of("filter");
    assert_eq!(filter["requests"], 18);
    assert_eq!(filter["completion_tokens"], 9 * 16 + 9);
    let judged = number(&filter["prompt_tokens"]);
    assert!(judged >= 18 * 20, "{judged}");
    close(&filter["cost"], cost(0.0, judged, 153.0, 1.0, 1.0));
    let total = &plan["endpoints"]["total"];
    assert_eq!(total["requests"], 27);
    assert_eq!(number(&total["prompt_tokens"]), read + judged);
    assert_eq!(
        stages
            .iter()
            .filter(|step| step.get("endpoint").is_some())
            .count(),
        2
    );
    // Nothing is tuned, and nothing was begun.
    assert!(!small.path("run/pairs").exists());

    let output = small.run("run", &["--dry-run", "--set", "synthesizer.max_cost=0.001"]);
    let said = text(&output.stdout);
    for part in [
        "synthesize        do     endpoint  requests 9, at its endpoint 9 requests, ",
        "\nendpoints         27 requests, ",
        "\ncap: `synthesizer.endpoint` would take 0.0",
        "\nnote: endpoints: prompts of 9 pairs are measured by the general model's tokenizer, 1000 tokens for a picture that is \
         sent; answers take 50 % of the tokens that they may\n",
    ] {
        assert!(said.contains(part), "{part:?} in\n{said}");
    }
}

#[test]
fn a_cap_below_the_forecast_is_refused_before_the_start() {
    let small = Small::new();
    for (verb, cap) in [
        ("run", "endpoints.max_tokens=5000"),
        ("synthesize", "synthesizer.max_tokens=5000"),
        ("filter", "synthesizer.max_cost=0.01"),
    ] {
        let output = small.run(verb, &["--set", cap]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{verb}: {said}");
        let (key, _) = cap.split_once('=').expect("a key");
        for part in [
            &format!("and `{key}` is ") as &str,
            "which is enough for about ",
            "or begin all the same with `--yes`",
        ] {
            assert!(said.contains(part), "{verb}: {part} in\n{said}");
        }
        assert!(!small.path("run/pairs").exists(), "{verb} began");
        assert!(!small.path("run/endpoint").exists(), "{verb} began");
    }
}

/// Where nobody listens a run ends, but not for its cap.
#[test]
fn a_cap_below_the_forecast_may_be_wanted() {
    let small = Small::new();
    let sets = [
        "endpoints.max_tokens=5000",
        "endpoints.patience=1",
        "endpoints.attempts=1",
    ];
    let sets = sets.map(|set| ["--set", set]).concat();
    let output = small.run("synthesize", &[&["--yes"], &sets[..]].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("begin all the same"), "{said}");
}

/// A synthesizer that asks for the dish's number, and a judge that finds it.
fn answer(request: &Request) -> Answer {
    let said = request.text();
    let number = said.split("umber ").nth(1).unwrap_or_default();
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    if request.pictures().next().is_none() {
        return Answer::text(digits);
    }
    let turn = |role: &str| format!("<|start_header_id|>{role}<|end_header_id|>\n\n");
    let (user, assistant, end) = (turn("user"), turn("assistant"), "<|eot_id|>");
    Answer::text(format!(
        "Answer with a precise response.\nWhich number has the dish?{end}{assistant}{digits}{end}{user}\
         Answer with an informative response.\nWhich number has the dish?{end}{assistant}The dish has number {digits}, as its \
         caption says.{end}"
    ))
}

/// What the report says is what the server billed.
#[test]
fn a_report_holds_what_was_spent_against_what_was_forecast() {
    let small = Small::new();
    let setup = Setup::default().answering(answer);
    let server = Server::start(setup.scoring(|_, piece| -(piece.len() as f64))).expect("server");
    let url = server.url();
    let (endpoint, judge) = (
        format!("synthesizer.endpoint={url}"),
        format!("filter.endpoint={url}"),
    );
    let mut sets = vec!["--set", &endpoint, "--set", &judge];
    for set in [
        "synthesizer.endpoint_model=model",
        "filter.endpoint_model=model",
        "synthesizer.max_new_tokens=200",
    ] {
        sets.extend(["--set", set]);
    }
    let output = small.run("run", &sets);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for part in [
        "endpoints: prompts of 9 pairs are measured",
        "9 answers of its endpoint, ",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    let read = |file: &str| {
        let text = std::fs::read_to_string(small.path("run").join(file)).expect(file);
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    let places = &read("report/summary.json")["endpoints"];
    let (synthesizer, filter) = (&places["synthesizer"], &places["filter"]);
    assert_eq!(synthesizer["model"], "model");
    assert_eq!(synthesizer["requests"], 9);
    assert_eq!(filter["requests"], 18);
    let count = |row: &Value, key: &str| row[key].as_u64().expect("a count");
    let sum = |key: &str| count(synthesizer, key) + count(filter, key);
    let billed = server.totals();
    // A look before the start and one before each stage are on nobody's account.
    assert!(
        sum("prompt_tokens") <= billed.prompt_tokens,
        "{billed:?} {places}"
    );
    assert!(sum("completion_tokens") > 0 && sum("completion_tokens") <= billed.completion_tokens);
    let cost = |row: &Value| row["cost"].as_f64().expect("a cost");
    let (read_tokens, written) = (
        count(synthesizer, "prompt_tokens"),
        count(synthesizer, "completion_tokens"),
    );
    let expected = 0.001 * 9.0 + (2.0 * read_tokens as f64 + 8.0 * written as f64) / 1e6;
    assert!((cost(synthesizer) - expected).abs() < 1e-9, "{synthesizer}");
    assert_eq!(synthesizer["uncertain_tokens"], 0);
    // What was forecast stands beside it as it was kept at the start.
    let kept = read("endpoint/forecast.json");
    assert_eq!(kept["places"][0]["place"], "synthesizer");
    for key in ["requests", "prompt_tokens", "completion_tokens", "cost"] {
        assert_eq!(
            synthesizer["forecast"][key], kept["places"][0][key],
            "{key}"
        );
    }
    assert_eq!(kept["places"][0]["completion_tokens"], 9 * 100);
    let page = std::fs::read_to_string(small.path("run/report/index.html")).expect("page");
    assert!(
        page.contains("<h2>Endpoints</h2>"),
        "the page has a section"
    );
    let told = text(&output.stdout);
    assert!(
        told.contains("synthesizer at its endpoint: 9 answers, "),
        "{told}"
    );

    let mut inspect = adamllm();
    inspect.args(["inspect", "run"]).arg(small.path("run"));
    let told = text(&inspect.output().expect("the program starts").stdout);
    for part in [
        "forecast of `synthesizer.endpoint`: 9 requests, ",
        "forecast of `filter.endpoint`: 18 requests, ",
        "18 answers of its endpoint, ",
    ] {
        assert!(told.contains(part), "{part} in\n{told}");
    }
    // A plan after the run knows what answers took.
    let output = small.run("run", &[&["--dry-run", "--json"], &sets[..]].concat());
    let plan: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let stages = plan["stages"].as_array().expect("stages");
    let step = stages
        .iter()
        .find(|step| step["stage"] == "synthesize")
        .expect("stage");
    assert_eq!(step["endpoint"]["completion_tokens"], written);
    assert_eq!(step["endpoint"]["prompt_tokens"], read_tokens);
    // All is answered: a cap that is long passed refuses nothing.
    let output = small.run(
        "run",
        &[&["--set", "endpoints.max_tokens=1"], &sets[..]].concat(),
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn what_would_leave_the_machine_is_said_before_the_start() {
    let small = Small::new();
    let output = small.run("run", &["--set", "synthesizer.send_images=false"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("the pictures and captions of `data.pairs` would leave this machine for `synthesizer.endpoint`; allow it")
            && said.contains("`synthesizer.send_images = true`"),
        "{said}"
    );
    assert!(!small.path("run/pairs").exists());
}

#[test]
fn a_key_on_the_command_line_is_refused_and_not_repeated() {
    let key = "sk-Zm9vYmFyYmF6";
    for arguments in [
        vec![
            "generate",
            "--prompt",
            "hello",
            "--endpoint-model",
            "m",
            "--endpoint",
            "http://127.0.0.1:1",
            "--endpoint-key",
            key,
        ],
        vec![
            "evaluate",
            "--tasks",
            "slake",
            "--output",
            "out",
            "--endpoint-model",
            "m",
            "--endpoint-key",
            key,
        ],
    ] {
        let output = adamllm()
            .args(&arguments)
            .output()
            .expect("the program starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("`--endpoint-key` is no name of an environment variable"),
            "{said}"
        );
        assert!(!said.contains("Zm9v"), "{said}");
    }
    // Where neither the flag nor the environment says where.
    let mut command = adamllm();
    command.args(["generate", "--prompt", "hello", "--endpoint-model", "m"]);
    let output = command
        .env_remove("OPENAI_BASE_URL")
        .output()
        .expect("the program starts");
    let said = text(&output.stderr);
    assert!(
        said.contains("`--endpoint-model` needs `--endpoint`"),
        "{said}"
    );
}

//! Runs whose synthesizer and judge are at endpoints that fail as they are told.

mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use faults::{Answer, Faults, KeySeen, Request, Server, Setup};
use program::{adamllm, text};
use serde_json::{Value, json};

const KEY: &str = "sk-test-5b1Qy8Rk2Lm7Xc4V";
const PAIRS: usize = 160;

/// A folder of pairs and a recipe that asks a server.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().expect("folder"),
        };
        let mut rows = String::new();
        for at in 0..PAIRS {
            let picture = image::RgbImage::from_fn(40, 30, |x, y| {
                image::Rgb([(x * 5) as u8, (y * 7) as u8, at as u8])
            });
            let name = format!("{at}.png");
            picture.save(world.path(&name)).expect("picture");
            let caption = format!("Dish number {at}: a stew of beans, in a red bowl.");
            let row = json!({"id": format!("dish-{at}"), "images": [name], "caption": caption});
            rows += &row.to_string();
            rows.push('\n');
        }
        std::fs::write(world.path("pairs.jsonl"), rows).expect("write");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn recipe(&self, name: &str, server: &Server, more: &str) {
        let url = server.url();
        let recipe = format!(
            "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.0\n\
             [synthesizer]\nendpoint = \"{url}\"\nendpoint_model = \"model\"\nsend_images = true\nmax_new_tokens = 120\n\
             prices = {{ input = 2.0, output = 8.0 }}\n\
             [filter]\nendpoint = \"{url}\"\nendpoint_model = \"model\"\njudge = \"extraction\"\n\
             prices = {{ input = 1.0, output = 1.0 }}\n[train]\nmax_steps = 2\nbatch_size = 4\n\
             [endpoints]\nmax_cost = 5.0\nconcurrency = 16\npicture_tokens = 200\n{more}"
        );
        std::fs::write(self.path(name), recipe).expect("write");
    }

    fn command(&self, recipe: &str, run: &str) -> Command {
        let mut command = adamllm();
        command.arg("run").arg(self.path(recipe));
        command.arg("--run-dir").arg(self.path(run));
        command.args(["--until", "filter", "--threads", "1"]);
        command.env("OPENAI_API_KEY", KEY);
        command
    }

    fn run(&self, recipe: &str, run: &str) -> Output {
        self.command(recipe, run).output().expect("it starts")
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// A synthesizer that asks for the dish's number, and a judge that does not find the number of dish 3.
fn answer(request: &Request) -> Answer {
    let said = request.text();
    let number = said.split("umber ").nth(1).unwrap_or_default();
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    if request.pictures().next().is_none() {
        return Answer::text(if digits == "3" { "soup" } else { &digits });
    }
    let turn = |role: &str| format!("<|start_header_id|>{role}<|end_header_id|>\n\n");
    let (user, assistant, end) = (turn("user"), turn("assistant"), "<|eot_id|>");
    Answer::text(format!(
        "Answer with a precise response.\nWhich number has the dish?{end}{assistant}{digits}{end}{user}\
         Answer with an informative response.\nWhich number has the dish?{end}{assistant}The dish has number {digits}, \
         as its caption says.{end}"
    ))
}

fn setup() -> Setup {
    let setup = Setup {
        key: Some(KEY.to_owned()),
        ..Setup::default()
    };
    setup
        .answering(answer)
        .scoring(|_, piece| -(piece.len() as f64))
}

/// What stages gave, but for what an endpoint counted.
fn results(world: &World, run: &str) -> BTreeMap<&'static str, Vec<Value>> {
    let files = [
        "synthesize/completions.jsonl",
        "synthesize/triplets.jsonl",
        "filter/completions.jsonl",
        "filter/verdicts.jsonl",
        "filter/triplets.jsonl",
        "filter/rejected.jsonl",
    ];
    let rows = |file: &str| {
        let text = world.read(&format!("{run}/{file}"));
        let rows = text.lines().map(|line| {
            let mut row: Value = serde_json::from_str(line).expect("JSON");
            if let Some(row) = row.as_object_mut() {
                row.remove("prompt_tokens");
                row.remove("completion_tokens");
            }
            row
        });
        rows.collect::<Vec<Value>>()
    };
    files.map(|file| (file, rows(file))).into()
}

/// Whether all rows are the same; names the first that is not.
fn same(found: &BTreeMap<&str, Vec<Value>>, expected: &BTreeMap<&str, Vec<Value>>) {
    for (file, rows) in expected {
        assert_eq!(found[file].len(), rows.len(), "{file}");
        for (found, row) in found[file].iter().zip(rows) {
            assert_eq!(found, row, "{file}");
        }
    }
}

/// Files below a folder that hold the key.
fn with_key(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(with_key(&path));
        } else if let Ok(bytes) = std::fs::read(&path)
            && bytes.windows(12).any(|part| part == &KEY.as_bytes()[8..20])
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_run_at_endpoints_that_is_killed_gives_what_a_clean_one_gives() {
    let world = World::new();
    let clean = Server::start(setup()).expect("server");
    world.recipe("clean.toml", &clean, "");
    let output = world.run("clean.toml", "clean");
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    let expected = results(&world, "clean");
    assert_eq!(expected["synthesize/triplets.jsonl"].len(), PAIRS);
    assert_eq!(expected["filter/triplets.jsonl"].len(), PAIRS - 1);
    assert!(
        expected["filter/verdicts.jsonl"]
            .iter()
            .all(|it| it["p_yes"].is_number())
    );
    let totals = clean.totals();
    assert_eq!(
        (totals.pictures, totals.pictures_with_more),
        (PAIRS as u64, 0)
    );
    let seen = clean.arrivals();
    assert!(seen.iter().all(|arrival| arrival.key == KeySeen::Right));

    let faulty = Setup {
        latency: Duration::from_millis(20),
        ..setup().with_faults(Faults::mixed(0.2))
    };
    let faulty = Server::start(faulty).expect("server");
    world.recipe("faulty.toml", &faulty, "");
    let deadline = Instant::now() + Duration::from_mins(3);
    for arrivals in [60, 130, 260] {
        let mut child = world.command("faulty.toml", "run");
        let mut child = child
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        while faulty.totals().arrivals < arrivals {
            assert!(Instant::now() < deadline, "{:?}", faulty.totals());
            if child.try_wait().expect("child").is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
    }
    let output = world.run("faulty.toml", "run");
    assert!(output.status.success(), "{}", text(&output.stderr));
    same(&results(&world, "run"), &expected);
    assert_eq!(with_key(world.folder.path()), Vec::<PathBuf>::new());

    // The cap is of the run, in the ledger as at the server.
    let billed = faulty.totals();
    let worth = billed.prompt_tokens as f64 * 2.0 + billed.completion_tokens as f64 * 8.0;
    assert!(worth / 1e6 < 5.0, "{billed:?}");
    let mut twice = BTreeMap::<String, usize>::new();
    for arrival in faulty.arrivals().iter().filter(|arrival| arrival.sound) {
        *twice.entry(arrival.digest.clone()).or_default() += 1;
    }
    let twice: usize = twice.values().map(|count| count - 1).sum();
    assert!(twice <= 3 * 16, "{twice} paid twice");

    // Again, with nothing left to ask: a shared folder of answers is enough for another run.
    let before = faulty.totals().arrivals;
    let shared = world.path("run/endpoint/answers");
    let more = format!("cache = {:?}\n", shared.display().to_string());
    world.recipe("again.toml", &faulty, &more);
    let output = world.run("again.toml", "again");
    assert!(output.status.success(), "{}", text(&output.stderr));
    same(&results(&world, "again"), &expected);
    let asked = faulty.arrivals();
    let mut answered = asked.iter().filter(|one| one.number > before && one.sound);
    assert_eq!(answered.next(), None, "it only looks");
    let manifest: Value =
        serde_json::from_str(&world.read("again/synthesize/manifest.json")).expect("JSON");
    assert_eq!(manifest["counts"]["known"], PAIRS);
    assert_eq!(manifest["counts"]["spent"]["requests"], 0);
}

#[test]
fn what_an_endpoint_lacks_is_told_before_the_start() {
    let world = World::new();
    let check = |setup: Setup, more: &[&str], expected: &[&str]| {
        let server = Server::start(setup).expect("server");
        world.recipe("my.toml", &server, "");
        let mut command = world.command("my.toml", "run");
        let output = command.args(more).output().expect("it starts");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        for part in expected {
            assert!(said.contains(part), "{part} in\n{said}");
        }
        assert!(!said.contains(KEY) && !said.contains(&KEY[8..]), "{said}");
        assert!(!world.path("run/pairs").exists(), "it began");
    };
    let other = |key: &str| Setup {
        key: Some(key.to_owned()),
        ..setup()
    };
    check(
        other("another"),
        &[],
        &["refuses the key in OPENAI_API_KEY"],
    );
    let models = Setup {
        models: vec!["tea".to_owned()],
        ..setup()
    };
    check(models, &[], &["has no model `model`; it has tea"]);
    let untuned = Setup {
        knows_open: false,
        ..setup()
    };
    check(untuned, &[], &["does not know the variable `open`"]);
    let raw = Setup {
        has_completions: false,
        ..setup()
    };
    check(
        raw,
        &["--set", "filter.judge=verdict"],
        &["has no `/completions`", "choose another `filter.judge`"],
    );
}

#[test]
fn one_prompt_and_a_file_of_requests_are_answered_at_an_endpoint() {
    let world = World::new();
    let server = Server::start(setup()).expect("server");
    let ask = |more: &[&str]| {
        let mut command = adamllm();
        command.args([
            "generate",
            "--endpoint",
            &server.url(),
            "--endpoint-model",
            "model",
        ]);
        command.args(more).env("OPENAI_API_KEY", KEY);
        command.output().expect("it starts")
    };
    let output = ask(&["--prompt", "Which number 7 is it?"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "7\n");
    let picture = world.path("1.png").display().to_string();
    let output = ask(&["--prompt", "What number 8?", "--image", &picture]);
    let said = text(&output.stderr);
    assert!(
        !output.status.success() && said.contains("send_images"),
        "{said}"
    );
    let requests = world.path("requests.jsonl");
    let rows: Vec<String> = (0..20)
        .map(|at| json!({"id": at.to_string(), "turns": [{"role": "user", "text": format!("number {at}")}]}).to_string())
        .collect();
    std::fs::write(&requests, rows.join("\n")).expect("write");
    let (requests, output) = (
        requests.display().to_string(),
        world.path("out.jsonl").display().to_string(),
    );
    let files = ["--requests", &requests, "--output", &output];
    let done = ask(&files);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let lines = world.read("out.jsonl");
    assert_eq!(lines.lines().count(), 20);
    let asked = server.totals().arrivals;
    std::fs::remove_file(world.path("out.jsonl")).expect("removed");
    assert!(ask(&files).status.success());
    assert_eq!(world.read("out.jsonl"), lines);
    // Only the look at the service.
    assert_eq!(
        server.totals().distinct_sound,
        21,
        "{:?} {asked}",
        server.totals()
    );
    let capped = ask(&[&files[..], &["--max-tokens", "100"]].concat());
    assert!(
        capped.status.success(),
        "answers are kept: {}",
        text(&capped.stderr)
    );
}

#[test]
fn benchmarks_are_answered_and_ranked_at_an_endpoint() {
    let world = World::new();
    let data = world.path("data/slake");
    std::fs::create_dir_all(&data).expect("folder");
    std::fs::copy(world.path("1.png"), data.join("1.png")).expect("copied");
    let rows: Vec<String> = (0..4)
        .map(|at| {
            let label = if at < 3 { at } else { 9 };
            let row = json!({"id": at.to_string(), "image": "1.png", "question": format!("Which number {at} is it?"),
                             "label": label.to_string(), "answer_type": "OPEN"});
            format!("{row}\n")
        })
        .collect();
    std::fs::write(data.join("test.jsonl"), rows.concat()).expect("items");
    let choices = world.path("data/pmc-vqa");
    std::fs::create_dir_all(&choices).expect("folder");
    std::fs::copy(world.path("1.png"), choices.join("1.png")).expect("copied");
    let options = [["a", "bcd", "ef", "ghij"], ["klmn", "op", "q", "rst"]];
    let rows = options.iter().enumerate().map(|(at, [a, b, c, d])| {
        let row = json!({"id": at.to_string(), "image": "1.png", "question": "Which?", "label": "A",
                         "choices": {"A": a, "B": b, "C": c, "D": d}});
        format!("{row}\n")
    });
    std::fs::write(choices.join("test.jsonl"), rows.collect::<String>()).expect("items");
    // The answer is the number that the question names; the shortest option is the likeliest.
    let respond = |request: &Request| {
        let said = request.text();
        let number = said.split("umber ").nth(1).unwrap_or_default();
        Answer::text(
            number
                .chars()
                .take_while(char::is_ascii_digit)
                .collect::<String>(),
        )
    };
    let setup = setup().answering(respond);
    let server = Server::start(setup).expect("server");
    let evaluate = |task: &str, more: &[&str]| {
        let mut command = adamllm();
        command.args([
            "evaluate",
            "--endpoint",
            &server.url(),
            "--endpoint-model",
            "model",
        ]);
        command
            .args(["--send-images", "--tasks", task, "--data"])
            .arg(world.path("data"));
        command.arg("--output").arg(world.path("scores")).args(more);
        let output = command
            .env("OPENAI_API_KEY", KEY)
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    evaluate("slake", &[]);
    let scored: Value =
        serde_json::from_str(&world.read("scores/slake/strict.json")).expect("JSON");
    assert_eq!(scored["metrics"]["recall"], 75.0, "{scored}");
    evaluate("pmc-vqa", &["--by-likelihood"]);
    let rows = world.read("scores/predictions/pmc-vqa.jsonl");
    let chosen = rows.lines().map(|row| {
        let row: Value = serde_json::from_str(row).expect("JSON");
        row["prediction"].as_str().expect("an answer").to_owned()
    });
    assert_eq!(chosen.collect::<Vec<_>>(), ["(A)", "(C)"]);
    assert!(
        server
            .arrivals()
            .iter()
            .all(|one| one.beside_pixels.is_empty())
    );
}

//! The quality of synthetic data by known truth: a whole run whose synthesizer and judge answer as they are told, so that every
//! measure but the model's own can be counted by hand.

mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use faults::{Answer, Request, Server, Setup};
use program::{adamllm, text};
use serde_json::{Value, json};

const PAIRS: usize = 10;

/// What a synthesizer says of a dish, as question, informative and precise answer: of dish 3 the answers differ, of dish 4 both are
/// wrong, and who cooked dish 5 nobody knows.
fn said(number: &str) -> [String; 3] {
    let (question, told, precise) = match number {
        "3" => ("Which number has the dish?", "3", "8"),
        "4" => ("Which number has the dish?", "7", "7"),
        "5" => ("Who cooked the dish?", "5", "5"),
        own => ("Which number has the dish?", own, own),
    };
    [
        question.to_owned(),
        format!("It has number {told}, as its caption says."),
        precise.to_owned(),
    ]
}

/// The first number that a text gives a dish.
fn number(text: &str) -> String {
    let told = text.split("umber ").skip(1);
    let mut digits = told.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
    let found = digits.find(|digits: &String| !digits.is_empty());
    found.unwrap_or_default()
}

fn task(request: &Request) -> Answer {
    let [question, informative, precise] = said(&number(&request.text()));
    let turn = |role: &str| format!("<|start_header_id|>{role}<|end_header_id|>\n\n");
    let (user, assistant, end) = (turn("user"), turn("assistant"), "<|eot_id|>");
    Answer::text(format!(
        "Answer with a precise response.\n{question}{end}{assistant}{precise}{end}{user}\
         Answer with an informative response.\n{question}{end}{assistant}{informative}{end}"
    ))
}

/// Reads the number out of the informative answer.
fn verdict(request: &Request) -> Answer {
    Answer::text(number(&request.text()))
}

struct World {
    folder: tempfile::TempDir,
    synthesizer: Server,
    judge: Server,
}

impl World {
    fn new() -> Self {
        let server = |setup: Setup| Server::start(setup).expect("server");
        let world = Self {
            folder: tempfile::tempdir().expect("folder"),
            synthesizer: server(Setup::default().answering(task)),
            judge: server(Setup::default().answering(verdict)),
        };
        let (mut rows, mut truth) = (String::new(), String::new());
        for at in 0..PAIRS {
            let picture = image::RgbImage::from_fn(40, 30, |x, y| {
                image::Rgb([(x * 5) as u8, (y * 7) as u8, at as u8])
            });
            let name = format!("{at}.png");
            picture.save(world.path(&name)).expect("picture");
            let id = format!("dish-{at}");
            let caption = format!("Title: dish number {at}\nIngredients:\nbeans\nsalt");
            let task = json!({"instruction": "Which number has the dish?", "informative": "It has one.",
                "precise": at.to_string()});
            // Makers other than `general` pass over these.
            let tasks = vec![task; 1 + usize::from(at == 1)];
            rows += &json!({"id": id, "images": [name], "caption": caption, "tasks": tasks})
                .to_string();
            rows.push('\n');
            truth += &json!({"id": id, "answers": [
                {"kind": "number", "question": "Which number has the dish?", "answer": at.to_string()},
                {"kind": "colour", "question": "Which colour has the bowl?", "answer": "red"},
                {"kind": "ingredients", "question": "What is in {}?", "answer": "beans salt"},
                {"kind": "yes-no", "question": "Is it a kind of {}?", "yes": ["stew"]},
            ]})
            .to_string();
            truth.push('\n');
        }
        std::fs::write(world.path("pairs.jsonl"), rows).expect("write");
        std::fs::write(world.path("truth.jsonl"), truth).expect("write");
        let of_both = "[model]\ncheckpoint = \"demo\"\n[evaluate]\nquality = true\nblind_limit = 6\n[train]\nmax_steps = 2\n\
                       batch_size = 2\n[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.0\n";
        let triplets = format!(
            "{of_both}truth = \"truth.jsonl\"\n[synthesizer]\nendpoint = \"{}\"\nendpoint_model = \"model\"\n\
             send_images = true\n[filter]\nendpoint = \"{}\"\nendpoint_model = \"model\"\njudge = \"extraction\"\n",
            world.synthesizer.url(),
            world.judge.url()
        );
        std::fs::write(world.path("triplets.toml"), triplets).expect("write");
        let words = "[[rules.families]]\nname = \"ingredients\"\nrequests = [\"What is in {title}?\"]\n\
                     layout = \"{ingredients}\"\n";
        std::fs::write(world.path("words.toml"), words).expect("write");
        let rules = format!(
            "{of_both}maker = \"rules\"\ntruth = \"truth.jsonl\"\n[maker]\nprompts = \"words.toml\"\n"
        );
        std::fs::write(world.path("rules.toml"), rules).expect("write");
        let general = format!(
            "{of_both}maker = \"general\"\ntruth = \"truth.jsonl\"\n[mix]\nanswers = \"precise\"\n[filter]\nenabled = false\n"
        );
        std::fs::write(world.path("general.toml"), general).expect("write");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, recipe: &str, name: &str, more: &[&str]) -> Output {
        let mut command = adamllm();
        command.arg("run").arg(self.path(recipe));
        command.arg("--run-dir").arg(self.path(name));
        command.args(["--threads", "1"]).args(more);
        command.env_remove("OPENAI_API_KEY");
        command.output().expect("it starts")
    }

    fn run(&self, recipe: &str, name: &str) -> String {
        let output = self.start(recipe, name, &[]);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        said
    }
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

fn rows(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("a file");
    let rows = text.lines();
    rows.map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Everything that the stage left but its notes of times.
fn left(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).expect("folder").flatten();
    let named = files.map(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        (name, std::fs::read(file.path()).expect("read"))
    });
    named
        .filter(|(name, _)| name != "manifest.json" && name != "begun.json")
        .collect()
}

fn check_mean(found: &Value, mean: f64, count: usize) {
    let value = found["mean"].as_f64().expect("a mean");
    assert!((value - mean).abs() < 1e-9, "{found}");
    assert_eq!(found["count"], count, "{found}");
}

#[test]
fn triplets_are_measured_before_and_after_the_filter() {
    let world = World::new();
    world.run("triplets.toml", "run");
    let run = world.path("run");
    let folder = run.join("quality");
    let found = read(&folder.join("quality.json"));

    // Dish 3 is left out; of the nine others the truth does not know what is asked of dish 5, and dish 4 is wrong.
    assert_eq!((&found["items"], &found["known"]), (&json!(9), &json!(8)));
    check_mean(&found["accuracy"], 87.5, 8);
    check_mean(&found["consistency"], 100.0, 8);
    assert_eq!(found["diversity"], 25.0);
    assert_eq!(
        found["kinds"],
        json!({"colour": 0, "ingredients": 0, "number": 8, "yes-no": 0})
    );
    let knowledge = found["knowledge"]["mean"].as_f64().expect("a mean");
    assert!((-100.0..=100.0).contains(&knowledge), "{knowledge}");
    // `evaluate.blind_limit` says how many are asked.
    assert_eq!(found["knowledge"]["count"], 6);

    let unfiltered = &found["unfiltered"];
    for (answers, right) in [("joined", 7.0), ("precise", 7.0), ("informative", 8.0)] {
        check_mean(&unfiltered[answers]["accuracy"], right / 9.0 * 100.0, 9);
        check_mean(&unfiltered[answers]["consistency"], 8.0 / 9.0 * 100.0, 9);
    }
    // Two of ten precise answers are no word of the caption. Of informative ones `number` alone is always copied, and the number
    // itself but for dish 4, of eight words.
    check_mean(&unfiltered["precise"]["complexity"], 20.0, 10);
    let informative = (9.0 * 6.0 + 7.0) / 80.0 * 100.0;
    check_mean(&unfiltered["informative"]["complexity"], informative, 10);

    let items = rows(&folder.join("items.jsonl"));
    assert_eq!(items.len(), 9);
    let of = |dish: &str| {
        let mut items = items.iter();
        items.find(|item| item["cluster"] == dish).expect("an item")
    };
    assert_eq!(of("dish-4")["accuracy"], 0.0);
    assert_eq!(of("dish-7")["accuracy"], 100.0);
    assert_eq!(of("dish-7")["kind"], "number");
    assert_eq!(of("dish-5").get("accuracy"), None);
    let asked = items.iter().filter(|item| item["knowledge"].is_number());
    assert_eq!(asked.count(), 6);

    let summary = read(&run.join("report/summary.json"));
    assert_eq!(summary["quality"]["accuracy"], found["accuracy"]);
    let page = std::fs::read_to_string(run.join("report/index.html")).expect("page");
    assert!(page.contains("Quality of the synthetic data"));

    // Done before; and after a kill in the middle of the answers the same again.
    let expected = left(&folder);
    let again = world.run("triplets.toml", "run");
    assert!(again.contains("quality: done before, skipped"), "{again}");
    let answers = folder.join("picture.completions.jsonl");
    let bytes = std::fs::read(&answers).expect("answers");
    std::fs::write(&answers, &bytes[..bytes.len() / 2]).expect("write");
    for gone in ["manifest.json", "quality.json", "items.jsonl"] {
        std::fs::remove_file(folder.join(gone)).expect("remove");
    }
    world.run("triplets.toml", "run");
    assert!(left(&folder) == expected, "another try gave something else");
    // In another folder, too.
    world.run("triplets.toml", "other");
    let other = left(&world.path("other/quality"));
    assert!(other == expected, "another folder gave something else");
}

#[test]
fn conversations_of_a_maker_are_measured() {
    let world = World::new();
    world.run("rules.toml", "run");
    let folder = world.path("run/quality");
    let found = read(&folder.join("quality.json"));
    assert_eq!(found.get("unfiltered"), None);
    check_mean(&found["accuracy"], 100.0, PAIRS);
    // All words are the caption's.
    check_mean(&found["complexity"], 0.0, PAIRS);
    assert!(found["consistency"].is_null(), "{found}");
    assert_eq!(found["diversity"], 25.0);
    assert_eq!(found["knowledge"]["count"], 6);
}

/// Eleven tasks of ten pairs: what is a share of pairs counts pairs.
#[test]
fn two_tasks_of_a_pair_are_measured_as_one_picture() {
    let world = World::new();
    world.run("general.toml", "run");
    let run = world.path("run");
    let found = read(&run.join("quality/quality.json"));
    // What is trained is the precise answer, which is right.
    check_mean(&found["accuracy"], 100.0, 11);
    check_mean(&found["consistency"], 0.0, 11);
    check_mean(&found["unfiltered"]["informative"]["accuracy"], 0.0, 11);
    let items = rows(&run.join("quality/items.jsonl"));
    let of_one: Vec<&Value> = items
        .iter()
        .filter(|item| item["cluster"] == "dish-1")
        .collect();
    assert_eq!(of_one.len(), 2);

    let funnel = &read(&run.join("report/summary.json"))["funnel"];
    let counts = ["parsed", "consistent", "kept", "tasks", "consistent_tasks"];
    assert_eq!(counts.map(|key| &funnel[key]), [10, 10, 10, 11, 11]);
}

#[test]
fn without_truth_nothing_can_be_measured() {
    let world = World::new();
    let recipe =
        "model.checkpoint = \"demo\"\ndata.pairs = \"pairs.jsonl\"\nevaluate.quality = true\n";
    std::fs::write(world.path("my.toml"), recipe).expect("write");
    let output = world.start("my.toml", "run", &["--dry-run"]);
    let said = text(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains(
            "`evaluate.quality` measures the synthetic data against what is true of the pairs"
        ) && said.contains("`data.truth`"),
        "{said}"
    );
}

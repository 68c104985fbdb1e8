//! The paper's ablations from keys of a recipe: ten pairs up to their samples, with what a synthesizer and a judge say known.

mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use faults::{Answer, Request, Server, Setup};
use program::{adamllm, text};
use serde_json::{Value, json};

const PAIRS: usize = 10;

const ONE_SENTENCE: &str = "as its caption says.";

/// Ten pairs, two general samples, a synthesizer and a judge.
struct World {
    folder: tempfile::TempDir,
    synthesizer: Server,
    judge: Server,
}

fn caption(at: usize) -> String {
    format!("Dish number {at}: a stew of beans, in a red bowl.")
}

/// The first number that a text gives a dish.
fn number(text: &str) -> String {
    let told = text.split("umber ").skip(1);
    let mut digits = told.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
    let found = digits.find(|digits: &String| !digits.is_empty());
    found.unwrap_or_default()
}

fn task(request: &Request) -> Answer {
    let number = number(&request.text());
    let turn = |role: &str| format!("<|start_header_id|>{role}<|end_header_id|>\n\n");
    let (user, assistant, end) = (turn("user"), turn("assistant"), "<|eot_id|>");
    Answer::text(format!(
        "Answer with a precise response.\nWhich number has the dish?{end}{assistant}{number}{end}{user}\
         Answer with an informative response.\nWhich number has the dish?{end}{assistant}It has number {number}, \
         {ONE_SENTENCE}{end}"
    ))
}

/// Finds another number than that of dish 3.
fn verdict(request: &Request) -> Answer {
    let number = number(&request.text());
    Answer::text(if number == "3" { "soup" } else { &number })
}

impl World {
    fn new() -> Self {
        let server = |setup: Setup| Server::start(setup).expect("server");
        let world = Self {
            folder: tempfile::tempdir().expect("folder"),
            synthesizer: server(Setup::default().answering(task)),
            judge: server(Setup::default().answering(verdict)),
        };
        let mut rows = String::new();
        for at in 0..PAIRS {
            let picture = image::RgbImage::from_fn(40, 30, |x, y| {
                image::Rgb([(x * 5) as u8, (y * 7) as u8, at as u8])
            });
            let name = format!("{at}.png");
            picture.save(world.path(&name)).expect("picture");
            let row = json!({"id": format!("dish-{at}"), "images": [name], "caption": caption(at)});
            rows += &row.to_string();
            rows.push('\n');
        }
        std::fs::write(world.path("pairs.jsonl"), rows).expect("write");
        let general = ["one", "two"].map(|id| {
            let turns = json!([
                {"role": "user", "text": "<image>\nWhat is it?", "marks": true},
                {"role": "assistant", "text": id, "learn": true},
            ]);
            format!(
                "{}\n",
                json!({"id": id, "images": ["0.png"], "turns": turns})
            )
        });
        std::fs::write(world.path("general.jsonl"), general.concat()).expect("write");
        let recipe = format!(
            "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.0\n\
             [synthesizer]\nendpoint = \"{}\"\nendpoint_model = \"model\"\nsend_images = true\n\
             [filter]\nendpoint = \"{}\"\nendpoint_model = \"model\"\njudge = \"extraction\"\n",
            world.synthesizer.url(),
            world.judge.url()
        );
        std::fs::write(world.path("my.toml"), recipe).expect("write");
        // The demo base, a few steps and a few tokens.
        let recipe = "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.0\n\
                      [synthesizer]\nmax_new_tokens = 6\n[synthesizer.train]\nmax_steps = 1\nbatch_size = 2\n";
        std::fs::write(world.path("local.toml"), recipe).expect("write");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a recipe up to a stage in a folder of this name.
    fn run_until(&self, stage: &str, recipe: &str, name: &str, keys: &[&str]) -> Run {
        let mut command = adamllm();
        command.arg("run").arg(self.path(recipe));
        command.arg("--run-dir").arg(self.path(name));
        command.args(["--until", stage, "--threads", "1", "--limit", "40"]);
        command.args(keys.iter().flat_map(|key| ["--set", key]));
        command.env_remove("OPENAI_API_KEY");
        let output = command.output().expect("it starts");
        let said = text(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        Run {
            folder: self.path(name),
        }
    }

    fn run(&self, name: &str, keys: &[&str]) -> Run {
        self.run_until("mix", "my.toml", name, keys)
    }
}

/// A run folder.
struct Run {
    folder: PathBuf,
}

impl Run {
    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file))
            .unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Rows by their ids.
    fn rows(&self, file: &str) -> BTreeMap<String, Value> {
        let text = self.text(file);
        let rows = text.lines().map(|line| {
            let row: Value = serde_json::from_str(line).expect("JSON");
            (row["id"].as_str().expect("id").to_owned(), row)
        });
        rows.collect()
    }

    fn samples(&self) -> BTreeMap<String, Value> {
        self.rows("mix/samples.jsonl")
    }

    fn manifest(&self, stage: &str) -> Value {
        serde_json::from_str(&self.text(&format!("{stage}/manifest.json"))).expect("JSON")
    }

    fn keys<const N: usize>(&self, stages: [&str; N]) -> [String; N] {
        stages.map(|stage| self.manifest(stage)["key"].to_string())
    }

    fn has(&self, file: &str) -> bool {
        self.folder.join(file).exists()
    }
}

/// The texts of a record's turns.
fn texts(record: &Value) -> Vec<&str> {
    let turns = record["turns"].as_array().expect("turns");
    let texts = turns
        .iter()
        .map(|turn| turn["text"].as_str().expect("text"));
    texts.collect()
}

/// The one picture of a record, where its file says it lies.
fn picture(record: &Value, run: &Run) -> PathBuf {
    let images = record["images"].as_array().expect("images");
    let [Value::String(one)] = &images[..] else {
        panic!("{images:?}")
    };
    let name = one.strip_prefix("../").expect("in the run folder");
    run.folder.join(name)
}

fn decoded(path: &Path) -> image::RgbImage {
    image::open(path).expect("picture").into_rgb8()
}

const TASK: &str = "<image>\nWhich number has the dish?";

#[test]
fn an_answer_alone_and_no_filter() {
    let world = World::new();
    let whole = world.run("whole", &[]);
    let off = "filter.enabled=false";
    let precise = world.run("precise", &[off, "mix.answers=precise"]);
    let informative = world.run("informative", &[off, "mix.answers=informative"]);

    let samples = whole.samples();
    assert_eq!(samples.len(), PAIRS);
    let turns = texts(&samples["dish-7"]);
    assert_eq!(turns.len(), 4);
    assert_eq!(
        turns[..2],
        [
            TASK,
            "It has number 7, as its caption says. Therefore, the answer is 7"
        ]
    );
    assert_eq!(turns[3], caption(7));
    // What is not consistent is trained as a caption alone.
    let turns = texts(&samples["dish-3"]);
    assert_eq!((turns.len(), turns[1]), (2, &*caption(3)));

    for (run, of_seven, of_three) in [
        (&precise, "7", "3"),
        (
            &informative,
            "It has number 7, as its caption says.",
            "It has number 3, as its caption says.",
        ),
    ] {
        assert!(!run.has("filter/verdicts.jsonl"), "nobody was asked");
        let samples = run.samples();
        for (id, answer) in [("dish-7", of_seven), ("dish-3", of_three)] {
            assert_eq!(texts(&samples[id])[..2], [TASK, answer]);
        }
    }
    // One key apart, they share all before the samples; with the filter they share what comes before it.
    let before = ["pairs", "tune-synthesizer", "synthesize"];
    assert_eq!(precise.keys(before), whole.keys(before));
    let all = ["pairs", "tune-synthesizer", "synthesize", "filter"];
    assert_eq!(precise.keys(all), informative.keys(all));
    assert_ne!(precise.keys(["mix"]), informative.keys(["mix"]));
    assert_ne!(precise.keys(["filter"]), whole.keys(["filter"]));
}

#[test]
fn captions_tasks_and_general_samples_alone_and_together() {
    let world = World::new();
    let whole = world.run("whole", &[]);
    let asked = world.synthesizer.totals().arrivals;

    let captions = world.run("captions", &["mix.synthetic=false"]);
    assert!(!captions.has("synthesize/requests.jsonl"));
    assert_eq!(
        world.synthesizer.totals().arrivals,
        asked,
        "nobody was asked"
    );
    let samples = captions.samples();
    assert_eq!(samples.len(), PAIRS);
    for at in 0..PAIRS {
        let turns = texts(&samples[&format!("dish-{at}")]);
        assert_eq!((turns.len(), turns[1]), (2, &*caption(at)));
        assert!(turns[0].starts_with("<image>\n") && turns[0] != TASK);
    }

    let tasks = world.run("tasks", &["mix.caption=false"]);
    let samples = tasks.samples();
    assert_eq!(samples.len(), PAIRS - 1);
    assert!(!samples.contains_key("dish-3"));
    assert!(samples.values().all(|sample| texts(sample).len() == 2));
    let turns = texts(&samples["dish-0"]);
    assert_eq!(
        turns[1],
        "It has number 0, as its caption says. Therefore, the answer is 0"
    );
    let all = ["pairs", "tune-synthesizer", "synthesize", "filter"];
    assert_eq!(tasks.keys(all), whole.keys(all));

    // The general task alone, beside the domain's captions, and as replay.
    let general = "mix.general=general.jsonl";
    let stage = "train.stages=[{ name = \"general\", data = \"general\" }]";
    let alone = world.run("general", &[general, stage]);
    let samples = alone.samples();
    let ids: Vec<&str> = samples.keys().map(String::as_str).collect();
    assert_eq!(ids, ["one", "two"]);
    assert_eq!(texts(&samples["two"]), ["<image>\nWhat is it?", "two"]);
    let half = "mix.general_ratio=0.5";
    let beside = world.run("beside", &["mix.synthetic=false", general, half]);
    let replay = world.run("replay", &[general, half]);
    for (run, turns) in [(&beside, 2), (&replay, 4)] {
        let samples = run.samples();
        let of_pairs = samples.iter().filter(|(id, _)| id.starts_with("dish-"));
        assert_eq!(of_pairs.count(), PAIRS);
        // Half as many: both, both again, and one of them.
        assert_eq!(samples.len(), PAIRS + 5);
        assert_eq!(texts(&samples["dish-1"]).len(), turns);
        assert_eq!(texts(&samples["general/one/2"])[1], "one");
    }
    assert_eq!(replay.keys(all), whole.keys(all));

    // Captions first, and again beside the tasks.
    let reuse = world.run("reuse", &["train.pipeline=two-stage-reuse"]);
    let first = reuse.rows("stages/captions/mix/samples.jsonl");
    for (id, sample) in &captions.samples() {
        assert_eq!(first[id]["turns"], sample["turns"]);
    }
    assert_eq!(reuse.samples(), whole.samples());
    assert_eq!(reuse.keys(all), whole.keys(all));
}

/// Ten pictures of 40 × 30 pixels with three values each; of a crop a quarter.
#[test]
fn a_plan_counts_the_corrupted_pictures() {
    let world = World::new();
    for (word, bytes) in [("picture-noise", 36_000), ("picture-crop", 9_000)] {
        let mut command = adamllm();
        command.arg("run").arg(world.path("local.toml"));
        command.arg("--run-dir").arg(world.path(word));
        command.args(["--dry-run", "--threads", "1", "--set"]);
        command.arg(format!("synthesizer.corrupt={word}"));
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let plan = std::fs::read_to_string(world.path(word).join("plan.json")).expect("plan");
        let plan: Value = serde_json::from_str(&plan).expect("JSON");
        assert_eq!(plan["disk"]["corrupted pictures"], bytes, "{plan}");
    }
}

#[test]
fn what_is_corrupted_is_seen_by_the_synthesizer_alone() {
    let world = World::new();
    let whole = world.run("whole", &[]);
    let sound = whole.rows("synthesize/requests.jsonl");
    let before = ["pairs", "tune-synthesizer"];
    for (word, size) in [("picture-noise", (40, 30)), ("picture-crop", (20, 15))] {
        let key = format!("synthesizer.corrupt={word}");
        let run = world.run(word, &[&key]);
        let requests = run.rows("synthesize/requests.jsonl");
        assert_eq!(requests.len(), PAIRS);
        for (id, request) in &requests {
            assert_eq!(request["turns"], sound[id]["turns"]);
            let (seen, own) = (picture(request, &run), picture(&sound[id], &whole));
            let bytes = std::fs::read(&seen).expect("picture");
            let digest = corpus::digest::bytes(&bytes);
            assert_eq!(
                seen,
                run.folder.join(format!("pictures/{}.png", &digest[..32]))
            );
            let (seen, own) = (decoded(&seen), decoded(&own));
            assert_eq!((seen.dimensions(), own.dimensions()), (size, (40, 30)));
            assert_ne!(seen, own);
            if word == "picture-crop" {
                // Red and green tell the place of a pixel, blue the pair.
                let [red, green, blue] = seen.get_pixel(0, 0).0;
                let (x, y) = (u32::from(red) / 5, u32::from(green) / 7);
                assert!(x <= 20 && y <= 15, "{x} {y}");
                assert_eq!(seen.get_pixel(19, 14), own.get_pixel(x + 19, y + 14));
                assert_eq!(format!("dish-{blue}"), *id);
            }
        }
        // The tasks are the same here, so what is trained is too, with the sound pictures.
        assert_eq!(
            run.text("mix/samples.jsonl"),
            whole.text("mix/samples.jsonl")
        );
        assert_eq!(run.keys(before), whole.keys(before));
        assert_ne!(run.keys(["synthesize"]), whole.keys(["synthesize"]));
        // Drawn by the pair's id: alike in every run.
        let again = world.run(&format!("{word}-again"), &[&key]);
        assert_eq!(again.rows("synthesize/requests.jsonl"), requests);
        let other = world.run(&format!("{word}-other"), &[&key, "run.seed=1"]);
        assert_ne!(other.rows("synthesize/requests.jsonl"), requests);
    }

    let run = world.run("caption", &["synthesizer.corrupt=caption"]);
    let (requests, samples) = (run.rows("synthesize/requests.jsonl"), run.samples());
    for at in 0..PAIRS {
        let id = format!("dish-{at}");
        let request = &requests[&id];
        assert_eq!(request["images"], sound[&id]["images"]);
        // Five of eleven words are missing, side by side.
        let (own, left) = (caption(at), texts(request)[1]);
        let own: Vec<&str> = own.split(' ').collect();
        let left: Vec<&str> = left.split(' ').collect();
        assert_eq!((own.len(), left.len()), (11, 6));
        let begins = (0..=6).find(|&n| left[..n] == own[..n] && left[n..] == own[n + 5..]);
        assert!(begins.is_some(), "{left:?}");
        let trained = texts(&samples[&id]);
        assert_eq!(*trained.last().expect("a turn"), caption(at));
    }
    assert_eq!(run.keys(before), whole.keys(before));
    assert_ne!(run.keys(["synthesize"]), whole.keys(["synthesize"]));
}

/// With the demo base, which is tuned for a step.
#[test]
fn what_the_synthesizer_is_shown_is_what_it_is_tuned_on() {
    let world = World::new();
    let mut keys = Vec::new();
    for (input, images, opening) in [
        ("both", 1, "<image>\nDescribe the image."),
        ("image", 1, "<image>\nDescribe the image."),
        ("caption", 0, "Describe the image."),
        ("none", 0, "Describe the image."),
    ] {
        let key = format!("synthesizer.input={input}");
        let run = world.run_until("synthesize", "local.toml", input, &[&key]);
        let tuned = run.rows("tune-synthesizer/samples.jsonl");
        let asked = run.rows("synthesize/requests.jsonl");
        assert_eq!((tuned.len(), asked.len()), (40, PAIRS));
        let has_caption = ["both", "caption"].contains(&input);
        for record in tuned.values().chain(asked.values()) {
            assert_eq!(record["images"].as_array().expect("images").len(), images);
            let turns = texts(record);
            assert_eq!(turns[0], opening);
            assert_eq!(turns[1] == "Ready.", !has_caption, "{turns:?}");
        }
        if has_caption {
            assert_eq!(texts(&asked["dish-4"])[1], caption(4));
        }
        let blank = tuned.values().filter(|one| one["origin"]["blank"] == true);
        assert_eq!(blank.count() > 0, input == "both", "{input}");
        keys.push(run.keys(["pairs", "tune-synthesizer"]));
    }
    assert!(keys.iter().all(|[pairs, _]| *pairs == keys[0][0]));
    let tuned: std::collections::BTreeSet<&String> = keys.iter().map(|[_, tuned]| tuned).collect();
    assert_eq!(tuned.len(), keys.len());

    let off = "synthesizer.blank_images=0.0";
    let run = world.run_until("tune-synthesizer", "local.toml", "no-blanks", &[off]);
    let tuned = run.rows("tune-synthesizer/samples.jsonl");
    assert!(tuned.values().all(|one| one["origin"]["blank"] == false));
}

#[test]
fn the_general_model_itself_synthesizes() {
    let world = World::new();
    let tuned = world.run_until("synthesize", "local.toml", "tuned", &[]);
    let off = "synthesizer.tuned=false";
    let run = world.run_until("mix", "local.toml", "untuned", &[off]);
    // The same is asked of another model.
    let (asked, of_tuned) = (
        run.text("synthesize/requests.jsonl"),
        tuned.text("synthesize/requests.jsonl"),
    );
    assert_eq!(asked, of_tuned);
    assert!(tuned.has("tune-synthesizer/model") && !run.has("tune-synthesizer/model"));
    let counts = &run.manifest("tune-synthesizer")["counts"];
    assert_eq!(*counts, json!({"left untuned": 1}));
    assert_eq!(run.samples().len(), PAIRS);
    assert_eq!(run.keys(["pairs"]), tuned.keys(["pairs"]));
    assert_ne!(run.keys(["synthesize"]), tuned.keys(["synthesize"]));
    // It is the model that judges in the demo, by its content.
    let read = |stage: &str, role: &str| run.manifest(stage)["contents"][role].clone();
    let judge = read("filter", "the judge");
    assert!(judge.is_string(), "{judge}");
    assert_eq!(read("synthesize", "the synthesizer"), judge);
}

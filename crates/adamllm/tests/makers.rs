//! Runs whose data is made by others than the synthesizer: by rules, by the records themselves, and by models at an endpoint that
//! answer well, oddly or not at all.

mod program;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Mutex;

use faults::{Answer, Request, Server, Setup};
use program::{adamllm, text};
use serde_json::{Value, json};

/// A folder of pairs and a recipe with the demo base.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// `row` gives a pair's keys beside id and picture.
    fn new(pairs: usize, row: impl Fn(usize) -> Value) -> Self {
        let world = Self {
            folder: tempfile::tempdir().expect("folder"),
        };
        let mut rows = String::new();
        for at in 0..pairs {
            let picture = image::RgbImage::from_fn(40, 30, |x, y| {
                image::Rgb([(x * 5) as u8, (y * 7) as u8, (at * 3) as u8])
            });
            let name = format!("{at}.png");
            picture.save(world.path(&name)).expect("picture");
            let mut row = row(at);
            row["id"] = json!(format!("dish-{at}"));
            row["images"] = json!([name]);
            rows += &row.to_string();
            rows.push('\n');
        }
        std::fs::write(world.path("pairs.jsonl"), rows).expect("write");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs until the samples are mixed.
    fn run(&self, maker: &str, rest: &str) -> Output {
        let recipe = format!(
            "model.checkpoint = \"demo\"\ndata.pairs = \"pairs.jsonl\"\ndata.held_out = 0.0\ndata.maker = \"{maker}\"\n{rest}"
        );
        std::fs::write(self.path("my.toml"), recipe).expect("write");
        let mut command = adamllm();
        command.arg("run").arg(self.path("my.toml"));
        command.arg("--run-dir").arg(self.path("run"));
        command.args(["--until", "mix", "--threads", "1"]);
        command.env_remove("OPENAI_API_KEY");
        command.output().expect("it starts")
    }

    fn done(&self, maker: &str, rest: &str) {
        let output = self.run(maker, rest);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// What is said of a run that fails.
    fn failed(&self, maker: &str, rest: &str) -> String {
        let output = self.run(maker, rest);
        assert!(!output.status.success(), "{}", text(&output.stdout));
        text(&output.stderr)
    }

    fn rows(&self, file: &str) -> Vec<Value> {
        let path = self.path("run").join(file);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    fn manifest(&self, stage: &str) -> Value {
        let path = self.path("run").join(stage).join("manifest.json");
        serde_json::from_str(&std::fs::read_to_string(path).expect("manifest")).expect("JSON")
    }

    /// Ids of a file's rows.
    fn ids(&self, file: &str) -> Vec<String> {
        let rows = self.rows(file);
        rows.iter()
            .map(|row| row["id"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Why pairs got no task.
    fn left_out(&self) -> BTreeMap<String, String> {
        let rows = self.rows("synthesize/rejected.jsonl").into_iter();
        let part = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        rows.map(|row| (part(&row, "id"), part(&row, "reason")))
            .collect()
    }

    /// The texts of a pair's sample, one a turn.
    fn sample(&self, id: &str) -> Vec<String> {
        let rows = self.rows("mix/samples.jsonl");
        let row = rows.iter().find(|row| row["id"] == id).expect("a sample");
        let turns = row["turns"].as_array().expect("turns").iter();
        turns
            .map(|turn| turn["text"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

fn plain(at: usize) -> Value {
    json!({"caption": format!("Dish number {at}: a stew of beans, in a red bowl.")})
}

/// The number of the dish that is asked about last: the words before may have an example.
fn number(request: &Request) -> usize {
    let said = request.text();
    let last = said.rsplit("umber ").next().unwrap_or_default();
    let digits: String = last.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// Keys of a model at the server.
fn there(server: &Server, more: &str) -> String {
    format!(
        "maker.endpoint = \"{}\"\nmaker.endpoint_model = \"model\"\n{more}",
        server.url()
    )
}

#[test]
fn rules_cut_tasks_out_of_recipes() {
    let world = World::new(10, |at| match at {
        0 => json!({"caption": "A red bowl."}),
        _ => json!({"caption": format!("Title: Stew {at}\nIngredients:\n{at} leeks\nsalt")}),
    });
    // One family alone, so that what comes out is known.
    let words = "[[rules.families]]\nname = \"ingredients\"\nrequests = [\"What is in {title}?\"]\nlayout = \"{ingredients}\"\n";
    std::fs::write(world.path("words.toml"), words).expect("write");
    world.done("rules", "maker.prompts = \"words.toml\"\n");
    let tasks = world.rows("synthesize/tasks.jsonl");
    assert_eq!(tasks.len(), 9);
    assert_eq!(
        tasks[2]["exchanges"],
        json!([["What is in Stew 3?", "3 leeks\nsalt"]])
    );
    assert_eq!(
        (&tasks[2]["origin"]["maker"], &tasks[2]["origin"]["rule"]),
        (&json!("rules"), &json!("ingredients"))
    );
    assert!(
        tasks[2]["origin"]["prompts"]
            .as_str()
            .is_some_and(|version| version.starts_with("1+"))
    );
    assert_eq!(
        world.left_out(),
        BTreeMap::from([("dish-0".to_owned(), "no-rule".to_owned())])
    );
    assert_eq!(world.rows("filter/tasks.jsonl"), tasks);
    assert_eq!(
        world.manifest("filter")["counts"],
        json!({"judged": 0, "kept": 9})
    );
    let counts = &world.manifest("synthesize")["counts"];
    assert_eq!(
        (&counts["requests"], &counts["triplets"]),
        (&json!(10), &json!(9))
    );
    let mixed = &world.manifest("mix")["counts"];
    assert_eq!(
        (&mixed["samples"], &mixed["with a task"]),
        (&json!(10), &json!(9))
    );
    assert_eq!(
        world.sample("dish-3")[..2],
        ["<image>\nWhat is in Stew 3?", "3 leeks\nsalt"]
    );
    let read = world.manifest("synthesize")["recipe"].clone();
    let mut keys: Vec<&String> = read.as_object().expect("keys").keys().collect();
    keys.sort();
    assert_eq!(keys, ["data.maker", "mix.synthetic", "run.seed"]);

    let mut inspect = adamllm();
    let output = inspect
        .args(["inspect", "run"])
        .arg(world.path("run"))
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    // Again with nothing left to do; and anew for another maker, in the same folder.
    let made =
        std::fs::metadata(world.path("run/mix/samples.jsonl")).and_then(|file| file.modified());
    world.done("rules", "maker.prompts = \"words.toml\"\n");
    let kept =
        std::fs::metadata(world.path("run/mix/samples.jsonl")).and_then(|file| file.modified());
    assert_eq!(made.expect("time"), kept.expect("time"));
}

#[test]
fn records_bring_their_own_tasks() {
    let world = World::new(11, |at| {
        let task = |question: &str| {
            json!({"instruction": question, "informative": format!("The bowl holds stew {at}, as it is red."),
                "precise": format!("stew {at}")})
        };
        let tasks = match at {
            0 => vec![],
            1 => vec![task("What is it?"), task("Which dish?"), task("<image>")],
            2 => vec![task(""), task("<image>")],
            _ => vec![task("What is it?")],
        };
        json!({"caption": format!("Stew {at} in a red bowl."), "task": "dishes", "tasks": tasks})
    });
    let output = world.run("general", "");
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    // Two pairs without a task, and a task without an answer of a pair that has another one.
    assert!(said.contains("2 of 11 pairs got no task"), "{said}");
    assert!(said.contains("1 of 11 tasks are left out"), "{said}");
    let triplets = world.rows("synthesize/triplets.jsonl");
    assert_eq!(triplets.len(), 10);
    assert_eq!(
        triplets[0],
        json!({"id": "dish-1/1", "pair": "dish-1", "instruction": "What is it?", "precise": "stew 1",
            "informative": "The bowl holds stew 1, as it is red.", "origin": {"maker": "general", "task": "dishes"}})
    );
    assert_eq!(world.left_out()["dish-0"], "no-task");
    // The filter is the same as of triplets that a synthesizer wrote: it judges every one.
    assert_eq!(world.manifest("filter")["counts"]["judged"], 10);
    assert_eq!(world.rows("filter/verdicts.jsonl").len(), 10);
    // Without it, all are joined; of two tasks the first is trained.
    world.done("general", "filter.enabled = false\n");
    assert_eq!(world.manifest("mix")["counts"]["with a task"], 9);
    let sample = world.sample("dish-1");
    assert_eq!(sample[0], "<image>\nWhat is it?");
    assert_eq!(
        sample[1],
        "The bowl holds stew 1, as it is red. Therefore, the answer is stew 1"
    );
    let rejected = world.rows("mix/rejected.jsonl");
    assert!(
        rejected
            .iter()
            .any(|row| row["id"] == "dish-1/2" && row["reason"] == "second-triplet")
    );
}

/// How the GPT-4 of the tests answers about a dish, the first time and later.
fn conversation(at: usize, is_first: bool) -> Answer {
    let good = format!(
        "Question: What is shown?\nAnswer: Stew {at}.\nQuestion: In what?\nAnswer: In a red bowl."
    );
    match at {
        1 => Answer::text(format!(
            "Sure, here you are!\n\n{}\n\nLet me know if you need more.",
            good.replace("Question:", "**Question 1:**")
        )),
        2 if is_first => Answer::text("Question: What is shown?"),
        3 => Answer::refusing("I cannot talk about food."),
        4 => {
            Answer::text("Question: What does the caption say?\nAnswer: The caption is about stew.")
        }
        5 => Answer::text("I'm sorry, but I can't see any picture."),
        6 => Answer::text("Question: What is shown?\nAnswer: According to the caption, stew 6."),
        _ => Answer::text(good),
    }
}

#[test]
fn a_model_that_reads_captions_is_asked_again_about_what_failed() {
    let world = World::new(10, |at| {
        let mut row = plain(at);
        row["seen"] = json!(["It was hot."]);
        row
    });
    let asked = Mutex::new(BTreeMap::<usize, usize>::new());
    let setup = Setup::default().answering(move |request| {
        let at = number(request);
        assert!(
            request.text().contains("Passage: It was hot."),
            "{}",
            request.text()
        );
        let mut asked = asked.lock().expect("lock");
        let times = asked.entry(at).or_default();
        *times += 1;
        conversation(at, *times == 1)
    });
    let server = Server::start(setup).expect("server");
    world.done(
        "text-only",
        &there(&server, "maker.rounds = 2\nmaker.mentions = \"seen\"\n"),
    );
    let expected = [
        ("dish-3", "refusal"),
        ("dish-4", "betrays-reading"),
        ("dish-5", "no-exchange"),
    ];
    let expected = expected.map(|(id, reason)| (id.to_owned(), reason.to_owned()));
    assert_eq!(world.left_out(), BTreeMap::from(expected));
    assert_eq!(world.ids("synthesize/requests.jsonl").len(), 10);
    assert_eq!(
        world.ids("synthesize/requests-2.jsonl"),
        ["dish-2", "dish-3", "dish-4", "dish-5"]
    );
    assert_eq!(
        world.ids("synthesize/completions-3.jsonl"),
        ["dish-3", "dish-4", "dish-5"]
    );
    assert!(!world.path("run/synthesize/requests-4.jsonl").exists());
    let totals = server.totals();
    assert_eq!((totals.distinct_sound, totals.pictures), (10 + 4 + 3, 0));
    let counts = &world.manifest("synthesize")["counts"];
    assert_eq!(
        (
            &counts["requests"],
            &counts["triplets"],
            &counts["asked again"],
            &counts["refused"]
        ),
        (&json!(10), &json!(7), &json!(7), &json!(3))
    );
    // In the order of the pairs, in whatever round each came.
    let tasks = world.rows("synthesize/tasks.jsonl");
    let of: Vec<&str> = tasks
        .iter()
        .filter_map(|task| task["pair"].as_str())
        .collect();
    assert_eq!(
        of,
        [
            "dish-0", "dish-1", "dish-2", "dish-6", "dish-7", "dish-8", "dish-9"
        ]
    );
    assert_eq!(
        tasks[1]["exchanges"][1],
        json!(["In what?", "In a red bowl."])
    );
    assert_eq!(
        tasks[3]["exchanges"],
        json!([["What is shown?", "Stew 6."]])
    );
    let origin = &tasks[1]["origin"];
    assert_eq!(
        (&origin["maker"], &origin["model"], &origin["prompts"]),
        (&json!("text-only"), &json!("model"), &json!("1"))
    );
    // Several exchanges, then the caption.
    let sample = world.sample("dish-0");
    assert_eq!(
        sample[..4],
        [
            "<image>\nWhat is shown?",
            "Stew 0.",
            "In what?",
            "In a red bowl."
        ]
    );
    assert_eq!(sample[5], "Dish number 0: a stew of beans, in a red bowl.");
    // What it was made from is the maker's, and nothing of a synthesizer.
    let read = world.manifest("synthesize");
    let mut keys: Vec<&String> = read["recipe"].as_object().expect("keys").keys().collect();
    keys.sort();
    let expected = [
        "data.maker",
        "maker.endpoint_model",
        "maker.max_new_tokens",
        "maker.mentions",
        "maker.rounds",
        "maker.temperature",
        "maker.top_p",
        "mix.synthetic",
        "run.seed",
        "version of the prompts",
    ];
    assert_eq!(keys, expected);
    // What was asked before is not asked again.
    let before = server.totals().distinct_sound;
    std::fs::remove_file(world.path("run/synthesize/manifest.json")).expect("removed");
    world.done(
        "text-only",
        &there(&server, "maker.rounds = 2\nmaker.mentions = \"seen\"\n"),
    );
    assert_eq!(server.totals().distinct_sound, before);
    assert_eq!(world.rows("synthesize/tasks.jsonl"), tasks);
}

#[test]
fn models_that_see_pictures_are_sent_them_if_they_may_leave() {
    for (maker, question) in [("with-picture", "Question"), ("one-shot", "Instruction")] {
        let world = World::new(10, plain);
        let setup = Setup::default().answering(move |request| {
            assert_eq!(request.pictures().count(), 1);
            let at = number(request);
            Answer::text(match at {
                3 => "I cannot help with that.".to_owned(),
                4 => format!("{question}: What is it?"),
                5 => format!("Of course.\n\n**{question}:** What is it?\n**Answer:** Stew 5.\n\nI hope this helps!"),
                _ => format!("{question}: What is it?\nAnswer: Stew {at}.\n{question}: Hot?\nAnswer: Yes."),
            })
        });
        let server = Server::start(setup).expect("server");
        let said = world.failed(maker, &there(&server, ""));
        assert!(said.contains("maker.send_images = true"), "{said}");
        assert_eq!(server.totals().arrivals, 0);
        world.done(
            maker,
            &there(&server, "maker.send_images = true\nmaker.rounds = 1\n"),
        );
        let totals = server.totals();
        assert_eq!((totals.pictures, totals.pictures_with_more), (12, 0));
        let expected = [("dish-3", "no-exchange"), ("dish-4", "bad-exchange")];
        let expected = expected.map(|(id, reason)| (id.to_owned(), reason.to_owned()));
        assert_eq!(world.left_out(), BTreeMap::from(expected));
        let tasks = world.rows("synthesize/tasks.jsonl");
        assert_eq!(tasks.len(), 8);
        assert_eq!(tasks[3]["exchanges"], json!([["What is it?", "Stew 5."]]));
        // One instruction is asked for at a time.
        let exchanges = tasks[0]["exchanges"].as_array().map_or(0, Vec::len);
        assert_eq!(exchanges, if maker == "one-shot" { 1 } else { 2 });
        assert_eq!(world.manifest("mix")["counts"]["with a task"], 8);
    }
}

#[test]
fn a_model_that_gives_nothing_is_asked_no_more() {
    let world = World::new(70, plain);
    let setup = Setup::default().answering(|request| match number(request) {
        0 => Answer::text("Here is a poem\nabout stew."),
        _ => Answer::refusing("No."),
    });
    let server = Server::start(setup).expect("server");
    let said = world.failed("text-only", &there(&server, ""));
    let expected = "`data.maker = \"text-only\"` got no task out of 64 answers of `model` (1 no-exchange, 63 refusal); of `dish-0` it \
                    wrote: Here is a poem about stew.";
    assert!(said.contains(expected), "{said}");
    assert_eq!(server.totals().distinct_sound, 64);

    // A model of this machine, which learned to say nothing of the kind, about fewer pairs and in two rounds.
    let few = World::new(3, plain);
    let said = few.failed(
        "one-shot",
        "maker.checkpoint = \"demo\"\nmaker.max_new_tokens = 8\nmaker.rounds = 1\n",
    );
    assert!(said.contains("got no task out of 6 answers of `"), "{said}");
}

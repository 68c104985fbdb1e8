//! The quality of sets of tasks as a user sees it: sets of several layouts with planted faults, judges that answer as they are told,
//! people's files, and known truth, so that every number can be counted by hand.

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use faults::{Answer, Request, Server, Setup};
use program::{adamllm, text};
use serde_json::{Value, json};

/// Dishes; each has a picture, a triplet and a seed.
const DISHES: usize = 20;

/// Conversations that repeat an earlier one word by word.
const REPEATED: usize = 2;

/// A caption that is markup wherever it is taken for it.
const HOSTILE: &str = "</script><img src=x onerror=alert(1)>";

/// What a filter kept: all but every fourth.
fn is_kept(dish: usize) -> bool {
    !dish.is_multiple_of(4)
}

/// Of dishes 0, 4 and 8 the precise answer alone is wrong, of 1, 2 and 3 both are.
fn answers(dish: usize) -> (String, String) {
    let said = match dish {
        0 | 4 | 8 => (dish, 99),
        1..=3 => (99, 99),
        _ => (dish, dish),
    };
    let informative = match dish {
        // Copied from the caption.
        17..=19 => format!("A stew of {dish} beans"),
        _ => format!("It has {} beans.", said.0),
    };
    (informative, said.1.to_string())
}

fn caption(dish: usize) -> String {
    let end = if dish == 7 { HOSTILE } else { "" };
    format!("Dish number {dish}: a stew of {dish} beans, in a red bowl.{end}")
}

fn id(dish: usize) -> String {
    format!("dish-{dish:02}")
}

/// A folder with a run folder `ours`, seeds, conversations and truth, and an empty `q` for what is found.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().expect("folder"),
        };
        for folder in ["ours/pairs", "ours/synthesize", "ours/filter"] {
            std::fs::create_dir_all(world.path(folder)).expect("folder");
        }
        let mut files: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        let mut add = |file, row| files.entry(file).or_default().push(row);
        for dish in 0..DISHES {
            let picture = image::RgbImage::from_fn(24, 20, |x, y| {
                image::Rgb([(x * 9) as u8, (y * 11) as u8, (dish * 12) as u8])
            });
            let name = format!("{dish}.png");
            picture.save(world.path(&name)).expect("picture");
            let pair = json!({"id": id(dish), "images": [format!("../../{name}")], "caption": caption(dish)});
            add("ours/pairs/pairs.jsonl", pair);
            let (informative, precise) = answers(dish);
            let question = format!("How many beans has dish number {dish}?");
            let triplet = json!({"id": format!("t{dish}"), "pair": id(dish), "instruction": question,
                "informative": informative, "precise": precise});
            add("ours/synthesize/triplets.jsonl", triplet.clone());
            if is_kept(dish) {
                add("ours/filter/triplets.jsonl", triplet);
            }
            let (verdict, p_yes) = if is_kept(dish) {
                ("yes", 0.9)
            } else {
                ("no", 0.1)
            };
            let verdict = json!({"id": format!("t{dish}"), "verdict": verdict, "p_yes": p_yes, "raw": verdict});
            add("ours/filter/verdicts.jsonl", verdict);
            let task = json!({"instruction": format!("Which colour has dish number {dish}?"),
                "informative": "Its bowl is red.", "precise": "red"});
            add(
                "seeds.jsonl",
                json!({"id": id(dish), "images": [name], "caption": caption(dish), "tasks": [task]}),
            );
            let known = json!({"kind": "beans", "question": question, "answer": dish.to_string()});
            add("truth.jsonl", json!({"id": id(dish), "answers": [known]}));
        }
        for (file, rows) in &files {
            let lines: Vec<String> = rows.iter().map(|row| format!("{row}\n")).collect();
            std::fs::write(world.path(file), lines.concat()).expect("write");
        }
        let chat = |name: String, dish: usize| {
            json!({"id": name, "image": format!("{dish}.png"), "conversations": [
                {"from": "human", "value": format!("<image>\nWhat is dish number {dish}?")},
                {"from": "gpt", "value": format!("A stew, which is number {dish}.")}]})
        };
        let chats = (0..DISHES).map(|dish| chat(format!("c{dish}"), dish));
        let repeated = (0..REPEATED).map(|dish| chat(format!("again-{dish}"), dish));
        let chats: Vec<Value> = chats.chain(repeated).collect();
        std::fs::write(world.path("chats.json"), json!(chats).to_string()).expect("write");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = adamllm();
        command.arg("quality").args(arguments);
        if !arguments.contains(&"--run-dir") {
            command.args(["--run-dir", "q"]);
        }
        command.args(["--threads", "1"]);
        command.current_dir(self.folder.path());
        command.env_remove("OPENAI_API_KEY");
        command
    }

    fn quality(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("the program starts")
    }

    /// What is said on both outputs of a call that does all that it should.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.quality(arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    /// What is said of a call that fails, which is one message without the program's own innards.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.quality(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        said
    }

    /// The judge of `url` over our triplets and the seeds, all of both.
    fn judged(&self, url: &str, run: &str, more: &[&str]) -> String {
        let sets = ["ours=ours/synthesize/triplets.jsonl", "seeds=seeds.jsonl"];
        let judge = [
            "--run-dir",
            run,
            "--endpoint",
            url,
            "--endpoint-model",
            "model",
            "--send-images",
        ];
        self.done(&[&sets[..], &judge, more].concat())
    }

    fn read(&self, file: &str) -> String {
        let path = self.path(file);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.read(file)).expect("JSON")
    }

    fn rows(&self, file: &str) -> Vec<Value> {
        let lines = self.read(file);
        lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    fn assessment(&self, run: &str) -> Value {
        self.json(&format!("{run}/judging/assess/assessment.json"))
    }
}

fn strings(values: &Value, key: &str) -> Vec<String> {
    let values = values.as_array().expect("a list").iter();
    values
        .map(|value| value[key].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The row of a list whose keys have these values.
fn row<'a>(rows: &'a Value, wanted: &[(&str, &str)]) -> &'a Value {
    let mut all = rows.as_array().expect("a list").iter();
    let found = all.find(|row| wanted.iter().all(|(key, value)| row[*key] == *value));
    found.unwrap_or_else(|| panic!("{wanted:?} in {rows:#}"))
}

fn close(found: &Value, expected: f64) {
    let number = found
        .as_f64()
        .unwrap_or_else(|| panic!("{found} is no number"));
    assert!(
        (number - expected).abs() < 1e-9,
        "{number} is not {expected}"
    );
}

const ASPECTS: [&str; 6] = [
    "knowledge",
    "complexity",
    "accuracy",
    "precise-accuracy",
    "informative-accuracy",
    "consistency",
];

#[test]
fn sets_are_measured_without_a_judge() {
    let world = World::new();
    let call = [
        "ours=ours",
        "seeds=seeds.jsonl",
        "chats.json",
        "--sample",
        "8",
    ];
    let said = world.done(&call);
    for file in [
        "index.html",
        "quality.md",
        "sheet.html",
        "assessment.json",
        "scores.jsonl",
    ] {
        assert!(
            !world
                .path("q/judging/assess")
                .join(file)
                .metadata()
                .expect(file)
                .is_dir()
        );
    }
    assert!(
        !world.path("q/judging/judge-data").exists()
            && !world.path("q/judging/answerable").exists()
    );
    let names = [
        "ours before the filter",
        "ours after the filter",
        "seeds",
        "chats.json",
    ];
    let sample = world.json("q/judging/draw-sample/sample.json");
    assert_eq!(strings(&sample["sets"], "name"), names);
    let drawn = strings(&sample["items"], "set");
    for name in names {
        assert_eq!(drawn.iter().filter(|set| *set == name).count(), 8, "{name}");
        assert!(
            world.read("q/judging/assess/quality.md").contains(name),
            "{name}"
        );
    }
    let measures = json!(world.rows("q/judging/draw-sample/measures.jsonl"));
    assert_eq!(strings(&measures, "set"), names);
    let of = |name: &str| row(&measures, &[("set", name)]);
    assert_eq!(of("ours before the filter")["items"], DISHES);
    assert_eq!(of("ours before the filter")["kept"], 15);
    assert_eq!(of("ours after the filter")["items"], 15);
    assert_eq!(of("seeds")["triplets"], DISHES);
    assert_eq!(of("chats.json")["items"], DISHES + REPEATED);
    assert_eq!(of("chats.json")["repeats"]["exchanges_repeated"], REPEATED);
    assert_eq!(
        of("chats.json")["repeats"]["instructions_repeated"],
        REPEATED
    );
    assert_eq!(
        of("ours before the filter")["repeats"]["instructions_repeated"],
        0
    );
    assert_eq!(of("seeds")["repeats"]["exchanges_repeated"], 0);
    // Three informative answers are the caption's words; of precise ones those that are no 99.
    for (name, all, precise) in [
        ("ours before the filter", 20, 14),
        ("ours after the filter", 15, 12),
    ] {
        let literal = &of(name)["copied"]["literal"];
        let informative = row(literal, &[("answers", "informative")]);
        assert_eq!(
            (&informative["of"], &informative["count"]),
            (&json!(all), &json!(3))
        );
        assert_eq!(
            row(literal, &[("answers", "precise")])["count"],
            precise,
            "{name}"
        );
    }
    assert_eq!(of("chats.json").get("copied"), None);
    for (what, file) in [("page", "index.html"), ("sheet for people", "sheet.html")] {
        assert!(
            said.contains(&format!("{what}: "))
                && said.contains(&format!("q/judging/assess/{file}\n")),
            "{said}"
        );
    }
    assert!(!said.contains("tuned synthesizer"), "{said}");

    let again = world.done(&call);
    for stage in ["draw-sample", "assess"] {
        assert!(
            again.contains(&format!("{stage}: done before, skipped")),
            "{stage} in\n{again}"
        );
    }
    let anew = world.done(&[&call[..], &["--seed", "5"]].concat());
    assert!(!anew.contains("skipped"), "{anew}");
    let other = world.json("q/judging/draw-sample/sample.json");
    assert_ne!(other["id"], sample["id"]);
    let ids = |sample: &Value| {
        strings(&sample["items"], "id")
            .into_iter()
            .collect::<BTreeSet<_>>()
    };
    assert_ne!(ids(&other), ids(&sample), "other items are drawn");
}

/// What stands in a text after the last words "dish number".
fn dish(text: &str) -> Option<usize> {
    let (_, after) = text.split_once("dish number ")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The tasks of a request, each with whether it is a seed's, and its dish.
fn shown(said: &str) -> Vec<(bool, usize)> {
    let before_rubric = said.split("\n\nHow ").next().unwrap_or_default();
    let tasks: Vec<&str> = if before_rubric.contains("Task 1\n") {
        before_rubric
            .split("Task ")
            .skip(1)
            .filter(|part| part.starts_with(|c: char| c.is_ascii_digit()))
            .collect()
    } else {
        vec![before_rubric]
    };
    tasks
        .iter()
        .map(|task| (task.contains("Which colour"), dish(task).expect("a dish")))
        .collect()
}

/// What the judge thinks: of our dishes 1 to 4 in turn, of seeds 2 and then 4.
fn level((is_seed, dish): (bool, usize)) -> usize {
    match (is_seed, dish) {
        (true, 0..10) => 2,
        (true, _) => 4,
        (false, _) => 1 + dish % 4,
    }
}

/// Answers by a function of place and task.
fn judge(request: &Request, level: impl Fn(usize, (bool, usize)) -> usize) -> Answer {
    let said = request.text();
    if said.contains("What is the picture about?") {
        return Answer::text("9");
    }
    let tasks = shown(&said);
    let is_yes = said.contains("Does the short answer follow");
    assert_eq!(
        request.pictures().count(),
        usize::from(!is_yes) * pictures(&tasks),
        "{said}"
    );
    let values = tasks.iter().enumerate().map(|(at, task)| match is_yes {
        true if task.0 || is_kept(task.1) => "yes".to_owned(),
        true => "no".to_owned(),
        false => level(at, *task).to_string(),
    });
    let values: Vec<String> = values.collect();
    match &values[..] {
        [only] => Answer::text(only.as_str()),
        all => {
            let lines = all
                .iter()
                .enumerate()
                .map(|(at, value)| format!("{}: {value}", at + 1));
            Answer::text(lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

/// Tasks about one picture show it once.
fn pictures(tasks: &[(bool, usize)]) -> usize {
    tasks
        .iter()
        .map(|(_, dish)| dish)
        .collect::<BTreeSet<_>>()
        .len()
}

fn server(respond: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
    Server::start(Setup::default().answering(respond)).expect("server")
}

/// How many different things were asked.
fn asked(server: &Server) -> usize {
    let all = server
        .arrivals()
        .into_iter()
        .filter(|arrival| !arrival.digest.is_empty());
    let digests: BTreeSet<String> = all.map(|arrival| arrival.digest).collect();
    digests.len()
}

/// Six aspects twice of 20 groups, the kind of 40 tasks, the domain of 20 pictures.
const ASKED: usize = 6 * 2 * 20 + 40 + 20;

#[test]
fn a_fair_judge_gives_its_levels() {
    let world = World::new();
    let server = server(|request| judge(request, |_, task| level(task)));
    world.judged(&server.url(), "q", &[]);
    assert_eq!(asked(&server), ASKED);
    let found = world.assessment("q");
    let means = &found["means"];
    for aspect in ASPECTS {
        // Levels 1 to 4 are 0, 25, 50 and 75; 2 and 4 are 25 and 75.
        let expected = if aspect == "consistency" {
            [75.0, 100.0]
        } else {
            [37.5, 50.0]
        };
        for (part, expected) in ["ours", "seeds"].into_iter().zip(expected) {
            let of = row(means, &[("aspect", aspect), ("part", part)]);
            close(&of["mean"]["mean"], expected);
            assert_eq!(
                (&of["mean"]["items"], &of["unread"]),
                (&json!(DISHES), &json!(0))
            );
        }
        let difference = row(&found["differences"], &[("aspect", aspect)]);
        close(
            &difference["difference"]["difference"],
            expected[0] - expected[1],
        );
        assert_eq!(difference["difference"]["shared"], DISHES);
        let pass = row(
            &found["passes"],
            &[("aspect", aspect), ("turned", "places")],
        );
        close(&pass["effect"]["difference"], 0.0);
        close(&pass["same"], 100.0);
    }
    let kinds = row(
        &found["classes"],
        &[("aspect", "task-type"), ("part", "ours")],
    );
    assert_eq!(
        kinds["counts"].as_array().expect("counts")[..5],
        [5, 5, 5, 5, 0].map(|n| json!(n))
    );
    close(&kinds["diversity_of_17"], 100.0 * 4.0 / 17.0);
    let domains = row(
        &found["classes"],
        &[("aspect", "image-domain"), ("part", "seeds")],
    );
    assert_eq!(domains["counts"][8], DISHES);
    let warnings = found["warnings"].to_string();
    assert!(
        !warnings.contains("swayed") && warnings.contains("all numbers are a model's opinion"),
        "{warnings}"
    );
    let scores = world.rows("q/judging/assess/scores.jsonl");
    let of = |item: &str| {
        let all = json!(scores);
        row(
            &all,
            &[("item", item), ("aspect", "accuracy"), ("set", "ours")],
        )["score"]
            .clone()
    };
    close(&of("t7"), 75.0);
    close(&of("t8"), 0.0);
    let markdown = world.read("q/judging/assess/quality.md");
    assert!(
        markdown.contains("37.5") && markdown.contains("model (model)"),
        "{markdown}"
    );

    // Skipped as a whole, and with another judge asked anew.
    let again = world.judged(&server.url(), "q", &[]);
    for stage in ["draw-sample", "judge-data", "assess"] {
        assert!(
            again.contains(&format!("{stage}: done before, skipped")),
            "{again}"
        );
    }
    assert_eq!(asked(&server), ASKED);
    let alone = world.judged(&server.url(), "q", &["--set", "quality.alone=true"]);
    assert!(
        alone.contains("draw-sample: done before, skipped")
            && !alone.contains("judge-data: done before"),
        "{alone}"
    );
    let found = world.assessment("q");
    close(
        &row(&found["means"], &[("aspect", "accuracy"), ("part", "ours")])["mean"]["mean"],
        37.5,
    );
    assert_eq!(
        row(&found["passes"], &[("aspect", "accuracy")])["turned"],
        "levels"
    );
}

#[test]
fn a_judge_that_prefers_the_first_place_is_found_out() {
    let world = World::new();
    let server = server(|request| {
        let is_group = request.text().contains("Task 2\n");
        judge(request, move |at, task| {
            level(task) + usize::from(is_group && at == 0)
        })
    });
    let said = world.judged(&server.url(), "q", &[]);
    let found = world.assessment("q");
    for aspect in &ASPECTS[..5] {
        let pass = row(
            &found["passes"],
            &[("aspect", aspect), ("turned", "places")],
        );
        close(&pass["effect"]["difference"], 25.0);
        close(&pass["effect"]["interval"][0], 25.0);
        close(&pass["same"], 0.0);
        // Each task stands first once and gets half of the bonus.
        close(
            &row(&found["means"], &[("aspect", aspect), ("part", "ours")])["mean"]["mean"],
            50.0,
        );
        let told = format!(
            "`model` is swayed by order, {aspect}: the same item in the first place less the same in the last +25.0"
        );
        assert!(said.contains(&told), "{told} in\n{said}");
    }
    for file in ["index.html", "quality.md"] {
        assert!(
            world
                .read(&format!("q/judging/assess/{file}"))
                .contains("+25.0"),
            "{file}"
        );
    }
}

#[test]
fn judges_that_say_nothing_are_said_to() {
    let world = World::new();
    let always = server(|request| judge(request, |_, _| 3));
    let said = world.judged(&always.url(), "always", &[]);
    for aspect in &ASPECTS[..5] {
        let told = format!("`model` says nothing about {aspect}: 100 % of the ratings are 3");
        assert!(said.contains(&told), "{told} in\n{said}");
    }
    assert!(!said.contains("says nothing about consistency"), "{said}");
    for (run, answer, reason) in [
        (
            "prose",
            Answer::text("It is a fine task, I give it a 4."),
            "prose",
        ),
        (
            "refusal",
            Answer::refusing("I cannot help with that."),
            "refusal",
        ),
    ] {
        let mute = server(move |_| answer.clone());
        let said = world.judged(&mute.url(), run, &["--sample", "4"]);
        // Two sets of four: five aspects with levels and one with yes and no twice, two lists once.
        assert!(
            said.contains("112 of 112 ratings of the judge cannot be read"),
            "{said}"
        );
        let told = format!("`model`, accuracy: 16 of 16 answers could not be read ({reason} 16)");
        assert!(said.contains(&told), "{told} in\n{said}");
        let found = world.assessment(run);
        assert_eq!(
            (&found["means"], &found["passes"]),
            (&json!([]), &json!([]))
        );
        let of = row(&found["ratings"], &[("aspect", "accuracy")]);
        assert_eq!(of["reasons"], json!({reason: 16}));
        assert!(
            world
                .read(&format!("{run}/judging/assess/index.html"))
                .contains(&format!("{reason} 16"))
        );
    }
}

#[test]
fn pictures_stay_unless_they_may_leave() {
    let world = World::new();
    let server = server(|_| Answer::text("3"));
    let url = server.url();
    let said = world.refused(&[
        "seeds.jsonl",
        "--endpoint",
        &url,
        "--endpoint-model",
        "model",
    ]);
    for part in [
        "the pictures of the data",
        "would leave this machine",
        "quality.send_images",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    assert!(server.arrivals().is_empty());
    assert!(!world.path("q/judging").exists());
}

#[test]
fn a_plan_and_a_cap_know_of_the_judge() {
    let world = World::new();
    let server = server(|_| Answer::text("3"));
    let url = server.url();
    let call = [
        "seeds.jsonl",
        "--sample",
        "10",
        "--endpoint",
        &url,
        "--endpoint-model",
        "model",
        "--send-images",
    ];
    // Six aspects twice and two lists of ten tasks.
    let plan = world.done(&[&call[..], &["--dry-run"]].concat());
    assert!(plan.contains("at its endpoint 140 requests"), "{plan}");
    let plan = world.done(&["seeds.jsonl", "--dry-run"]);
    assert!(
        plan.contains("sample") && plan.contains("assess") && !plan.contains("filter:"),
        "{plan}"
    );
    let cap = [&call[..], &["--set", "endpoints.max_tokens=5000"]].concat();
    let said = world.refused(&cap);
    assert!(
        said.contains("and `endpoints.max_tokens` is ") && said.contains("--yes"),
        "{said}"
    );
    assert!(
        !world.path("q/judging").exists() && asked(&server) == 0,
        "nothing was begun"
    );
    let begun = world.quality(&[&cap[..], &["--yes"]].concat());
    assert!(
        !text(&begun.stderr).contains("--yes") && asked(&server) > 0,
        "{}",
        text(&begun.stderr)
    );
}

#[test]
fn a_judge_that_was_stopped_is_not_asked_again() {
    let world = World::new();
    let setup = Setup {
        latency: Duration::from_millis(60),
        ..Setup::default()
    };
    let server = Server::start(setup.answering(|request| judge(request, |_, task| level(task))))
        .expect("server");
    let url = server.url();
    let call = [
        "ours=ours/synthesize/triplets.jsonl",
        "seeds=seeds.jsonl",
        "--sample",
        "10",
        "--endpoint",
        &url,
        "--endpoint-model",
        "model",
        "--send-images",
        "--set",
        "endpoints.concurrency=4",
    ];
    let mut child = world
        .command(&call)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the program starts");
    let begun = Instant::now();
    while server.totals().arrivals < 50 && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("kill");
    child.wait().expect("wait");
    let before = server.totals().arrivals;
    let all = 6 * 2 * 10 + 20 + 10;
    assert!((50..all).contains(&before), "{before}");
    world.done(&call);
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for arrival in server
        .arrivals()
        .into_iter()
        .filter(|arrival| !arrival.digest.is_empty())
    {
        *times.entry(arrival.digest).or_default() += 1;
    }
    assert_eq!(times.len() as u64, all);
    // What was on its way when the program was killed.
    let twice = times.values().filter(|count| **count > 1).count();
    assert!(
        twice <= server.totals().most_at_once,
        "{twice} were asked twice"
    );
    close(
        &row(
            &world.assessment("q")["means"],
            &[("aspect", "consistency"), ("part", "seeds")],
        )["mean"]["mean"],
        100.0,
    );
}

/// A file of ratings as a sheet saves it.
fn sheet(sample: &Value, rater: &str, items: &[Value]) -> Value {
    json!({"format": "adamllm-ratings", "version": 1, "sample": sample["id"], "rater": rater,
        "made": "2026-01-31T12:00:00.000Z", "rubrics": "2", "aspects": ["accuracy", "consistency"], "items": items})
}

#[test]
fn people_agree_as_far_as_their_files_do() {
    let world = World::new();
    let sets = ["ours=ours/synthesize/triplets.jsonl", "seeds=seeds.jsonl"];
    world.done(&sets);
    let sample = world.json("q/judging/draw-sample/sample.json");
    let items = sample["items"].as_array().expect("items");
    assert_eq!(items.len(), 2 * DISHES);
    // Ben gives each task a level more than Anna, and of eight short answers finds one less to follow.
    let of = |rater: &str, more: usize, followed: usize| {
        let rated = items.iter().enumerate().map(|(at, item)| {
            let asked = item["exchanges"][0][0].as_str().expect("a question");
            let level = level((item["set"] == "seeds", dish(asked).expect("a dish"))) + more;
            let mut values = json!({"accuracy": level});
            if at < 8 {
                values["consistency"] = json!(if at < followed { "yes" } else { "no" });
            }
            json!({"key": item["key"], "values": values})
        });
        sheet(&sample, rater, &rated.collect::<Vec<_>>())
    };
    let write = |name: &str, content: &Value| {
        std::fs::write(world.path(name), content.to_string()).expect("write");
    };
    write("anna.json", &of("Anna", 0, 4));
    write("ben.json", &of("Ben", 1, 3));
    let both = [
        &sets[..],
        &["--ratings", "anna.json", "--ratings", "ben.json"],
    ]
    .concat();
    let said = world.done(&both);
    assert!(
        said.contains("`Anna` rated 8 of 40 tasks by consistency"),
        "{said}"
    );
    let found = world.assessment("q");
    let means = &found["means"];
    let mean = |name: &str, aspect: &str| {
        let all = means.as_array().expect("means").iter();
        let mut all = all.filter(|row| row["rater"]["name"] == name && row["part"] == "ours");
        all.find(|row| row["aspect"] == aspect).expect("a mean")["mean"]["mean"].clone()
    };
    close(&mean("Anna", "accuracy"), 37.5);
    close(&mean("Ben", "accuracy"), 62.5);
    let agreement = row(&found["agreement"], &[("aspect", "consistency")]);
    // 16 values, 7 of them yes; one unit of eight differs: 1 − (2 ÷ 16) ÷ (2 · 7 · 9 ÷ (16 · 15)).
    close(&agreement["alpha"], 1.0 - (2.0 / 16.0) / (126.0 / 240.0));
    close(&agreement["same"], 87.5);
    let agreement = row(&found["agreement"], &[("aspect", "accuracy")]);
    close(&agreement["same"], 0.0);
    for (at, expected) in [-25.0, 25.0].into_iter().enumerate() {
        close(&agreement["biases"][at]["bias"], expected);
    }
    let page = world.read("q/judging/assess/index.html");
    assert!(page.contains("Anna (person)") && page.contains("−25.0") || page.contains("-25.0"));

    // Each file alone is refused in a message that names it; what was found before stays.
    let anna = of("Anna", 0, 4);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut file = anna.clone();
        change(&mut file);
        file
    };
    let key = items[0]["key"].as_str().expect("a key");
    let bad = [
        (
            changed(&|file| file["sample"] = json!("0123456789abcdef")),
            "rates the sample `0123456789abcdef`, not `".to_owned(),
        ),
        (
            changed(&|file| file["items"][0]["key"] = json!("feed")),
            "rates the item `feed`, which the sample does not have".to_owned(),
        ),
        (
            changed(&|file| file["items"][1] = file["items"][0].clone()),
            format!("has the item `{key}` twice"),
        ),
        (
            changed(&|file| file["items"][0]["values"]["accuracy"] = json!(6)),
            format!(
                "gives `accuracy` of the item `{key}` the value 6; expected a whole number from 1 to 5"
            ),
        ),
        (
            changed(&|file| file["items"] = json!([])),
            "holds no rating at all".to_owned(),
        ),
        (json!([1, 2]), "is not a file of ratings".to_owned()),
    ];
    for (file, expected) in &bad {
        write("bad.json", file);
        let said = world.refused(&[&sets[..], &["--ratings", "bad.json"]].concat());
        assert!(
            said.contains("bad.json") && said.contains(expected),
            "{expected} in\n{said}"
        );
        assert_eq!(world.json("q/judging/draw-sample/sample.json"), sample);
        assert_eq!(world.assessment("q"), found, "{expected}");
        assert!(
            world.read("q/judging/assess/index.html") == page,
            "{expected}"
        );
    }
    write("again.json", &of(" anna ", 1, 4));
    let said = world.refused(
        &[
            &sets[..],
            &["--ratings", "anna.json", "--ratings", "again.json"],
        ]
        .concat(),
    );
    assert!(said.contains("are both of the rater `anna`"), "{said}");
    std::fs::write(world.path("cut.json"), &anna.to_string()[..200]).expect("write");
    let said = world.refused(&[&sets[..], &["--ratings", "cut.json"]].concat());
    assert!(
        said.contains("cut.json` is not JSON") && said.contains("was it saved to its end?"),
        "{said}"
    );
    let said = world.refused(&[&sets[..], &["--ratings", "nowhere.json"]].concat());
    assert!(said.contains("nowhere.json"), "{said}");
    // And the sound ones are as they were.
    let said = world.done(&both);
    assert!(said.contains("assess: done before, skipped"), "{said}");
}

#[test]
fn a_filter_is_measured_by_known_truth() {
    let world = World::new();
    let call = [
        "ours=ours/synthesize/triplets.jsonl",
        "--filter",
        "--truth",
        "truth.jsonl",
    ];
    let said = world.done(&call);
    assert!(
        said.contains("15 kept and 5 dropped were drawn where 100 of each were asked for"),
        "{said}"
    );
    let found = world.assessment("q");
    let filter =
        |aspect: &str| row(&found["filters"], &[("aspect", aspect), ("set", "ours")]).clone();
    let accuracy = filter("accuracy");
    // Of 15 kept 1, 2 and 3 are wrong; of 5 dropped 12 and 16 are right.
    assert_eq!(
        accuracy["kept"],
        json!({"total": 15, "drawn": 15, "judged": 15, "right": 12})
    );
    assert_eq!(
        accuracy["dropped"],
        json!({"total": 5, "drawn": 5, "judged": 5, "right": 2})
    );
    let value = |of: &Value, name: &str| of["measured"][name]["value"].clone();
    close(&value(&accuracy, "precision"), 12.0 / 15.0);
    close(&value(&accuracy, "recall"), 12.0 / 14.0);
    close(&value(&accuracy, "right_before"), 14.0 / 20.0);
    // Short answers that follow: all kept ones, 12 and 16.
    let consistency = filter("consistency");
    close(&value(&consistency, "precision"), 1.0);
    close(&value(&consistency, "recall"), 15.0 / 17.0);
    assert!(
        accuracy["curve"].as_array().expect("a curve").len() == 2,
        "{}",
        accuracy["curve"]
    );
    let parts = strings(&found["parts"], "name");
    assert_eq!(parts, ["ours, kept", "ours, dropped"]);

    // A part of it stands for the whole by how many there are.
    world.done(&[&call[..], &["--sample", "8"]].concat());
    let found = world.assessment("q");
    let accuracy = row(&found["filters"], &[("aspect", "accuracy")]);
    let sample = world.json("q/judging/draw-sample/sample.json");
    let right = |kept: bool| {
        let items = sample["items"].as_array().expect("items").iter();
        let ids = items
            .filter(|item| item["kept"] == kept)
            .map(|item| item["id"].as_str().expect("an id"));
        let ids: Vec<&str> = ids.collect();
        assert_eq!(ids.len(), 4);
        ids.iter()
            .filter(|id| !["t0", "t1", "t2", "t3", "t4", "t8"].contains(*id))
            .count() as f64
            / 4.0
    };
    let (kept, dropped) = (right(true), right(false));
    close(&value(accuracy, "precision"), kept);
    close(
        &value(accuracy, "recall"),
        15.0 * kept / (15.0 * kept + 5.0 * dropped),
    );

    // A run folder has both sides too, and a set that no filter judged has none.
    world.done(&["ours=ours", "--filter", "--truth", "truth.jsonl"]);
    let parts = strings(&world.assessment("q")["parts"], "name");
    assert_eq!(
        parts,
        [
            "ours before the filter, kept",
            "ours before the filter, dropped",
            "ours after the filter"
        ]
    );
    let said = world.refused(&["seeds.jsonl", "--filter"]);
    assert!(
        said.contains("set `seeds.jsonl`: no verdict of a filter is known of its items"),
        "{said}"
    );
    // Truth that is of other questions.
    let said = world.done(&["seeds.jsonl", "--truth", "truth.jsonl"]);
    assert!(
        said.contains("the truth knows none of the questions of 20 tasks"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_used_is_said() {
    let world = World::new();
    let write =
        |name: &str, content: &str| std::fs::write(world.path(name), content).expect("write");
    let said = world.refused(&["nowhere.jsonl"]);
    assert!(said.contains("nowhere.jsonl"), "{said}");
    assert!(!Path::new(&world.path("q/judging")).exists());
    let said = world.refused(&["a=seeds.jsonl", "a=chats.json"]);
    assert!(said.contains("has two sets of the name `a`"), "{said}");
    let said = world.refused(&["a=ours", "a before the filter=chats.json"]);
    assert!(
        said.contains("two sets are called `a before the filter`"),
        "{said}"
    );
    write("empty.jsonl", "");
    write("rubbish.jsonl", "{\"a\": 1}\n{\"a\": 2}\n");
    write(
        "no-answers.json",
        r#"[{"id": "1", "conversations": [{"from": "human", "value": "What?"}]}]"#,
    );
    for name in [
        "empty.jsonl",
        "rubbish.jsonl",
        "no-answers.json",
        "ours/pairs/pairs.jsonl",
    ] {
        let said = world.refused(&[name]);
        assert!(said.contains(name), "{said}");
    }
    std::fs::create_dir_all(world.path("bare/synthesize")).expect("folder");
    let said = world.refused(&["bare"]);
    assert!(said.contains("`bare` has no tasks"), "{said}");

    // Fewer than asked for, none with a picture, and records that are left out.
    write(
        "text.json",
        r#"[{"id": "1", "conversations": [{"from": "human", "value": "What is a stew?"}, {"from": "gpt", "value": "A dish."}]},
        {"id": "2", "conversations": [{"from": "human", "value": "What?"}]}]"#,
    );
    let said = world.done(&["text.json"]);
    assert!(
        said.contains("set `text.json`: it has 1 items where 200 were asked for"),
        "{said}"
    );
    assert!(
        said.contains("set `text.json`: 1 of 2 records cannot be used"),
        "{said}"
    );
    let measures = world.rows("q/judging/draw-sample/measures.jsonl");
    assert_eq!(measures[0]["without_picture"], 1);
    assert!(
        world
            .read("q/judging/assess/sheet.html")
            .contains("What is a stew?")
    );

    // A picture that is not there.
    std::fs::remove_file(world.path("3.png")).expect("removed");
    let said = world.done(&["seeds.jsonl"]);
    assert!(said.contains("1 pictures cannot be read"), "{said}");
}

#[test]
fn captions_are_text_and_cases_are_chosen() {
    let world = World::new();
    let said = world.done(&["seeds.jsonl", "--case", "dish-07", "--case", "dish-77"]);
    assert!(said.contains("no set has a task about dish-77"), "{said}");
    // Whether they were drawn or not.
    let asked: Vec<String> = (0..8).map(|at| format!("--case=dish-0{at}")).collect();
    let mut words = vec!["seeds.jsonl", "--sample", "2"];
    words.extend(asked.iter().map(String::as_str));
    world.done(&words);
    let page = world.read("q/judging/assess/index.html");
    for at in 0..8 {
        assert!(page.contains(&format!("dish-0{at}")), "dish-0{at} is shown");
    }
    world.done(&["seeds.jsonl", "--case", "dish-07"]);
    let page = world.read("q/judging/assess/index.html");
    assert!(
        page.contains("dish-07") && page.contains("&lt;/script&gt;&lt;img src=x"),
        "the caption is shown"
    );
    let markdown = world.read("q/judging/assess/quality.md");
    let sheet = world.read("q/judging/assess/sheet.html");
    assert!(
        sheet.contains("onerror=alert(1)"),
        "the sheet has the caption"
    );
    for (name, file) in [("page", &page), ("sheet", &sheet), ("Markdown", &markdown)] {
        assert!(
            !file.contains("<img src=x") && !file.contains(HOSTILE),
            "{name}"
        );
    }
    // A set may be called as it likes.
    let name = format!("{}=seeds.jsonl", HOSTILE.replace('=', ""));
    world.done(&[&name]);
    for file in ["index.html", "quality.md", "sheet.html"] {
        // In Markdown a sign after a backslash means itself.
        let found = world.read(&format!("q/judging/assess/{file}"));
        assert!(!found.replace("\\<", "").contains("<img srcx"), "{file}");
    }
}

/// The demo base knows nothing of dishes; what it writes is kept and counted.
#[test]
fn models_of_this_machine_judge_and_answer() {
    let world = World::new();
    let call = [
        "seeds.jsonl",
        "--sample",
        "3",
        "--judge",
        "demo",
        "--answerer",
        "demo",
    ];
    world.done(&call);
    let completions = world.rows("q/judging/judge-data/completions.jsonl");
    assert_eq!(completions.len(), 6 * 2 * 3 + 3 + 3);
    let found = world.rows("q/judging/answerable/answerable.jsonl");
    assert_eq!(
        (&found[0]["set"], &found[0]["asked"], &found[0]["short"]),
        (&json!("seeds.jsonl"), &json!(3), &json!(3))
    );
    let rater = &world.assessment("q")["raters"][0];
    assert_eq!(rater["ground"], "model");
    assert!(
        rater["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("model ")),
        "{rater}"
    );
    assert!(
        world
            .read("q/judging/assess/index.html")
            .contains("Answerable without the picture")
    );
    let again = world.done(&call);
    for stage in ["draw-sample", "judge-data", "answerable", "assess"] {
        assert!(
            again.contains(&format!("{stage}: done before, skipped")),
            "{again}"
        );
    }
}

/// Lists and levels of one's own are what the judge is asked, what it is read by, and what stands on the sheet.
#[test]
fn prompts_of_ones_own_reach_judge_and_people() {
    let world = World::new();
    let prompts = "[rubrics.image_domain]\nquestion = \"What is the picture about?\"\noptions = [\"Stews of all kinds\", \"Bowls\"]\n";
    std::fs::write(world.path("prompts.toml"), prompts).expect("write");
    let server = server(|_| Answer::text("2"));
    let url = server.url();
    let call = ["seeds.jsonl", "--set", "quality.prompts=\"prompts.toml\""];
    world.done(&call);
    assert!(
        world
            .read("q/judging/assess/sheet.html")
            .contains("Stews of all kinds")
    );
    world.done(
        &[
            &call[..],
            &[
                "--endpoint",
                &url,
                "--endpoint-model",
                "model",
                "--send-images",
            ],
        ]
        .concat(),
    );
    let found = world.assessment("q");
    assert_eq!(
        found["image_domains"],
        json!(["Stews of all kinds", "Bowls"])
    );
    let of = row(&found["classes"], &[("aspect", "image-domain")]);
    assert_eq!(of["counts"], json!([0, DISHES]));
}

//! `adamllm lab`: small grids over ten pairs, with what a synthesizer writes known.

mod program;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use faults::{Answer, Request, Server, Setup};
use program::{adamllm, text};
use serde_json::{Value, json};

const PAIRS: usize = 12;

/// How long the slowest test of all may wait for a process.
const PATIENCE: Duration = Duration::from_mins(5);

struct World {
    folder: tempfile::TempDir,
    // It answers for as long as it lives.
    _synthesizer: Server,
}

fn task(_: &Request) -> Answer {
    let turn = |role: &str| format!("<|start_header_id|>{role}<|end_header_id|>\n\n");
    let (user, assistant, end) = (turn("user"), turn("assistant"), "<|eot_id|>");
    Answer::text(format!(
        "Answer with a precise response.\nWhat is in the bowl?{end}{assistant}beans{end}{user}\
         Answer with an informative response.\nWhat is in the bowl?{end}{assistant}There are beans in the bowl.{end}"
    ))
}

const WAYS: &str = "[[factor]]\nname = \"way\"\nreference = \"ours\"\n[[factor.level]]\nname = \"ours\"\n[[factor.level]]\n\
                    name = \"captions alone\"\nset = { mix.synthetic = false }\n";

const SEEDS: &str = "[[factor]]\nname = \"seed\"\nkey = \"run.seed\"\nvalues = [1, 2]\n";

impl World {
    fn new() -> Self {
        let synthesizer = Server::start(Setup::default().answering(task)).expect("server");
        let folder = tempfile::tempdir().expect("folder");
        let mut rows = String::new();
        for at in 0..PAIRS {
            let picture = image::RgbImage::from_fn(40, 30, |x, y| {
                image::Rgb([(x * 5) as u8, (y * 7) as u8, (at * 20) as u8])
            });
            let name = format!("{at}.png");
            picture.save(folder.path().join(&name)).expect("picture");
            let caption = format!("Dish number {at}: a stew of beans, in a red bowl.");
            let row = json!({"id": format!("dish-{at}"), "images": [name], "caption": caption});
            rows.extend([row.to_string(), "\n".to_owned()]);
        }
        std::fs::write(folder.path().join("pairs.jsonl"), rows).expect("write");
        let recipe = format!(
            "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.34\nsplit_seed = 1\n\
             [synthesizer]\nendpoint = \"{}\"\nendpoint_model = \"model\"\nsend_images = true\n\
             [filter]\nenabled = false\n[train]\nmax_steps = 2\nbatch_size = 2\n[evaluate]\nmax_new_tokens = 4\n\
             by_likelihood = []\n",
            synthesizer.url()
        );
        std::fs::write(folder.path().join("my.toml"), recipe).expect("write");
        Self {
            folder,
            _synthesizer: synthesizer,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a grid of these factors over the recipe.
    fn grid(&self, name: &str, rest: &str) -> PathBuf {
        let path = self.path(name);
        let text = format!("title = \"Small\"\nabout = \"A test.\"\nrecipe = \"my.toml\"\n{rest}");
        std::fs::write(&path, text).expect("write");
        path
    }

    fn command(&self, grid: &Path, lab: &str, rest: &[&str]) -> Command {
        let mut command = adamllm();
        command.arg("lab").arg(grid);
        command.arg("--lab-dir").arg(self.path(lab));
        command.args(["--threads", "1"]).args(rest);
        command.env_remove("OPENAI_API_KEY");
        command
    }

    fn lab(&self, grid: &Path, lab: &str, rest: &[&str]) -> Output {
        self.command(grid, lab, rest).output().expect("it starts")
    }

    /// What a lab that ends well said.
    fn finished(&self, grid: &Path, lab: &str, rest: &[&str]) -> String {
        let output = self.lab(grid, lab, rest);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        said
    }

    /// What a lab that ends in an error said.
    fn refused(&self, grid: &Path, lab: &str, rest: &[&str]) -> String {
        let output = self.lab(grid, lab, rest);
        assert!(!output.status.success(), "{}", text(&output.stdout));
        text(&output.stderr)
    }

    fn table(&self, lab: &str) -> Value {
        let text = std::fs::read_to_string(self.path(lab).join("table.json")).expect("a table");
        let mut table: Value = serde_json::from_str(&text).expect("JSON");
        table["work"]["planned"] = Value::Null;
        table["work"]["measured"] = Value::Null;
        table
    }

    /// The stages that lie in a lab's store.
    fn stored(&self, lab: &str) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.path(lab).join("store")).expect("a store");
        let entries = entries.map(|entry| entry.expect("entry").path());
        let stages = entries.filter(|path| path.join("begun.json").exists());
        stages
            .map(|path| {
                path.file_name()
                    .expect("name")
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    }
}

/// The numbers of the sentence about stage runs: by this process, found done, distinct, unshared.
fn runs(said: &str) -> [usize; 4] {
    let line = said
        .lines()
        .find(|line| line.starts_with("stage runs: "))
        .unwrap_or_else(|| panic!("no stage runs in\n{said}"));
    let numbers = line.split(|c: char| !c.is_ascii_digit());
    let numbers: Vec<usize> = numbers.filter_map(|n| n.parse().ok()).collect();
    numbers.try_into().expect("four numbers")
}

fn wait(mut child: Child) -> Output {
    let begun = Instant::now();
    while child.try_wait().expect("wait").is_none() {
        assert!(begun.elapsed() < PATIENCE, "a process does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
    child.wait_with_output().expect("output")
}

#[test]
fn cells_share_what_they_have_in_common_and_a_second_start_does_nothing() {
    let world = World::new();
    let grid = world.grid("grid.toml", &format!("{WAYS}{SEEDS}"));
    let output = world.lab(&grid, "lab", &["--dry-run", "--json"]);
    let plan: Value = serde_json::from_slice(&output.stdout).expect("a plan");
    assert!(world.stored("lab").is_empty(), "a dry run begins no stage");
    let said = world.finished(&grid, "lab", &[]);
    let [done, found, distinct, unshared] = runs(&said);
    assert_eq!((done, found), (distinct, 0));
    assert_eq!(plan["stage_runs"], distinct);
    assert_eq!(plan["stage_runs_unshared"], unshared);
    assert_eq!(plan["cells"], 4);
    assert_eq!(world.stored("lab").len(), distinct);
    assert!(distinct < unshared, "{distinct} of {unshared}");
    let table = world.table("lab");
    let rows = table["rows"].as_array().expect("rows");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["untrained model", "ours", "captions alone"]);
    for row in &rows[1..] {
        assert_eq!(
            (&row["finished"], &row["steps"]),
            (&json!(2), &json!(2.0)),
            "{row}"
        );
        assert!(row["learned_tokens"].as_f64() > Some(0.0), "{row}");
    }
    let verdicts = table["compared"]["tables"][0]["verdicts"].as_array();
    assert_eq!(verdicts.map(Vec::len), Some(1), "{table}");
    for form in [
        "table.md",
        "table.csv",
        "verdicts.csv",
        "table.tex",
        "table.html",
    ] {
        let text = std::fs::read_to_string(world.path("lab").join(form)).expect(form);
        assert!(text.contains("captions alone"), "{form}: {text}");
    }
    // A cell is a run folder to whoever reads one.
    let cell = world.path("lab/cells/ours_1");
    let mut inspect = adamllm();
    inspect.args(["inspect", "run"]).arg(&cell);
    let told = text(&inspect.output().expect("it starts").stdout);
    assert!(
        told.contains("answer-adapted") && !told.contains("not begun"),
        "{told}"
    );
    let again = world.finished(&grid, "lab", &[]);
    assert_eq!(runs(&again), [0, distinct, distinct, unshared]);
    assert_eq!(world.table("lab"), table);
}

#[test]
fn killed_twice_and_by_four_processes_the_table_is_the_same() {
    let world = World::new();
    let grid = world.grid("grid.toml", &format!("{WAYS}{SEEDS}"));
    let whole = runs(&world.finished(&grid, "whole", &[]));
    for stages in [3, 8] {
        let mut command = world.command(&grid, "killed", &[]);
        let mut child = command.stderr(Stdio::null()).spawn().expect("it starts");
        let begun = Instant::now();
        while !world.path("killed/store").is_dir() || world.stored("killed").len() < stages {
            assert!(begun.elapsed() < PATIENCE, "nothing happens");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
    }
    world.finished(&grid, "killed", &[]);
    assert_eq!(world.table("killed"), world.table("whole"));
    assert_eq!(world.stored("killed"), world.stored("whole"));
    let shards: Vec<Child> = (1..=4)
        .map(|number| {
            let shard = format!("{number}/4");
            let mut command = world.command(&grid, "shards", &["--shard", &shard]);
            let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().expect("it starts")
        })
        .collect();
    let mut done = 0;
    for child in shards {
        let output = wait(child);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        done += runs(&said)[0];
    }
    assert_eq!(done, whole[2], "each stage is done by one process");
    assert_eq!(world.table("shards"), world.table("whole"));
}

#[test]
fn a_cell_that_lacks_something_waits_and_one_that_fails_stops_no_other() {
    let world = World::new();
    let lacking =
        "[[factor.level]]\nname = \"elsewhere\"\nset = { model.checkpoint = \"later\" }\n";
    let ways = format!("{WAYS}{lacking}");
    let grid = world.grid("grid.toml", &ways);
    let said = world.refused(&grid, "lab", &[]);
    assert!(
        said.contains("1 of 3 cells are not finished (0 failed, 1 wait)"),
        "{said}"
    );
    assert!(said.contains("go on with `adamllm lab"), "{said}");
    let table = world.table("lab");
    let waits = &table["rows"][3]["unfinished"][0];
    assert_eq!(waits["cell"], "elsewhere", "{table}");
    assert!(
        waits["state"]["waits"].to_string().contains("later"),
        "{waits}"
    );
    // Samples that do not fit.
    let failing = "[[factor.level]]\nname = \"nothing left\"\nset = { data.max_bad = 0.0, \
                   train.max_seq_len = 40, train.too_long = \"error\" }\n";
    let grid = world.grid("failing.toml", &format!("{WAYS}{failing}"));
    let said = world.refused(&grid, "failing", &[]);
    assert!(said.contains("the other cells go on"), "{said}");
    assert!(
        said.contains("1 of 3 cells are not finished (1 failed, 0 wait)"),
        "{said}"
    );
    let rows = &world.table("failing")["rows"];
    assert_eq!(
        (&rows[1]["finished"], &rows[2]["finished"]),
        (&json!(1), &json!(1)),
        "{rows}"
    );
}

#[test]
fn a_grid_that_changed_is_told_and_a_factor_that_is_added_uses_all_again() {
    let world = World::new();
    let grid = world.grid("grid.toml", WAYS);
    let first = runs(&world.finished(&grid, "lab", &[]));
    let before = world.table("lab");
    // Another level: all that was done is used.
    let another = "[[factor.level]]\nname = \"tasks alone\"\nset = { mix.caption = false }\n";
    let more = world.grid("more.toml", &format!("{WAYS}{another}"));
    let said = world.finished(&more, "lab", &[]);
    assert!(said.contains("1 cells are new in the lab"), "{said}");
    let then = runs(&said);
    assert_eq!(then[1], first[2], "what was done is found done");
    assert_eq!(then[0], then[2] - first[2]);
    // Cells of the same names that mean something else.
    let said = world.refused(&more, "lab", &["--set", "train.max_steps=3"]);
    assert!(
        said.contains("mean something else than when the lab was begun"),
        "{said}"
    );
    assert!(said.contains("`train.max_steps` was 2, is 3"), "{said}");
    let said = world.finished(&more, "lab", &["--set", "train.max_steps=3", "--changed"]);
    let changed = runs(&said);
    assert!(changed[1] > 0 && changed[0] > 0, "{said}");
    let stored = world.stored("lab").len();
    // Back, and what only the others need is removed.
    let back = world.finished(&grid, "lab", &["--changed"]);
    assert_eq!(runs(&back)[0], 0, "{back}");
    assert_eq!(world.table("lab"), before);
    let mut clean = adamllm();
    clean.args(["lab", "clean"]).arg(&grid);
    clean.arg("--lab-dir").arg(world.path("lab"));
    let output = clean.output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(world.stored("lab").len() < stored);
    assert_eq!(world.stored("lab").len(), first[2]);
    assert_eq!(runs(&world.finished(&grid, "lab", &[]))[0], 0);
    // Results are known by their keys, whatever the note of the grid says.
    std::fs::write(world.path("lab/grid.json"), "{").expect("write");
    let said = world.finished(&grid, "lab", &[]);
    assert!(said.contains("grid.json` is damaged"), "{said}");
    assert_eq!(runs(&said)[0], 0, "{said}");
}

#[test]
fn weights_that_nobody_needs_are_removed_and_made_again_where_something_new_needs_them() {
    let world = World::new();
    let keep = "[lab]\nkeep = \"predictions\"\n";
    let grid = world.grid("grid.toml", &format!("{keep}{WAYS}"));
    let said = world.finished(&grid, "lab", &[]);
    assert!(said.contains("weights of"), "{said}");
    let weights = |lab: &str| {
        let stages = world.stored(lab).into_iter();
        let models = stages.map(|stage| world.path(lab).join("store").join(stage).join("model"));
        models
            .filter(|model| model.join("model.safetensors").exists())
            .count()
    };
    assert_eq!(weights("lab"), 0);
    let before = world.table("lab");
    let again = world.finished(&grid, "lab", &[]);
    assert_eq!(runs(&again)[0], 0, "{again}");
    // Other questions of the same models: they are trained once more.
    let said = world.finished(
        &grid,
        "lab",
        &["--set", "evaluate.max_new_tokens=5", "--changed"],
    );
    assert!(said.contains("2 stages were done again"), "{said}");
    assert_eq!(weights("lab"), 0);
    // A cell that comes first, shares the training, and says of it in other words: what was made from it stays.
    let first = "[[factor]]\nname = \"way\"\n[[factor.level]]\nname = \"longer\"\n\
                 set = { mix.answers = \"joined\", evaluate.max_new_tokens = 6 }\n[[factor.level]]\nname = \"ours\"\n";
    let said = world.finished(
        &world.grid("first.toml", &format!("{keep}{first}")),
        "lab",
        &["--changed"],
    );
    assert!(said.contains("1 stages were done again"), "{said}");
    assert!(!said.contains("a stage before it changed"), "{said}");
    let whole = world.grid("whole.toml", WAYS);
    world.finished(&whole, "whole", &[]);
    assert_eq!(weights("whole"), 2);
    assert_eq!(world.table("whole")["compared"], before["compared"]);
}

#[test]
fn tokens_are_matched_to_the_reference() {
    let world = World::new();
    let tokens = "[set]\ntrain.epochs = 4.0\ntrain.max_steps = 1000\n[lab]\nmatch = \"tokens\"\n";
    let two = "[[factor.level]]\nname = \"two stages\"\nset = { train.pipeline = \"two-stage\" }\n";
    let grid = world.grid("grid.toml", &format!("{tokens}{WAYS}{two}"));
    world.finished(&grid, "lab", &[]);
    let table = world.table("lab");
    let learned = |row: usize| {
        table["rows"][row]["learned_tokens"]
            .as_f64()
            .expect("tokens")
    };
    let (ours, captions, two) = (learned(1), learned(2), learned(3));
    // A batch has two samples of some 40 learned tokens.
    assert!((captions - ours).abs() < 120.0, "{captions} for {ours}");
    assert!((two - ours).abs() < 120.0, "{two} for {ours}");
    let epochs = world.grid(
        "epochs.toml",
        &format!("[set]\ntrain.epochs = 4.0\ntrain.max_steps = 1000\n{WAYS}"),
    );
    world.finished(&epochs, "epochs", &[]);
    let table = world.table("epochs");
    let learned = |row: usize| {
        table["rows"][row]["learned_tokens"]
            .as_f64()
            .expect("tokens")
    };
    assert!((learned(1) - ours).abs() < 1e-9);
    assert!(learned(2) < ours - 200.0, "captions alone learn from fewer");
}

#[test]
fn what_is_wrong_with_a_grid_or_a_lab_is_told() {
    let world = World::new();
    let wrong = "[[factor]]\nname = \"way\"\n[[factor.level]]\nname = \"a\"\nset = { mix.synthetik = false }\n";
    let said = world.refused(&world.grid("wrong.toml", wrong), "lab", &[]);
    assert!(
        said.contains("`mix.synthetik`") && said.contains("`mix.synthetic`"),
        "{said}"
    );
    let same = "[[factor]]\nname = \"way\"\n[[factor.level]]\nname = \"a\"\n[[factor.level]]\nname = \"b\"\n\
                set = { mix.synthetic = true }\n";
    let said = world.refused(&world.grid("same.toml", same), "lab", &[]);
    assert!(
        said.contains("cells `a` and `b`") && said.contains("are the same"),
        "{said}"
    );
    let grid = world.grid("grid.toml", WAYS);
    let said = world.refused(&grid, "lab", &["--set", "model.checkpoint=nowhere"]);
    assert!(
        said.contains("no cell of the grid") && said.contains("nowhere"),
        "{said}"
    );
    let seeds = world.grid("seeds.toml", &format!("{WAYS}{SEEDS}"));
    let text = std::fs::read_to_string(world.path("my.toml")).expect("recipe");
    std::fs::write(world.path("my.toml"), text.replace("split_seed = 1\n", "")).expect("write");
    let said = world.refused(&seeds, "lab", &[]);
    assert!(said.contains("say `data.split_seed = 1`"), "{said}");
    let said = world.refused(&world.path("none.toml"), "lab", &[]);
    assert!(said.contains("cannot read the grid"), "{said}");
    // The store of another version.
    std::fs::create_dir_all(world.path("old/store")).expect("folder");
    corpus::sealed::write_sealed(&world.path("old/store/store.json"), &json!({"format": 1}))
        .expect("write");
    let said = world.refused(&grid, "old", &[]);
    assert!(said.contains("another version of adamllm"), "{said}");
}

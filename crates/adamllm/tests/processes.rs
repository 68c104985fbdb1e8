//! Several processes go through one run, as a launcher starts them: the same bytes as from one, however many there are, and
//! whichever is killed.

mod program;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use program::{adamllm, text};
use rustix::process::{Pid, Signal, kill_process};

/// Pairs; each is asked about once.
const PAIRS: usize = 14;

/// Stages in which models write, and what is made of that.
const STAGES: [&str; 3] = ["synthesize", "filter", "evaluate"];

/// How long anything may take; nothing is to hang.
const LONGEST: Duration = Duration::from_mins(4);

/// Ranks of the tests, each with one thread.
struct Ranks(Vec<Child>);

impl Ranks {
    fn start(count: usize, arguments: &[&str]) -> Self {
        // A port that nobody has now.
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("address").port();
        drop(free);
        let start = |rank: usize| {
            let mut command = adamllm();
            command.args(arguments).args(["--threads", "1"]);
            if count > 1 {
                for (name, value) in [
                    ("RANK", rank),
                    ("LOCAL_RANK", rank),
                    ("WORLD_SIZE", count),
                    ("LOCAL_WORLD_SIZE", count),
                    ("MASTER_PORT", usize::from(port)),
                ] {
                    command.env(name, value.to_string());
                }
                command.env("MASTER_ADDR", "127.0.0.1");
            }
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("the program starts")
        };
        Self((0..count).map(start).collect())
    }

    fn signal(&self, rank: usize, signal: Signal) {
        let pid = i32::try_from(self.0[rank].id()).expect("a number");
        let pid = Pid::from_raw(pid).expect("a process");
        kill_process(pid, signal).expect("signalled");
    }

    /// Waits for all of them.
    fn ended(self) -> Vec<Output> {
        let until = Instant::now() + LONGEST;
        let readers = self.0.into_iter().map(|mut child| {
            thread::spawn(move || {
                let mut pipe = child.stderr.take().expect("a pipe");
                let mut stdout = child.stdout.take().expect("a pipe");
                let out = thread::spawn(move || {
                    let mut said = Vec::new();
                    let _ = stdout.read_to_end(&mut said);
                    said
                });
                let err = thread::spawn(move || {
                    let mut said = Vec::new();
                    let _ = pipe.read_to_end(&mut said);
                    said
                });
                let status = loop {
                    if let Some(status) = child.try_wait().expect("waited for") {
                        break status;
                    }
                    if Instant::now() > until {
                        let _ = child.kill();
                        panic!("a process hangs");
                    }
                    thread::sleep(Duration::from_millis(20));
                };
                Output {
                    status,
                    stdout: out.join().expect("read"),
                    stderr: err.join().expect("read"),
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        let outputs = readers.into_iter().map(|one| one.join().expect("ended"));
        outputs.collect()
    }
}

/// All that ranks told, for a test that fails.
fn told(outputs: &[Output]) -> String {
    let each = outputs.iter().enumerate().map(|(rank, output)| {
        let said = text(&output.stderr);
        format!("rank {rank} ({}):\n{said}", output.status)
    });
    each.collect::<Vec<_>>().join("\n")
}

fn succeed(count: usize, arguments: &[&str]) -> Vec<Output> {
    let outputs = Ranks::start(count, arguments).ended();
    let is_good = outputs.iter().all(|output| output.status.success());
    assert!(is_good, "{}", told(&outputs));
    outputs
}

/// Pictures, captions, and a recipe whose blocks are of a few requests.
fn write_data(folder: &Path) {
    let mut rows = Vec::new();
    let mut asked = Vec::new();
    for i in 0..PAIRS {
        let picture = image::RgbImage::from_fn(40, 30, |x, y| {
            image::Rgb([(x * 6) as u8, (y * 8) as u8, (i * 15) as u8])
        });
        let name = format!("{i}.png");
        picture.save(folder.join(&name)).expect("picture");
        rows.push(serde_json::json!({"id": format!("p{i}"), "images": [name],
            "caption": format!("Dish number {i}: a stew of beans in a red bowl.")}));
        asked.push(serde_json::json!({"id": format!("q{i}"), "images": [name], "question": format!("What is dish {i}?"),
            "label": "a stew", "metric": "choice", "choices": ["a stew", "a cake", "bread"]}));
    }
    for (name, rows) in [("pairs.jsonl", rows), ("choice.jsonl", asked)] {
        let lines: Vec<String> = rows.iter().map(|row| format!("{row}\n")).collect();
        std::fs::write(folder.join(name), lines.concat()).expect("rows");
    }
    let recipe = "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.3\n\
                  [synthesizer]\ncheckpoint = \"demo\"\nmax_new_tokens = 24\n\
                  [train]\nmax_steps = 1\n[generate]\nblock = 2\ngroup = 2\n\
                  [evaluate]\ndata = \".\"\ntasks = [\"choice\"]\nby_likelihood = [\"choice\"]\nmax_new_tokens = 8\n";
    std::fs::write(folder.join("my.toml"), recipe).expect("recipe");
}

/// A folder with the data and a run of one process.
struct World {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl World {
    /// Made once; tests work on copies of its run.
    fn get() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| {
            let folder = tempfile::tempdir().expect("folder");
            let path = folder.path().canonicalize().expect("path");
            write_data(&path);
            let world = Self {
                _folder: folder,
                path,
            };
            succeed(1, &world.run("one", &[]));
            world
        })
    }

    /// The arguments for a run in one of its folders.
    fn run(&self, name: &str, more: &[&'static str]) -> Vec<&'static str> {
        let leak = |path: PathBuf| -> &'static str { path.display().to_string().leak() };
        let recipe = leak(self.path.join("my.toml"));
        let mut all = vec!["run", recipe, "--run-dir", leak(self.path.join(name))];
        all.extend(more);
        all
    }

    /// A copy of the run of one process without what models wrote in it.
    fn begun(&self, name: &str) -> PathBuf {
        let to = self.path.join(name);
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(self.path.join("one")).arg(&to);
        assert!(copy.status().expect("cp").success());
        for stage in STAGES {
            std::fs::remove_dir_all(to.join(stage)).expect("removed");
        }
        to
    }
}

/// Files of stages that have to be the same, by name.
fn results(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![run.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("folder") {
            let path = entry.expect("entry").path();
            let name = path
                .strip_prefix(run)
                .expect("inside")
                .display()
                .to_string();
            let is_result = STAGES.iter().any(|stage| name.starts_with(stage));
            // How long it took differs.
            let is_told = ["manifest.json", "begun.json"]
                .iter()
                .any(|end| name.ends_with(end));
            if path.is_dir() {
                folders.push(path);
            } else if is_result && !is_told {
                found.insert(name, std::fs::read(&path).expect("read"));
            }
        }
    }
    found
}

fn assert_same(run: &Path) {
    let one = results(&World::get().path.join("one"));
    let several = results(run);
    let names = |found: &BTreeMap<String, Vec<u8>>| found.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&several));
    for (name, bytes) in &one {
        let (one, several) = (text(bytes), text(&several[name]));
        assert_eq!(one, several, "{name}");
    }
    for file in [
        "synthesize/completions.jsonl",
        "synthesize/completions.jsonl.sums",
        "evaluate/adapted/choice.jsonl",
    ] {
        assert!(one.contains_key(file), "{file} of {:?}", names(&one));
    }
}

/// Waits until the first block of the synthesizer's is there.
fn wait_for_a_block(run: &Path) {
    let until = Instant::now() + LONGEST;
    let folder = run.join("synthesize");
    let is_there = || {
        let file = folder.join("completions.jsonl").metadata();
        let parts = std::fs::read_dir(folder.join(".blocks/completions.jsonl"));
        file.is_ok_and(|file| file.len() > 0) || parts.is_ok_and(|mut parts| parts.next().is_some())
    };
    while !is_there() {
        assert!(Instant::now() < until, "nothing is written");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn several_processes_leave_the_same_bytes_as_one() {
    let world = World::get();
    for (count, name) in [(2, "two"), (3, "three")] {
        let run = world.begun(name);
        let outputs = succeed(count, &world.run(name, &[]));
        let said = text(&outputs[0].stderr);
        assert!(said.contains("train: done before, skipped"), "{said}");
        assert_same(&run);
    }
}

#[test]
fn after_a_kill_any_number_of_processes_goes_on() {
    let world = World::get();
    for (killed, count, next) in [(1, 2, 3), (0, 3, 1)] {
        let name = format!("killed-{killed}");
        let run = world.begun(&name);
        let ranks = Ranks::start(count, &world.run(&name, &[]));
        wait_for_a_block(&run);
        ranks.signal(killed, Signal::KILL);
        let outputs = ranks.ended();
        for (rank, output) in outputs.iter().enumerate() {
            assert!(!output.status.success(), "{}", told(&outputs));
            let said = text(&output.stderr);
            let name = format!("rank {killed} (");
            assert!(rank == killed || said.contains(&name), "{}", told(&outputs));
        }
        succeed(next, &world.run(&name, &[]));
        assert_same(&run);
    }
}

#[test]
fn a_signal_to_one_process_stops_all_and_the_same_command_goes_on() {
    let world = World::get();
    let run = world.begun("stopped");
    let command = world.run("stopped", &[]);
    let ranks = Ranks::start(2, &command);
    wait_for_a_block(&run);
    ranks.signal(1, Signal::TERM);
    let outputs = ranks.ended();
    for output in &outputs {
        assert_eq!(output.status.code(), Some(143), "{}", told(&outputs));
    }
    // What is wrong in one process is told by all, with that one's name.
    let stage = run.join("synthesize");
    assert!(!stage.join("manifest.json").exists(), "{}", told(&outputs));
    std::fs::write(stage.join(".rank-1"), "no folder").expect("write");
    let outputs = Ranks::start(2, &command).ended();
    for output in &outputs {
        assert_eq!(output.status.code(), Some(1), "{}", told(&outputs));
    }
    let said = text(&outputs[0].stderr);
    assert!(
        said.contains("rank 1 (") && said.contains(".rank-1`"),
        "{said}"
    );
    std::fs::remove_file(stage.join(".rank-1")).expect("removed");
    succeed(2, &command);
    assert_same(&run);
}

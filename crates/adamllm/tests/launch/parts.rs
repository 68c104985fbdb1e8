//! Parts that this test's own program plays in a process of its own.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use adamllm::launch::{Grace, Ranked, of_process, run_children};

/// What the process is to be.
const PART: &str = "LAUNCH_TEST_PART";
/// Scripts of a shell, one a process, between these.
const SCRIPTS: &str = "LAUNCH_TEST_SCRIPTS";
const BETWEEN: &str = "\n--\n";
/// Milliseconds of each time of grace.
const GRACE: &str = "LAUNCH_TEST_GRACE";

fn part(name: &str) -> Command {
    let own = std::env::current_exe().expect("the test's program");
    let mut command = Command::new(own);
    command.args(["--exact", "parts::play", "--nocapture"]);
    command.env(PART, name).stdin(Stdio::null());
    command
}

/// A process that starts these scripts as ranks 0, 1, ….
pub fn parent(scripts: &[&str], grace: u64) -> Command {
    let mut command = part("parent");
    command.env(SCRIPTS, scripts.join(BETWEEN));
    command.env(GRACE, grace.to_string());
    command
}

/// A process that has these variables and no others, and says its place.
pub fn placed(variables: &[(String, String)]) -> Command {
    let mut command = part("placed");
    command.env_clear().env(PART, "placed");
    command.envs(variables.iter().cloned());
    command
}

/// Nothing, unless this is a process that was started to play a part.
#[test]
fn play() {
    match std::env::var(PART).as_deref() {
        Ok("parent") => {
            let variable = |name| std::env::var(name).expect("set");
            let time = Duration::from_millis(variable(GRACE).parse().expect("milliseconds"));
            let scripts = variable(SCRIPTS);
            let each = scripts.split(BETWEEN).enumerate();
            let processes = each.map(|(rank, script)| {
                let mut command = Command::new("sh");
                command.args(["-c", script]);
                Ranked { rank, command }
            });
            let grace = Grace {
                notice: time,
                finish: time,
            };
            let code = run_children(processes.collect(), grace).expect("started");
            std::process::exit(code.into());
        }
        Ok("placed") => {
            match of_process() {
                Ok(launch) => eprintln!("{launch:?}"),
                Err(error) => eprintln!("error: {error}"),
            }
            std::process::exit(0);
        }
        _ => {}
    }
}

/// Sends a signal.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(status.expect("`kill` starts").success());
}

/// Waits until it is so; a machine with much to do takes its time.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_mins(2), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes that a process has started, by its first thread and all others.
pub fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    let numbers = lists.iter().flat_map(|list| list.split_whitespace());
    let mut found: Vec<u32> = numbers.filter_map(|n| n.parse().ok()).collect();
    found.sort_unstable();
    found
}

/// Whether a process is there and has not ended.
pub fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    // After the name, which may have anything in it.
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    !state.is_some_and(|rest| rest.starts_with(['Z', 'X']))
}

/// Ends what a failed test would leave behind.
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

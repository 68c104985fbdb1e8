//! Machines that are not there, and processes that are.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use run::Stop;
use run::lease::{Lease, Refusal, Terms, Waiting, Watch};
use run::process::Process;

/// So long that a test which waits for it fails.
pub const FOREVER: Duration = Duration::from_hours(24);

/// A process of another machine.
pub fn elsewhere(host: &str) -> Process {
    Process {
        host: host.to_owned(),
        boot: format!("boot of {host}"),
        ..Process::this()
    }
}

/// Terms on which a process of this machine waits for ever.
pub fn here() -> Terms {
    Terms {
        patience: FOREVER,
        ..Terms::default()
    }
}

/// Terms of a process of another machine that never renews, and loses patience after some milliseconds.
pub fn silent(host: &str, milliseconds: u64) -> Terms {
    Terms {
        this: elsewhere(host),
        patience: Duration::from_millis(milliseconds),
        renewal: FOREVER,
        ..Terms::default()
    }
}

/// A flag for terms.
pub fn flag() -> &'static AtomicBool {
    Box::leak(Box::default())
}

/// Terms with a flag that stops.
pub fn stopped_by(terms: Terms, flag: &'static AtomicBool) -> Terms {
    terms.stopped_by(Stop::when(flag))
}

/// Takes a lease; gives what was told of a wait.
pub fn take(folder: &Path, terms: &Terms) -> (Result<Lease, Refusal>, Vec<Waiting>) {
    let mut told = Vec::new();
    let mut tell = |waiting: &Waiting| told.push(waiting.clone());
    let taken = Lease::take(folder, folder, terms, &terms.losses(), &mut tell);
    (taken, told)
}

/// Takes a lease if that is possible at once.
pub fn at_once(folder: &Path, terms: &Terms) -> Option<Lease> {
    let mut watch = Watch::default();
    let taken = Lease::try_take(folder, terms, &terms.losses(), &mut watch);
    taken.expect("the system lets it").ok()
}

/// The process that holds a lease, as a refusal tells it.
pub fn refused(taken: Result<Lease, Refusal>) -> Option<Process> {
    match taken {
        Err(Refusal::Held(process)) => process,
        other => panic!("{other:?}"),
    }
}

/// What a child finds its work in.
pub const WORK: &str = "ADAMLLM_TEST_LEASES";

/// The work of this process, if it is a child: its kind, its folder and its number.
pub fn work(kind: &str) -> Option<(PathBuf, usize)> {
    let work = std::env::var(WORK).ok()?;
    let (found, rest) = work.split_once(' ')?;
    let (number, folder) = rest.split_once(' ')?;
    (found == kind).then(|| (PathBuf::from(folder), number.parse().expect("number")))
}

/// Starts a child: this very test program, with one test that finds its work in the environment.
pub fn start(kind: &str, folder: &Path, number: usize) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["processes::child", "--exact", "--nocapture"])
        .env(WORK, format!("{kind} {number} {}", folder.display()))
        .stdout(Stdio::null())
        .spawn()
        .expect("child")
}

/// Waits until something is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(5), "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How many entries of a folder begin so.
pub fn count(folder: &Path, start: &str) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .count()
}

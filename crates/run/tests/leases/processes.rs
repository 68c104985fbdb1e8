//! Real processes: killed ones, and many for one lease.

use std::fs;
use std::path::Path;
use std::time::Duration;

use run::lease::{Terms, Watch};
use run::{Error, RunFolder, Store};

use crate::support::{at_once, count, here, silent, start, take, until, work};

/// Processes that race, and how often.
const RACERS: usize = 8;
const ROUNDS: usize = 100;
/// How often each process of the second race gets the lease.
const TURNS: usize = 60;

/// What a child does.
#[test]
fn child() {
    if let Some((folder, _)) = work("lease") {
        let _held = at_once(&folder.join("lease"), &here()).expect("free");
        stay(&folder);
    }
    if let Some((folder, _)) = work("run") {
        let _run = RunFolder::open(&folder.join("run")).expect("opened");
        stay(&folder);
    }
    if let Some((folder, _)) = work("store") {
        let store = Store::open(&folder.join("store")).expect("opened");
        let _claim = store
            .claim(Path::new("mix-01"))
            .expect("system")
            .expect("free");
        stay(&folder);
    }
    if let Some((folder, number)) = work("race") {
        race(&folder, number);
    }
    if let Some((folder, _)) = work("turns") {
        turns(&folder);
    }
}

/// Says that it is ready, and waits to be killed.
fn stay(folder: &Path) {
    fs::write(folder.join("ready"), "").expect("write");
    loop {
        std::thread::park();
    }
}

/// Starts a child, does something while it holds what it holds, kills it, and does something else. It is gone as soon as it is
/// killed, whether or not anybody has asked for how it ended.
fn killed(kind: &str, alive: impl FnOnce(&Path, u32), gone: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().expect("folder");
    let mut child = start(kind, folder.path(), 0);
    until("ready", || folder.path().join("ready").exists());
    alive(folder.path(), child.id());
    child.kill().expect("killed");
    child.wait().expect("gone");
    gone(folder.path());
}

#[test]
fn a_killed_process_of_this_machine_is_not_waited_for() {
    let alive = |folder: &Path, number| {
        let (second, told) = take(&folder.join("lease"), &here());
        let process = crate::support::refused(second).expect("known");
        assert_eq!(process.number, number);
        assert_eq!(told, []);
    };
    let gone = |folder: &Path| {
        let (taken, told) = take(&folder.join("lease"), &here());
        taken.expect("free").check().expect("held");
        assert_eq!(told, []);
    };
    killed("lease", alive, gone);
}

#[test]
fn two_launches_in_one_run_folder() {
    for has_locks in [true, false] {
        let alive = |folder: &Path, number| {
            let run = folder.join("run");
            if !has_locks {
                // Another file of the same name knows nothing of the lock, as on another machine.
                fs::remove_file(run.join(".lock")).expect("removed");
            }
            let error = RunFolder::open(&run).expect_err("held");
            assert!(matches!(error, Error::Locked { .. }), "{error:?}");
            let text = error.to_string();
            let expected = format!("(process {number} on host `");
            assert!(
                text.contains("another run works in") && text.contains(&expected),
                "{text}"
            );
        };
        let gone = |folder: &Path| {
            let mut told = |waiting: &_| panic!("{waiting:?}");
            let run = RunFolder::open_with(&folder.join("run"), &here(), &mut told);
            run.expect("at once").check().expect("held");
        };
        killed("run", alive, gone);
    }
}

#[test]
fn a_killed_process_gives_its_claims_back() {
    for has_locks in [true, false] {
        let stage = Path::new("mix-01");
        let alive = |folder: &Path, _| {
            let path = folder.join("store");
            if !has_locks {
                fs::remove_file(path.join(".lock")).expect("removed");
                fs::remove_dir_all(path.join(".locks")).expect("removed");
            }
            let store = Store::open(&path).expect("beside it");
            assert!(store.claim(stage).expect("system").is_none());
            let error = Store::alone(&path).expect_err("two work in it");
            assert!(matches!(error, Error::StoreInUse { .. }), "{error:?}");
        };
        let gone = |folder: &Path| {
            let path = folder.join("store");
            let store = Store::open_with(&path, &here(), &mut |w| panic!("{w:?}"));
            let claim = store.expect("opened").claim(stage);
            assert!(claim.expect("system").is_some());
            Store::alone_with(&path, &here(), &mut |w| panic!("{w:?}")).expect("alone");
            assert_eq!(count(&path.join(".leases/.users"), ""), 0);
        };
        killed("store", alive, gone);
    }
}

/// The lease of a round, and where its racers note how far they are.
fn place(folder: &Path, round: usize) -> [std::path::PathBuf; 2] {
    let round = folder.join(format!("round-{round}"));
    [round.join("lease"), round.join("notes")]
}

fn race(folder: &Path, number: usize) {
    for round in 0..ROUNDS {
        let [lease, notes] = place(folder, round);
        let note = |what: &str| {
            fs::write(notes.join(format!("{what}-{number}")), "").expect("write");
        };
        let all = |what: &str| until(what, || count(&notes, what) == RACERS);
        let terms = Terms {
            patience: Duration::from_millis(2),
            ..Terms::default()
        };
        note("ready");
        all("ready");
        let (taken, _) = take(&lease, &terms);
        if let Ok(lease) = &taken {
            lease.check().expect("held");
            note("won");
        }
        note("done");
        all("done");
    }
}

#[test]
fn of_eight_processes_that_find_a_stale_lease_one_gets_it() {
    let folder = tempfile::tempdir().expect("folder");
    for round in 0..ROUNDS {
        let [lease, notes] = place(folder.path(), round);
        fs::create_dir_all(&notes).expect("folder");
        let terms = silent("a", 1);
        // It is left as a machine that lost its power leaves it.
        std::mem::forget(at_once(&lease, &terms).expect("free"));
    }
    let children: Vec<_> = (0..RACERS)
        .map(|number| start("race", folder.path(), number))
        .collect();
    for mut child in children {
        assert!(child.wait().expect("ended").success());
    }
    for round in 0..ROUNDS {
        let [_, notes] = place(folder.path(), round);
        assert_eq!(count(&notes, "won"), 1, "round {round}");
    }
}

fn turns(folder: &Path) {
    let lease = folder.join("lease");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let terms = here();
                for _ in 0..TURNS {
                    let mut watch = Watch::default();
                    let held = loop {
                        let losses = terms.losses();
                        let taken =
                            run::lease::Lease::try_take(&lease, &terms, &losses, &mut watch);
                        match taken.expect("system") {
                            Ok(held) => break held,
                            Err(_) => std::thread::yield_now(),
                        }
                    };
                    let inside = folder.join("inside");
                    let file = fs::File::create_new(&inside).expect("nobody else is inside");
                    drop(file);
                    std::thread::yield_now();
                    fs::remove_file(&inside).expect("nobody else is inside");
                    held.check().expect("held");
                }
            });
        }
    });
}

#[test]
fn processes_and_threads_that_take_turns_are_never_inside_together() {
    let folder = tempfile::tempdir().expect("folder");
    let children: Vec<_> = (0..4)
        .map(|number| start("turns", folder.path(), number))
        .collect();
    for mut child in children {
        assert!(child.wait().expect("ended").success());
    }
    let entries = count(&folder.path().join("lease"), "");
    assert!(entries <= 2, "what is over is removed: {entries}");
}

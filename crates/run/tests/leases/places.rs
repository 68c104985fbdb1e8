//! Run folders and stores among machines whose file system has no locks.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use run::lease::Waiting;
use run::{Error, RunFolder, Store};

use crate::support::{count, elsewhere, flag, here, silent, stopped_by, until};

/// Makes locks be those of another file, as where each machine has its own.
fn forget_locks(folder: &Path) {
    let _ = fs::remove_file(folder.join(".lock"));
    let _ = fs::remove_dir_all(folder.join(".locks"));
}

#[test]
fn a_run_folder_goes_to_another_machine_once_its_run_is_silent() {
    let folder = tempfile::tempdir().expect("folder");
    let asked = flag();
    let mut nothing = |waiting: &Waiting| panic!("{waiting:?}");
    let terms = stopped_by(silent("a", 20), asked);
    let first = RunFolder::open_with(folder.path(), &terms, &mut nothing).expect("first");
    forget_locks(folder.path());
    let mut told = Vec::new();
    let mut tell = |waiting: &Waiting| told.push(waiting.to_string());
    let second = RunFolder::open_with(folder.path(), &silent("b", 20), &mut tell).expect("stale");
    assert_eq!(told.len(), 1);
    let path = second.path.display().to_string();
    assert!(
        told[0].starts_with(&format!("`{path}` is held by")),
        "{told:?}"
    );
    let error = first.check().expect_err("taken over");
    let text = error.to_string();
    assert!(
        text.contains("was taken over by another process") && text.contains("on host `b`"),
        "{text}"
    );
    assert!(asked.load(Ordering::Relaxed));
    drop(first);
    second.check().expect("held");
}

#[test]
fn a_wait_for_a_run_folder_can_be_stopped() {
    let folder = tempfile::tempdir().expect("folder");
    let _first = RunFolder::open_with(folder.path(), &silent("a", 1), &mut |_| ()).expect("first");
    forget_locks(folder.path());
    let asked = flag();
    let mut tell = |_: &Waiting| asked.store(true, Ordering::Relaxed);
    let error = RunFolder::open_with(folder.path(), &stopped_by(here(), asked), &mut tell);
    let error = error.expect_err("stopped");
    assert!(matches!(error, Error::Stopped(_)), "{error:?}");
}

#[test]
fn a_claim_of_a_silent_machine_is_free_after_the_patience_and_its_loss_is_told() {
    let folder = tempfile::tempdir().expect("folder");
    let stage = Path::new("mix-01");
    let asked = flag();
    let terms = stopped_by(silent("a", 20), asked);
    let one = Store::open_with(folder.path(), &terms, &mut |_| ()).expect("one");
    let claim = one.claim(stage).expect("system").expect("free");
    forget_locks(folder.path());
    let other = Store::open_with(folder.path(), &silent("b", 20), &mut |_| ()).expect("beside it");
    assert!(
        other.claim(stage).expect("system").is_none(),
        "it is claimed"
    );
    one.check().expect("nothing is lost");
    let mut taken = None;
    until("free", || {
        taken = other.claim(stage).expect("system");
        taken.is_some()
    });
    // Whoever works on a stage finds it out when it looks, or when it is renewed.
    claim.check().expect_err("taken over");
    assert!(asked.load(Ordering::Relaxed));
    let text = one.check().expect_err("taken over").to_string();
    assert!(
        text.contains("mix-01") && text.contains("on host `b`"),
        "{text}"
    );
    drop(claim);
    taken.expect("claimed").check().expect("held");
}

#[test]
fn whoever_clears_a_store_and_whoever_works_in_it_see_each_other_without_locks() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path();
    let in_use = |found: Result<Store, Error>| match found.expect_err("in use") {
        Error::StoreInUse { by, .. } => *by.expect("known"),
        other => panic!("{other:?}"),
    };
    let store = Store::open(path).expect("opened");
    forget_locks(path);
    assert_eq!(in_use(Store::alone(path)), run::process::Process::this());
    drop(store);
    let alone = Store::alone(path).expect("nobody is there");
    forget_locks(path);
    assert_eq!(in_use(Store::open(path)), run::process::Process::this());
    drop(alone);
    // Another machine lost its power.
    let mut told = 0;
    std::mem::forget(Store::open_with(path, &silent("a", 1), &mut |_| ()).expect("opened"));
    forget_locks(path);
    drop(Store::open(path).expect("beside it"));
    drop(Store::alone_with(path, &silent("b", 20), &mut |waiting| {
        assert_eq!(waiting.process, Some(elsewhere("a")));
        told += 1;
    }));
    assert_eq!(told, 1);
    forget_locks(path);
    std::mem::forget(Store::alone_with(path, &silent("a", 1), &mut |_| ()).expect("alone"));
    forget_locks(path);
    Store::open_with(path, &silent("b", 20), &mut |_| told += 1).expect("stale");
    assert_eq!(told, 2);
}

#[test]
fn whoever_works_in_a_store_and_whoever_clears_it_never_do_so_together() {
    let folder = tempfile::tempdir().expect("folder");
    let inside = folder.path().join("inside");
    let turn = |number: usize| {
        for _ in 0..30 {
            // Each has a lock of its own.
            let _ = fs::remove_file(folder.path().join(".lock"));
            let is_alone = number.is_multiple_of(2);
            let opened = if is_alone {
                Store::alone(folder.path())
            } else {
                Store::open(folder.path())
            };
            match opened {
                Ok(store) => {
                    if is_alone {
                        fs::create_dir(&inside).expect("nobody else is inside");
                        fs::remove_dir(&inside).expect("nobody else is inside");
                    } else {
                        assert!(!inside.exists(), "it is cleared just now");
                    }
                    drop(store);
                }
                Err(Error::StoreInUse { .. }) => std::thread::yield_now(),
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    std::thread::scope(|scope| {
        for number in 0..4 {
            scope.spawn(move || turn(number));
        }
    });
}

#[test]
fn thousands_of_claims_leave_one_thread_and_few_files() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opened");
    let start = std::time::Instant::now();
    for number in 0..3000 {
        let stage = format!("mix-{}", number % 100);
        store
            .claim(Path::new(&stage))
            .expect("system")
            .expect("free");
    }
    println!("3,000 claims in {:?}", start.elapsed());
    let tasks = fs::read_dir("/proc/self/task").expect("threads").flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    assert_eq!(names.filter(|name| name.trim() == "leases").count(), 1);
    assert!(count(&folder.path().join(".leases/mix-7"), "") <= 2);
    store.remove(&folder.path().join("mix-7")).expect("removed");
    assert!(!folder.path().join(".leases/mix-7").exists());
}

//! One lease, with holders on machines of their own.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use run::lease::{Lease, Refusal, Terms};
use run::process::Process;

use crate::support::{
    FOREVER, at_once, count, elsewhere, flag, here, refused, silent, stopped_by, take, until,
};

/// The one file of a lease that counts.
fn file(lease: &Path, number: u64) -> PathBuf {
    lease.join(number.to_string())
}

#[test]
fn a_lease_is_taken_once_and_given_back() {
    let folder = tempfile::tempdir().expect("folder");
    let lease = folder.path().join("lease");
    for _ in 0..5 {
        let held = at_once(&lease, &here()).expect("free");
        held.check().expect("held");
        let (second, told) = take(&lease, &here());
        assert_eq!(refused(second), Some(Process::this()));
        assert_eq!(told, [], "whoever is seen to be there is not waited for");
    }
    assert!(count(&lease, "") <= 2, "what is over is removed");
}

#[test]
fn an_unchanged_holder_of_another_machine_is_stale_after_the_patience() {
    let folder = tempfile::tempdir().expect("folder");
    let first = at_once(folder.path(), &silent("a", 1)).expect("free");
    let patience = Duration::from_millis(80);
    let terms = Terms { patience, ..here() };
    let start = Instant::now();
    let (taken, told) = take(folder.path(), &terms);
    taken.expect("stale").check().expect("held");
    assert!(start.elapsed() >= patience, "{:?}", start.elapsed());
    let [waiting] = told.as_slice() else {
        panic!("told once: {told:?}");
    };
    assert_eq!(waiting.process, Some(elsewhere("a")));
    let text = waiting.to_string();
    let expected = format!("is held by process {} on host `a`", std::process::id());
    assert!(text.contains(&expected), "{text}");
    drop(first);
}

#[test]
fn a_holder_of_another_machine_that_counts_on_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let works = Terms {
        renewal: Duration::from_millis(5),
        ..silent("a", 1)
    };
    let first = at_once(folder.path(), &works).expect("free");
    let (second, told) = take(folder.path(), &here());
    assert_eq!(refused(second), Some(elsewhere("a")));
    assert_eq!(told.len(), 1);
    drop(first);
    at_once(folder.path(), &here()).expect("given back");
}

#[test]
fn no_clock_and_no_time_of_a_file_counts() {
    let day = Duration::from_hours(24);
    let times = [
        SystemTime::UNIX_EPOCH,
        SystemTime::now() - day,
        SystemTime::now() + 100 * day,
    ];
    for time in times {
        let folder = tempfile::tempdir().expect("folder");
        let _first = at_once(folder.path(), &silent("a", 1)).expect("free");
        let set = |number| {
            let path = file(folder.path(), number);
            let file = File::options().write(true).open(path).expect("file");
            file.set_modified(time).expect("set");
        };
        set(1);
        // Old or new, it is held as long as the observer has not seen it unchanged for long.
        assert!(at_once(folder.path(), &here()).is_none());
        // A file whose time alone changes is not renewed.
        let stop = flag();
        std::thread::scope(|scope| {
            let touching = scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    set(1);
                }
            });
            let (taken, _) = take(folder.path(), &silent("b", 50));
            stop.store(true, Ordering::Relaxed);
            taken.expect("stale");
            touching.join().expect("no panic");
        });
    }
}

#[test]
fn a_wait_can_be_stopped() {
    let folder = tempfile::tempdir().expect("folder");
    let _first = at_once(folder.path(), &silent("a", 1)).expect("free");
    let asked = flag();
    let terms = stopped_by(here(), asked);
    let mut tell = |_: &_| asked.store(true, Ordering::Relaxed);
    let taken = Lease::take(
        folder.path(),
        folder.path(),
        &terms,
        &terms.losses(),
        &mut tell,
    );
    assert!(matches!(taken, Err(Refusal::Stopped(_))), "{taken:?}");
}

#[test]
fn whoever_lost_a_lease_is_told_and_stops_and_does_not_disturb_the_other() {
    let folder = tempfile::tempdir().expect("folder");
    let asked = flag();
    let first_terms = stopped_by(silent("a", 20), asked);
    let losses = first_terms.losses();
    let mut watch = run::lease::Watch::default();
    let first = Lease::try_take(folder.path(), &first_terms, &losses, &mut watch);
    let first = first.expect("system").expect("free");
    let (second, _) = take(folder.path(), &silent("b", 20));
    let second = second.expect("stale");
    // Its thread slept, and so it looks by itself.
    let lost = first.check().expect_err("taken over");
    assert_eq!(lost.by, Some(elsewhere("b")));
    assert!(asked.load(Ordering::Relaxed), "the work is asked to stop");
    assert_eq!(losses.first.get(), Some(&lost));
    first.check().expect_err("it stays lost");
    drop(first);
    second.check().expect("held");
    assert!(at_once(folder.path(), &here()).is_none());
    drop(second);
    at_once(folder.path(), &here()).expect("given back");
}

#[test]
fn the_renewing_thread_finds_a_loss_by_itself() {
    let folder = tempfile::tempdir().expect("folder");
    let asked = flag();
    let terms = Terms {
        renewal: Duration::from_millis(500),
        patience: FOREVER,
        ..silent("a", 1)
    };
    let _first = at_once(folder.path(), &stopped_by(terms, asked)).expect("free");
    let mut second = None;
    // With luck it is renewed between two looks, and is taken over at another try.
    until("taken over", || {
        second = take(folder.path(), &silent("b", 5)).0.ok();
        second.is_some()
    });
    until("told", || asked.load(Ordering::Relaxed));
}

#[test]
fn a_lease_whose_folder_was_removed_or_made_anew_is_lost() {
    let folder = tempfile::tempdir().expect("folder");
    let lease = folder.path().join("lease");
    let terms = silent("a", 0);
    let first = at_once(&lease, &terms).expect("free");
    first.check().expect("held");
    fs::remove_dir_all(&lease).expect("removed");
    let second = at_once(&lease, &here()).expect("nobody is there");
    let lost = first.check().expect_err("somebody else has it");
    assert_eq!(lost.by, Some(Process::this()));
    second.check().expect("held");
    let other = at_once(&folder.path().join("other"), &terms).expect("free");
    fs::remove_dir_all(folder.path().join("other")).expect("removed");
    assert_eq!(other.check().expect_err("removed").by, None);
}

#[test]
fn a_damaged_file_is_watched_as_any_other_holder() {
    for text in ["", "{\"token\"", "\0\0\0\0"] {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(file(folder.path(), 3), text).expect("write");
        assert!(at_once(folder.path(), &here()).is_none());
        let (taken, told) = take(folder.path(), &silent("b", 20));
        taken.expect("stale").check().expect("held");
        let text = told[0].to_string();
        assert!(text.contains("left no readable note"), "{text}");
        assert!(file(folder.path(), 4).exists());
    }
}

#[test]
fn files_of_others_in_the_folder_are_in_nobodys_way() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(folder.path().join("note"), "text").expect("write");
    fs::write(folder.path().join(".killed.part"), "text").expect("write");
    let _held = at_once(folder.path(), &here()).expect("free");
    assert!(folder.path().join("note").exists());
    assert_eq!(count(folder.path(), ".killed"), 0);
}

fn no_links(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn not_allowed(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::PermissionDenied.into())
}

fn not_found(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::NotFound.into())
}

/// The link is made, and the answer says that it was there: the question was asked twice.
fn asked_twice(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::hard_link(from, to)
}

/// The link is made, and the answer is lost.
fn answer_lost(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    Err(io::ErrorKind::TimedOut.into())
}

#[test]
fn file_systems_without_links_and_lost_answers_will_do() {
    for link in [no_links, not_allowed, not_found, asked_twice, answer_lost] {
        let folder = tempfile::tempdir().expect("folder");
        let terms = Terms { link, ..here() };
        for _ in 0..3 {
            let held = at_once(folder.path(), &terms).expect("free");
            assert!(at_once(folder.path(), &terms).is_none());
            held.check().expect("held");
            assert_eq!(count(folder.path(), "."), 0, "nothing stays aside");
        }
        // Of many that find it stale at once, one gets it.
        let _silent = at_once(folder.path(), &silent("a", 1)).expect("free");
        let taken: Vec<_> = std::thread::scope(|scope| {
            let impatient = Terms {
                patience: Duration::from_millis(10),
                ..terms.clone()
            };
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    let terms = impatient.clone();
                    scope.spawn(|| {
                        let terms = terms;
                        take(folder.path(), &terms).0.ok()
                    })
                })
                .collect();
            let ended = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            ended.map(|taken| taken.expect("no panic")).collect()
        });
        assert_eq!(taken.iter().flatten().count(), 1);
    }
}

thread_local! {
    /// The holder that came while a link was to be made.
    static BETWEEN: RefCell<Option<Lease>> = const { RefCell::new(None) };
}

/// Others take the lease and give it back, so that the number that is linked to is free once more, and one of them keeps it.
fn late(from: &Path, to: &Path) -> io::Result<()> {
    let is_first = BETWEEN.with_borrow(Option::is_none);
    if is_first {
        let folder = to.parent().expect("folder");
        for _ in 0..4 {
            // What is aside would be removed by them.
            let aside = fs::read(from)?;
            let lease = at_once(folder, &here());
            fs::write(from, aside)?;
            BETWEEN.set(lease);
            if count(folder, "5") == 0 {
                BETWEEN.take();
            }
        }
    }
    fs::hard_link(from, to)
}

#[test]
fn whoever_comes_late_with_a_number_that_is_over_does_not_get_it() {
    let folder = tempfile::tempdir().expect("folder");
    drop(at_once(folder.path(), &here()).expect("free"));
    let terms = Terms {
        link: late,
        ..here()
    };
    assert!(at_once(folder.path(), &terms).is_none());
    let holder = BETWEEN.take().expect("somebody has it");
    holder.check().expect("and keeps it");
    assert!(file(folder.path(), 5).exists());
}

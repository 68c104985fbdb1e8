//! Which process of which machine this is, and whether another one is gone.

use std::fmt;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};

use serde::{Deserialize, Serialize};

/// A process, told apart from every other one of every machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// What its machine calls itself; only to be shown, since two machines may have one name.
    pub host: String,
    /// The kernel's number of its present boot, which no two machines share; empty where the system gives none.
    pub boot: String,
    /// The space that process numbers are counted in: containers on one kernel have their own.
    pub space: String,
    /// The process number.
    pub number: u32,
    /// When it started, in the kernel's ticks since the boot: numbers are given again, this is not. 0 if unknown.
    pub started: u64,
}

impl Process {
    /// This one.
    pub fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let number = std::process::id();
        let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        Self {
            host: host(),
            boot: read("/proc/sys/kernel/random/boot_id").trim().to_owned(),
            space: space.to_string_lossy().into_owned(),
            number,
            started: Status::of(number).map_or(0, |status| status.started),
        }
    }

    /// Whether the process has certainly ended, as far as `this` one can know: it knows only of those on its own kernel and
    /// in its own space of numbers. A process that has another start time than the one looked for is another one.
    pub fn is_gone(&self, this: &Self) -> bool {
        self.is_seen_by(this)
            && match Status::of(self.number) {
                Some(status) if status.has_ended => true,
                Some(status) => self.started != 0 && status.started != self.started,
                // `/proc` may be told to hide the processes of others; the kernel itself still says whether there is one.
                None => {
                    let number = i32::try_from(self.number).unwrap_or_default();
                    rustix::process::Pid::from_raw(number).is_some_and(|number| {
                        rustix::process::test_kill_process(number) == Err(rustix::io::Errno::SRCH)
                    })
                }
            }
    }

    /// Whether `this` one can find out at once if the process has ended.
    pub fn is_seen_by(&self, this: &Self) -> bool {
        let is_known = !self.boot.is_empty() && !self.space.is_empty();
        is_known && self.boot == this.boot && self.space == this.space
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on host `{}`", self.number, self.host)
    }
}

/// What this machine calls itself.
pub fn host() -> String {
    let read = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let found = read.or_else(|| std::env::var("HOSTNAME").ok());
    let name = found.unwrap_or_default().trim().to_owned();
    if name.is_empty() {
        "unknown".to_owned()
    } else {
        name
    }
}

/// Hexadecimal digits that nobody else has.
pub(crate) fn unique() -> String {
    // Its keys are the system's random numbers.
    let random = RandomState::new();
    format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1))
}

/// What the kernel tells of a process.
struct Status {
    has_ended: bool,
    started: u64,
}

impl Status {
    fn of(number: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{number}/stat")).ok()?)
    }

    /// The name of the program stands in brackets and may hold anything, brackets too.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?;
        Some(Self {
            // A process that was killed stays as `Z` until its parent asks for how it ended.
            has_ended: matches!(state, "Z" | "X"),
            started: fields.nth(18)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_gone_once_it_has_ended_and_not_before() {
        let this = Process::this();
        assert!(!this.is_gone(&this), "it works just now");
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .expect("sleep");
        let number = child.id();
        let other = Process {
            number,
            started: Status::of(number).expect("it is there").started,
            ..this.clone()
        };
        assert!(!other.is_gone(&this));
        let elsewhere = Process {
            boot: "another".to_owned(),
            ..other.clone()
        };
        let in_container = Process {
            space: "pid:[1]".to_owned(),
            ..other.clone()
        };
        child.kill().expect("killed");
        // Nobody has asked for how it ended, and its number is still taken.
        while !other.is_gone(&this) {
            std::thread::yield_now();
        }
        child.wait().expect("gone");
        assert!(other.is_gone(&this));
        assert!(!elsewhere.is_gone(&this), "nobody can know");
        assert!(!in_container.is_gone(&this), "nobody can know");
    }

    #[test]
    fn a_number_that_was_given_again_is_another_process() {
        let this = Process::this();
        let before = Process {
            started: this.started + 1,
            ..this.clone()
        };
        assert!(before.is_gone(&this));
    }

    #[test]
    fn a_programs_name_may_hold_anything() {
        let text = "12 (a) R b) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        let status = Status::parse(text).expect("read");
        assert!(status.has_ended);
        assert_eq!(status.started, 777);
    }

    #[test]
    fn no_two_are_alike() {
        assert_ne!(unique(), unique());
        assert_eq!(unique().len(), 32);
    }
}

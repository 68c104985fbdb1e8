//! The books through kills: whatever happens, no more is spent than the caps allow, and what was spent is known.
//!
//! A child is this file's own test `child`, which does nothing unless a variable tells it what to do.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use corpus::seed::Rng;
use endpoint::{
    Amount, Cache, Caps, Ledger, LedgerError, Money, Refusal, Settlement, Spent, Ticket, Usage,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

fn amount(cost: u64, tokens: u64) -> Amount {
    Amount {
        cost: Money(cost),
        tokens,
    }
}

fn caps(cost: u64, tokens: u64) -> Caps {
    Caps {
        cost: Some(Money(cost)),
        tokens: Some(tokens),
    }
}

fn paid(amount: Amount) -> Settlement {
    let usage = Usage {
        completion_tokens: amount.tokens,
        ..Usage::default()
    };
    Settlement::Paid {
        usage,
        cost: amount.cost,
    }
}

// Any sequence of requests, answers and ends of the process.

const PLACES: [&str; 2] = ["synthesizer", "filter"];

#[derive(Clone, Debug)]
enum Step {
    Reserve {
        place: usize,
        cost: u64,
        tokens: u64,
    },
    /// Settles one of the open requests: with a part of what was reserved, or in one of the other ways.
    Settle { which: usize, how: u8, part: u64 },
    /// The process ends; so much of what nobody waited for reached the file.
    Kill { reached: f64 },
    /// The process ends after all was written.
    End,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let reserve =
        (0..2_usize, 0..120_u64, 0..120_u64).prop_map(|(place, cost, tokens)| Step::Reserve {
            place,
            cost,
            tokens,
        });
    let settle = (any::<usize>(), 0..5_u8, 0..=100_u64)
        .prop_map(|(which, how, part)| Step::Settle { which, how, part });
    let kill = (0.0..1.0_f64).prop_map(|reached| Step::Kill { reached });
    let step = prop_oneof![8 => reserve, 6 => settle, 1 => kill, 1 => Just(Step::End)];
    proptest::collection::vec(step, 1..40)
}

/// A request as its server knows it.
struct Sent {
    place: usize,
    /// What it can have been paid.
    most: Amount,
}

const CAPS_OF_PLACES: [(u64, u64); 2] = [(500, 450), (300, 900)];
const CAPS_OF_RUN: (u64, u64) = (700, 1000);

struct World {
    path: PathBuf,
    ledger: Option<Ledger>,
    open: Vec<(Ticket, usize)>,
    sent: Vec<Sent>,
    /// Bytes of the file that are surely on the disk.
    synced: u64,
}

impl World {
    fn open(&mut self) {
        let (cost, tokens) = CAPS_OF_RUN;
        let ledger = Ledger::open(&self.path, caps(cost, tokens), None);
        self.ledger = Some(ledger.expect("a sound ledger"));
        self.synced = self.length();
    }

    fn length(&self) -> u64 {
        fs::metadata(&self.path).expect("a file").len()
    }

    fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().expect("an open ledger")
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Reserve {
                place,
                cost,
                tokens,
            } => self.reserve(place, amount(cost, tokens)),
            Step::Settle { which, how, part } if !self.open.is_empty() => {
                self.settle(which % self.open.len(), how, part);
            }
            Step::Settle { .. } => {}
            Step::Kill { reached } => {
                let bytes = fs::read(&self.path).expect("read");
                let unsure = bytes.len() as u64 - self.synced;
                let kept = self.synced + (unsure as f64 * reached) as u64;
                self.ledger = None;
                self.open.clear();
                fs::write(&self.path, &bytes[..kept as usize]).expect("written");
                self.open();
            }
            Step::End => self.end(),
        }
        self.check();
    }

    fn reserve(&mut self, place: usize, wanted: Amount) {
        let (cost, tokens) = CAPS_OF_PLACES[place];
        let what = format!("{}", self.sent.len() / 3);
        let ticket = self
            .ledger()
            .reserve(PLACES[place], &caps(cost, tokens), &what, wanted);
        match ticket {
            Ok(mut ticket) => {
                wait(ticket.synced()).expect("on the disk");
                self.synced = self.length();
                self.open.push((ticket, self.sent.len()));
                self.sent.push(Sent {
                    place,
                    most: wanted,
                });
            }
            Err(Refusal::Wait) => assert!(!self.open.is_empty(), "nothing to wait for"),
            Err(Refusal::Spent(_)) => {}
            Err(Refusal::Failed(error)) => panic!("{error}"),
        }
    }

    fn settle(&mut self, which: usize, how: u8, part: u64) {
        let (ticket, sent) = self.open.swap_remove(which);
        let Amount { cost, tokens } = ticket.amount();
        let settlement = match how {
            0 => Settlement::Free,
            1 => Settlement::Uncertain,
            2 => Settlement::Uncounted,
            _ => paid(amount(cost.0 * part / 100, tokens * part / 100)),
        };
        match settlement {
            Settlement::Free => self.sent[sent].most = Amount::default(),
            Settlement::Paid { usage, cost } => {
                self.sent[sent].most = amount(cost.0, usage.tokens());
            }
            Settlement::Uncounted | Settlement::Uncertain => {}
        }
        self.ledger().settle(ticket, settlement).expect("settled");
    }

    fn end(&mut self) {
        wait(self.ledger().synced()).expect("on the disk");
        let before = PLACES.map(|place| self.ledger().spent(place));
        self.ledger = None;
        self.open.clear();
        self.open();
        for (place, before) in PLACES.into_iter().zip(before) {
            // What was open may have been paid for now; all else is as it was.
            let uncertain = amount(
                before.uncertain.cost.0 + before.open.cost.0,
                before.uncertain.tokens + before.open.tokens,
            );
            let expected = Spent {
                uncertain,
                open: Amount::default(),
                ..before
            };
            assert_eq!(self.ledger().spent(place), expected);
        }
    }

    /// The servers got no more than the ledger says, and that is no more than the caps.
    fn check(&self) {
        let mut all = (0, 0);
        for (number, place) in PLACES.into_iter().enumerate() {
            let of_place = self.sent.iter().filter(|sent| sent.place == number);
            let got = of_place.fold((0, 0), |(cost, tokens), sent| {
                (cost + sent.most.cost.0, tokens + sent.most.tokens)
            });
            let said = self.ledger().spent(place).at_most();
            let (cost, tokens) = CAPS_OF_PLACES[number];
            let told = format!("{place}: {got:?} {said:?}");
            assert!(got.0 <= said.cost.0 && said.cost.0 <= cost, "{told}");
            assert!(got.1 <= said.tokens && said.tokens <= tokens, "{told}");
            all = (all.0 + said.cost.0, all.1 + said.tokens);
        }
        assert!(
            all.0 <= CAPS_OF_RUN.0 && all.1 <= CAPS_OF_RUN.1,
            "{all:?} in all"
        );
        let run = self.ledger().spent_by_all().at_most();
        assert_eq!((run.cost.0, run.tokens), all);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_spends_more_than_the_caps(steps in steps()) {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ledger.jsonl");
        let mut world = World { path, ledger: None, open: Vec::new(), sent: Vec::new(), synced: 0 };
        world.open();
        for step in &steps {
            world.step(step);
        }
    }
}

// A process that is ended with SIGKILL.

const TASK: &str = "ENDPOINT_BOOKS_TASK";
const FOLDER: &str = "ENDPOINT_BOOKS_FOLDER";

/// What a child asks for in all.
const ITEMS: u64 = 1500;

/// Requests that a child has in flight at once.
const AT_ONCE: usize = 16;

/// The most that a request takes.
const MOST: Amount = Amount {
    cost: Money(100),
    tokens: 10,
};

fn key(item: u64) -> String {
    corpus::digest::bytes(format!("item {item}").as_bytes())
}

#[test]
fn child() {
    let (Ok(task), Ok(folder)) = (std::env::var(TASK), std::env::var(FOLDER)) else {
        return;
    };
    let folder = Path::new(&folder);
    let words: Vec<&str> = task.split(' ').collect();
    match words[..] {
        ["ask", seed, cap] => ask(
            folder,
            seed.parse().expect("a seed"),
            cap.parse().expect("a cap"),
        ),
        _ => fill(folder),
    }
}

/// Asks for every item that the cache does not have, as a client does. `server.log` is what a server knows: one write for
/// each request that it got, and one for each that it answered or refused.
fn ask(folder: &Path, seed: u64, cap: u64) {
    let cache = Arc::new(Cache::open(&folder.join("answers"), None).expect("a cache"));
    let path = folder.join("ledger.jsonl");
    let ledger = Ledger::open(&path, caps(cap, u64::MAX), Some(Arc::clone(&cache)));
    let ledger = ledger.expect("a ledger");
    let mut log = OpenOptions::new();
    let log = log.create(true).append(true);
    let mut server = log.open(folder.join("server.log")).expect("a log");
    let mut note = |text: String| server.write_all(text.as_bytes()).expect("written");
    let mut rng = Rng::new(seed);
    let mut waiting: Vec<u64> = (0..ITEMS).rev().collect();
    let mut flight: Vec<(u64, Ticket)> = Vec::new();
    loop {
        let mut left = Vec::new();
        while flight.len() + left.len() < AT_ONCE
            && let Some(item) = waiting.pop()
        {
            if cache.get(&key(item)).expect("read").is_some() {
                continue;
            }
            match ledger.reserve("p", &Caps::default(), &key(item), MOST) {
                Ok(ticket) => left.push((item, ticket)),
                Err(Refusal::Wait) => {
                    waiting.push(item);
                    break;
                }
                Err(Refusal::Spent(_)) => waiting.clear(),
                Err(Refusal::Failed(error)) => panic!("{error}"),
            }
        }
        for (item, mut ticket) in left {
            wait(ticket.synced()).expect("on the disk");
            note(format!("got {item}\n"));
            flight.push((item, ticket));
        }
        if flight.is_empty() {
            return;
        }
        let (item, ticket) = flight.swap_remove(rng.below(flight.len()));
        let settlement = match rng.below(10) {
            0 => {
                note(format!("refused {item}\n"));
                waiting.push(item);
                Settlement::Free
            }
            1 => {
                // The connection broke.
                waiting.push(item);
                Settlement::Uncertain
            }
            _ => {
                let cost = 50 + item % 50;
                note(format!("answered {item} {cost}\n"));
                cache
                    .put(&key(item), &json!({ "item": item }))
                    .expect("put");
                paid(amount(cost, 5))
            }
        };
        ledger.settle(ticket, settlement).expect("settled");
    }
}

/// This program with a task; a full disk is made of the largest size that a file may have.
fn start(task: &str, folder: &Path) -> Command {
    let script = match task {
        // Without the trap a write beyond that size is a signal and no error.
        "fill" => "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"",
        _ => "exec \"$0\" \"$@\"",
    };
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--nocapture", "--test-threads", "1"])
        .env(TASK, task)
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Waits until the log has so many bytes more, or the child has ended.
fn grown(folder: &Path, child: &mut Child, bytes: u64) {
    let length = || fs::metadata(folder.join("server.log")).map_or(0, |log| log.len());
    let (begin, started) = (length(), Instant::now());
    while length() < begin + bytes && child.try_wait().expect("a child").is_none() {
        assert!(
            started.elapsed() < Duration::from_mins(1),
            "the child stands still"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// What a server can have been paid, by its own log: for what it answered the price of it, else the most of each request
/// that it got and did not refuse. And how many requests it got.
fn paid_by_log(folder: &Path) -> (u64, u64) {
    let text = fs::read_to_string(folder.join("server.log")).expect("a log");
    let (mut paid, mut requests) = (0, 0);
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["got", _] => {
                requests += 1;
                paid += MOST.cost.0;
            }
            ["refused", _] => paid -= MOST.cost.0,
            ["answered", _, cost] => {
                paid -= MOST.cost.0 - cost.parse::<u64>().expect("a cost");
            }
            _ => panic!("{line}"),
        }
    }
    (paid, requests)
}

/// The books of a folder that children were killed over.
struct Books<'a> {
    folder: &'a Path,
    cap: u64,
}

impl Books<'_> {
    fn path(&self) -> PathBuf {
        self.folder.join("ledger.jsonl")
    }

    fn spent(&self) -> Spent {
        let spent = Spent::read(&self.path()).expect("sound");
        spent.get("p").copied().unwrap_or_default()
    }

    fn are_sound(&self) {
        let (paid, requests) = paid_by_log(self.folder);
        let said = self.spent();
        assert!(paid <= said.at_most().cost.0, "{paid} {said:?}");
        assert!(said.at_most().cost.0 <= self.cap, "{said:?}");
        assert!(requests <= said.requests, "{requests} {said:?}");
        // Whoever says that an answer was paid for has it.
        let cache = Cache::open(&self.folder.join("answers"), None).expect("a cache");
        let text = fs::read_to_string(self.path()).expect("read");
        let mut asked = BTreeMap::new();
        for line in text.lines() {
            // A torn last line is none.
            let Ok(line) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            if let Some(key) = line["reserved"]["what"].as_str() {
                asked.insert(line["reserved"]["number"].as_u64(), key.to_owned());
            }
            if line["settled"]["how"] == "paid" {
                let key = &asked[&line["settled"]["number"].as_u64()];
                assert!(cache.get(key).expect("read").is_some(), "{line}");
            }
        }
        assert_eq!(cache.damaged(), 0);
    }
}

fn killed(kills: u64, cap: u64) -> Spent {
    let folder = tempfile::tempdir().expect("folder");
    let books = Books {
        folder: folder.path(),
        cap,
    };
    let mut rng = Rng::new(cap);
    for seed in 0..kills {
        let task = format!("ask {seed} {cap}");
        let mut child = start(&task, books.folder).spawn().expect("a child");
        grown(books.folder, &mut child, 1 + rng.below(1200) as u64);
        let second = Ledger::open(&books.path(), Caps::default(), None);
        let ended = child.try_wait().expect("a child").is_some();
        assert!(
            ended || matches!(second, Err(LedgerError::Locked { .. })),
            "{second:?}"
        );
        drop(second);
        // `sh` became the child, so nothing of it lives on.
        child.kill().expect("killed");
        child.wait().expect("ended");
        books.are_sound();
        let before = books.spent().at_most();
        let ledger = Ledger::open(&books.path(), Caps::default(), None).expect("sound");
        assert_eq!(ledger.spent("p").at_most(), before);
    }
    let last = start(&format!("ask {kills} {cap}"), books.folder).output();
    let last = last.expect("a child");
    assert!(
        last.status.success(),
        "{}",
        String::from_utf8_lossy(&last.stderr)
    );
    books.are_sound();
    let spent = books.spent();
    let broken = fs::read_to_string(books.path()).expect("read");
    let broken = broken.matches("\"how\":\"uncertain\"").count() as u64;
    assert!(
        spent.paid_twice <= kills * AT_ONCE as u64 + broken,
        "{spent:?}, {broken} broke"
    );
    spent
}

#[test]
fn kills_with_room_enough_end_with_every_answer() {
    let spent = killed(12, MOST.cost.0 * ITEMS * 3);
    // What was answered and not yet settled at a kill is uncertain for ever, its answer may be there.
    let in_flight = 12 * AT_ONCE as u64;
    assert!(spent.answered >= ITEMS - in_flight, "{spent:?}");
    assert!(spent.answered <= ITEMS, "{spent:?}");
}

#[test]
fn kills_under_a_narrow_cap_never_exceed_it() {
    let cap = MOST.cost.0 * ITEMS / 2;
    let spent = killed(8, cap);
    assert!(spent.at_most().cost.0 > cap - MOST.cost.0, "{spent:?}");
}

// A disk that is full.

/// Tells the parent.
fn tell(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).expect("told");
}

/// Reserves and puts until nothing can be written.
fn fill(folder: &Path) {
    let path = folder.join("ledger.jsonl");
    let ledger = Ledger::open(&path, Caps::default(), None).expect("a ledger");
    let mut sent = 0;
    let error = loop {
        assert!(sent < 10_000, "no limit");
        let ticket = ledger.reserve("p", &Caps::default(), &key(sent), MOST);
        match ticket.map_err(|refusal| refusal.to_string()) {
            Ok(mut ticket) => match wait(ticket.synced()) {
                // The disk may be found to be full by this one.
                Ok(()) => drop(ledger.settle(ticket, Settlement::Free)),
                Err(error) => break error.to_string(),
            },
            Err(error) => break error,
        }
        sent += 1;
    };
    tell(&format!("\nledger {sent} {error}\n"));
    for _ in 0..3 {
        let refused = ledger.reserve("p", &Caps::default(), "x", MOST);
        assert_eq!(refused.expect_err("full").to_string(), error);
    }
    let cache = Cache::open(&folder.join("answers"), None).expect("a cache");
    let text = json!("x".repeat(900));
    let mut kept = 0;
    let error = loop {
        assert!(kept < 10_000, "no limit");
        match cache.put(&key(kept), &text) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    tell(&format!("cache {kept} {error}\n"));
    for item in 0..kept {
        let found = cache.get(&key(item)).expect("read");
        assert_eq!(found.as_ref(), Some(&text));
    }
    assert_eq!(cache.get(&key(kept)).expect("read"), None);
}

#[test]
fn a_full_disk_is_an_error_and_leaves_sound_books() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    let output = start("fill", folder).output().expect("a child");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{problems}");
    let number = |what: &str| -> u64 {
        let mut lines = told.lines();
        let line = lines.find(|line| line.starts_with(what)).expect("a line");
        assert!(
            line.contains("cannot write `") && line.contains("File too large"),
            "{line}"
        );
        let number = line.split(' ').nth(1).expect("a number");
        number.parse().expect("a number")
    };
    let (reserved, kept) = (number("ledger"), number("cache"));
    assert!(reserved > 5 && kept > 2, "{told}");
    // What could not be told to whoever waited may stand in the file whole: it may only count too much.
    let path = folder.join("ledger.jsonl");
    let spent = Spent::read(&path).expect("sound")["p"];
    assert!(
        spent.requests == reserved || spent.requests == reserved + 1,
        "{spent:?} {reserved}"
    );
    let ledger = Ledger::open(&path, Caps::default(), None).expect("sound");
    let mut ticket = ledger
        .reserve("p", &Caps::default(), "y", MOST)
        .expect("room");
    wait(ticket.synced()).expect("on the disk");
    ledger.settle(ticket, Settlement::Free).expect("settled");
    drop(ledger);
    assert_eq!(
        Spent::read(&path).expect("sound")["p"].requests,
        spent.requests + 1
    );
    let cache = Cache::open(&folder.join("answers"), None).expect("a cache");
    assert_eq!((cache.len() as u64, cache.damaged()), (kept, 0));
}

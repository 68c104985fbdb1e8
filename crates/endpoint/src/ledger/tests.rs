use super::*;
use crate::prices::{Money, Usage};

/// The ledger of a folder.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("folder"),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("endpoint/ledger.jsonl")
    }

    fn open(&self, caps: Caps) -> Ledger {
        Ledger::open(&self.path(), caps, None).expect("a ledger")
    }

    fn refusal(&self) -> String {
        let error = Ledger::open(&self.path(), Caps::default(), None);
        error.expect_err("an error").to_string()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).expect("a ledger")
    }

    fn write(&self, text: &str) {
        fs::create_dir_all(self.folder.path().join("endpoint")).expect("folder");
        fs::write(self.path(), text).expect("written");
    }
}

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

fn paid(cost: u64, prompt_tokens: u64, completion_tokens: u64) -> Settlement {
    let usage = Usage {
        prompt_tokens,
        completion_tokens,
        cached_tokens: 0,
    };
    Settlement::Paid {
        usage,
        cost: Money(cost),
    }
}

fn reserve(ledger: &Ledger, place: &str, what: &str, amount: Amount) -> Ticket {
    let mut ticket = ledger
        .reserve(place, &Caps::default(), what, amount)
        .expect("room");
    wait(ticket.synced()).expect("on the disk");
    ticket
}

#[test]
fn lines_are_on_the_disk_before_a_request_leaves() {
    let desk = Desk::new();
    let ledger = desk.open(Caps::default());
    let ticket = reserve(&ledger, "filter", "ab", amount(5, 7));
    let text = desk.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with(r#"{"opened":{"format":1,"process":1,"pid":"#),
        "{text}"
    );
    assert_eq!(
        lines[1..],
        [
            r#"{"reserved":{"number":1,"place":"filter","what":"ab","cost":5,"tokens":7,"process":1}}"#
        ]
    );
    ledger.settle(ticket, paid(3, 4, 2)).expect("settled");
    wait(ledger.synced()).expect("on the disk");
    assert_eq!(
        desk.text().lines().last(),
        Some(
            r#"{"settled":{"number":1,"how":"paid","cost":3,"tokens":6,"usage":{"prompt_tokens":4,"completion_tokens":2,"cached_tokens":0}}}"#
        )
    );
}

#[test]
fn every_end_of_a_request_counts_as_it_should() {
    let desk = Desk::new();
    let ledger = desk.open(Caps::default());
    let asked: Vec<Ticket> = (0..6)
        .map(|number| reserve(&ledger, "a", &format!("{number}"), amount(10, 100)))
        .collect();
    let mut asked = asked.into_iter();
    let mut next = || asked.next().expect("a ticket");
    ledger.settle(next(), paid(4, 30, 5)).expect("settled");
    // More than was reserved counts in full.
    ledger.settle(next(), paid(17, 150, 20)).expect("settled");
    ledger
        .settle(next(), Settlement::Uncounted)
        .expect("settled");
    ledger.settle(next(), Settlement::Free).expect("settled");
    drop(next());
    let expected = Spent {
        paid: amount(4 + 17 + 10, 35 + 170 + 100),
        uncertain: amount(10, 100),
        open: amount(10, 100),
        usage: Usage {
            prompt_tokens: 180,
            completion_tokens: 25,
            cached_tokens: 0,
        },
        requests: 6,
        answered: 3,
        free: 1,
        paid_twice: 0,
    };
    assert_eq!(ledger.spent("a"), expected);
    assert_eq!(ledger.spent_by_all(), expected);
    assert_eq!(ledger.spent("b"), Spent::default());
    assert_eq!(expected.at_most(), amount(51, 505));
    wait(ledger.synced()).expect("on the disk");
    let read = Spent::read(&desk.path()).expect("read");
    assert_eq!(read, BTreeMap::from([("a".to_owned(), expected)]));
    // The process ends with one open.
    let last = next();
    drop(ledger);
    drop(last);
    let again = desk.open(Caps::default());
    let expected = Spent {
        uncertain: amount(20, 200),
        open: Amount::default(),
        ..expected
    };
    assert_eq!(again.spent("a"), expected);
}

#[test]
fn a_reservation_waits_for_others_or_is_refused_for_good() {
    let desk = Desk::new();
    let ledger = desk.open(caps(100, 1000));
    let place = caps(60, 1000);
    let reserve =
        |place: &str, caps: &Caps, cost| ledger.reserve(place, caps, "x", amount(cost, 1));
    let first = reserve("a", &place, 50).expect("room");
    assert!(matches!(reserve("a", &place, 11), Err(Refusal::Wait)));
    let second = reserve("b", &Caps::default(), 50).expect("room");
    // The place would have room.
    assert!(matches!(reserve("a", &place, 10), Err(Refusal::Wait)));
    let told = |refused: Result<Ticket, Refusal>| refused.expect_err("no room").to_string();
    assert_eq!(
        told(reserve("a", &place, 61)),
        "`max_cost` of `a` leaves no room: 0 of 0.000001 paid, and the next request may cost 0.000001"
    );
    ledger.settle(first, paid(20, 1, 0)).expect("settled");
    ledger
        .settle(second, Settlement::Uncertain)
        .expect("settled");
    let third = reserve("a", &place, 30).expect("exactly all that is left");
    ledger.settle(third, Settlement::Free).expect("settled");
    assert!(matches!(
        reserve("b", &Caps::default(), 31),
        Err(Refusal::Spent(Exhausted::Cost {
            place: None,
            cap: Money(100),
            paid: Money(20),
            uncertain: Money(50),
            wanted: Money(31),
        }))
    ));
    let tokens = ledger.reserve("a", &Caps::default(), "x", amount(0, 1000));
    // 1 was taken in `a`, 1 perhaps in `b`.
    assert_eq!(
        told(tokens),
        "`max_tokens` of the run leaves no room: 1 of 1000 taken, 1 perhaps, and the next request may take 1000"
    );
}

#[test]
fn what_is_paid_for_again_is_counted() {
    let desk = Desk::new();
    let ledger = desk.open(Caps::default());
    let ask = |what: &str| reserve(&ledger, "a", what, amount(1, 1));
    let twice = || ledger.spent("a").paid_twice;
    ledger.settle(ask("x"), Settlement::Free).expect("settled");
    ledger.settle(ask("x"), paid(1, 1, 0)).expect("settled");
    assert_eq!(twice(), 0);
    let again = ask("x");
    assert_eq!(twice(), 1);
    ledger.settle(again, Settlement::Free).expect("settled");
    assert_eq!(twice(), 0);
    drop(ask("y"));
    ledger.settle(ask("y"), paid(1, 1, 0)).expect("settled");
    ledger.settle(ask("y"), paid(1, 1, 0)).expect("settled");
    assert_eq!(twice(), 2);
    drop(ledger);
    assert_eq!(desk.open(Caps::default()).spent("a").paid_twice, 2);
}

#[test]
fn sums_beyond_all_numbers_stay_right() {
    let desk = Desk::new();
    let ledger = desk.open(Caps::default());
    let most = amount(u64::MAX, u64::MAX);
    let tickets: Vec<Ticket> = ["a", "b", "c"]
        .map(|what| reserve(&ledger, "p", what, most))
        .into();
    assert_eq!(ledger.spent("p").open, most);
    for ticket in tickets {
        ledger.settle(ticket, Settlement::Free).expect("settled");
    }
    assert_eq!(ledger.spent("p").open, Amount::default());
}

#[test]
fn a_line_that_was_torn_off_is_cut_away() {
    let desk = Desk::new();
    let ledger = desk.open(Caps::default());
    drop(reserve(&ledger, "a", "x", amount(1, 2)));
    drop(ledger);
    let whole = desk.text();
    let spent = Spent::read(&desk.path()).expect("read");
    let last = whole.trim_end().rfind('\n').expect("several lines") + 1;
    // The last line is the settlement; without it the request is open, and uncertain for the next process.
    for cut in last..whole.len() {
        desk.write(&whole[..cut]);
        let ledger = desk.open(Caps::default());
        let found = ledger.spent("a");
        assert_eq!(found.uncertain, spent["a"].uncertain, "{cut} bytes");
        drop(reserve(&ledger, "a", "y", amount(10, 20)));
        drop(ledger);
        let again = desk.open(Caps::default()).spent("a");
        assert_eq!(again.uncertain, amount(11, 22), "{cut} bytes");
    }
}

#[test]
fn a_damaged_line_is_an_error_with_its_number() {
    let desk = Desk::new();
    let opened = r#"{"opened":{"format":1,"process":1,"pid":9,"time":"2026-01-01T00:00:00.000Z"}}"#;
    let reserved =
        r#"{"reserved":{"number":1,"place":"a","what":"x","cost":5,"tokens":7,"process":1}}"#;
    let check = |lines: &[&str], line: usize, problem: &str| {
        desk.write(&(lines.join("\n") + "\n"));
        let name = desk.path();
        let expected = format!("`{}`, line {line}: {problem}", name.display());
        let error = desk.refusal();
        assert!(error.starts_with(&expected), "{error}");
        let read = Spent::read(&name).expect_err("an error").to_string();
        assert_eq!(error, read);
    };
    check(&[opened, "{\"res", reserved], 2, "not a line of a ledger");
    check(
        &[opened, &reserved.replace("cost", "price")],
        2,
        "not a line of a ledger (unknown field `price`",
    );
    check(
        &[opened, "", &reserved.replace(":5", ":-5")],
        3,
        "not a line of a ledger (invalid value",
    );
    check(
        &[reserved],
        1,
        "process 1 writes among lines of another one",
    );
    check(&[opened, opened], 2, "process 1 begins where 2 is next");
    check(
        &[opened, reserved, reserved],
        3,
        "request 1 stands where 2 is next",
    );
    check(
        &[&opened.replace("format\":1", "format\":2")],
        1,
        "written by another version",
    );
    let settled = r#"{"settled":{"number":1,"how":"free","cost":0,"tokens":0}}"#;
    check(&[opened, settled], 2, "request 1 is settled and not open");
    check(
        &[opened, reserved, settled, settled],
        4,
        "request 1 is settled and not open",
    );
    let less = settled.replace("free", "uncertain");
    check(
        &[opened, reserved, &less],
        3,
        "request 1 is settled with 0 tokens and 0 where 7 and 5 follow",
    );
    let uncounted = settled.replace("free", "paid");
    check(
        &[opened, reserved, &uncounted],
        3,
        "a paid request without its usage",
    );
    desk.write(&[opened, reserved, settled].join("\n"));
    assert_eq!(desk.open(Caps::default()).spent("a").free, 1);
}

#[test]
fn a_second_writer_is_refused_and_a_reader_is_not() {
    let desk = Desk::new();
    let ledger = desk.open(Caps::default());
    let ticket = reserve(&ledger, "a", "x", amount(1, 1));
    assert!(desk.refusal().starts_with("another run is spending by"));
    assert_eq!(
        Spent::read(&desk.path()).expect("read")["a"].open,
        amount(1, 1)
    );
    drop((ledger, ticket));
    assert_eq!(
        desk.open(Caps::default()).spent("a").uncertain,
        amount(1, 1)
    );
}

#[test]
fn what_is_no_file_is_refused() {
    let desk = Desk::new();
    assert_eq!(Spent::read(&desk.path()).expect("nothing"), BTreeMap::new());
    fs::create_dir_all(desk.path()).expect("folder");
    assert!(desk.refusal().ends_with("ledger.jsonl` is no file"));
    let full = Ledger::open(Path::new("/dev/full"), Caps::default(), None);
    assert!(matches!(full, Err(LedgerError::NoFile { .. })));
    fs::write(desk.folder.path().join("a file"), "").expect("written");
    let below = desk.folder.path().join("a file/ledger.jsonl");
    let error = Ledger::open(&below, Caps::default(), None).expect_err("a file is there");
    assert!(matches!(error, LedgerError::Write { .. }), "{error}");
}

#[test]
fn a_full_disk_reaches_every_later_call() {
    let full = OpenOptions::new().write(true).open("/dev/full");
    let outbox = Arc::new(Outbox::default());
    let path = Path::new("ledger.jsonl").to_owned();
    let writer = writer::start(Arc::clone(&outbox), full.expect("a device"), path, None);
    let accounts = Mutex::default();
    let ledger = Ledger {
        books: Arc::new(Books { accounts, outbox }),
        caps: Caps::default(),
        process: 1,
        writer: Some(writer.expect("a thread")),
    };
    let reserve = || ledger.reserve("a", &Caps::default(), "x", amount(1, 1));
    let mut ticket = reserve().expect("not yet known");
    let expected = "cannot write `ledger.jsonl`: No space left on device (os error 28)";
    let error = wait(ticket.synced()).expect_err("a full disk");
    assert_eq!(error.to_string(), expected);
    let error = reserve().expect_err("known by now");
    assert!(matches!(error, Refusal::Failed(LedgerError::Write { .. })));
    let error = ledger.settle(ticket, Settlement::Free).expect_err("known");
    assert_eq!(error.to_string(), expected);
    let error = wait(ledger.synced()).expect_err("known");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn many_reservations_are_synced_together() {
    let desk = Desk::new();
    let ledger = desk.open(Caps::default());
    let all = (0..64).map(|number| {
        let what = number.to_string();
        ledger
            .reserve("a", &Caps::default(), &what, amount(1, 1))
            .expect("room")
    });
    let mut all: Vec<Ticket> = all.collect();
    wait(async {
        for ticket in &mut all {
            ticket.synced().await.expect("on the disk");
            ticket.synced().await.expect("still");
        }
    });
    assert_eq!(desk.text().lines().count(), 65);
}

//! The ledger with 64 requests at once and with half a million behind it, and a cache of half a million answers: what
//! opening it takes in time and memory.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use endpoint::{Amount, Cache, Caps, Ledger, Money, Settlement, Spent, Usage};
use serde_json::json;

const ANSWERS: u64 = 500_000;

const AT_ONCE: u64 = 64;

const MOST: Amount = Amount {
    cost: Money(1000),
    tokens: 100,
};

const PAID: Settlement = Settlement::Paid {
    usage: Usage {
        prompt_tokens: 50,
        completion_tokens: 10,
        cached_tokens: 0,
    },
    cost: Money(500),
};

fn key(number: u64) -> String {
    corpus::digest::bytes(&number.to_le_bytes())
}

/// Memory of this process in MB, as Linux counts it: now, and the most so far.
fn memory() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.map_or(0, |kb| kb.parse().unwrap_or(0) / 1024)
    };
    (of("VmRSS:"), of("VmHWM:"))
}

fn answers(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("folder");
    let text = "x".repeat(1000);
    let cache = Cache::open(folder.path(), None).expect("a cache");
    for number in 0..ANSWERS {
        let answer = json!({"text": text, "number": number});
        cache.put(&key(number), &answer).expect("put");
    }
    drop(cache);
    tell_memory(folder.path());
    let mut group = criterion.benchmark_group("500,000 answers of 1 kB");
    group.sample_size(10);
    group.bench_function("open", |bencher| {
        bencher.iter(|| Cache::open(folder.path(), None).expect("a cache").len());
    });
    let cache = Cache::open(folder.path(), None).expect("a cache");
    let mut number = 0;
    group.bench_function("get", |bencher| {
        bencher.iter(|| {
            number = (number + 7919) % ANSWERS;
            cache.get(&key(number)).expect("read").expect("an answer")
        });
    });
    let answer = json!({"text": text});
    group.bench_function("put", |bencher| {
        bencher.iter(|| {
            number += 1;
            cache.put(&key(ANSWERS + number), &answer).expect("put")
        });
    });
    group.finish();
}

/// How much an open cache takes; opened once, in a process that holds nothing else yet.
#[expect(clippy::print_stderr, reason = "what is measured here has no time")]
fn tell_memory(folder: &Path) {
    let (before, _) = memory();
    let cache = Cache::open(folder, None).expect("a cache");
    let (after, most) = memory();
    eprintln!(
        "{} answers: {} MB more than the {before} MB before, {most} MB at most",
        cache.len(),
        after - before
    );
}

fn requests(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("folder");
    let cache = Cache::open(&folder.path().join("answers"), None).expect("a cache");
    let cache = Arc::new(cache);
    let path = folder.path().join("ledger.jsonl");
    let ledger = Ledger::open(&path, Caps::default(), Some(Arc::clone(&cache)));
    let ledger = ledger.expect("a ledger");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let mut group = criterion.benchmark_group("64 requests at once");
    group.throughput(Throughput::Elements(AT_ONCE));
    group.measurement_time(Duration::from_secs(5));
    let answer = json!({"text": "x".repeat(1000)});
    let mut number = 0;
    group.bench_function("reserved, synced, put and settled", |bencher| {
        let batch = || -> Vec<String> {
            number += AT_ONCE;
            (number..number + AT_ONCE).map(key).collect()
        };
        bencher.iter_batched(
            batch,
            |keys| {
                runtime.block_on(async {
                    let reserve = |key: &String| {
                        let ticket = ledger.reserve("p", &Caps::default(), key, MOST);
                        ticket.expect("room")
                    };
                    let mut tickets: Vec<_> = keys.iter().map(reserve).collect();
                    for ticket in &mut tickets {
                        ticket.synced().await.expect("on the disk");
                    }
                    for (key, ticket) in keys.iter().zip(tickets) {
                        cache.put(key, &answer).expect("put");
                        ledger.settle(ticket, PAID).expect("settled");
                    }
                });
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("ledger.jsonl");
    let ledger = Ledger::open(&path, Caps::default(), None).expect("a ledger");
    for number in 0..ANSWERS {
        let ticket = ledger.reserve("p", &Caps::default(), &key(number), MOST);
        ledger.settle(ticket.expect("room"), PAID).expect("settled");
    }
    drop(ledger);
    let mut group = criterion.benchmark_group("a ledger of 500,000 requests");
    group.sample_size(10);
    group.bench_function("read", |bencher| {
        bencher.iter(|| Spent::read(&path).expect("a sound ledger"));
    });
    group.finish();
}

criterion_group!(benches, answers, requests, replay);
criterion_main!(benches);

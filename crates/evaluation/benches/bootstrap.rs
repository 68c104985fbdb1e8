//! The interval of a mean, a paired comparison with its test, and scoring a task.

use std::hint::black_box;

use corpus::seed::Rng;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use evaluation::metrics::rouge_l;
use evaluation::statistics::{Bootstrap, Clusters, Comparison, interval};

/// Right or wrong, and five items a cluster.
fn scores(number: usize, seed: u64) -> (Vec<f64>, Vec<String>) {
    let mut rng = Rng::new(seed);
    let scores = (0..number).map(|_| if rng.chance(0.6) { 100.0 } else { 0.0 });
    let keys = (0..number).map(|at| (at / 5).to_string());
    (scores.collect(), keys.collect())
}

fn statistics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("2,000 resamples");
    for number in [1000, 10_000] {
        let (base, keys) = scores(number, 1);
        let (adapted, _) = scores(number, 2);
        let clusters = Clusters::new(&keys);
        let id = |what: &str| BenchmarkId::new(what, number);
        group.bench_function(id("interval"), |bencher| {
            bencher.iter(|| interval(black_box(&base), &clusters, &Bootstrap::new(0)));
        });
        group.bench_function(id("comparison"), |bencher| {
            bencher.iter(|| Comparison::new(black_box(&base), &adapted, &clusters, 0));
        });
    }
    group.finish();
}

fn metrics(criterion: &mut Criterion) {
    let label = "A stew of red lentils with carrots and parsley in a clay pot. ".repeat(4);
    let answer = label.replace("carrots", "onions").replace("clay", "steel");
    criterion.bench_function("ROUGE-L of 50 words", |bencher| {
        bencher.iter(|| rouge_l(black_box(&answer), &label));
    });
}

criterion_group!(benches, statistics, metrics);
criterion_main!(benches);

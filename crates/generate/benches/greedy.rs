//! Greedy answers of the shipped toy model, and how likely given ones are.

use std::path::Path;

use corpus::Request;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use generate::{Generator as _, LocalGenerator, score};
use image::{Rgb, RgbImage};
use torch::{Device, Kind};

/// Tokens of each answer; no stop token ends one earlier.
const TOKENS: usize = 32;

fn answers(criterion: &mut Criterion) {
    torch::set_threads(1);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/base-model");
    let options = processor::Options::default();
    let processor = processor::load(&folder, &options).expect("a processor");
    let model = model::load(&folder, Device::Cpu, Kind::Float).expect("a model");
    let files = tempfile::tempdir().expect("a folder");
    let request = |at: usize| {
        let picture = files.path().join(format!("{at}.png"));
        let level = (16 * at) as u8;
        let drawn = RgbImage::from_fn(72, 72, |x, y| Rgb([level, 3 * x as u8, 3 * y as u8]));
        corpus::images::encode_png(&drawn, &picture).expect("written");
        let mut request = Request::question(at.to_string(), vec![picture], "What is this?");
        request.decoding.max_new_tokens = TOKENS;
        request.decoding.stop_ids = vec![processor.image_token()];
        request
    };
    let mut group = criterion.benchmark_group("greedy, 32 tokens each, one thread");
    group.sample_size(10);
    for number in [1, 8] {
        let requests: Vec<Request> = (0..number).map(request).collect();
        group.throughput(Throughput::Elements((number * TOKENS) as u64));
        group.bench_function(BenchmarkId::from_parameter(number), |bencher| {
            bencher.iter(|| {
                let mut generator = LocalGenerator::of(&*model, &*processor);
                generator.complete(&requests).expect("answers")
            });
        });
    }
    group.finish();
    let options = ["a red apple", "a green apple", "a frog", "a cup of tea"].map(str::to_owned);
    criterion.bench_function("rank 4 options, one thread", |bencher| {
        let request = request(0);
        bencher.iter(|| score(&*model, &*processor, &request, &options).expect("numbers"));
    });
}

criterion_group!(benches, answers);
criterion_main!(benches);

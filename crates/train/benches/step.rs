//! Packing samples, a training step of the shipped toy model with and without its vision tower, and its loss alone.

use std::hint::black_box;
use std::path::Path;

use corpus::Sample;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use image::{Rgb, RgbImage};
use model::{Group, Mllm};
use processor::{Encoded, Processor};
use torch::{Device, Kind};
use train::{Config, SampleSource, Trainer, pack};

const SAMPLES: usize = 16;

/// Prepared once, so that nothing is decoded while it is measured.
struct Prepared(Vec<Encoded>);

impl SampleSource for Prepared {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn id(&self, _: usize) -> &'static str {
        "sample"
    }

    fn encode(&self, index: usize) -> Result<Encoded, String> {
        Ok(self.0[index].clone())
    }
}

fn base() -> (Box<dyn Mllm>, Box<dyn Processor>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/base-model");
    let options = processor::Options::default();
    (
        model::load(&folder, Device::Cpu, Kind::Float).expect("a model"),
        processor::load(&folder, &options).expect("a processor"),
    )
}

fn samples(processor: &dyn Processor) -> Prepared {
    let files = tempfile::tempdir().expect("a folder");
    let sample = |at: usize| {
        let picture = files.path().join(format!("{at}.png"));
        let level = (16 * at) as u8;
        let drawn = RgbImage::from_fn(72, 72, |x, y| Rgb([level, 3 * x as u8, 3 * y as u8]));
        corpus::images::encode_png(&drawn, &picture).expect("written");
        let answer = "a red apple with a green leaf ".repeat(1 + at % 4);
        let sample = Sample::exchange(at.to_string(), vec![picture], "What is this?", &answer);
        processor.sample(&sample).expect("a sample")
    };
    Prepared((0..SAMPLES).map(sample).collect())
}

fn packing(criterion: &mut Criterion) {
    let (_, processor) = base();
    let samples = samples(&*processor);
    criterion.bench_function("pack 16 samples", |bencher| {
        bencher.iter(|| pack(black_box(&samples.0), 1024, |_| 0));
    });
}

fn steps(criterion: &mut Criterion) {
    torch::set_threads(1);
    let (model, processor) = base();
    let samples = samples(&*processor);
    let tokens: usize = samples.0.iter().map(|sample| sample.ids.len()).sum();
    let mut group = criterion.benchmark_group("a step on one thread");
    group.sample_size(10);
    group.throughput(Throughput::Elements(tokens as u64));
    for (name, freeze) in [("all", vec![]), ("frozen tower", vec![Group::VisionTower])] {
        let config = Config {
            freeze,
            ..Config::small(1e-9, SAMPLES, usize::MAX)
        };
        let config = Config {
            epochs: 1e9,
            ..config
        };
        let mut trainer = Trainer::new(&*model, &samples, &config).expect("a training");
        group.bench_function(name, |bencher| {
            bencher.iter(|| trainer.step().expect("a step"));
        });
    }
    group.finish();
}

criterion_group!(benches, packing, steps);
criterion_main!(benches);

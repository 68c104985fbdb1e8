//! Resizing a picture to what a CLIP of 336 px takes, and all that LLaVA-NeXT does with one.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use image::{Rgb, RgbImage};
use processor::{Kernel, resize};

/// Noise over slopes: nothing that a shortcut for plain areas would find.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let noise = (x * 7 + y * 13 + x * y) % 31;
        Rgb([x / 2 + noise, y / 2 + noise, (x + y) / 4].map(|level| level as u8))
    })
}

fn resizing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("resize to 336 px");
    for (width, height) in [(640, 480), (1600, 1200)] {
        let picture = picture(width, height);
        group.throughput(Throughput::Elements(u64::from(width * height)));
        group.bench_function(format!("{width} × {height}"), |bencher| {
            bencher.iter(|| resize(black_box(&picture), 336, 336, Kernel::Bicubic));
        });
    }
    group.finish();
}

fn processing(criterion: &mut Criterion) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/llama");
    let options = processor::Options::default();
    let processor = processor::load(folder.as_ref(), &options).expect("a processor");
    let files = tempfile::tempdir().expect("a folder");
    let path = files.path().join("picture.png");
    corpus::images::encode_png(&picture(640, 480), &path).expect("written");
    criterion.bench_function("a picture of 640 × 480 for LLaVA-NeXT", |bencher| {
        bencher.iter(|| processor.image(black_box(&path)).expect("a picture"));
    });
}

criterion_group!(benches, resizing, processing);
criterion_main!(benches);

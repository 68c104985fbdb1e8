//! Decoding pictures, looking at them, and comparing all of them with one another.

use std::hint::black_box;
use std::io::Cursor;

use corpus::duplicates::Duplicates;
use corpus::fingerprint::{Fingerprint, Sketch};
use corpus::images::decode_bytes;
use corpus::seed::Rng;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use image::{ImageFormat, Rgb, RgbImage};

/// Half a megapixel, as a file.
fn file(format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(816, 612, |x, y| {
        let noise = (x * 7 + y * 13 + x * y) % 31;
        Rgb([x / 4 + noise, y / 3 + noise, (x + y) / 6].map(|level| level as u8))
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("written");
    bytes.into_inner()
}

fn decoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode 0.5 MP");
    for (name, format) in [
        ("JPEG", ImageFormat::Jpeg),
        ("PNG", ImageFormat::Png),
        ("WebP", ImageFormat::WebP),
    ] {
        let bytes = file(format);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| decode_bytes(black_box(&bytes), name.as_ref()).expect("a picture"));
        });
    }
    group.finish();
}

/// 64 tiles of drawn levels.
fn tiles(seed: u64) -> RgbImage {
    let mut rng = Rng::new(seed);
    let levels: Vec<u8> = (0..64 * 3).map(|_| rng.next_u64() as u8).collect();
    RgbImage::from_fn(144, 144, |x, y| {
        let tile = (x / 18 + 8 * (y / 18)) as usize;
        Rgb([levels[3 * tile], levels[3 * tile + 1], levels[3 * tile + 2]])
    })
}

fn duplicates(criterion: &mut Criterion) {
    let picture = tiles(1);
    criterion.bench_function("fingerprint 0.02 MP", |bencher| {
        bencher.iter(|| Fingerprint::new(black_box(&picture)));
    });
    let mut group = criterion.benchmark_group("compare all pairs");
    group.sample_size(10);
    for number in [1000, 4000] {
        let sketch = |row: usize| -> Sketch {
            // One in a hundred is there twice.
            let seed = if row % 100 == 99 { row - 99 } else { row };
            (&Fingerprint::new(&tiles(seed as u64))).into()
        };
        let sketches: Vec<Sketch> = (0..number).map(sketch).collect();
        let added = || {
            let mut found = Duplicates::default();
            for (row, sketch) in sketches.iter().enumerate() {
                // Another file each time, so that looks and not contents are compared.
                found.add_content(row as u128, || sketch.clone());
                found.add_row(row, row as u128);
            }
            found
        };
        group.bench_function(BenchmarkId::from_parameter(number), |bencher| {
            bencher.iter_batched(added, |found| found.groups(), BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, decoding, duplicates);
criterion_main!(benches);

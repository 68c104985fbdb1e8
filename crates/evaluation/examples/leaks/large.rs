//! A comparison of the size of a real one, run whole: made pictures as JPEG files of 0.1 MP, some of them leaks.

use std::time::{Duration, Instant};

use corpus::seed::Rng;
use evaluation::contamination::{Look, PictureIndex, PictureMatch};
use image::imageops::{FilterType, crop_imm, resize};
use image::{Rgb, RgbImage};

use crate::planted::{jpeg, look};

const WIDTH: u32 = 364;
const HEIGHT: u32 = 274;
/// One trained picture in so many is a leak: by turns a smaller copy of quality 50 and a crop.
const LEAKS: usize = 100;
/// Files that are in memory at a time.
const BATCH: usize = 2_000;

/// Wall and processor time of one kind of work.
#[derive(Default)]
struct Clock {
    wall: Duration,
    processor: f64,
}

impl Clock {
    fn time<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let (start, before) = (Instant::now(), processor_seconds());
        let out = work();
        self.wall += start.elapsed();
        self.processor += processor_seconds() - before;
        out
    }
}

impl std::fmt::Display for Clock {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (wall, processor) = (self.wall.as_secs_f64(), self.processor);
        write!(to, "{wall:.1} s ({processor:.1} s of processor time)")
    }
}

/// Compares `trained` made pictures with `test` ones. Making the files is not part of the time, decoding them is.
pub fn run(trained: usize, test: usize, threads: usize) -> String {
    let (mut looking, mut comparing) = (Clock::default(), Clock::default());
    let mut index = PictureIndex::default();
    for first in (0..test).step_by(BATCH) {
        let numbers: Vec<usize> = (first..test.min(first + BATCH)).collect();
        let files = on_threads(threads, &numbers, |&at| jpeg(&scene(at as u64), 85));
        let looks = looking.time(|| on_threads(threads, &files, |file| look(file)));
        for (at, look) in numbers.into_iter().zip(looks) {
            index.add(&at.to_string(), look);
        }
    }
    let (mut copies, mut crops, mut others, mut bytes) = ((0, 0), (0, 0), 0, 0);
    for first in (0..trained).step_by(BATCH) {
        let numbers: Vec<usize> = (first..trained.min(first + BATCH)).collect();
        let files = on_threads(threads, &numbers, |&at| file(at, test));
        bytes += files.iter().map(Vec::len).sum::<usize>();
        let looks: Vec<Look> = looking.time(|| on_threads(threads, &files, |file| look(file)));
        let found: Vec<Vec<PictureMatch>> =
            comparing.time(|| on_threads(threads, &looks, |look| index.matches("", look, true)));
        for (at, matches) in numbers.into_iter().zip(found) {
            let source = leaked(at, test);
            let (mut hit, mut wrong) = (0, 0);
            for one in matches {
                let right = source.is_some_and(|(item, _)| one.item == item.to_string());
                hit |= usize::from(right);
                wrong |= usize::from(!right);
            }
            others += wrong;
            if let Some((_, crop)) = source {
                let (found, all) = if crop { &mut crops } else { &mut copies };
                *found += hit;
                *all += 1;
            }
        }
    }
    format!(
        "{trained} pictures of {:.3} MP ({:.1} kB each) against {test} on {threads} threads: decoding and fingerprints \
         {looking}, comparing {comparing}; found {} of {} copies and {} of {} crops; {others} pictures taken for another one",
        f64::from(WIDTH * HEIGHT) / 1e6,
        bytes as f64 / trained as f64 / 1e3,
        copies.0,
        copies.1,
        crops.0,
        crops.1
    )
}

/// The test picture that a trained one is a leak of, and whether it is a crop.
fn leaked(at: usize, test: usize) -> Option<(usize, bool)> {
    at.is_multiple_of(LEAKS)
        .then(|| (at / LEAKS * 7 % test, (at / LEAKS).is_multiple_of(2)))
}

/// A trained picture's file.
fn file(at: usize, test: usize) -> Vec<u8> {
    match leaked(at, test) {
        None => jpeg(&scene((1 << 32) + at as u64), 85),
        Some((item, false)) => {
            let small = resize(&scene(item as u64), 255, 192, FilterType::Triangle);
            jpeg(&small, 50)
        }
        Some((item, true)) => {
            let (w, h) = (WIDTH * 9 / 10, HEIGHT * 9 / 10);
            let (x, y) = (at as u32 % (WIDTH - w), at as u32 % (HEIGHT - h));
            jpeg(&crop_imm(&scene(item as u64), x, y, w, h).to_image(), 75)
        }
    }
}

/// A picture with a slope, some shapes and a grain, as different from others as drawing lots makes it.
fn scene(number: u64) -> RgbImage {
    let mut rng = Rng::new(number);
    let colour = |rng: &mut Rng| [0; 3].map(|_: u8| rng.below(256) as i32);
    let (from, to) = (colour(&mut rng), colour(&mut rng));
    let shapes: Vec<_> = (0..6 + rng.below(10))
        .map(|_| {
            let place = (
                rng.below(WIDTH as usize) as i32,
                rng.below(HEIGHT as usize) as i32,
            );
            let half = (8 + rng.below(90) as i32, 8 + rng.below(70) as i32);
            (place, half, rng.below(2) == 0, colour(&mut rng))
        })
        .collect();
    let grain = 4 + rng.below(20) as i32;
    let mut noise = rng.below(1 << 32) as u32 | 1;
    let mut pixels = vec![[0_i32; 3]; (WIDTH * HEIGHT) as usize];
    for (at, pixel) in pixels.iter_mut().enumerate() {
        let (x, y) = (at as u32 % WIDTH, at as u32 / WIDTH);
        let share = (x + y) as i32;
        let whole = (WIDTH + HEIGHT) as i32;
        *pixel = std::array::from_fn(|c| from[c] + (to[c] - from[c]) * share / whole);
    }
    for ((cx, cy), (rx, ry), round, colour) in shapes {
        for y in (cy - ry).max(0)..(cy + ry).min(HEIGHT as i32) {
            for x in (cx - rx).max(0)..(cx + rx).min(WIDTH as i32) {
                let (dx, dy) = ((x - cx) * ry, (y - cy) * rx);
                if !round || dx * dx + dy * dy <= rx * rx * ry * ry {
                    pixels[y as usize * WIDTH as usize + x as usize] = colour;
                }
            }
        }
    }
    let mut bytes = Vec::with_capacity(3 * pixels.len());
    for pixel in pixels {
        // Xorshift: the grain need not be good, only quick.
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let shift = (noise % 64) as i32 * grain / 64;
        bytes.extend(pixel.map(|level| (level + shift).clamp(0, 255) as u8));
    }
    RgbImage::from_raw(WIDTH, HEIGHT, bytes)
        .unwrap_or_else(|| RgbImage::from_pixel(1, 1, Rgb([0; 3])))
}

/// What a function gives of each, in order.
fn on_threads<T: Sync, R: Send>(threads: usize, all: &[T], of: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let share = all.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let of = &of;
        let parts: Vec<_> = all
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(of).collect::<Vec<R>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("no thread panics"))
            .collect()
    })
}

/// Processor time of this program so far; 0 where `/proc` does not tell it.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|n| n.parse::<f64>().ok());
    (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0
}

//! Damaged and random files end in an error or a value, never in a panic or a hang.
//!
//! The short run is part of the tests; `cargo xtask fuzz` does a long one.

#![cfg(all(feature = "tables", feature = "codecs"))]

use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, Instant};

use corpus::images;
use corpus::seed::{Rng, hash};

/// Runs of one kind of file: a few in the tests, many on demand.
fn num_runs(short: usize) -> usize {
    let asked = std::env::var("ADAMLLM_FUZZ_RUNS");
    asked.map_or(short, |text| {
        text.parse().expect("ADAMLLM_FUZZ_RUNS is a whole number")
    })
}

/// Damages a file as disks, networks and adversaries do.
fn damage(good: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=rng.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.below(bytes.len());
        let end = at + rng.below((bytes.len() - at).min(64) + 1);
        match rng.below(7) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next_u64() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                let to = rng.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            5 => bytes[at..end].fill(*rng.choose(&[0, 0xff, 0x7f, 0x80])),
            _ => {
                let number = *rng.choose(&[
                    "1e30",
                    "-1",
                    "0",
                    "NaN",
                    "99999999999",
                    "1e-30",
                    "#g",
                    "\"",
                    "<",
                    "]",
                    "{",
                ]);
                bytes.splice(at..at, number.bytes());
            }
        }
    }
    bytes
}

/// Runs `try_one` on damaged files; says which run is slow, so that it can be looked at.
fn attack(name: &str, seeds: &[Vec<u8>], short: usize, mut try_one: impl FnMut(&[u8])) {
    for run in 0..num_runs(short) {
        let mut rng = Rng::new(hash(run as u64, name));
        let seed = rng.choose(seeds).clone();
        let bytes = damage(&seed, &mut rng);
        let start = Instant::now();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| try_one(&bytes)));
        assert!(outcome.is_ok(), "run {run} of {name} panicked");
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "run {run} of {name} took {:?}",
            start.elapsed()
        );
    }
    let peak = peak_memory();
    assert!(peak <= MEMORY, "{name} took {peak} bytes of memory");
}

/// Damaged files may not make the program take more memory, in bytes.
const MEMORY: u64 = 1 << 30;

/// The largest resident memory of the process so far in bytes, where the system tells.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn picture() -> image::DynamicImage {
    let rgb = image::RgbImage::from_fn(24, 17, |x, y| {
        image::Rgb([(x * 10) as u8, (y * 15) as u8, (x * y) as u8])
    });
    image::DynamicImage::ImageRgb8(rgb)
}

fn encoded(picture: &image::DynamicImage, format: image::ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).expect("encode");
    out.into_inner()
}

fn decode(bytes: &[u8]) {
    match images::decode_bytes(bytes, Path::new("x")) {
        Ok(picture) => assert!(picture.width() > 0 && picture.height() > 0),
        Err(error) => assert!(error.to_string().contains("`x`"), "{error}"),
    }
    let _ = images::size(bytes, Path::new("x"));
}

#[test]
fn damaged_pngs() {
    let rgb = picture();
    let kinds = [
        rgb.clone(),
        rgb.to_rgba16().into(),
        rgb.to_luma8().into(),
        rgb.to_luma_alpha16().into(),
    ];
    let seeds = kinds.map(|kind| encoded(&kind, image::ImageFormat::Png));
    attack("png", &seeds, 2000, decode);
}

#[test]
fn damaged_jpegs() {
    let seeds = [picture(), picture().to_luma8().into()]
        .map(|kind| encoded(&kind, image::ImageFormat::Jpeg));
    attack("jpeg", &seeds, 2000, decode);
}

#[test]
fn damaged_webps() {
    let seeds = [picture(), picture().to_rgba8().into()]
        .map(|kind| encoded(&kind, image::ImageFormat::WebP));
    attack("webp", &seeds, 2000, decode);
}

const DRAWING: &str = r##"<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 32 32" width="16" height="16">
<style>.a{fill:#123456;stroke:red}</style>
<defs><linearGradient id="g"><stop offset="0" stop-color="#fff"/><stop offset="1" stop-opacity=".5"/></linearGradient>
<radialGradient id="h" cx="0.5" cy="50%" r="10" xlink:href="#g" gradientTransform="rotate(30)"/>
<clipPath id="c"><circle cx="16" cy="16" r="12"/></clipPath>
<mask id="m"><rect width="32" height="32" fill="white"/></mask>
<pattern id="p" width="4" height="4" patternUnits="userSpaceOnUse"><path d="M0 0h2v2z"/></pattern>
<filter id="f"><feGaussianBlur stdDeviation="2"/><feTurbulence numOctaves="2" baseFrequency=".1"/><feMorphology radius="2"/>
<feOffset dx="3"/><feColorMatrix type="hueRotate" values="90"/><feDropShadow dx="1" dy="1" stdDeviation="1"/></filter>
<symbol id="s" viewBox="0 0 4 4"><rect width="3" height="3" rx="1"/></symbol></defs>
<g clip-path="url(#c)" transform="matrix(1 0 .2 1 2 3) scale(.9)" opacity=".7"><path class="a" d="M1 2C3 4 5 6 7 8s4 4 9 9a5 6 30 1 0 9-9q1 2 3 4t5 5z" fill="url(#g)"/>
<use xlink:href="#s" x="4" y="5" width="9" height="8"/><ellipse cx="9" cy="9" rx="4" ry="6" fill="url(#p)" stroke-dasharray="1 2" stroke="url(#h)" stroke-width="3"/></g>
<polygon points="1,2 30,4 15,29" mask="url(#m)" filter="url(#f)"/><line x1="1" y1="2" x2="30" y2="30" stroke="#abc" stroke-linecap="round"/></svg>"##;

#[test]
fn damaged_svgs() {
    attack("svg", &[DRAWING.as_bytes().to_vec()], 300, |bytes| {
        decode(bytes);
        let _ = images::decode_svg(bytes, 20, Path::new("x"));
    });
}

fn svg(inside: &str) -> String {
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"900\">{inside}</svg>")
}

fn sized(size: &str) -> String {
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\" {size}/>")
}

/// A drawing whose only rectangle has this filter or pattern.
fn with(paint: &str, used: &str) -> String {
    svg(&format!(
        "{paint}<rect width=\"900\" height=\"900\" {used}=\"url(#x)\"/>"
    ))
}

fn pattern(side: &str, inside: &str) -> String {
    let whole = format!("width=\"{side}\" height=\"{side}\" patternUnits=\"userSpaceOnUse\"");
    with(
        &format!("<pattern id=\"x\" {whole}>{inside}</pattern>"),
        "fill",
    )
}

fn filter(primitives: &str) -> String {
    with(&format!("<filter id=\"x\">{primitives}</filter>"), "filter")
}

/// Elements that each draw the one before twice.
fn doubling(num: usize, element: impl Fn(usize, &str) -> String) -> String {
    (1..num)
        .map(|i| {
            element(
                i,
                &format!("<use href=\"#g{0}\"/><use href=\"#g{0}\"/>", i - 1),
            )
        })
        .collect()
}

#[test]
fn drawings_that_want_too_much() {
    let uses = doubling(30, |i, twice| format!("<g id=\"g{i}\">{twice}</g>"));
    let entities: Vec<String> = (1..30)
        .map(|i| format!("<!ENTITY e{i} \"&e{0};&e{0};\">", i - 1))
        .collect();
    let entities = entities.concat();
    let doctype = format!("<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY e0 \"a\">{entities}]>");
    let layers = |num: usize| {
        "<g opacity=\".9\">".repeat(num) + "<path d=\"M0 0h900v900z\"/>" + &"</g>".repeat(num)
    };
    let boxes = |num: usize| "<path d=\"M0 0h900v900h-900z\"/>".repeat(num);
    let chain: Vec<String> = (1..40)
        .map(|i| {
            let rect = format!("<rect width=\"9\" height=\"9\" fill=\"url(#x{})\"/>", i - 1);
            format!("<pattern id=\"x{i}\" width=\"9\" height=\"9\" patternUnits=\"userSpaceOnUse\">{rect}{rect}{rect}</pattern>")
        })
        .collect();
    let chain = chain.concat();
    let chain = format!(
        "<pattern id=\"x0\" width=\"9\" height=\"9\" patternUnits=\"userSpaceOnUse\"><path d=\"M0 0h1v1z\"/></pattern>\
         {chain}<rect width=\"9\" height=\"9\" fill=\"url(#x39)\"/>"
    );
    let stroke = "<path d=\"M0 0L1e30 1e30-1e30 5z\" stroke=\"red\" stroke-width=\"1e20\"/>";
    let dashes = "<path d=\"M0 0H1e6\" stroke=\"red\" stroke-dasharray=\"1e-9\"/>";
    for (name, text, expected) in [
        (
            "nested",
            svg(&("<g>".repeat(200_000) + &"</g>".repeat(200_000))),
            "parsing failed",
        ),
        (
            "uses",
            svg(&format!("<g id=\"g0\"><path d=\"M0 0h9v9z\"/></g>{uses}")),
            "repeat too much",
        ),
        (
            "pattern that its content inherits",
            svg(
                "<g fill=\"url(#p)\"><pattern id=\"p\" width=\"9\" height=\"9\"><path d=\"M0 0h9v9z\"/></pattern><path d=\"M0 0h9v9z\"/></g>",
            ),
            "in a circle",
        ),
        (
            "use of itself",
            svg("<g id=\"a\"><use href=\"#a\"/></g>"),
            "in a circle",
        ),
        ("entities", doctype + &svg("<g id=\"&e29;\"/>"), "entity"),
        (
            "octaves",
            filter("<feTurbulence baseFrequency=\".1\" numOctaves=\"4000000000\"/>"),
            "too long",
        ),
        (
            "morphology",
            filter("<feMorphology radius=\"400\"/>"),
            "too long",
        ),
        (
            "blur",
            filter("<feGaussianBlur stdDeviation=\"1e30\"/>"),
            "blurred",
        ),
        ("many filters", filter(&"<feFlood/>".repeat(5000)), "memory"),
        ("dashes", svg(dashes), ""),
        ("stroke", svg(stroke), "extreme"),
        (
            "arc",
            svg("<path d=\"M0 0a51e30 6 30 1 0 9-9z\" stroke=\"red\"/>"),
            "extreme",
        ),
        (
            "wide line",
            svg("<line x2=\"1e30\" y2=\"1e30\" stroke=\"red\" stroke-width=\"1e20\"/>"),
            "extreme",
        ),
        (
            "fine pattern",
            pattern("1e-9", "<path d=\"M0 0h1v1z\"/>"),
            "",
        ),
        (
            "wide pattern",
            pattern("1e9", "<path d=\"M0 0h1v1z\"/>"),
            "memory",
        ),
        ("pattern of patterns", svg(&chain), "repeat too much"),
        ("layers", svg(&layers(900)), "memory"),
        ("few layers", svg(&layers(9)), ""),
        ("boxes", svg(&boxes(50_000)), "too long"),
        ("few boxes", svg(&boxes(100)), ""),
        ("wide", sized("width=\"1e30\" height=\"1\""), "too large"),
        ("no size", sized("width=\"0\" height=\"0\""), "invalid size"),
        ("thin", sized("width=\"1e-20\" height=\"9\""), ""),
        ("text", svg("<text>a</text>"), "has text"),
        (
            "tspan in a prefix",
            svg("<svg:text xmlns:svg=\"http://www.w3.org/2000/svg\"/>"),
            "has text",
        ),
        (
            "a file inside",
            svg("<image href=\"/etc/passwd\" width=\"9\" height=\"9\"/>"),
            "picture inside",
        ),
        (
            "data inside",
            svg("<image href=\"data:image/png;base64,AAAA\" width=\"9\" height=\"9\"/>"),
            "picture inside",
        ),
    ] {
        let start = Instant::now();
        match images::decode_bytes(text.as_bytes(), Path::new("x")) {
            Ok(_) => assert_eq!(expected, "", "{name}"),
            Err(error) => {
                let message = error.to_string();
                assert!(
                    !expected.is_empty() && message.contains(expected),
                    "{name}: {message}"
                );
            }
        }
        let _ = images::decode_svg(text.as_bytes(), 32, Path::new("x"));
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{name} took {:?}",
            start.elapsed()
        );
    }
}

#[test]
fn random_bytes() {
    let heads: [&[u8]; 7] = [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"RIFF\x20\0\0\0WEBPVP8 ",
        b"<svg ",
        b"[{",
        b"{\"id\":",
    ];
    for run in 0..num_runs(2000) {
        let mut rng = Rng::new(hash(run as u64, "random"));
        let mut bytes = rng.choose(&heads).to_vec();
        bytes.extend((0..rng.below(200)).map(|_| rng.next_u64() as u8));
        decode(&bytes);
    }
}

const RECORDS: [&str; 3] = [
    "{\"id\": \"a\", \"images\": [\"a.png\"], \"caption\": \"c\", \"group\": 3}\n{\"image\": \"b.png\", \"text\": \"d\\u00e9\"}\n",
    "[{\"messages\": [{\"role\": \"user\", \"content\": \"<image>a\"}, {\"role\": \"assistant\", \"content\": \"b\"}], \"images\": [\"a\"]},\n{\"conversations\": [{\"from\": \"human\", \"value\": \"<image>\\n\"}, {\"from\": \"gpt\", \"value\": \"\"}], \"image\": \"a\"}]",
    "[{\"id\": 1, \"image\": \"a\", \"caption\": \"c\", \"tasks\": [{\"instruction\": \"i\", \"informative\": \"l\", \"precise\": \"s\"}], \"turns\": [{\"role\": \"user\", \"text\": \"<image>\", \"marks\": true}, {\"role\": \"assistant\", \"text\": \"t\", \"learn\": true}]}]",
];

#[test]
fn damaged_records() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("d.json");
    let seeds = RECORDS.map(|text| text.as_bytes().to_vec());
    attack("records", &seeds, 2000, |bytes| {
        // A new file each time: file systems wait for the disk when an old one is cut and filled again.
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, bytes).expect("write");
        let options = corpus::formats::Options::default();
        let whole = |problem: String| assert!(problem.contains("d.json"), "{problem}");
        match corpus::formats::read_pairs(&path, &options) {
            Ok(loaded) => assert_eq!(loaded.rejected.len(), loaded.lines.len()),
            Err(error) => whole(error.to_string()),
        }
        if let Err(error) = corpus::formats::read_samples(&path, &options) {
            whole(error.to_string());
        }
        if let Err(error) = corpus::formats::read_seeds(&path, &options) {
            whole(error.to_string());
        }
        let _ = corpus::jsonl::read_prefix::<corpus::Pair>(&path);
    });
}

#[test]
fn damaged_tables_and_archives() {
    let folder = tempfile::tempdir().expect("folder");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/formats/ours");
    let names = [
        "pairs.parquet",
        "pairs.arrow",
        "pairs.tar",
        "image-folder/metadata.csv",
    ];
    let seeds = names.map(|name| std::fs::read(golden.join(name)).expect("golden"));
    let path = folder.path().join("d.bin");
    let options = corpus::formats::Options {
        unpack: Some(folder.path().join("pictures")),
        ..corpus::formats::Options::default()
    };
    attack("tables", &seeds, 1000, |bytes| {
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, bytes).expect("write");
        if let Err(error) = corpus::formats::read_pairs(&path, &options) {
            let problem = error.to_string();
            assert!(problem.contains("d.bin"), "{problem}");
        }
    });
}

//! Damaged weight files and configurations end in an error or in what they say, never in a panic, a hang or a request
//! for more memory than they could fill. `cargo xtask fuzz` does more runs.

use std::fs;
use std::time::{Duration, Instant};

use model::checkpoint::Checkpoint;
use serde_json::json;
use torch::{Device, Kind};

use crate::support::{config, small};

fn num_runs(short: u64) -> u64 {
    let asked = std::env::var("ADAMLLM_FUZZ_RUNS");
    asked.map_or(short, |text| {
        text.parse().expect("ADAMLLM_FUZZ_RUNS is a whole number")
    })
}

/// A whole number below `limit`, the same for the same run and place.
fn draw(run: u64, place: u64, limit: usize) -> usize {
    let share = f64::midpoint(model::init::hashed("hostile", run * 64 + place), 1.0);
    ((share * limit as f64) as usize).min(limit.saturating_sub(1))
}

/// Replaces, cuts, doubles or bends pieces of the first `head` bytes.
fn damage(sound: &[u8], head: usize, run: u64) -> Vec<u8> {
    const PIECES: [&str; 10] = [
        "-1",
        "1e30",
        "18446744073709551615",
        "[",
        "]",
        "{",
        "\"",
        "null",
        "\"BF16\"",
        ",",
    ];
    let mut bytes = sound.to_vec();
    for change in 0..=draw(run, 0, 3) as u64 {
        if bytes.is_empty() {
            break;
        }
        let place = 1 + change * 4;
        let at = draw(run, place, head.min(bytes.len()).max(1));
        let length = draw(run, place + 1, 24).min(bytes.len() - at);
        match draw(run, place + 2, 6) {
            0 => bytes[at] ^= 1 << draw(run, place + 3, 8),
            1 => bytes[at] = draw(run, place + 3, 256) as u8,
            2 => bytes.truncate(at.max(1)),
            3 => drop(bytes.drain(at..at + length)),
            4 => {
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let piece = PIECES[draw(run, place + 3, PIECES.len())];
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
    bytes
}

fn timed(name: &str, run: u64, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    let took = start.elapsed();
    assert!(
        took < Duration::from_secs(20),
        "run {run} of {name}: {took:?}"
    );
}

#[test]
fn damaged_safetensors() {
    let folder = tempfile::tempdir().expect("folder");
    let model = small(&json!({}), Kind::Float);
    model::save(model.as_ref(), folder.path(), None, Kind::Float).expect("save");
    let whole = fs::read(folder.path().join("model.safetensors")).expect("read");
    let header = u64::from_le_bytes(whole[..8].try_into().expect("8 bytes")) as usize;
    // Two tensors only, so that most of a damage hits something that is looked at.
    let text = r#"{"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}}"#;
    let mut tiny = (text.len() as u64).to_le_bytes().to_vec();
    tiny.extend(text.bytes());
    tiny.extend([0; 32]);
    for run in 0..num_runs(3000) {
        // The whole file now and then; writing it takes longest.
        let (sound, head) = if run % 64 == 0 {
            (&whole, header + 8)
        } else {
            (&tiny, text.len() + 8)
        };
        let bytes = damage(sound, head, run);
        let path = folder.path().join("damaged.safetensors");
        let _ = fs::remove_file(&path);
        fs::write(&path, &bytes).expect("write");
        timed("safetensors", run, || {
            let Ok(mut checkpoint) = Checkpoint::open_file(&path) else {
                return;
            };
            let names: Vec<String> = checkpoint.names().map(str::to_owned).collect();
            for name in names {
                let stored = checkpoint.bytes(&name).expect("its place was checked");
                assert!(stored.len() <= bytes.len());
                let _ = checkpoint.read(&name, Device::Cpu, Kind::Float);
            }
        });
    }
    assert!(peak_memory() <= 1 << 30, "{} bytes", peak_memory());
}

#[test]
fn damaged_configurations() {
    let sound = config(&json!({}));
    for run in 0..num_runs(1000) {
        let bytes = damage(sound.as_bytes(), sound.len(), run);
        let text = String::from_utf8_lossy(&bytes);
        timed("config.json", run, || {
            if let Ok(json) = serde_json::from_str(&text) {
                let _ = model::families::llava_next::Config::parse(&json);
            }
        });
    }
}

/// The largest resident memory of the process in bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

//! Damaged weight files and configurations end in an error or in what they say, never in a panic, a hang or a request
//! for more memory than they could fill. `cargo xtask fuzz` does more runs.

use std::fs;
use std::time::{Duration, Instant};

use model::checkpoint::Checkpoint;
use model::gguf::Gguf;
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

/// Metadata of several types and two tensors, as llama.cpp writes them.
fn gguf() -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.bytes());
    };
    out.extend(3u32.to_le_bytes());
    out.extend(2u64.to_le_bytes());
    out.extend(3u64.to_le_bytes());
    text(&mut out, "general.architecture");
    out.extend(8u32.to_le_bytes());
    text(&mut out, "llama");
    text(&mut out, "llama.rope.freq_base");
    out.extend(6u32.to_le_bytes());
    out.extend(1e4f32.to_le_bytes());
    text(&mut out, "tokenizer.ggml.token_type");
    out.extend(9u32.to_le_bytes());
    out.extend(5u32.to_le_bytes());
    out.extend(4u64.to_le_bytes());
    out.extend([0; 16]);
    for (name, shape, kind, offset) in [
        ("token_embd.weight", [32u64, 2], 8u32, 0u64),
        ("output_norm.weight", [4, 1], 0, 96),
    ] {
        text(&mut out, name);
        out.extend(2u32.to_le_bytes());
        for n in shape {
            out.extend(n.to_le_bytes());
        }
        out.extend(kind.to_le_bytes());
        out.extend(offset.to_le_bytes());
    }
    out.resize(out.len().next_multiple_of(32) + 96 + 16, 1);
    out
}

#[test]
fn damaged_gguf() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("damaged.gguf");
    let sound = gguf();
    fs::write(&path, &sound).expect("write");
    let file = Gguf::open(&path).expect("sound");
    assert_eq!(file.read("token_embd.weight").expect("values").len(), 64);
    for run in 0..num_runs(4000) {
        let bytes = damage(&sound, sound.len(), run);
        let _ = fs::remove_file(&path);
        fs::write(&path, &bytes).expect("write");
        timed("GGUF", run, || {
            let Ok(file) = Gguf::open(&path) else {
                return;
            };
            let names: Vec<String> = file.names().map(str::to_owned).collect();
            for name in names {
                let values = file.read(&name).expect("its place was checked");
                assert_eq!(
                    file.shape(&name).expect("shape").iter().product::<usize>(),
                    values.len()
                );
            }
        });
    }
    assert!(peak_memory() <= 1 << 30, "{} bytes", peak_memory());
}

#[test]
fn absurd_counts_in_gguf_are_errors() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("absurd.gguf");
    let check = |at: usize, value: u64, part: &str| {
        let mut bytes = gguf();
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        fs::write(&path, &bytes).expect("write");
        let message = Gguf::open(&path).expect_err("absurd").to_string();
        assert!(message.contains(part), "{message}");
    };
    check(8, 1 << 60, "more than its");
    check(16, 1 << 40, "more than its");
    check(24, 1 << 50, "has a text of");
    let mut bytes = gguf();
    bytes.truncate(bytes.len() - 4);
    fs::write(&path, &bytes).expect("write");
    let message = Gguf::open(&path).expect_err("cut").to_string();
    assert!(message.contains("is it cut off?"), "{message}");
}

#[test]
fn damaged_configurations() {
    // One of each family; a model of shapes alone is built where the damage left it sound.
    let read = |family: &str, case: &str| {
        let path = format!(
            "{}/tests/golden/{family}/{case}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let golden: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path).expect("golden")).expect("json");
        golden["config"].to_string()
    };
    let configs = [
        config(&json!({})),
        read("llama", "one-key-head-llama3"),
        read("llava", "dino-tied"),
        read("qwen2_vl", "grouped-tied"),
        read("mllama", "padded-tiles"),
    ];
    for run in 0..num_runs(1500) {
        let sound = &configs[run as usize % configs.len()];
        let bytes = damage(sound.as_bytes(), sound.len(), run);
        let text = String::from_utf8_lossy(&bytes);
        timed("config.json", run, || {
            let _ = model::outline(&text, None);
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

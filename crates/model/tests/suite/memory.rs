//! What loading takes of memory beside the weights: nearly nothing. Measured in a process of its own, since other tests
//! of this one ask for memory meanwhile.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;
use torch::{Device, Kind, Tensor};

const FOLDER: &str = "ADAMLLM_TEST_LOADS";
const DTYPE: &str = "ADAMLLM_TEST_LOADS_AS";

/// Most of the weights lie in one tensor, so that anything which holds a tensor twice is far over the bound.
fn save_shards(folder: &Path) -> u64 {
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 120_000, "hidden_size": 256,
        "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5, "tie_word_embeddings": false, "max_position_embeddings": 64,
    });
    let model = model::fresh(&config.to_string(), 1, Device::Cpu, Kind::BFloat16).unwrap();
    model::save_sharded(model.as_ref(), folder, None, Kind::BFloat16, 70_000_000).unwrap();
    let values = model.parameters().iter().map(|p| p.tensor.numel());
    values.sum::<usize>() as u64
}

/// Memory of the process that is no file's, in bytes.
fn anonymous() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:"));
    let text = line.unwrap().trim().trim_end_matches(" kB");
    text.parse::<u64>().unwrap() * 1024
}

/// Growth at the peak while a model of the folder loads; it is looked at without a pause.
fn growth(folder: &Path, kind: Kind) -> u64 {
    let (done, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let before = anonymous();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(anonymous(), Ordering::Relaxed);
            }
        });
        let model = model::load(folder, Device::Cpu, kind).unwrap();
        done.store(true, Ordering::Relaxed);
        drop(model);
    });
    peak.into_inner() - before
}

#[test]
fn loading_takes_the_weights_own_memory_and_no_more() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        // libtorch sets itself up at its first operators.
        let _ = Tensor::ones([1 << 20], (Kind::BFloat16, Device::Cpu)).sum(Kind::Float);
        let kind = match std::env::var(DTYPE).as_deref() {
            Ok("bf16") => Kind::BFloat16,
            _ => Kind::Float,
        };
        println!("grew by {}", growth(folder.as_ref(), kind));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let values = save_shards(folder.path());
    let shards = std::fs::read_dir(folder.path()).unwrap();
    let shards = shards.filter(|e| {
        let name = e.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".safetensors")
    });
    assert_eq!(shards.count(), 2);
    for (dtype, width) in [("bf16", 2), ("f32", 4)] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "memory::loading_takes_the_weights_own_memory_and_no_more",
                "--nocapture",
            ])
            .env(FOLDER, folder.path())
            .env(DTYPE, dtype)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stdout);
        let told = text.lines().find_map(|l| l.split_once("grew by "));
        let grown: u64 = told.expect(&text).1.trim().parse().unwrap();
        let weights = values * width;
        println!("{dtype}: {grown} bytes for weights of {weights}");
        assert!(
            grown <= weights + weights / 10,
            "{dtype}: {grown} bytes for weights of {weights}"
        );
        // A measurement that misses the weights themselves says nothing.
        assert!(
            grown >= weights / 2,
            "{dtype}: only {grown} bytes of {weights}"
        );
    }
}

//! What a block keeps for its backward is what `Recompute`'s table says. One test: the allocator's counts are the process's.

use std::sync::Arc;

use model::{Batch, Group, Recompute};
use processor::{ImageGrid, ImageInput};
use serde_json::{Value, json};
use torch::{Device, Kind, Tensor, memory};

/// Model width, width of all queries and of all keys, width inside of the feed-forward part.
const D: u64 = 256;
const Q: u64 = 256;
const G: u64 = 64;
const F: u64 = 704;
/// A tower's width, and that inside of its feed-forward part.
const W: u64 = 256;
const I: u64 = 512;

fn text(layers: usize) -> Value {
    json!({
        "model_type": "llama", "vocab_size": 96, "hidden_size": D, "intermediate_size": F, "num_hidden_layers": layers,
        "num_attention_heads": 4, "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "max_position_embeddings": 1024,
        "tie_word_embeddings": false, "architectures": ["LlamaForCausalLM"],
    })
}

fn llava(layers: usize) -> Value {
    json!({
        "model_type": "llava", "architectures": ["LlavaForConditionalGeneration"], "image_token_index": 3,
        "tie_word_embeddings": false, "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
        "text_config": text(1),
        "vision_config": {
            "model_type": "clip_vision_model", "hidden_size": W, "intermediate_size": I, "num_hidden_layers": layers + 1,
            "num_attention_heads": 4, "image_size": 224, "patch_size": 14, "projection_dim": 24,
        },
    })
}

fn qwen2_vl(layers: usize) -> Value {
    json!({
        "model_type": "qwen2_vl", "architectures": ["Qwen2VLForConditionalGeneration"], "image_token_id": 3,
        "video_token_id": 0, "vision_start_token_id": 1, "vision_end_token_id": 2, "tie_word_embeddings": false,
        "use_sliding_window": false, "hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 56,
        "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 96, "max_position_embeddings": 512,
        "rms_norm_eps": 1e-6, "rope_theta": 1e6, "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]},
        "vision_config": {
            "depth": layers, "embed_dim": W, "hidden_size": 32, "num_heads": 4, "mlp_ratio": I / W, "patch_size": 4,
            "spatial_merge_size": 2, "temporal_patch_size": 2, "hidden_act": "gelu",
        },
    })
}

fn mllama(layers: usize) -> Value {
    json!({
        "model_type": "mllama", "architectures": ["MllamaForConditionalGeneration"], "image_token_index": 96,
        "text_config": {
            "model_type": "mllama_text_model", "vocab_size": 96, "hidden_size": 32, "intermediate_size": 56,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "cross_attention_layers": [1],
            "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "pad_token_id": 0,
            "rope_parameters": {
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32, "rope_theta": 500_000.0,
            },
        },
        "vision_config": {
            "model_type": "mllama_vision_model", "hidden_size": W, "intermediate_size": I, "num_hidden_layers": layers,
            "num_global_layers": 1, "attention_heads": 4, "image_size": 112, "patch_size": 14,
            "intermediate_layers_indices": [0], "max_num_tiles": 4, "vision_output_dim": 2 * W,
            "supported_aspect_ratios": [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]],
        },
    })
}

fn batch(shape: &[usize], grid: ImageGrid, token: i64, num_tokens: usize) -> Batch {
    let pixels = (0..shape.iter().product()).map(|i: usize| (i % 7) as f32 / 7.0);
    let image = ImageInput {
        pixels: Arc::new(pixels.collect()),
        shape: shape.to_vec(),
        grid,
        num_tokens,
    };
    let mut ids = vec![5];
    ids.extend(std::iter::repeat_n(token, num_tokens));
    ids.push(6);
    let mut batch = Batch::default();
    batch.push(&ids, 0, &[image]);
    batch
}

/// Bytes that a forward leaves for its backward.
fn held(config: &Value, batch: &Batch) -> u64 {
    let text = config.to_string();
    let model = model::fresh(&text, 0, Device::Cpu, Kind::Float).expect("model");
    for parameter in model.parameters() {
        let learns = parameter.reachable && Group::ALL.contains(&parameter.group);
        let _ = parameter.tensor.set_requires_grad(learns);
    }
    let before = memory::stats().requested;
    let hidden: Tensor = model.hidden(batch, None).expect("hidden");
    assert!(hidden.requires_grad());
    memory::stats().requested - before
}

/// Numbers that one more block keeps for each of so many tokens: without recomputation, of cheap things, and of blocks.
fn check(name: &str, config: fn(usize) -> Value, batch: &mut Batch, tokens: u64, told: [u64; 3]) {
    let modes = [Recompute::None, Recompute::Cheap, Recompute::Blocks];
    for (recompute, told) in modes.into_iter().zip(told) {
        batch.recompute = recompute;
        let more = held(&config(3), batch) - held(&config(2), batch);
        let (found, told) = (more as f64 / (4 * tokens) as f64, told as f64);
        assert!(
            (found / told - 1.0).abs() < 0.01,
            "{name}, {recompute:?}: {found} numbers a token, not {told}"
        );
    }
}

#[test]
fn a_block_keeps_what_the_table_says() {
    torch::set_threads(1);
    memory::cache(true);
    let mut words = Batch::default();
    words.push(&[7; 512], 0, &[]);
    let kept = [
        4 * D + 2 * Q + 2 * G + 3 * F,
        2 * D + 2 * Q + 2 * G + 2 * F,
        D,
    ];
    check("decoder", text, &mut words, 512, kept);
    let apart = if torch::attention::has_loops() { 0 } else { Q };
    let mut words = Batch::default();
    words.push(&[7; 300], 0, &[]);
    words.push(&[7; 212], 0, &[]);
    check(
        "two lengths",
        text,
        &mut words,
        512,
        [kept[0] + apart, kept[1] + apart, D],
    );

    let kept = [8 * W + 2 * I, 6 * W + I, W];
    let mut picture = batch(&[1, 3, 224, 224], ImageGrid::Whole, 3, 256);
    check("CLIP", llava, &mut picture, 257, kept);
    let grid = ImageGrid::Canvas { tiles: (1, 2) };
    let mut picture = batch(&[2, 3, 112, 112], grid, 96, 1);
    check("mllama", mllama, &mut picture, 4 * 72, kept);
    let grid = ImageGrid::Patches { patches: (16, 16) };
    let mut picture = batch(&[256, 3, 4, 4], grid, 3, 64);
    check(
        "Qwen2-VL",
        qwen2_vl,
        &mut picture,
        256,
        [10 * W + 2 * I, 8 * W + I, W],
    );
}

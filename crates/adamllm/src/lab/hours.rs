//! The hours of the paper's table 11 by arithmetic: operations of a training, divided by what devices do in a second.

use run::memory::Architecture;
use run::operations::{Content, of_training};
use run::recipe::Family;
use serde::Serialize;
use serde_json::Value;

use crate::machine;

/// The share of a device's rate that a training is planned to reach.
pub const UTILISATION: f64 = 0.5;

/// The most that a device does in a second, in dense products of bf16 numbers with sums in f32, as its maker states it. What
/// has more words comes first.
const RATES: [(&str, f64); 11] = [
    ("B200", 2250e12),
    ("H200", 989e12),
    ("H100 PCIe", 756e12),
    ("H100", 989e12),
    ("A100", 312e12),
    ("L40S", 362e12),
    ("L40", 181e12),
    ("A10", 125e12),
    ("RTX 4090", 165e12),
    ("RTX 3090", 71e12),
    ("L4", 121e12),
];

/// The paper's machine.
const OF_PAPER: (u32, &str) = (8, "A100");

/// What a sample comes to: 320 tokens of text of which 250 are learned, beside one picture of 4 to 3.
fn content(family: Family) -> Content {
    let (of_picture, patches, seen_together) = match family {
        // Five tiles of 576 patches, each with its class token; 2,300 are left without what fills them up.
        Family::LlavaNext => (2300.0, 2880.0, 577.0),
        // 512 by 384 pixels, four patches a token.
        Family::Qwen2Vl => (252.0, 1008.0, 1008.0),
        // One tile with its class token, which the text only looks at.
        Family::Mllama => (0.0, 1601.0, 1601.0),
    };
    Content {
        tokens: 320.0 + of_picture,
        learned: 250.0,
        patches,
        seen_together,
    }
}

/// The sizes that each model publishes in its `config.json`.
fn config(family: Family) -> &'static str {
    match family {
        Family::LlavaNext => {
            r#"{"model_type": "llava_next", "vision_feature_layer": -2, "tie_word_embeddings": false,
            "text_config": {"model_type": "llama", "vocab_size": 128320, "hidden_size": 4096, "intermediate_size": 14336,
                "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8},
            "vision_config": {"model_type": "clip_vision_model", "hidden_size": 1024, "intermediate_size": 4096,
                "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 336, "patch_size": 14}}"#
        }
        Family::Qwen2Vl => {
            r#"{"model_type": "qwen2_vl", "tie_word_embeddings": true, "hidden_size": 1536, "num_hidden_layers": 28,
            "intermediate_size": 8960, "num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 151936,
            "vision_config": {"depth": 32, "embed_dim": 1280, "hidden_size": 1536, "num_heads": 16, "mlp_ratio": 4,
                "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "hidden_act": "quick_gelu"}}"#
        }
        Family::Mllama => {
            r#"{"model_type": "mllama",
            "text_config": {"model_type": "mllama_text_model", "vocab_size": 128256, "hidden_size": 4096,
                "intermediate_size": 14336, "num_hidden_layers": 40, "num_attention_heads": 32, "num_key_value_heads": 8,
                "cross_attention_layers": [3, 8, 13, 18, 23, 28, 33, 38]},
            "vision_config": {"model_type": "mllama_vision_model", "hidden_size": 1280, "intermediate_size": 5120,
                "num_hidden_layers": 32, "num_global_layers": 8, "attention_heads": 16, "image_size": 560, "patch_size": 14,
                "intermediate_layers_indices": [3, 7, 15, 23, 30], "max_num_tiles": 4, "vision_output_dim": 7680,
                "supported_aspect_ratios": [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]}}"#
        }
    }
}

/// The sources of pairs with their published numbers, and the paper's hours for the three models.
const TRAININGS: [(&str, f64, [f64; 3]); 4] = [
    ("PMC-Raw", 470e3, [21.0, 3.5, 29.0]),
    ("PMC-Refined", 510e3, [23.0, 4.0, 31.0]),
    ("Recipe1M", 130e3, [6.0, 1.0, 9.0]),
    ("remote sensing", 40e3, [2.0, 0.5, 3.0]),
];

/// Hours of one training.
#[derive(Debug, Serialize)]
pub struct Hours {
    /// The model.
    pub model: &'static str,
    /// The pairs.
    pub pairs: &'static str,
    /// How many there are.
    pub samples: f64,
    /// Operations of the whole training.
    pub operations: f64,
    /// Hours on the paper's machine, planned.
    pub planned: f64,
    /// Hours on the paper's machine, as the paper has them.
    pub published: f64,
    /// The share of the machine's rate that the paper's hours come to.
    pub published_utilisation: f64,
    /// Hours on this machine, planned; none where its rate is not known.
    pub here: Option<f64>,
}

/// The devices of a machine by what they are called.
#[derive(Debug, Serialize)]
pub struct Devices {
    /// Their names.
    pub names: Vec<String>,
    /// What they do in a second all together; none where that of one of them is not known.
    pub rate: Option<f64>,
}

impl Devices {
    /// Those of this machine.
    pub fn here() -> Self {
        Self::named(machine::gpus())
    }

    fn named(names: Vec<String>) -> Self {
        let rates = names.iter().map(|name| rate(name));
        let rate: Option<f64> = rates.sum();
        Self {
            rate: rate.filter(|rate| *rate > 0.0),
            names,
        }
    }
}

/// What a device does in a second, by the words of its name.
fn rate(name: &str) -> Option<f64> {
    let words = name.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.collect();
    let is_meant = |known: &str| known.split(' ').all(|word| words.contains(&word));
    let known = RATES.iter().find(|(known, _)| is_meant(known));
    // One of this name in a portable computer is another device.
    let known = known.filter(|_| !words.contains(&"Laptop"));
    known.map(|(_, rate)| *rate)
}

/// All trainings of the table.
pub fn all(here: &Devices) -> Vec<Hours> {
    let paper = f64::from(OF_PAPER.0) * rate(OF_PAPER.1).unwrap_or_default();
    let hours = |operations: f64, rate: f64| operations / rate / 3600.0;
    let mut out = Vec::new();
    for (family, at) in Family::ALL.into_iter().zip(0..) {
        let config: Value = serde_json::from_str(config(family)).unwrap_or_default();
        let Ok(model) = Architecture::of_config(&config) else {
            continue;
        };
        let of_sample = of_training(&model, &content(family));
        for (pairs, samples, published) in TRAININGS {
            let published: f64 = published[at];
            let operations = of_sample * samples;
            out.push(Hours {
                model: family.in_paper(),
                pairs,
                samples,
                operations,
                planned: hours(operations, paper * UTILISATION),
                published,
                published_utilisation: hours(operations, paper) / published,
                here: here.rate.map(|rate| hours(operations, rate * UTILISATION)),
            });
        }
    }
    out
}

/// What the hours rest on.
pub const RESTS_ON: &str = "operations that are of use in one pass over the pairs, each with 320 tokens of text of which 250 are \
     learned and one picture of 4 to 3 (LLaVA: 2,300 tokens, Qwen2-VL: 512 by 384 pixels, Llama 3.2: one tile), at half of the \
     rate that the maker states for bf16 (A100: 312 TFLOP/s); synthesis, filter and answers are not in them";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_the_published_ones() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../model/tests/golden/sizes.json"
        );
        let text = std::fs::read_to_string(path).expect("sizes");
        let sizes: Value = serde_json::from_str(&text).expect("JSON");
        for (family, name) in [
            (Family::LlavaNext, "open-llava-next-llama3-8b"),
            (Family::Qwen2Vl, "qwen2-vl-2b-instruct"),
            (Family::Mllama, "llama-3.2-11b-vision-instruct"),
        ] {
            let ours: Value = serde_json::from_str(config(family)).expect("JSON");
            let ours = Architecture::of_config(&ours).expect("known");
            let golden = Architecture::of_config(&sizes[name]["config"]).expect("known");
            assert_eq!(ours, golden, "{name}");
        }
    }

    /// 122 · 10¹² a sample of LLaVA-v1.6-8B and 470,000 of them, on one H200 at half of 989 · 10¹²: 32.2 hours.
    #[test]
    fn hours_are_operations_by_rate() {
        let here = Devices::named(vec!["NVIDIA H200".to_owned()]);
        let all = all(&here);
        assert_eq!(all.len(), 12);
        let found = all[0].here.expect("a known rate");
        assert!((found / 32.2 - 1.0).abs() < 0.02, "{found}");
        // Eight A100 have 2.52 times the rate, and the paper took 21 hours.
        assert!((all[0].planned * 2.524 / found - 1.0).abs() < 0.01);
        let share = all[0].planned * UTILISATION / 21.0;
        assert!((all[0].published_utilisation - share).abs() < 1e-12);
        assert!((0.25..0.4).contains(&share), "{share}");
    }

    #[test]
    fn a_rate_is_known_only_if_all_devices_are() {
        let rate = |names: &[&str]| {
            Devices::named(names.iter().map(|&name| name.to_owned()).collect()).rate
        };
        assert_eq!(rate(&["NVIDIA A100-SXM4-80GB"; 2]), Some(624e12));
        assert_eq!(rate(&["NVIDIA H100 PCIe"]), Some(756e12));
        assert_eq!(rate(&["NVIDIA A100", "NVIDIA RTX A1000"]), None);
        assert_eq!(rate(&[]), None);
    }
}

//! Sizes against published ones, bytes against those counted by hand, and the order of the ways.

mod bytes;
mod counts;
mod picking;

use serde_json::{Value, json};

use super::*;

/// The published configurations, and what `transformers` counts of them.
const SIZES: &str = include_str!("../../../model/tests/golden/sizes.json");

fn published(name: &str) -> (Value, Value) {
    let all: Value = serde_json::from_str(SIZES).expect("JSON");
    (all[name]["config"].clone(), all[name]["groups"].clone())
}

fn model(config: &Value) -> Architecture {
    Architecture::of_config(config).expect("known")
}

/// A decoder that is small enough to count by hand.
fn tiny() -> Value {
    json!({
        "model_type": "llama", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 10,
    })
}

fn device(text: &str) -> Device {
    text.parse().expect("a device")
}

//! A small model and samples with and without pictures.

use model::Mllm;
use processor::{Encoded, ImageGrid, ImageInput};
use torch::{Device, Kind};
use train::SampleSource;

const CONFIG: &str = r#"{
  "model_type": "llava_next", "architectures": ["LlavaNextForConditionalGeneration"],
  "image_token_index": 1, "image_grid_pinpoints": [[8, 8]], "vision_feature_layer": -2,
  "vision_feature_select_strategy": "default", "projector_hidden_act": "gelu", "tie_word_embeddings": TIED,
  "text_config": {"model_type": "llama", "vocab_size": 40, "hidden_size": 16, "intermediate_size": 24,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "initializer_range": 0.3},
  "vision_config": {"model_type": "clip_vision_model", "hidden_size": 12, "intermediate_size": 20,
    "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 8, "patch_size": 4, "hidden_act": "quick_gelu"}
}"#;

pub fn fresh(tied: bool, kind: Kind) -> Box<dyn Mllm> {
    let config = CONFIG.replace("TIED", &tied.to_string());
    model::fresh(&config, 5, Device::Cpu, kind).expect("model")
}

/// One whose matrices are large enough for eight bits.
pub fn wide(kind: Kind) -> Box<dyn Mllm> {
    let config = CONFIG.replace("TIED", "true").replace(
        "\"vocab_size\": 40, \"hidden_size\": 16, \"intermediate_size\": 24",
        WIDE,
    );
    model::fresh(&config, 5, Device::Cpu, kind).expect("model")
}

const WIDE: &str = "\"vocab_size\": 72, \"hidden_size\": 64, \"intermediate_size\": 96";

pub struct Samples(pub Vec<Encoded>);

impl SampleSource for Samples {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn id(&self, index: usize) -> &str {
        ["zero", "one", "two", "three", "four", "five"][index]
    }
    fn encode(&self, index: usize) -> Result<Encoded, String> {
        if self.0[index].ids.is_empty() {
            return Err("its picture is missing".to_owned());
        }
        Ok(self.0[index].clone())
    }
}

/// Two samples with a picture and two without; 9 learned tokens of 41.
pub fn samples() -> Samples {
    Samples(vec![
        picture(0),
        text(&[2, 7, 8, 9, 20, 21], 3),
        picture(1),
        text(&[2, 30, 31], 1),
    ])
}

pub fn text(ids: &[i64], from: usize) -> Encoded {
    Encoded {
        ids: ids.to_vec(),
        learn: (0..ids.len()).map(|i| i >= from).collect(),
        images: Vec::new(),
    }
}

pub fn picture(seed: usize) -> Encoded {
    // Overview and one tile of 2 × 2 patches: 4 features, then 2 rows of 2 with a newline each.
    let pixels: Vec<f32> = (0..2 * 3 * 64)
        .map(|i| ((i * 7 + seed * 13) % 11) as f32 / 11.0 - 0.5)
        .collect();
    let image = ImageInput {
        pixels: std::sync::Arc::new(pixels),
        shape: vec![2, 3, 8, 8],
        grid: ImageGrid::Tiles {
            original: (8, 8),
            tiles: (1, 1),
        },
        num_tokens: 10,
    };
    let mut ids = vec![2];
    ids.extend([1; 10]);
    ids.extend([3 + seed as i64, 9, 10 + seed as i64, 5]);
    Encoded {
        learn: (0..ids.len()).map(|i| i > 12).collect(),
        ids,
        images: vec![image],
    }
}

pub fn equal(a: &dyn Mllm, b: &dyn Mllm) -> bool {
    let mut pairs = a.parameters().iter().zip(b.parameters());
    pairs.all(|(a, b)| a.tensor.equal(&b.tensor))
}

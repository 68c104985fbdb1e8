//! What the recipes of the paper name, as far as a plan needs it: published configurations, stand-ins for the tokenizers, a few
//! records, and no weights.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A JSON file.
pub fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("file");
    serde_json::from_str(&text).expect("JSON")
}

/// Writes one, with its folder.
pub fn write(path: &Path, content: &Value) {
    let folder = path.parent().expect("folder");
    std::fs::create_dir_all(folder).expect("folder");
    std::fs::write(path, content.to_string()).expect("write");
}

/// Published configurations by name, with the parameters that `transformers` counts in them.
pub fn sizes() -> Value {
    read(&root().join("crates/model/tests/golden/sizes.json"))
}

/// A small tokenizer of the family in which the image token has the published id.
fn write_tokenizer(golden: &str, image: (&str, u64), folder: &Path) {
    let golden = root().join("crates/processor/tests/golden").join(golden);
    let mut tokenizer = read(&golden.join("tokenizer.json"));
    for token in tokenizer["added_tokens"].as_array_mut().expect("tokens") {
        if token["content"] == image.0 {
            token["id"] = image.1.into();
        }
    }
    tokenizer["model"]["vocab"][image.0] = image.1.into();
    write(&folder.join("tokenizer.json"), &tokenizer);
    for name in ["tokenizer_config.json", "chat_template.jinja"] {
        std::fs::copy(golden.join(name), folder.join(name)).expect("copy");
    }
}

/// What the models publish beside their weights.
pub fn write_models(folder: &Path) {
    let clip = json!([0.481_454_66, 0.457_827_5, 0.408_210_73]);
    let clip_std = json!([0.268_629_54, 0.261_302_58, 0.275_777_11]);
    let pinpoints = json!([[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]);
    let next = json!({"image_processor_type": "LlavaNextImageProcessor", "image_grid_pinpoints": pinpoints,
        "crop_size": {"height": 336, "width": 336}, "size": {"shortest_edge": 336}, "resample": 3,
        "image_mean": clip, "image_std": clip_std});
    let qwen = json!({"image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 3136, "max_pixels": 12_845_056,
        "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2, "image_mean": clip, "image_std": clip_std});
    let canvas = json!({"image_processor_type": "MllamaImageProcessor", "size": {"height": 560, "width": 560},
        "max_image_tiles": 4, "resample": 2, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]});
    let sizes = sizes();
    let models = [
        (
            "open-llava-next-llama3-8b",
            "open-llava-next-llama3-8b",
            "llama",
            ("<image>", 128_256),
            &next,
        ),
        (
            "synthesizer",
            "open-llava-next-llama3-8b",
            "llama",
            ("<image>", 128_256),
            &next,
        ),
        (
            "Qwen2-VL-2B-Instruct",
            "qwen2-vl-2b-instruct",
            "qwen",
            ("<|image_pad|>", 151_655),
            &qwen,
        ),
        (
            "Llama-3.2-11B-Vision-Instruct",
            "llama-3.2-11b-vision-instruct",
            "canvas",
            ("<|image|>", 128_256),
            &canvas,
        ),
    ];
    for (name, config, golden, image, pictures) in models {
        let folder = folder.join(name);
        write(&folder.join("config.json"), &sizes[config]["config"]);
        write(&folder.join("preprocessor_config.json"), pictures);
        write_tokenizer(golden, image, &folder);
    }
    let judge = json!({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 128_256,
        "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 500_000.0, "max_position_embeddings": 8192,
        "tie_word_embeddings": false});
    let folder = folder.join("Meta-Llama-3-8B");
    write(&folder.join("config.json"), &judge);
    write_tokenizer("text", ("none", 0), &folder);
    // A base model is published without one.
    std::fs::remove_file(folder.join("chat_template.jinja")).expect("removed");
}

/// A few records in the place of each data set of the recipes, and two names a benchmark.
pub fn write_data(folder: &Path) {
    std::fs::create_dir_all(folder).expect("folder");
    let (mut pairs, mut seeds) = (String::new(), String::new());
    for i in 0..10_u8 {
        let picture =
            image::RgbImage::from_fn(400, 300, |x, y| image::Rgb([x as u8, y as u8, i * 20]));
        let name = format!("{i}.png");
        picture.save(folder.join(&name)).expect("picture");
        let pair = json!({"id": name, "images": [name], "caption": "A picture of many colours."});
        pairs.extend([pair.to_string(), "\n".to_owned()]);
        let task =
            json!({"instruction": "How many?", "informative": "There are two.", "precise": "2"});
        let seed = json!({"id": name, "images": [name], "caption": "Two things.", "task": "count", "tasks": [task]});
        seeds.extend([seed.to_string(), "\n".to_owned()]);
    }
    for name in [
        "pmc-raw",
        "pmc-refined",
        "recipe1m",
        "nwpu",
        "rsicd",
        "rsitmd",
        "sydney",
        "ucm",
    ] {
        // Each source has captions of its own.
        let pairs = pairs.replace("many colours", name);
        std::fs::write(folder.join(name).with_extension("jsonl"), pairs).expect("write");
    }
    for name in ["vision-flan-allava.jsonl", "vision-flan-allava.dev.jsonl"] {
        std::fs::write(folder.join(name), &seeds).expect("write");
    }
    let turns = json!([
        {"role": "user", "text": "<image>\nHow many?", "marks": true},
        {"role": "assistant", "text": "There are two.", "learn": true},
    ]);
    let sample = json!({"id": "0", "images": ["0.png"], "turns": turns});
    std::fs::write(folder.join("general.jsonl"), format!("{sample}\n")).expect("write");
    for task in evaluation::tasks::all() {
        let place = folder.join("benchmarks").join(&task.id);
        std::fs::create_dir_all(&place).expect("folder");
        std::fs::write(place.join("names.txt"), "egg\nrice\n").expect("write");
        let item = json!({"id": "0", "image": "../../0.png", "question": "What is it?", "label": "egg",
            "choices": ["egg", "rice"]});
        std::fs::write(place.join("test.jsonl"), format!("{item}\n")).expect("write");
    }
}

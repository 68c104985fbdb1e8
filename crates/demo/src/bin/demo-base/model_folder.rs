//! What a model folder holds beside weights: tokenizer, configurations and chat template.

use std::path::Path;

use anyhow::Result;
use corpus::pictograms::Pictogram;
use corpus::seed::Rng;
use demo::pictures::{SIDE, thing};
use demo::world::{self, Asks};
use serde_json::{Value, json};
use synthesis::Prompts;
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::{AddedToken, Tokenizer};

use crate::reading::Reading;

/// Llama 3's format; answers begin with a blank, so that a word that is copied from a caption keeps its tokens.
const CHAT_TEMPLATE: &str = include_str!("chat_template.jinja");
const VOCABULARY: usize = 2048;
const SPECIAL: [&str; 6] = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<image>",
];

/// Writes tokenizer, configurations and chat template of a model folder; the weights come later.
pub fn write(folder: &Path, all: &[Pictogram]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut tokenizer = train_tokenizer(all)?;
    tokenizer.with_decoder(Some(ByteLevel::default()));
    let write =
        |name: &str, value: &Value| std::fs::write(folder.join(name), format!("{value:#}\n"));
    std::fs::write(
        folder.join("tokenizer.json"),
        tokenizer
            .to_string(false)
            .map_err(|e| anyhow::anyhow!("{e}"))?,
    )?;
    write("config.json", &base_config())?;
    write(
        "tokenizer_config.json",
        &json!({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": SPECIAL[0], "eos_token": SPECIAL[4],
            "pad_token": SPECIAL[1], "clean_up_tokenization_spaces": false, "model_max_length": 512}),
    )?;
    write(
        "preprocessor_config.json",
        &json!({"image_processor_type": "LlavaNextImageProcessor", "size": {"shortest_edge": SIDE},
            "crop_size": {"height": SIDE, "width": SIDE}, "image_grid_pinpoints": [[SIDE, SIDE]],
            "image_mean": [1.0, 1.0, 1.0], "image_std": [0.35, 0.35, 0.35], "resample": 3, "do_rescale": true,
            "rescale_factor": 1.0 / 255.0, "do_resize": true, "do_center_crop": true, "do_normalize": true,
            "do_convert_rgb": true, "do_pad": true}),
    )?;
    write(
        "processor_config.json",
        &json!({"processor_class": "LlavaNextProcessor", "patch_size": 12, "vision_feature_select_strategy": "default",
            "image_token": SPECIAL[5], "num_additional_image_tokens": 1}),
    )?;
    write(
        "generation_config.json",
        &json!({"bos_token_id": 0, "eos_token_id": [4, 1], "pad_token_id": 1}),
    )?;
    std::fs::write(folder.join("chat_template.jinja"), CHAT_TEMPLATE)?;
    Ok(())
}

/// A byte-level BPE over captions and questions about general pictograms.
fn train_tokenizer(all: &[Pictogram]) -> Result<Tokenizer> {
    let mut rng = Rng::new(7);
    let general: Vec<&Pictogram> = all.iter().filter(|p| p.concept.is_general()).collect();
    let prompts = Prompts::default();
    let reading = Reading::new(general.iter().map(|p| p.concept.as_ref()));
    let mut texts = Vec::new();
    for (i, pictogram) in general.into_iter().enumerate() {
        let colour = *rng.choose::<&str>(&world::COLOURS);
        let thing = thing(&pictogram.concept, colour);
        texts.push(world::caption(&thing, &mut rng));
        let asks = Asks::ALL[i % Asks::ALL.len()];
        let question = world::question(&thing, asks, &reading.lexicon.kinds, &mut rng);
        texts.push(question.instruction);
        texts.push(question.informative);
        texts.push(prompts.synthesizer.hint_precise.clone());
        texts.push(prompts.synthesizer.hint_informative.clone());
        texts.push(prompts.extraction.request.clone());
        texts.push(rng.choose(&prompts.captioning.requests).clone());
        // New names bring the letter pairs that other people's words are made of.
        texts.push(reading.lexicon.new_name(&mut rng));
    }
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
    let trainer = BpeTrainer::builder()
        .vocab_size(VOCABULARY)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(
            SPECIAL
                .iter()
                .map(|s| AddedToken::from((*s).to_owned(), true))
                .collect(),
        )
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let mut trainer = TrainerWrapper::from(trainer);
    tokenizer
        .train(&mut trainer, texts.into_iter())
        .map_err(|e| anyhow::anyhow!("the tokenizer cannot be trained: {e}"))?;
    Ok(tokenizer)
}

fn base_config() -> Value {
    config([192, 512, 4, 6], [192, 512, 5, 6])
}

/// Width, inner width, layers and heads of decoder and tower.
fn config(text: [u32; 4], vision: [u32; 4]) -> Value {
    json!({
        "architectures": ["LlavaNextForConditionalGeneration"], "model_type": "llava_next",
        "image_token_index": 5, "image_grid_pinpoints": [[SIDE, SIDE]], "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default", "projector_hidden_act": "gelu", "tie_word_embeddings": true,
        "bos_token_id": 0, "eos_token_id": 4, "pad_token_id": 1,
        "text_config": {
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": VOCABULARY,
            "hidden_size": text[0], "intermediate_size": text[1], "num_hidden_layers": text[2],
            "num_attention_heads": text[3], "num_key_value_heads": text[3], "max_position_embeddings": 1024,
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true,
            "bos_token_id": 0, "eos_token_id": 4, "attention_bias": false, "mlp_bias": false
        },
        "vision_config": {
            "model_type": "clip_vision_model", "hidden_size": vision[0], "intermediate_size": vision[1],
            "num_hidden_layers": vision[2], "num_attention_heads": vision[3], "image_size": SIDE, "patch_size": 12,
            "hidden_act": "quick_gelu", "projection_dim": 64
        }
    })
}

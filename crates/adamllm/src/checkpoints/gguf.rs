//! A Llama of llama.cpp as a folder of `transformers`: weights, configuration and a byte-level BPE tokenizer.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use model::checkpoint::Checkpoint;
use model::gguf::{Gguf, Value as Meta};
use serde_json::{Map, Value, json};
use torch::Tensor;

use super::Converted;

/// Where one layer's tensors go.
const LAYER: &[(&str, &str)] = &[
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
];
/// How texts are split before they are merged, by llama.cpp's names.
const SPLITS: &[(&str, &str)] = &[
    (
        "llama-bpe",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    (
        "qwen2",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
];

/// Converts a file.
pub fn to_hf(path: &Path) -> Result<Converted> {
    let file = Gguf::open(path)?;
    let architecture = file.get("general.architecture").and_then(Meta::text);
    if architecture != Some("llama") {
        bail!(
            "`{}` has the architecture `{}`; only llama can be converted",
            path.display(),
            architecture.unwrap_or("missing")
        );
    }
    let config = config(&file)?;
    let number = |key: &str| {
        let found = config[key].as_i64().filter(|&n| n > 0);
        found.with_context(|| format!("`{}` has `{key}` = {}", path.display(), config[key]))
    };
    let (heads, key_heads) = (
        number("num_attention_heads")?,
        number("num_key_value_heads")?,
    );
    let mut checkpoint = Checkpoint::empty(path);
    for name in file.names() {
        // The factors of scaled positions; the configuration must say the same.
        if name == "rope_freqs.weight" {
            bail!(
                "`{}` scales its positions by factors; take the original model of `transformers`",
                path.display()
            );
        }
        let target = target(name)
            .with_context(|| format!("`{}` has the unknown tensor `{name}`", path.display()))?;
        let shape: Vec<i64> = file
            .shape(name)
            .unwrap_or_default()
            .iter()
            .map(|&n| n as i64)
            .collect();
        let tensor = Tensor::f_from_slice(&file.read(name)?)?.f_reshape(&shape)?;
        let tensor = if name.contains(".attn_q.") {
            apart(&tensor, heads)?
        } else if name.contains(".attn_k.") {
            apart(&tensor, key_heads)?
        } else {
            tensor
        };
        checkpoint.put(&target, tensor);
    }
    let half = file.is_half();
    Ok(Converted {
        checkpoint,
        config,
        files: tokenizer(&file)?,
        companions: None,
        half,
    })
}

/// The name in `transformers`.
fn target(name: &str) -> Option<String> {
    match name {
        "token_embd.weight" => return Some("model.embed_tokens.weight".to_owned()),
        "output_norm.weight" => return Some("model.norm.weight".to_owned()),
        "output.weight" => return Some("lm_head.weight".to_owned()),
        _ => {}
    }
    let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    let (part, kind) = rest.rsplit_once('.')?;
    let (_, part) = LAYER.iter().find(|(own, _)| *own == part)?;
    Some(format!("model.layers.{layer}.{part}.{kind}"))
}

/// llama.cpp turns neighbouring rows of a head together, `transformers` rows that lie half a head apart.
fn apart(tensor: &Tensor, heads: i64) -> Result<Tensor> {
    let shape = tensor.size();
    let half = shape[0] / heads / 2;
    Ok(tensor
        .f_reshape([heads, half, 2, -1])?
        .f_transpose(1, 2)?
        .f_reshape(&shape)?)
}

fn config(file: &Gguf) -> Result<Value> {
    let get = |key: &str| file.get(&format!("llama.{key}"));
    let count = |key: &str| {
        get(key)
            .and_then(Meta::count)
            .with_context(|| format!("the file has no `llama.{key}`"))
    };
    if let Some(kind) = get("rope.scaling.type").and_then(Meta::text)
        && kind != "none"
    {
        bail!("the file scales positions by `{kind}`, which is not implemented");
    }
    if get("expert_count").and_then(Meta::count).unwrap_or(0) > 0 {
        bail!("the file is a mixture of experts, which is not implemented");
    }
    let vocabulary = file
        .shape("token_embd.weight")
        .context("the file has no tensor `token_embd.weight`")?[0];
    let heads = count("attention.head_count")?;
    let key_heads = get("attention.head_count_kv").and_then(Meta::count);
    let width = count("embedding_length")?;
    let head = get("attention.key_length").and_then(Meta::count);
    let eps = get("attention.layer_norm_rms_epsilon").and_then(Meta::number);
    let theta = get("rope.freq_base").and_then(Meta::number);
    let token = |key: &str| {
        let id = file.get(&format!("tokenizer.ggml.{key}"))?.count()?;
        Some(id)
    };
    Ok(json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": vocabulary, "hidden_size": width,
        "intermediate_size": count("feed_forward_length")?, "num_hidden_layers": count("block_count")?,
        "num_attention_heads": heads, "num_key_value_heads": key_heads.unwrap_or(heads),
        "head_dim": head.unwrap_or(width / heads.max(1)), "max_position_embeddings": count("context_length")?,
        // Stored in f32 there: 1e-5 comes back as 1e-5, not as its nearest f32.
        "rms_norm_eps": short(eps.unwrap_or(1e-5)), "rope_theta": theta.unwrap_or(10_000.0), "hidden_act": "silu",
        "tie_word_embeddings": file.shape("output.weight").is_none(),
        "bos_token_id": token("bos_token_id"), "eos_token_id": token("eos_token_id"),
    }))
}

/// The shortest decimal number of the same f32.
fn short(x: f64) -> f64 {
    (x as f32).to_string().parse().unwrap_or(x)
}

/// `tokenizer.json`, `tokenizer_config.json` and the chat template.
fn tokenizer(file: &Gguf) -> Result<Vec<(String, Value)>> {
    let get = |key: &str| file.get(&format!("tokenizer.ggml.{key}"));
    let kind = get("model").and_then(Meta::text).unwrap_or("missing");
    if kind != "gpt2" {
        bail!(
            "the file's tokenizer is of the kind `{kind}`; only byte-level BPE (`gpt2`) can be converted: take \
             `tokenizer.json` from the original model"
        );
    }
    let texts = |key: &str| -> Result<Vec<String>> {
        let list = get(key).and_then(Meta::list);
        let list = list.with_context(|| format!("the file has no `tokenizer.ggml.{key}`"))?;
        let text = |(at, value): (usize, &Meta)| {
            let text = value.text().map(str::to_owned);
            text.with_context(|| format!("entry {at} of `tokenizer.ggml.{key}` is no text"))
        };
        list.iter().enumerate().map(text).collect()
    };
    let words = texts("tokens")?;
    let types = get("token_type").and_then(Meta::list).unwrap_or_default();
    // 3: control; 4: defined by the user.
    let special = |id: usize| matches!(types.get(id).and_then(Meta::count), Some(3));
    let added = |id: usize| matches!(types.get(id).and_then(Meta::count), Some(3 | 4));
    // Control tokens too: a tokenizer gives new ids to added tokens that its vocabulary lacks.
    let vocabulary: Map<String, Value> = words
        .iter()
        .enumerate()
        .map(|(id, word)| (word.clone(), json!(id)))
        .collect();
    let added: Vec<Value> = words
        .iter()
        .enumerate()
        .filter(|&(id, _)| added(id))
        .map(|(id, word)| {
            json!({"id": id, "content": word, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": special(id)})
        })
        .collect();
    let name = get("pre").and_then(Meta::text).unwrap_or("default");
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let whole = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let pre = match SPLITS.iter().find(|(own, _)| *own == name) {
        Some((_, pattern)) => json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false}, byte_level]}),
        // GPT-2's own rule, with each digit alone.
        None if name == "smollm" => json!({"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": true}, whole]}),
        None if ["default", "gpt-2"].contains(&name) => whole,
        None => bail!(
            "the file splits texts by the rule `{name}`; known are llama-bpe, qwen2, smollm, gpt-2 and default"
        ),
    };
    let token = |key: &str| {
        let id = get(key).and_then(Meta::count)?;
        Some((id, words.get(id)?.clone()))
    };
    let begin = token("bos_token_id");
    let adds = matches!(get("add_bos_token"), Some(Meta::Flag(true)));
    let post = match &begin {
        Some((id, word)) if adds => json!({"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": word, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {word.clone(): {"id": word, "ids": [id], "tokens": [word]}}}),
        _ => Value::Null,
    };
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": pre, "post_processor": post,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                  "ignore_merges": name == "llama-bpe", "vocab": vocabulary, "merges": texts("merges")?},
    });
    let mut config = Map::new();
    config.insert(
        "tokenizer_class".to_owned(),
        json!("PreTrainedTokenizerFast"),
    );
    for (key, own) in [
        ("bos_token", "bos_token_id"),
        ("eos_token", "eos_token_id"),
        ("unk_token", "unknown_token_id"),
        ("pad_token", "padding_token_id"),
    ] {
        if let Some((_, word)) = token(own) {
            config.insert(key.to_owned(), json!(word));
        }
    }
    let mut files = vec![
        ("tokenizer.json".to_owned(), tokenizer),
        ("tokenizer_config.json".to_owned(), Value::Object(config)),
    ];
    if let Some(template) = file.get("tokenizer.chat_template").and_then(Meta::text) {
        files.push(("chat_template.jinja".to_owned(), json!(template)));
    }
    Ok(files)
}

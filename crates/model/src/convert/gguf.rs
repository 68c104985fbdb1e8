//! A Llama of llama.cpp as a folder of `transformers`: weights, configuration, and a tokenizer of byte-level BPE or of
//! SentencePiece's BPE.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value, json};
use torch::{TchError, Tensor};

use super::content::Converted;
use super::error::ConvertError;
use super::gguf_error::GgufError;
use crate::checkpoint::Checkpoint;
use crate::gguf::{Gguf, Value as Meta};

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
/// The embeddings of tokens.
const WORDS: &str = "token_embd.weight";
/// What the frequencies of scaled positions are divided by.
const FACTORS: &str = "rope_freqs.weight";
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
pub(super) fn to_hf(path: &Path) -> Result<Converted, ConvertError> {
    let file = Gguf::open(path)?;
    let architecture = file.get("general.architecture").and_then(Meta::text);
    if architecture != Some("llama") {
        let found = architecture.unwrap_or("missing").to_owned();
        let path = path.to_owned();
        return Err(GgufError::Architecture { path, found }.into());
    }
    let config = config(&file)?;
    let number = |key: &'static str| {
        let found = config[key].as_i64().filter(|&n| n > 0);
        found.ok_or_else(|| GgufError::Number {
            path: path.to_owned(),
            key,
            found: config[key].clone(),
        })
    };
    let (heads, key_heads) = (
        number("num_attention_heads")?,
        number("num_key_value_heads")?,
    );
    let mut checkpoint = Checkpoint::empty(path);
    for name in file.names() {
        // The configuration says the same.
        if name == FACTORS {
            continue;
        }
        let target = target(name).ok_or_else(|| GgufError::UnknownTensor {
            path: path.to_owned(),
            name: name.to_owned(),
        })?;
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
        WORDS => return Some("model.embed_tokens.weight".to_owned()),
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
fn apart(tensor: &Tensor, heads: i64) -> Result<Tensor, TchError> {
    let shape = tensor.size();
    let half = shape[0] / heads / 2;
    tensor
        .f_reshape([heads, half, 2, -1])?
        .f_transpose(1, 2)?
        .f_reshape(&shape)
}

fn config(file: &Gguf) -> Result<Value, ConvertError> {
    let get = |key: &str| file.get(&format!("llama.{key}"));
    let count = |key: &str| {
        let found = get(key).and_then(Meta::count);
        found.ok_or_else(|| GgufError::NoKey {
            key: format!("llama.{key}"),
        })
    };
    if let Some(kind) = get("rope.scaling.type").and_then(Meta::text)
        && kind != "none"
    {
        let kind = kind.to_owned();
        return Err(GgufError::Scaling { kind }.into());
    }
    let experts = get("expert_count").and_then(Meta::count).unwrap_or(0);
    if experts > 0 {
        return Err(GgufError::Experts { count: experts }.into());
    }
    let vocabulary = file
        .shape(WORDS)
        .ok_or(GgufError::NoTensor { name: WORDS })?[0];
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
    let (head, theta) = (
        head.unwrap_or(width / heads.max(1)),
        theta.unwrap_or(10_000.0),
    );
    let mut config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": vocabulary, "hidden_size": width,
        "intermediate_size": count("feed_forward_length")?, "num_hidden_layers": count("block_count")?,
        "num_attention_heads": heads, "num_key_value_heads": key_heads.unwrap_or(heads),
        "head_dim": head, "max_position_embeddings": count("context_length")?,
        // Stored in f32 there: 1e-5 comes back as 1e-5, not as its nearest f32.
        "rms_norm_eps": short(eps.unwrap_or(1e-5)), "rope_theta": theta, "hidden_act": "silu",
        "tie_word_embeddings": file.shape("output.weight").is_none(),
        "bos_token_id": token("bos_token_id"), "eos_token_id": token("eos_token_id"),
    });
    if file.shape(FACTORS).is_some() {
        let scaling = rope_scaling(&file.read(FACTORS)?, theta, head);
        config["rope_scaling"] = scaling.ok_or(GgufError::Factors)?;
    }
    Ok(config)
}

/// The settings of the rope type `llama3` that have these factors, which a file holds in their place; null where
/// nothing is scaled. Of the settings only `factor` is searched for: the others are what Llama 3.1 and all later ones have.
fn rope_scaling(factors: &[f32], theta: f64, head: usize) -> Option<Value> {
    const CONTEXT: f64 = 8192.0;
    const SLOW: f64 = 1.0;
    const FAST: f64 = 4.0;
    if factors
        .iter()
        .all(|&factor| (factor - 1.0).abs() < f32::EPSILON)
    {
        return Some(Value::Null);
    }
    // The slowest turns are slowed down by the whole of it, which f32 may miss by a little.
    let whole = (f64::from(*factors.last()?) * 1e4).round() / 1e4;
    let factor = |at: usize| {
        let turns = CONTEXT * theta.powf(-2.0 * at as f64 / head as f64) / std::f64::consts::TAU;
        let smooth = ((turns - SLOW) / (FAST - SLOW)).clamp(0.0, 1.0);
        1.0 / ((1.0 - smooth) / whole + smooth)
    };
    // They are computed in f32.
    let same = |(at, &found): (usize, &f32)| (f64::from(found) / factor(at) - 1.0).abs() < 1e-4;
    let known = factors.len() == head / 2 && factors.iter().enumerate().all(same);
    known.then(|| {
        json!({"rope_type": "llama3", "factor": whole, "low_freq_factor": SLOW, "high_freq_factor": FAST,
               "original_max_position_embeddings": CONTEXT as i64})
    })
}

/// The shortest decimal number of the same f32.
fn short(x: f64) -> f64 {
    (x as f32).to_string().parse().unwrap_or(x)
}

/// `tokenizer.json`, `tokenizer_config.json` and the chat template.
fn tokenizer(file: &Gguf) -> Result<Vec<(String, Value)>, GgufError> {
    let get = |key: &str| file.get(&format!("tokenizer.ggml.{key}"));
    let kind = get("model").and_then(Meta::text).unwrap_or("missing");
    let pieces = kind == "llama";
    if !pieces && kind != "gpt2" {
        let kind = kind.to_owned();
        return Err(GgufError::Tokenizer { kind });
    }
    let texts = |own: &str| -> Result<Vec<String>, GgufError> {
        let key = format!("tokenizer.ggml.{own}");
        let list = get(own).and_then(Meta::list);
        let list = list.ok_or_else(|| GgufError::NoKey { key: key.clone() })?;
        let text = |(at, value): (usize, &Meta)| {
            let text = value.text().map(str::to_owned);
            let key = key.clone();
            text.ok_or(GgufError::NoText { key, at })
        };
        list.iter().enumerate().map(text).collect()
    };
    let words = texts("tokens")?;
    let types = get("token_type").and_then(Meta::list).unwrap_or_default();
    // 1: of the vocabulary; 2: stands for the unknown; 3: control; 4: defined by the user.
    let kind_of = |id: usize| types.get(id).and_then(Meta::count);
    let special = |id: usize| kind_of(id) == Some(3) || pieces && kind_of(id) == Some(2);
    let added = |id: usize| special(id) || kind_of(id) == Some(4);
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
    let token = |key: &str| {
        let id = get(key).and_then(Meta::count)?;
        Some((id, words.get(id)?.clone()))
    };
    let begin = token("bos_token_id");
    let adds = match get("add_bos_token") {
        Some(Meta::Flag(adds)) => *adds,
        _ => pieces,
    };
    let post = match &begin {
        Some((id, word)) if adds => json!({"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": word, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {word.clone(): {"id": word, "ids": [id], "tokens": [word]}}}),
        _ => Value::Null,
    };
    let mut tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": null, "post_processor": post, "decoder": null,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                  "vocab": vocabulary, "merges": null},
    });
    if pieces {
        let scores = get("scores").and_then(Meta::list).unwrap_or_default();
        let scores: Option<Vec<f64>> = scores.iter().map(Meta::number).collect();
        let scores =
            scores
                .filter(|scores| scores.len() == words.len())
                .ok_or(GgufError::Scores {
                    tokens: words.len(),
                })?;
        let prefix = !matches!(get("add_space_prefix"), Some(Meta::Flag(false)));
        let unknown = token("unknown_token_id").map(|(_, word)| word);
        let model = &mut tokenizer["model"];
        model["unk_token"] = json!(unknown);
        model["fuse_unk"] = json!(true);
        model["byte_fallback"] = json!(true);
        model["merges"] = json!(merges(&words, &scores, |id| matches!(
            kind_of(id),
            None | Some(1)
        )));
        spaces(&mut tokenizer, prefix);
    } else {
        let name = get("pre").and_then(Meta::text).unwrap_or("default");
        tokenizer["model"]["ignore_merges"] = json!(name == "llama-bpe");
        tokenizer["model"]["merges"] = json!(texts("merges")?);
        tokenizer["pre_tokenizer"] = split(name)?;
        tokenizer["decoder"] = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
                                      "use_regex": true});
    }
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

/// How a byte-level tokenizer splits texts before it merges.
fn split(name: &str) -> Result<Value, GgufError> {
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let whole = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    Ok(match SPLITS.iter().find(|(own, _)| *own == name) {
        Some((_, pattern)) => json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false}, byte_level]}),
        // GPT-2's own rule, with each digit alone.
        None if name == "smollm" => json!({"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": true}, whole]}),
        None if ["default", "gpt-2"].contains(&name) => whole,
        None => {
            let rule = name.to_owned();
            return Err(GgufError::Split { rule });
        }
    })
}

/// SentencePiece's order of merging as a list of merges: two pieces become a third that is a piece too, those with the
/// highest score first.
fn merges(
    words: &[String],
    scores: &[f64],
    is_piece: impl Fn(usize) -> bool,
) -> Vec<(String, String)> {
    let pieces: HashMap<&str, f64> = words
        .iter()
        .enumerate()
        .filter(|&(id, _)| is_piece(id))
        .map(|(id, word)| (word.as_str(), scores[id]))
        .collect();
    let mut found: Vec<(f64, [f64; 2], &str, &str)> = Vec::new();
    for (id, word) in words.iter().enumerate().filter(|&(id, _)| is_piece(id)) {
        for (at, _) in word.char_indices().skip(1) {
            let (left, right) = word.split_at(at);
            if let (Some(&a), Some(&b)) = (pieces.get(left), pieces.get(right)) {
                found.push((scores[id], [a, b], left, right));
            }
        }
    }
    // Ways to the same piece: the better left part first, as `transformers` orders them.
    found.sort_by(|a, b| {
        let parts = b.1[0].total_cmp(&a.1[0]).then(b.1[1].total_cmp(&a.1[1]));
        b.0.total_cmp(&a.0).then(parts)
    });
    let pair =
        |(_, _, left, right): (f64, [f64; 2], &str, &str)| (left.to_owned(), right.to_owned());
    found.into_iter().map(pair).collect()
}

/// SentencePiece writes a blank as `▁`, one more in front of a text.
fn spaces(tokenizer: &mut Value, prefix: bool) {
    let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let back = json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "});
    let mut normalizers = vec![replace];
    let mut decoders = vec![
        back,
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        normalizers.insert(0, json!({"type": "Prepend", "prepend": "▁"}));
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    tokenizer["normalizer"] = json!({"type": "Sequence", "normalizers": normalizers});
    tokenizer["decoder"] = json!({"type": "Sequence", "decoders": decoders});
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/");

    fn golden(name: &str) -> Value {
        let text = std::fs::read_to_string(format!("{GOLDEN}{name}")).expect("golden");
        serde_json::from_str(&text).expect("json")
    }

    /// Factors from the rotary frequencies of `transformers`.
    #[test]
    fn the_factors_of_llama_3_1_and_later_are_found_out() {
        for row in golden("rope_factors.json").as_array().expect("rows") {
            let factors: Vec<f32> = serde_json::from_value(row["factors"].clone()).expect("f32");
            let (theta, head) = (row["theta"].as_f64().expect("theta"), factors.len() * 2);
            let found = rope_scaling(&factors, theta, head);
            assert_eq!(found.as_ref(), Some(&row["settings"]), "{row}");
            assert_eq!(rope_scaling(&factors, theta / 2.0, head), None);
            let mut bent = factors.clone();
            bent[head / 4] *= 1.01;
            assert_eq!(rope_scaling(&bent, theta, head), None);
        }
        assert_eq!(rope_scaling(&[1.0; 8], 1e4, 16), Some(Value::Null));
        assert_eq!(rope_scaling(&[2.0; 8], 1e4, 16), None);
    }

    /// A tokenizer that `sentencepiece` trained, in a file that llama.cpp's own package wrote; ids and texts as
    /// `sentencepiece` gives them.
    #[test]
    fn a_sentencepiece_tokenizer_gives_the_same_ids() {
        let golden: BTreeMap<String, Vec<Vec<Value>>> =
            serde_json::from_value(golden("pieces.json")).expect("golden");
        for (name, rows) in golden {
            let file = Gguf::open(Path::new(&format!("{GOLDEN}{name}"))).expect("file");
            let files = tokenizer(&file).expect("tokenizer");
            let found: tokenizers::Tokenizer = files[0].1.to_string().parse().expect("sound");
            assert!(rows.len() >= 100);
            for row in rows {
                let text = row[0].as_str().expect("text");
                let ids: Vec<u32> = serde_json::from_value(row[1].clone()).expect("ids");
                let plain = found.encode(text, false).expect("encoded");
                assert_eq!(plain.get_ids(), ids, "{name} {text:?}");
                let with = found.encode(text, true).expect("encoded");
                assert_eq!(with.get_ids()[1..], ids, "a begin-of-text token");
                assert_eq!(found.decode(&ids, true).expect("text"), text, "{name}");
            }
        }
    }
}

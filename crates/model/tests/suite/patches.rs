//! What towers compute for pictures, counted by hand.

use model::Patches;
use processor::ImageGrid;
use serde_json::{Value, json};

use crate::support::{config, made_picture, picture};

fn golden(text: &str) -> Box<dyn model::Mllm> {
    let golden: Value = serde_json::from_str(text).unwrap();
    model::outline(&golden["config"].to_string(), None).unwrap()
}

#[test]
fn edges_of_tiles_are_padding() {
    // Three patches along a side.
    let model = model::outline(&config(&json!({})), None).unwrap();
    let of = |original, tiles| model.patches(&picture("p", 12, original, tiles, 0));
    // A picture that fills its only tile: the overview and that.
    let (computed, shown) = (9 + 9, 9 + 9);
    assert_eq!(of((12, 12), (1, 1)), Patches { computed, shown });
    // Of three rows of six the outer two are empty: 30 pixels of 100 are 1.8 rows of 6 columns, and 1.2 are halved and
    // rounded to one above and one below.
    let (computed, shown) = (9 + 18, 9 + 6);
    assert_eq!(of((30, 100), (1, 2)), Patches { computed, shown });
}

#[test]
fn missing_tiles_are_padding() {
    let model = golden(include_str!("../golden/mllama/padded-tiles.json"));
    let of = |tiles: (usize, usize)| {
        let shape = vec![tiles.0 * tiles.1, 3, 12, 12];
        model.patches(&made_picture("p", shape, ImageGrid::Canvas { tiles }, 1))
    };
    // A tile has nine patches and a class token, filled up to sixteen; there are always four.
    let computed = 4 * 16;
    let shown = 3 * 10;
    assert_eq!(of((1, 3)), Patches { computed, shown });
    let shown = 4 * 10;
    assert_eq!(of((2, 2)), Patches { computed, shown });
}

#[test]
fn pictures_of_any_size_have_no_padding() {
    let model = golden(include_str!("../golden/qwen2_vl/merge-three.json"));
    let grid = ImageGrid::Patches { patches: (6, 9) };
    let picture = made_picture("p", vec![54, 3, 3, 3], grid, 6);
    assert_eq!(model.patches(&picture), Patches::all(54));
}

#[test]
fn what_reads_no_pictures_computes_none() {
    let text = r#"{"model_type": "llama", "vocab_size": 40, "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": true}"#;
    let model = model::outline(text, None).unwrap();
    let picture = picture("p", 12, (12, 12), (1, 1), 0);
    assert_eq!(model.patches(&picture), Patches::default());
}

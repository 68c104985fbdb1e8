//! Packing, cache and gradients agree with the plain forward.

use crate::support::{alone, picture, relative_error, sequence, small, train};
use model::{Batch, Error, Group, Mllm, logits};
use processor::ImageInput;
use serde_json::json;
use torch::{Kind, Tensor};

/// Sequences of different lengths: a wide picture, none, a square one (overview and tile differ), two pictures.
fn samples() -> Vec<(Vec<i64>, Vec<ImageInput>)> {
    // 12-pixel tiles of 3 × 3 patches: an overview of 9 features, then rows of features with a newline each.
    let wide = picture("wide", 12, (10, 24), (1, 2), 9 + 3 * 7);
    let square = picture("square", 12, (30, 30), (1, 1), 9 + 3 * 4);
    let tall = picture("tall", 12, (24, 8), (2, 1), 9 + 6 * 4);
    let mut two = sequence("d", 2, Some(&square), 3);
    two.extend(sequence("e", 1, Some(&tall), 2));
    vec![
        (sequence("a", 4, Some(&wide), 9), vec![wide]),
        (sequence("b", 6, None, 1), vec![]),
        (sequence("c", 1, Some(&square), 5), vec![square.clone()]),
        (two, vec![square, tall]),
    ]
}

fn packed(samples: &[(Vec<i64>, Vec<ImageInput>)]) -> Batch {
    let mut batch = Batch::default();
    for (ids, images) in samples {
        batch.push(ids, 0, images);
    }
    batch
}

#[test]
fn a_packed_batch_equals_its_samples() {
    let model = small(&json!({}), Kind::Float);
    let samples = samples();
    let alone: Vec<Tensor> = samples
        .iter()
        .map(|(ids, images)| model.hidden(&alone(ids, images), None).unwrap())
        .collect();
    let together = model.hidden(&packed(&samples), None).unwrap();
    assert!(relative_error(&together, &Tensor::cat(&alone, 0)) < 1e-6);
}

#[test]
fn equal_lengths_equal_the_samples() {
    let model = small(
        &json!({"text_config": {"num_key_value_heads": 1}}),
        Kind::Float,
    );
    let samples: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|n| (sequence(n, 11, None, 0), vec![]))
        .collect();
    let alone: Vec<Tensor> = samples
        .iter()
        .map(|(ids, images)| model.hidden(&alone(ids, images), None).unwrap())
        .collect();
    let together = model.hidden(&packed(&samples), None).unwrap();
    assert!(relative_error(&together, &Tensor::cat(&alone, 0)) < 1e-6);
}

#[test]
fn steps_over_a_cache_equal_the_full_forward() {
    let model = small(&json!({}), Kind::Float);
    let samples = samples();
    let full: Vec<Tensor> = samples
        .iter()
        .map(|(ids, images)| model.hidden(&alone(ids, images), None).unwrap())
        .collect();
    let mut cache = model.new_cache(samples.len(), 80);
    // All but the last two tokens, then one, then one.
    let mut prefill = Batch::default();
    for (ids, images) in &samples {
        prefill.push(&ids[..ids.len() - 2], 0, images);
    }
    let mut rows: Vec<Vec<Tensor>> = samples.iter().map(|_| Vec::new()).collect();
    let first = model.hidden(&prefill, Some(&mut cache)).unwrap();
    for (i, row) in rows.iter_mut().enumerate() {
        row.push(first.narrow(
            0,
            prefill.starts[i] as i64,
            (prefill.starts[i + 1] - prefill.starts[i]) as i64,
        ));
    }
    for back in [2, 1] {
        let mut step = Batch::default();
        for (ids, _) in &samples {
            step.push(&ids[ids.len() - back..][..1], ids.len() - back, &[]);
        }
        let hidden = model.hidden(&step, Some(&mut cache)).unwrap();
        for (i, row) in rows.iter_mut().enumerate() {
            row.push(hidden.narrow(0, i as i64, 1));
        }
    }
    for (row, full) in rows.iter().zip(&full) {
        assert!(relative_error(&Tensor::cat(row, 0), full) < 1e-6);
    }
    assert_eq!(
        cache.lengths(),
        samples.iter().map(|(ids, _)| ids.len()).collect::<Vec<_>>()
    );
}

#[test]
fn bf16_stays_near_f32() {
    let (rough, fine) = (
        small(&json!({}), Kind::BFloat16),
        small(&json!({}), Kind::Float),
    );
    let samples = samples();
    let batch = packed(&samples);
    let found = rough
        .hidden(&batch, Some(&mut rough.new_cache(samples.len(), 80)))
        .unwrap();
    assert_eq!(found.kind(), Kind::BFloat16);
    assert!(relative_error(&found, &fine.hidden(&batch, None).unwrap()) < 0.03);
}

#[test]
fn uneven_continuations_and_kept_rows_equal_the_full_forward() {
    let model = small(
        &json!({"text_config": {"num_key_value_heads": 4}}),
        Kind::Float,
    );
    let ids: Vec<Vec<i64>> = ["a", "b", "c"]
        .iter()
        .map(|n| sequence(n, 12, None, 0))
        .collect();
    let full: Vec<Tensor> = ids
        .iter()
        .map(|ids| model.hidden(&alone(ids, &[]), None).unwrap())
        .collect();
    let mut cache = model.new_cache(3, 12);
    let cuts = [[3, 3, 9], [1, 1, 12], [7, 8, 12]];
    let mut batch = Batch::default();
    for (ids, cut) in ids.iter().zip(&cuts) {
        batch.push(&ids[..cut[0]], 0, &[]);
    }
    let _ = model.hidden(&batch, Some(&mut cache)).unwrap();
    cache.keep(&[2, 0]);
    // Row 2 continues with one token and row 0 with six.
    let mut batch = Batch::default();
    batch.push(&ids[2][7..8], 7, &[]);
    batch.push(&ids[0][3..9], 3, &[]);
    let hidden = model.hidden(&batch, Some(&mut cache)).unwrap();
    assert!(relative_error(&hidden.narrow(0, 0, 1), &full[2].narrow(0, 7, 1)) < 1e-6);
    assert!(relative_error(&hidden.narrow(0, 1, 6), &full[0].narrow(0, 3, 6)) < 1e-6);
    assert_eq!(cache.lengths(), [8, 9]);
}

#[test]
fn a_repeated_tile_is_encoded_once_to_the_same_result() {
    let model = small(&json!({}), Kind::Float);
    let mut same = picture("same", 12, (12, 12), (1, 1), 21);
    let tile: Vec<f32> = same.pixels[..3 * 12 * 12].to_vec();
    same.pixels = std::sync::Arc::new([tile.clone(), tile].concat());
    let ids = sequence("a", 2, Some(&same), 4);
    let once = model
        .hidden(&alone(&ids, std::slice::from_ref(&same)), None)
        .unwrap();
    // A last bit of one pixel makes the tiles differ.
    let mut bent = (*same.pixels).clone();
    bent[3 * 12 * 12] = f32::from_bits(bent[3 * 12 * 12].to_bits() ^ 1);
    same.pixels = std::sync::Arc::new(bent);
    let twice = model.hidden(&alone(&ids, &[same]), None).unwrap();
    assert!(relative_error(&once, &twice) < 1e-5);
}

/// A loss that every hidden row reaches.
fn loss(model: &dyn Mllm) -> Tensor {
    let hidden = model.hidden(&packed(&samples()), None).unwrap();
    let logits = logits(model, &hidden).unwrap();
    let targets = Tensor::arange(logits.size()[0], (Kind::Int64, torch::Device::Cpu)).remainder(40);
    logits.cross_entropy_for_logits(&targets)
}

#[test]
fn every_reachable_parameter_gets_a_gradient() {
    for changes in [
        json!({}),
        json!({"tie_word_embeddings": false, "vision_feature_layer": -1}),
        json!({"vision_feature_layer": 1}),
    ] {
        let model = small(&changes, Kind::Float);
        train(
            model.as_ref(),
            &[Group::VisionTower, Group::Projector, Group::LanguageModel],
        );
        for parameter in model.parameters() {
            let _ = parameter.tensor.set_requires_grad(true);
        }
        loss(model.as_ref()).backward();
        for parameter in model.parameters() {
            let gradient = parameter.tensor.grad();
            let norm = if gradient.defined() {
                gradient.norm().double_value(&[])
            } else {
                0.0
            };
            assert!(norm.is_finite(), "{}", parameter.name);
            assert_eq!(norm > 0.0, parameter.reachable, "{} {norm}", parameter.name);
        }
    }
}

#[test]
fn frozen_groups_build_no_graph() {
    let model = small(&json!({}), Kind::Float);
    train(model.as_ref(), &[Group::Projector]);
    loss(model.as_ref()).backward();
    for parameter in model.parameters() {
        assert_eq!(
            parameter.tensor.grad().defined(),
            parameter.group == Group::Projector,
            "{}",
            parameter.name
        );
    }
    train(model.as_ref(), &[]);
    assert!(!loss(model.as_ref()).requires_grad());
}

#[test]
fn one_batch_is_learned_by_heart() {
    let model = model::fresh(
        &crate::support::config(&json!({})),
        1,
        torch::Device::Cpu,
        Kind::Float,
    )
    .unwrap();
    train(
        model.as_ref(),
        &[Group::VisionTower, Group::Projector, Group::LanguageModel],
    );
    let mut last = f64::INFINITY;
    for _ in 0..150 {
        let loss = loss(model.as_ref());
        last = loss.double_value(&[]);
        loss.backward();
        let _guard = torch::no_grad_guard();
        for parameter in model.parameters().iter().filter(|p| p.reachable) {
            let mut gradient = parameter.tensor.grad();
            let mut tensor = parameter.tensor.shallow_clone();
            // Signs alone: the step of Adam with β = 0.
            tensor.copy_(&(&parameter.tensor - gradient.sign() * 0.004));
            let _ = gradient.zero_();
        }
    }
    assert!(last < 0.1, "{last}");
}

#[test]
fn what_does_not_fit_is_an_error_with_numbers() {
    let model = small(&json!({}), Kind::Float);
    let square = picture("square", 12, (30, 30), (1, 1), 21);
    let ids = sequence("a", 2, Some(&square), 2);
    let error = |batch: &Batch| model.hidden(batch, None).unwrap_err().to_string();
    assert!(
        error(&alone(&ids[1..3], std::slice::from_ref(&square)))
            .contains("has 1 image tokens, but its 1 pictures give 21 features")
    );
    assert!(
        error(&alone(&ids, &[]))
            .contains("has 21 image tokens, but its 0 pictures give 0 features")
    );
    assert!(error(&alone(&[5, 40], &[])).contains("token id 40 at 1"));
    let mut small_tile = square.clone();
    small_tile.shape = vec![2, 3, 6, 6];
    assert!(
        error(&alone(&ids, &[small_tile]))
            .contains("picture 0 of the batch: it has shape [2, 3, 6, 6]")
    );
    let mut few = square.clone();
    few.num_tokens = 20;
    assert!(
        error(&alone(&ids, &[few]))
            .contains("picture 0 of the batch: it has 21 features for 20 image tokens")
    );
    assert!(error(&alone(&[], &[])).contains("it has no tokens"));
    let mut cache = model.new_cache(1, 4);
    let full = model
        .hidden(&alone(&[5, 6, 7, 8, 9], &[]), Some(&mut cache))
        .unwrap_err();
    assert!(
        matches!(
            full,
            Error::CacheFull {
                row: 0,
                capacity: 4,
                needed: 5
            }
        ),
        "{full}"
    );
    let mut cache = model.new_cache(2, 4);
    assert!(model.hidden(&alone(&[5], &[]), Some(&mut cache)).is_err());
}

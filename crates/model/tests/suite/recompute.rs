//! What is computed again changes no bit: every family of the golden files, with all of it learning and with parts frozen.

use std::path::Path;

use model::{Batch, Group, Mllm, Recompute, fresh};
use torch::{Device, Kind, Tensor, backward_with, no_grad_guard};

use crate::golden::{FOLDER, Golden, packed};
use crate::support::{fill, train};

const FAMILIES: [&str; 5] = ["llama", "llava", "llava_next", "mllama", "qwen2_vl"];

/// Values that add up differently in another order.
fn gradient(of: &Tensor) -> Tensor {
    let count = of.numel() as i64;
    let angles = Tensor::arange(count, (Kind::Double, Device::Cpu)) * 0.37;
    angles.sin().reshape(of.size()).to_kind(of.kind())
}

/// Hidden states of two passes over the batch, and all gradients, which are summed where they lie.
fn learned(
    model: &dyn Mllm,
    batch: &mut Batch,
    groups: &[Group],
    recompute: Recompute,
) -> Vec<Option<Tensor>> {
    train(model, groups);
    batch.recompute = recompute;
    let mut found = Vec::new();
    for _ in 0..2 {
        let hidden = model.hidden(batch, None).unwrap();
        if hidden.requires_grad() {
            backward_with(&hidden, &gradient(&hidden)).unwrap();
        }
        found.push(Some(hidden.detach()));
    }
    for parameter in model.parameters() {
        let gradient = parameter.tensor.grad();
        found.push(gradient.defined().then(|| gradient.copy()));
        torch::clear_grad(&parameter.tensor).unwrap();
    }
    found
}

fn check(family: &str, case: &str, kind: Kind) {
    let golden = Golden::read(family, case);
    let model = fresh(&golden.config.to_string(), 0, Device::Cpu, kind).unwrap();
    let model = model.as_ref();
    fill(model);
    // Twice, so that a weight meets several pictures in one backward.
    let sequences = golden.sequences.iter();
    let mut batch = packed(sequences.clone().chain(sequences));
    let frozen = [
        &Group::ALL[..],
        &[Group::VisionTower],
        &[Group::Projector],
        &[Group::LanguageModel],
        &[],
    ];
    for groups in frozen {
        let kept = learned(model, &mut batch, groups, Recompute::None);
        for recompute in [Recompute::Cheap, Recompute::Blocks] {
            let found = learned(model, &mut batch, groups, recompute);
            let names = model.parameters().iter().map(|p| p.name.as_str());
            let names = ["hidden", "hidden again"].into_iter().chain(names);
            assert_eq!(kept.len(), found.len());
            for ((kept, found), name) in kept.iter().zip(&found).zip(names) {
                let same = match (kept, found) {
                    (Some(kept), Some(found)) => kept.equal(found),
                    (kept, found) => kept.is_none() && found.is_none(),
                };
                assert!(
                    same,
                    "{family} {case} {kind:?} {recompute:?} {groups:?}: {name}"
                );
            }
        }
    }
}

fn check_all(kind: Kind) {
    let mut checked = 0;
    for family in FAMILIES {
        for entry in std::fs::read_dir(Path::new(FOLDER).join(family)).unwrap() {
            let path = entry.unwrap().path();
            check(family, path.file_stem().unwrap().to_str().unwrap(), kind);
            checked += 1;
        }
    }
    assert_eq!(checked, 22);
}

#[test]
fn gradients_are_the_same_in_f32() {
    check_all(Kind::Float);
}

#[test]
fn gradients_are_the_same_in_bf16() {
    check_all(Kind::BFloat16);
}

/// Where nothing is fused, as on a GPU.
#[test]
fn gradients_are_the_same_in_f64() {
    check_all(Kind::Double);
}

/// A cache has no backward, so nothing of it is computed again.
#[test]
fn generation_is_not_affected() {
    for (family, case) in [("mllama", "padded-tiles"), ("qwen2_vl", "two-pictures")] {
        let golden = Golden::read(family, case);
        let model = fresh(&golden.config.to_string(), 0, Device::Cpu, Kind::Float).unwrap();
        fill(model.as_ref());
        train(model.as_ref(), &Group::ALL);
        let mut batch = packed(golden.sequences.iter());
        let hidden = |batch: &Batch, cached: bool| {
            let mut cache = cached.then(|| model.new_cache(batch.num_sequences(), 128));
            model.hidden(batch, cache.as_mut()).unwrap()
        };
        let (expected, cached) = (hidden(&batch, false), hidden(&batch, true));
        for recompute in [Recompute::Cheap, Recompute::Blocks] {
            batch.recompute = recompute;
            let found = hidden(&batch, true);
            assert!(found.equal(&cached) && !found.requires_grad());
            let _guard = no_grad_guard();
            assert!(hidden(&batch, false).equal(&expected));
        }
    }
}

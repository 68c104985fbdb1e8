//! Bytes, counted by hand.

use super::*;
use crate::recipe::training::Group;
use crate::recipe::{DeviceKind, Dtype};

const LOAD: Load = Load {
    tokens: 5,
    learned: 5,
    samples: 1,
    patches: 0,
    pictures: 0,
};
const FLOW: Flow = Flow {
    tower: true,
    projector: true,
};

fn block(dtype: Dtype, kind: DeviceKind, samples: u64) -> Block {
    let load = Load { samples, ..LOAD };
    let numerics = Numerics { dtype, kind };
    kept(&model(&tiny()), &load, numerics, FLOW, None).text[0].1
}

#[test]
fn a_layer_keeps_what_its_backward_reads() {
    // 5 tokens, width 8, queries 8, keys and values 4, inner width 12, 4 heads, bf16.
    let found = block(Dtype::Bf16, DeviceKind::Cpu, 1);
    assert_eq!(found.input, 5 * 8 * 2);
    let attention = 5 * (8 + 4 + 4 + 8) * 2 + 5 * 4 * 4;
    // What enters and the sum in the middle, with a scale a token; gate and up.
    let lean = 2 * (5 * 8 * 2 + 5 * 4) + attention + 2 * 5 * 12 * 2;
    assert_eq!(found.lean, lean);
    // Both norms' outputs, and the product of the gate.
    assert_eq!(found.whole - lean, 2 * 5 * 8 * 2 + 5 * 12 * 2);
    // Parts of several samples are put together once more where attention is libtorch's.
    let several = |kind| block(Dtype::Bf16, kind, 3).whole - block(Dtype::Bf16, kind, 1).whole;
    assert_eq!(several(DeviceKind::Cpu), 0);
    assert_eq!(several(DeviceKind::Gpu), 5 * 8 * 2);
}

#[test]
fn what_is_made_again_is_not_kept() {
    let found = block(Dtype::F32, DeviceKind::Cpu, 1);
    let kept = Recompute::ALL.map(|recompute| found.kept(recompute));
    assert_eq!(kept, [found.whole, found.lean, found.input]);
    // A block's own part is there while its backward runs; of what is cheap the product of the gate.
    let more = |recompute| found.moment(recompute) - found.moment(Recompute::None);
    assert_eq!(more(Recompute::Blocks), found.whole);
    assert_eq!(more(Recompute::Cheap), 5 * 12 * 4);
}

#[test]
fn composed_norms_and_gates_keep_their_steps() {
    let fused = block(Dtype::Bf16, DeviceKind::Cpu, 1);
    let composed = block(Dtype::Bf16, DeviceKind::Gpu, 1);
    // Of each norm the input in f32 instead of bf16 and the normed values; of the gate what its activation gives.
    let norms = 2 * (5 * 8 * 2 + 5 * 8 * 2);
    assert_eq!(composed.whole - fused.whole, norms + 5 * 12 * 2);
    // Made again they keep their inputs, and no scales.
    assert_eq!(fused.lean - composed.lean, 2 * 5 * 4);
}

#[test]
fn an_eight_billion_decoder_keeps_the_published_bytes_a_token() {
    let (config, _) = published("open-llava-next-llama3-8b");
    let load = Load {
        tokens: 1,
        learned: 1,
        ..LOAD
    };
    let numerics = Numerics {
        dtype: Dtype::Bf16,
        kind: DeviceKind::Cpu,
    };
    let block = kept(&model(&config), &load, numerics, FLOW, None).text[0].1;
    // 139,264 bytes of bf16, two scales and 32 normalisers of f32.
    assert_eq!(block.whole, 139_264 + 8 + 128);
    assert!(block.kept(Recompute::Cheap) < 96_000);
}

#[test]
fn state_and_gradients_follow_the_choices() {
    let (config, _) = published("open-llava-next-llama3-8b");
    let model = model(&config);
    let load = Load::most(&model, 6144, 6144);
    let planner = Planner::new(model, Dtype::Bf16, &[], load);
    let trained = planner.trained(None);
    let needs = |choices: &Choices, shards| planner.needs(choices, DeviceKind::Gpu, shards);
    let plain = Choices::default();
    assert_eq!(needs(&plain, 1).state, 12 * trained);
    assert_eq!(needs(&plain, 1).weights, 2 * planner.num_parameters());
    assert_eq!(needs(&plain, 8).state, 12 * trained / 8);
    let with = |key: &str, word: &str| plain.clone().with(key, word).expect("known");
    let state = |choices: &Choices| needs(choices, 1).state;
    assert_eq!(state(&with("optimizer_state", "bf16")), 8 * trained);
    assert_eq!(state(&with("masters", "none")), 8 * trained);
    let small = state(&with("optimizer_state", "8bit"));
    // A byte for each moment, and four for 256 of them; those of CLIP's vectors of 1,024 stay in f32: three before the layers and
    // eight in each of 23.
    let vectors = (3 + 8 * 23) * 1024;
    let large = trained - vectors;
    assert_eq!(
        small,
        4 * trained + 8 * vectors + 2 * large + 8 * large.div_ceil(256)
    );
    let host = needs(&with("optimizer_device", "cpu"), 1);
    assert_eq!((host.state, host.host), (0, 12 * trained));
    // On a processor nothing moves.
    let here = planner.needs(&with("optimizer_device", "cpu"), DeviceKind::Cpu, 1);
    assert_eq!((here.state, here.host), (12 * trained, 0));
    let half = needs(&with("gradients", "bf16"), 1);
    // The head's gradient stays in f32.
    let head = 128_320 * 4096;
    assert_eq!(half.gradients, 2 * trained + 2 * head);
}

#[test]
fn frozen_parts_keep_nothing_and_have_no_state() {
    let (config, _) = published("qwen2-vl-2b-instruct");
    let model = model(&config);
    let load = Load::most(&model, 6144, 6144);
    let all = Planner::new(model.clone(), Dtype::Bf16, &[], load);
    let still = Planner::new(model, Dtype::Bf16, &[Group::VisionTower], load);
    let needs = |planner: &Planner| planner.needs(&Choices::default(), DeviceKind::Cpu, 1);
    let (all, still) = (needs(&all), needs(&still));
    assert_eq!(all.weights, still.weights);
    assert_eq!(all.state - still.state, 12 * 631_183_360);
    assert!(all.activations > still.activations);
}

#[test]
fn a_microbatch_is_as_long_as_its_longest_sample() {
    let (config, _) = published("qwen2-vl-2b-instruct");
    let qwen = model(&config);
    assert_eq!(Load::most(&qwen, 2048, 6144).tokens, 6144);
    assert_eq!(Load::most(&qwen, 8192, 6144).tokens, 8192);
    assert_eq!(Load::most(&qwen, 8192, 6144).patches, 2 * 8192);
    let (config, _) = published("llama-3.2-11b-vision-instruct");
    let canvas = model(&config);
    // Four tiles of 1,601 tokens, each filled up to 1,608; one picture is there, be it as large as it is.
    let one = Load::most(&canvas, 1024, 1024);
    assert_eq!((one.pictures, one.patches), (1, 6432));
    assert_eq!(Load::most(&canvas, 6144, 6144).pictures, 1);
    assert_eq!(Load::most(&canvas, 6432, 6144).pictures, 2);
    assert_eq!(Load::most(&model(&tiny()), 64, 64).pictures, 0);
}

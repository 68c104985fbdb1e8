//! Training on a tiny random LLaVA-NeXT: loss and gradients against plain PyTorch operators, overfitting, resuming.

use model::{Batch, Group, Mllm};
use processor::{Encoded, ImageGrid, ImageInput};
use torch::{Device, Kind, Tensor};
use train::{Config, SampleSource, Trainer, losses, pack};

const CONFIG: &str = r#"{
  "model_type": "llava_next", "architectures": ["LlavaNextForConditionalGeneration"],
  "image_token_index": 1, "image_grid_pinpoints": [[8, 8]], "vision_feature_layer": -2,
  "vision_feature_select_strategy": "default", "projector_hidden_act": "gelu", "tie_word_embeddings": true,
  "text_config": {"model_type": "llama", "vocab_size": 40, "hidden_size": 16, "intermediate_size": 24,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true},
  "vision_config": {"model_type": "clip_vision_model", "hidden_size": 12, "intermediate_size": 20,
    "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 8, "patch_size": 4, "hidden_act": "quick_gelu"}
}"#;

struct Samples(Vec<Encoded>);

impl SampleSource for Samples {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn id(&self, _: usize) -> &str {
        "sample"
    }
    fn encode(&self, index: usize) -> Result<Encoded, String> {
        Ok(self.0[index].clone())
    }
}

fn text(ids: &[i64], from: usize) -> Encoded {
    Encoded { ids: ids.to_vec(), learn: (0..ids.len()).map(|i| i >= from).collect(), images: Vec::new() }
}

fn picture(seed: usize) -> Encoded {
    // Overview and one tile of 2 × 2 patches: 4 + 2 rows of 2 and a newline.
    let pixels: Vec<f32> = (0..2 * 3 * 64).map(|i| ((i * 7 + seed * 13) % 11) as f32 / 11.0 - 0.5).collect();
    let image = ImageInput {
        pixels: std::sync::Arc::new(pixels),
        shape: vec![2, 3, 8, 8],
        grid: ImageGrid::Tiles { original: (8, 8), tiles: (1, 1) },
        num_tokens: 10,
    };
    let mut ids = vec![2; 1];
    ids.extend([1; 10]);
    ids.extend([3 + seed as i64, 9, 10 + seed as i64, 5]);
    let learn = (0..ids.len()).map(|i| i > 12).collect();
    Encoded { ids, learn, images: vec![image] }
}

fn samples() -> Samples {
    Samples(vec![picture(0), text(&[2, 7, 8, 9, 20, 21], 3), picture(1), text(&[2, 30, 31], 1)])
}

fn fresh() -> Box<dyn Mllm> {
    model::fresh(CONFIG, 5, Device::Cpu, Kind::Float).expect("model")
}

/// Loss and gradients from the whole logits matrix and autograd alone.
fn plain(model: &dyn Mllm, samples: &[Encoded]) -> f64 {
    let learned: usize = samples.iter().map(|s| s.learn[1..].iter().filter(|&&l| l).count()).sum();
    let mut sum = Tensor::from(0.0_f32);
    for sample in samples {
        let mut batch = Batch::default();
        batch.push(&sample.ids, 0, &sample.images);
        let logits = model.hidden(&batch, None).expect("hidden").matmul(&model.head().transpose(0, 1));
        let length = sample.ids.len() as i64;
        let targets: Vec<i64> =
            (1..sample.ids.len()).map(|i| if sample.learn[i] { sample.ids[i] } else { -100 }).collect();
        sum = sum
            + logits.narrow(0, 0, length - 1).cross_entropy_loss::<Tensor>(
                &Tensor::from_slice(&targets),
                None,
                torch::tch::Reduction::Sum,
                -100,
                0.0,
            );
    }
    let loss = sum / learned as f64;
    loss.backward();
    loss.double_value(&[])
}

#[test]
fn one_step_equals_plain_autograd_and_adamw() {
    let (ours, theirs, data) = (fresh(), fresh(), samples());
    let config = Config { scheduler: train::Scheduler::Constant, warmup_ratio: 0.0, micro_tokens: 20, max_grad_norm: 0.0, ..Config::small(1e-2, 4, 1) };
    let mut trainer = Trainer::new(ours.as_ref(), &data, &config).expect("trainer");
    let metrics = trainer.step().expect("step").expect("metrics");
    for parameter in theirs.parameters() {
        let _ = parameter.tensor.set_requires_grad(true);
    }
    let loss = plain(theirs.as_ref(), &data.0);
    assert!((metrics.loss - loss).abs() < 1e-5, "{} against {loss}", metrics.loss);
    for (mine, other) in ours.parameters().iter().zip(theirs.parameters()) {
        let gradient = other.tensor.grad();
        if !gradient.defined() {
            assert!(!other.reachable, "{} has no gradient", other.name);
            continue;
        }
        // The first AdamW step moves each weight by the rate against the sign of its gradient.
        let moved = (&mine.tensor.detach() - other.tensor.detach()) / -1e-2;
        let expected = &gradient / (gradient.abs() + 1e-8);
        let worst = (moved - expected).abs().max().double_value(&[]);
        let tiny = gradient.abs().min().double_value(&[]) < 1e-6;
        assert!(worst < 2e-2 || tiny, "{}: {worst}", mine.name);
    }
}

#[test]
fn overfits_one_batch() {
    let (model, data) = (fresh(), samples());
    let mut trainer = Trainer::new(model.as_ref(), &data, &Config::small(2e-2, 4, 120)).expect("trainer");
    let mut last = f64::MAX;
    while let Some(metrics) = trainer.step().expect("step") {
        last = metrics.loss;
    }
    assert!(last < 0.05, "{last}");
    let each = losses(model.as_ref(), &data.0, 30).expect("losses");
    assert_eq!(each.iter().map(|l| l.1).sum::<usize>(), 2 + 3 + 2 + 2);
    assert!(each.iter().all(|(nats, n)| *nats < 0.1 * *n as f64), "{each:?}");
}

#[test]
fn resumed_run_ends_in_the_same_bits() {
    let folder = tempfile::tempdir().expect("temp folder");
    let config = Config::small(1e-2, 2, 8);
    let data = samples();
    let whole = fresh();
    let mut trainer = Trainer::new(whole.as_ref(), &data, &config).expect("trainer");
    for step in 0..8 {
        trainer.step().expect("step");
        if step == 3 {
            trainer.save_checkpoint(&folder.path().join("checkpoint-4")).expect("save");
        }
    }
    let resumed = fresh();
    let mut trainer = Trainer::new(resumed.as_ref(), &data, &config).expect("trainer");
    trainer.resume(&folder.path().join("checkpoint-4")).expect("resume");
    while trainer.step().expect("step").is_some() {}
    for (a, b) in whole.parameters().iter().zip(resumed.parameters()) {
        assert!(a.tensor.equal(&b.tensor), "{} differs", a.name);
    }
}

#[test]
fn damaged_checkpoint_and_other_plan_are_refused() {
    let folder = tempfile::tempdir().expect("temp folder");
    let checkpoint = folder.path().join("checkpoint-1");
    let (model, data) = (fresh(), samples());
    let mut trainer = Trainer::new(model.as_ref(), &data, &Config::small(1e-2, 2, 8)).expect("trainer");
    trainer.step().expect("step");
    trainer.save_checkpoint(&checkpoint).expect("save");
    let mut other = Trainer::new(model.as_ref(), &data, &Config::small(2e-2, 2, 8)).expect("trainer");
    assert!(other.resume(&checkpoint).expect_err("plan").to_string().contains("other settings"));
    let path = checkpoint.join("state.safetensors");
    let mut bytes = std::fs::read(&path).expect("read");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).expect("write");
    assert!(trainer.resume(&checkpoint).expect_err("damage").to_string().contains("damaged"));
}

#[test]
fn frozen_groups_stay_as_they_were() {
    let (model, start, data) = (fresh(), fresh(), samples());
    let config = Config { freeze: vec![Group::VisionTower, Group::LanguageModel], ..Config::small(1e-2, 4, 3) };
    let mut trainer = Trainer::new(model.as_ref(), &data, &config).expect("trainer");
    while trainer.step().expect("step").is_some() {}
    for (after, before) in model.parameters().iter().zip(start.parameters()) {
        let same = after.tensor.equal(&before.tensor);
        assert_eq!(same, after.group != Group::Projector || !after.reachable, "{}", after.name);
    }
}

#[test]
fn packing_does_not_change_the_losses() {
    let (model, data) = (fresh(), samples());
    let packed = losses(model.as_ref(), &data.0, 1000).expect("packed");
    let alone = losses(model.as_ref(), &data.0, 1).expect("alone");
    assert_eq!(pack(&data.0, 1000).len(), 1);
    assert!(packed.iter().zip(&alone).all(|(a, b)| (a.0 - b.0).abs() < 1e-4), "{packed:?} {alone:?}");
}

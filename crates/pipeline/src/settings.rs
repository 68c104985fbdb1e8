//! A recipe's plain settings as those of the crates with tensors.

use std::path::Path;

use run::recipe::training::{self, Training};
use run::recipe::{DeviceKind, Dtype, OnSpike, Recipe};

use crate::endpoints::{Endpoints, Keys};
use crate::engine::Engine;
use crate::estimate::Measured;
use crate::generation::Generation;
use crate::memory::of_device;
use crate::sources;

/// What the trainer is told; the file of samples and the checkpoints are the caller's.
pub fn config(training: &Training) -> train::Config {
    let training::Rates {
        vision_tower,
        projector,
        language_model,
    } = training.learning_rate;
    train::Config {
        epochs: training.epochs,
        max_steps: training.max_steps,
        batch_size: training.batch_size,
        micro_tokens: training.micro_tokens,
        max_seq_len: training.max_seq_len,
        too_long: match training.too_long {
            training::TooLong::Error => train::TooLong::Error,
            training::TooLong::TruncateText => train::TooLong::TruncateText,
            training::TooLong::Drop => train::TooLong::Drop,
        },
        shuffle: training.shuffle,
        seed: training.seed,
        learning_rate: train::Rates {
            vision_tower,
            projector,
            language_model,
        },
        freeze: training.freeze.iter().copied().map(group).collect(),
        scheduler: match training.scheduler {
            training::Scheduler::Cosine => train::Scheduler::Cosine,
            training::Scheduler::Linear => train::Scheduler::Linear,
            training::Scheduler::Constant => train::Scheduler::Constant,
        },
        warmup_ratio: training.warmup_ratio,
        min_lr: training.min_lr,
        weight_decay: training.weight_decay,
        betas: training.betas,
        eps: training.eps,
        max_grad_norm: training.max_grad_norm,
        recompute: match training.recompute {
            training::Recompute::None => model::Recompute::None,
            training::Recompute::Cheap => model::Recompute::Cheap,
            training::Recompute::Blocks => model::Recompute::Blocks,
        },
        gradients: match training.gradients {
            training::Gradients::F32 => train::Gradients::F32,
            training::Gradients::Bf16 => train::Gradients::Bf16,
        },
        optimizer_state: match training.optimizer_state {
            training::OptimizerState::F32 => train::OptimizerState::F32,
            training::OptimizerState::Bf16 => train::OptimizerState::Bf16,
            training::OptimizerState::EightBit => train::OptimizerState::EightBit,
        },
        masters: match training.masters {
            training::Masters::F32 => train::Masters::F32,
            training::Masters::None => train::Masters::None,
        },
        optimizer_device: match training.optimizer_device {
            training::OptimizerDevice::Model => train::OptimizerDevice::Model,
            training::OptimizerDevice::Cpu => train::OptimizerDevice::Cpu,
        },
        on_spike: match training.watching.on_spike {
            OnSpike::Stop => train::OnSpike::Stop,
            OnSpike::Skip => train::OnSpike::Skip,
        },
        lora: training.lora.as_ref().map(lora),
    }
}

/// The adapter that is trained.
fn lora(lora: &training::Lora) -> model::Lora {
    model::Lora {
        rank: lora.rank,
        alpha: lora.alpha,
        dropout: lora.dropout,
        targets: lora.targets.clone(),
        rslora: lora.rslora,
    }
}

/// The part of a model.
pub fn group(group: training::Group) -> model::Group {
    match group {
        training::Group::VisionTower => model::Group::VisionTower,
        training::Group::Projector => model::Group::Projector,
        training::Group::LanguageModel => model::Group::LanguageModel,
    }
}

/// The kind of tensors.
pub fn kind(dtype: Dtype) -> torch::Kind {
    match dtype {
        Dtype::F32 => torch::Kind::Float,
        Dtype::Bf16 => torch::Kind::BFloat16,
    }
}

/// The dtype of tensors of this kind, as a recipe names it.
pub fn dtype(kind: torch::Kind) -> Dtype {
    match kind {
        torch::Kind::BFloat16 => Dtype::Bf16,
        _ => Dtype::F32,
    }
}

/// The kind of a device.
pub fn device_kind(device: torch::Device) -> DeviceKind {
    if device.is_cuda() {
        DeviceKind::Gpu
    } else {
        DeviceKind::Cpu
    }
}

/// Where and how a recipe's models run, for the run folder `run`. Tensors may take what the recipe says, or most of the
/// `memory` that the device has in all; how much is generated together is what the recipe says, what a run began with
/// (`kept`), or what fits into that.
pub fn engine(
    recipe: &Recipe,
    run: &Path,
    device: torch::Device,
    threads: usize,
    memory: Option<u64>,
    kept: Option<Generation>,
) -> Engine {
    let mut engine = Engine {
        memory: recipe.memory.or_else(|| memory.map(of_device)),
        threads,
        processing: processing(recipe),
        extra_bos: recipe
            .extra_bos
            .map(|says| (sources::folder_of(&recipe.checkpoint, run), says)),
        base: Some(sources::folder_of(&recipe.checkpoint, run)),
        endpoints: Endpoints {
            settings: recipe.endpoints.clone(),
            keys: Keys::default(),
        },
        ..Engine::on(device, kind(recipe.dtype))
    };
    let fitting = || {
        let named = [
            Some(&recipe.checkpoint),
            recipe.synthesizer.checkpoint.as_ref(),
            recipe.making.checkpoint.as_ref(),
            recipe.filter.checkpoint.as_ref(),
        ];
        let config = config(&recipe.train);
        // A folder that cannot be used is told by whoever opens it.
        let sizes = named.into_iter().flatten().filter_map(|name| {
            Measured::sizes(&engine, &config, &sources::folder_of(name, run)).ok()
        });
        let memory = engine.memory.unwrap_or(u64::MAX);
        let each = sizes.map(|of| Generation::fitting(memory, of.weights, of.cached_token));
        each.min_by_key(|one| one.cache_tokens).unwrap_or_default()
    };
    engine.generation = kept.unwrap_or_else(fitting).told(&recipe.generate);
    engine
}

/// How processors are opened.
fn processing(recipe: &Recipe) -> processor::Options {
    processor::Options {
        template_date: recipe.template_date.clone(),
        min_pixels: recipe.min_pixels,
        max_pixels: recipe.max_pixels,
        ..processor::Options::default()
    }
}

#[cfg(test)]
mod tests {
    use run::recipe::training::{
        Gradients, Group, Masters, OptimizerDevice, OptimizerState, Rates, Recompute, Scheduler,
        Sharding, TooLong,
    };
    use run::recipe::{Family, FitChoice, Watching};
    use serde_json::{Value, json};

    use super::*;

    fn training() -> Training {
        Training {
            data: None,
            save_steps: 1,
            keep: 2,
            epochs: 3.0,
            max_steps: Some(4),
            batch_size: 5,
            micro_tokens: 6,
            max_seq_len: 7,
            too_long: TooLong::Error,
            shuffle: true,
            seed: 8,
            learning_rate: Rates {
                vision_tower: 0.25,
                projector: 0.5,
                language_model: 0.75,
            },
            freeze: Vec::new(),
            scheduler: Scheduler::Cosine,
            warmup_ratio: 0.125,
            min_lr: 0.0625,
            weight_decay: 9.0,
            betas: [0.5, 0.75],
            eps: 10.0,
            max_grad_norm: 11.0,
            recompute: Recompute::Cheap,
            fit: FitChoice::Off,
            gradients: Gradients::F32,
            optimizer_state: OptimizerState::F32,
            masters: Masters::F32,
            optimizer_device: OptimizerDevice::Model,
            sharding: Sharding::Auto,
            watching: Watching {
                on_spike: OnSpike::Skip,
                ..Watching::default()
            },
            lora: Some(training::Lora {
                rank: 12,
                alpha: 13.0,
                dropout: 0.875,
                targets: vec!["q_proj".to_owned()],
                rslora: true,
            }),
        }
    }

    fn written(training: &Training) -> Value {
        serde_json::to_value(config(training)).expect("serializable")
    }

    #[test]
    fn the_papers_trainings_are_the_same_with_and_without_a_recipe() {
        let of = |family| config(&Training::post_training(family));
        assert_eq!(
            train::Config::synthesizer(),
            config(&Training::synthesizer())
        );
        assert_eq!(train::Config::llava_next(), of(Family::LlavaNext));
        assert_eq!(train::Config::qwen2_vl(), of(Family::Qwen2Vl));
        assert_eq!(train::Config::mllama(), of(Family::Mllama));
    }

    #[test]
    fn every_setting_goes_to_its_namesake() {
        let expected = json!({
            "epochs": 3.0, "max_steps": 4, "batch_size": 5, "micro_tokens": 6, "max_seq_len": 7, "too_long": "error",
            "shuffle": true, "seed": 8,
            "learning_rate": {"vision_tower": 0.25, "projector": 0.5, "language_model": 0.75},
            "freeze": [], "scheduler": "cosine", "warmup_ratio": 0.125, "min_lr": 0.0625, "weight_decay": 9.0,
            "betas": [0.5, 0.75], "eps": 10.0, "max_grad_norm": 11.0, "recompute": "cheap",
            "on_spike": "skip",
            "lora": {"rank": 12, "alpha": 13.0, "dropout": 0.875, "targets": ["q_proj"], "rslora": true},
        });
        assert_eq!(written(&training()), expected);
    }

    /// The words of the recipe are those that the trainer's checkpoints hold.
    #[test]
    fn every_word_goes_to_its_namesake() {
        for group in Group::ALL {
            let training = Training {
                freeze: vec![group],
                ..training()
            };
            assert_eq!(written(&training)["freeze"], json!([group.as_str()]));
        }
        for scheduler in Scheduler::ALL {
            let training = Training {
                scheduler,
                ..training()
            };
            assert_eq!(written(&training)["scheduler"], scheduler.as_str());
        }
        for recompute in Recompute::ALL {
            let training = Training {
                recompute,
                ..training()
            };
            assert_eq!(written(&training)["recompute"], recompute.as_str());
        }
        for too_long in TooLong::ALL {
            let training = Training {
                too_long,
                ..training()
            };
            assert_eq!(written(&training)["too_long"], too_long.as_str());
        }
    }

    /// What was always done is not written, so that checkpoints from before there was a choice stay usable.
    #[test]
    fn every_choice_of_the_optimizer_goes_to_its_namesake_and_presets_are_not_written() {
        let check = |key: &str, word: &str, is_preset: bool, training: Training| {
            let written = written(&training);
            let expected = if is_preset { Value::Null } else { json!(word) };
            assert_eq!(written[key], expected, "{key} = {word}");
        };
        for (at, gradients) in Gradients::ALL.into_iter().enumerate() {
            let training = Training {
                gradients,
                ..training()
            };
            check("gradients", gradients.as_str(), at == 0, training);
        }
        for (at, optimizer_state) in OptimizerState::ALL.into_iter().enumerate() {
            let training = Training {
                optimizer_state,
                ..training()
            };
            check(
                "optimizer_state",
                optimizer_state.as_str(),
                at == 0,
                training,
            );
        }
        for (at, masters) in Masters::ALL.into_iter().enumerate() {
            let training = Training {
                masters,
                ..training()
            };
            check("masters", masters.as_str(), at == 0, training);
        }
        for (at, optimizer_device) in OptimizerDevice::ALL.into_iter().enumerate() {
            let training = Training {
                optimizer_device,
                ..training()
            };
            check(
                "optimizer_device",
                optimizer_device.as_str(),
                at == 0,
                training,
            );
        }
    }

    #[test]
    fn dtypes_have_their_width() {
        let widths = Dtype::ALL.map(|dtype| kind(dtype).elt_size_in_bytes());
        assert_eq!(widths, [4, 2]);
    }
}

//! The paper's trainings. A recipe has the same numbers by itself; a test of `pipeline` compares them.

use crate::{
    Config, Gradients, Masters, OnSpike, OptimizerDevice, OptimizerState, Rates, Scheduler, TooLong,
};

impl Config {
    /// Tuning of the synthesizer, which is a LLaVA-v1.6 (table 9).
    pub fn synthesizer() -> Self {
        Self {
            epochs: 2.0,
            ..Self::llava_next()
        }
    }

    /// Post-training of LLaVA-v1.6 (table 10).
    ///
    /// ```
    /// use train::Config;
    /// let config = Config { batch_size: 16, ..Config::llava_next() };
    /// assert_eq!((config.learning_rate.vision_tower, config.learning_rate.language_model), (2e-6, 2e-5));
    /// ```
    pub fn llava_next() -> Self {
        let rates = Rates {
            vision_tower: 2e-6,
            ..Rates::all(2e-5)
        };
        Self::paper(rates, 0.0, 0.03)
    }

    /// Post-training of Qwen2-VL (table 10).
    pub fn qwen2_vl() -> Self {
        Self::paper(Rates::all(1e-5), 0.1, 0.1)
    }

    /// Post-training of Llama 3.2 Vision (table 10).
    pub fn mllama() -> Self {
        Self::paper(Rates::all(5e-6), 0.1, 0.1)
    }

    /// What all columns of table 10 have, and the defaults of `transformers` for what it does not name.
    fn paper(learning_rate: Rates, weight_decay: f64, warmup_ratio: f64) -> Self {
        Self {
            epochs: 1.0,
            max_steps: None,
            batch_size: 128,
            micro_tokens: 6144,
            max_seq_len: 6144,
            too_long: TooLong::Error,
            shuffle: true,
            seed: 0,
            learning_rate,
            freeze: Vec::new(),
            scheduler: Scheduler::Cosine,
            warmup_ratio,
            min_lr: 0.0,
            weight_decay,
            betas: [0.9, 0.999],
            eps: 1e-8,
            max_grad_norm: 1.0,
            recompute: model::Recompute::None,
            gradients: Gradients::F32,
            optimizer_state: OptimizerState::F32,
            masters: Masters::F32,
            optimizer_device: OptimizerDevice::Model,
            on_spike: OnSpike::default(),
            lora: None,
        }
    }
}

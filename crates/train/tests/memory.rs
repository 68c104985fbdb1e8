//! A training without enough memory. One test: the bound is the process's.

use processor::Encoded;
use torch::{Device, Kind, memory};
use train::{Config, Error, SampleSource, Trainer};

/// Wide enough for the allocator, which leaves small tensors to others.
const CONFIG: &str = r#"{"model_type": "llama", "vocab_size": 3000, "hidden_size": 64, "intermediate_size": 256,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": true}"#;

struct Texts;

impl SampleSource for Texts {
    fn len(&self) -> usize {
        4
    }

    fn id(&self, _: usize) -> &'static str {
        "a text"
    }

    fn encode(&self, index: usize) -> Result<Encoded, String> {
        Ok(Encoded {
            ids: (0..300).map(|at| (at * 7 + index as i64) % 3000).collect(),
            learn: vec![true; 300],
            images: Vec::new(),
        })
    }
}

#[test]
fn a_step_without_memory_is_told_and_can_be_done_again() {
    memory::cache(true);
    torch::set_threads(1);
    let model = || model::fresh(CONFIG, 1, Device::Cpu, Kind::Float).expect("model");
    let config = Config::small(1e-2, 2, 3);
    let losses = |trainer: &mut Trainer<'_>| -> Vec<f64> {
        let steps = std::iter::from_fn(|| trainer.step().expect("step"));
        steps.map(|metrics| metrics.loss).collect()
    };
    let (one, other) = (model(), model());
    let mut whole = Trainer::new(one.as_ref(), &Texts, &config).expect("trainer");
    let expected = losses(&mut whole);
    assert_eq!(expected.len(), 3);

    let mut bounded = Trainer::new(other.as_ref(), &Texts, &config).expect("trainer");
    let first = bounded.step().expect("step").expect("metrics");
    assert!(first.peak_memory_bytes > 3000 * 64 * 4, "{first:?}");
    assert!(first.wasted_memory_bytes < first.peak_memory_bytes);
    memory::release();
    let limit = memory::stats().in_use + 100_000;
    memory::set_limit(Some(limit));
    let error = bounded.step().expect_err("no memory");
    memory::set_limit(None);
    let Error::OutOfMemory(told) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(told.limit, Some(limit));
    assert!(told.asked + told.in_use > limit, "{told:?}");
    assert!(error.to_string().starts_with("out of memory: "), "{error}");
    assert_eq!(bounded.steps_done(), 1);
    let mut found = vec![first.loss];
    found.extend(losses(&mut bounded));
    assert_eq!(found, expected, "as if nothing had happened");
}

//! What it costs to train in several processes: a random Llama of 58 M parameters, and beside it the same bytes sent without a
//! training. Start one for each rank:
//!
//!     for RANK in 0 1; do RANK=$RANK WORLD_SIZE=2 MASTER_ADDR=localhost MASTER_PORT=29501 \
//!         cargo run --release -p adamllm-train --example together -- optimizer 6 & done; wait
//!
//! Arguments: the sharding (`none` or `optimizer`), the number of steps, and the tokens of a rank in a step (4,096). Each process
//! computes with `OMP_NUM_THREADS` threads, one if that is not set. Without `WORLD_SIZE` one process trains alone. Every rank
//! writes a line of JSON. The first step is left out of its medians.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::time::{Duration, Instant};

use processor::Encoded;
use serde_json::json;
use torch::distributed::{Group, Store};
use torch::{Device, Kind, Tensor};
use train::{Config, Ranks, SampleSource, Sharding, Trainer};

const MODEL: &str = r#"{"model_type": "llama", "vocab_size": 32000, "hidden_size": 512, "intermediate_size": 1376,
    "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 8, "max_position_embeddings": 1024,
    "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": false}"#;

const LENGTH: usize = 512;
const BUCKET: usize = 8 << 20;
const PATIENCE: Duration = Duration::from_mins(5);

struct Texts(usize);

impl SampleSource for Texts {
    fn len(&self) -> usize {
        self.0
    }
    fn id(&self, _: usize) -> &'static str {
        "a text"
    }
    fn encode(&self, index: usize) -> Result<Encoded, String> {
        let mut rng = corpus::seed::Rng::new(index as u64);
        Ok(Encoded {
            ids: (0..LENGTH).map(|_| rng.below(32_000) as i64).collect(),
            learn: vec![true; LENGTH],
            images: Vec::new(),
        })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let sharding = arguments.next().unwrap_or_else(|| "none".to_owned());
    let sharding: Sharding = serde_json::from_value(json!(sharding))?;
    let mut number = |preset: usize| arguments.next().map_or(Ok(preset), |text| text.parse());
    let (steps, tokens) = (number(6)?, number(4096)?);
    let told = |name: &str, preset: &str| std::env::var(name).unwrap_or_else(|_| preset.to_owned());
    let (rank, size): (usize, usize) =
        (told("RANK", "0").parse()?, told("WORLD_SIZE", "1").parse()?);
    torch::set_threads(told("OMP_NUM_THREADS", "1").parse()?);
    torch::memory::cache(true);

    let port: u16 = told("MASTER_PORT", "29501").parse()?;
    let store = if rank == 0 {
        Store::serve(port, PATIENCE)?
    } else {
        Store::join(&told("MASTER_ADDR", "localhost"), port, PATIENCE)?
    };
    let interface = std::env::var("GLOO_SOCKET_IFNAME").unwrap_or_else(|_| "lo".to_owned());
    let group = Group::gloo(&store, "example", rank, size, Some(&interface), PATIENCE)?;

    let model = model::fresh(MODEL, 1, Device::Cpu, Kind::Float)?;
    let elements: usize = model.parameters().iter().map(|p| p.tensor.numel()).sum();
    let batch = (tokens / LENGTH).max(1) * size;
    let source = Texts(batch * steps);
    let config = Config {
        micro_tokens: 2048,
        ..Config::small(1e-4, batch, steps)
    };
    let ranks = Ranks {
        control: &group,
        data: &group,
        sharding,
    };
    let mut trainer = Trainer::together(&*model, &source, &config, ranks)?;
    let (mut seconds, mut communication, mut losses) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(metrics) = trainer.step()? {
        seconds.push(metrics.seconds);
        communication.push(metrics.communication_seconds);
        losses.push(metrics.loss);
    }
    let state_bytes = trainer.state_bytes();
    drop(trainer);
    group.barrier()?;
    let (mut all_reduce, mut in_pieces) = (Vec::new(), Vec::new());
    if size > 1 {
        for _ in 0..steps.min(4) {
            all_reduce.push(all_reduced(&group, elements)?);
            in_pieces.push(sent_in_pieces(&group, elements)?);
        }
    }
    let line = json!({
        "rank": rank, "processes": size, "sharding": sharding, "parameters": elements, "tokens_a_rank": batch / size * LENGTH,
        "seconds": median(&seconds), "communication_seconds": median(&communication),
        "each": {"seconds": seconds, "communication_seconds": communication, "loss": losses},
        "gradient_bytes": 4 * elements, "state_bytes": state_bytes, "peak_rss_bytes": train::peak_rss_bytes(),
        "bare": {"all_reduce_seconds": median(&all_reduce), "reduce_scatter_all_gather_seconds": median(&in_pieces)},
    });
    println!("{line}");
    Ok(())
}

/// Of all but the first, which pays for what is made ready.
fn median(values: &[f64]) -> f64 {
    let mut rest = values.get(1..).unwrap_or_default().to_vec();
    rest.sort_by(f64::total_cmp);
    rest.get(rest.len() / 2).copied().unwrap_or(0.0)
}

/// Seconds in which so many numbers are added up over all processes.
fn all_reduced(group: &Group, elements: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let bucket = Tensor::f_ones([BUCKET as i64], (Kind::Float, Device::Cpu))?;
    group.barrier()?;
    let begun = Instant::now();
    for start in (0..elements).step_by(BUCKET) {
        let count = BUCKET.min(elements - start);
        group.all_reduce(&bucket.f_narrow(0, 0, count as i64)?)?;
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// Seconds in which each process gets the sum of its piece of so many numbers, and then all pieces.
fn sent_in_pieces(group: &Group, elements: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let options = (Kind::Float, Device::Cpu);
    let piece = elements / group.size();
    let most = BUCKET / group.size();
    let whole = Tensor::f_ones([(most * group.size()) as i64], options)?;
    let own = Tensor::f_ones([most as i64], options)?;
    group.barrier()?;
    let begun = Instant::now();
    for is_gathered in [false, true] {
        for start in (0..piece).step_by(most) {
            let count = most.min(piece - start);
            let whole = whole.f_narrow(0, 0, (count * group.size()) as i64)?;
            let own = own.f_narrow(0, 0, count as i64)?;
            if is_gathered {
                group.all_gather(&whole, &own)?;
            } else {
                group.reduce_scatter(&own, &whole)?;
            }
        }
    }
    Ok(begun.elapsed().as_secs_f64())
}

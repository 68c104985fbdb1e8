//! `adamllm perplexity`: the loss of samples under a model.

use adamllm::cli::Perplexity;
use adamllm::flags::Shared;
use adamllm::output::print;
use anyhow::{Result, bail};
use corpus::formats::{self, read_samples};
use corpus::rejects::Groups;
use pipeline::likelihood;
use serde_json::json;

use crate::device;

/// Prints the loss of each sample and of all.
pub fn run(shared: &Shared, arguments: &Perplexity) -> Result<()> {
    let engine = device::engine(shared)?;
    let (model, processor) = engine.open(&device::model_folder(&arguments.model)?)?;
    let loaded = read_samples(
        &arguments.data,
        &formats::Options {
            check_images: true,
            ..formats::Options::default()
        },
    )?;
    if !loaded.rejected.is_empty() {
        let path = arguments.data.display();
        bail!(
            "{} of {} records of `{path}` cannot be used (`adamllm inspect data --as samples --json {path}` lists all):\n{}",
            loaded.rejected.len(),
            loaded.rows.len() + loaded.rejected.len(),
            Groups::of_rejected(&loaded.rejected).indented("  ")
        );
    }
    let found = likelihood::of_samples(
        model.as_ref(),
        processor.as_ref(),
        &loaded.rows,
        engine.generation.cache_tokens,
    )?;
    let mut rows = Vec::with_capacity(found.len());
    let (mut sum, mut tokens) = (0.0, 0);
    for (sample, found) in loaded.rows.iter().zip(found) {
        rows.push(json!({"id": sample.id, "loss": found.loss(), "tokens": found.tokens}));
        sum += found.loss();
        tokens += found.tokens;
    }
    if tokens == 0 {
        bail!("`{}` has no learned token", arguments.data.display());
    }
    let mean = sum / tokens as f64;
    print(
        shared,
        &json!({"samples": rows, "mean_loss": mean, "tokens": tokens}),
        || {
            println!(
                "{} samples, {tokens} learned tokens, {mean:.4} nats a token, perplexity {:.3}",
                rows.len(),
                mean.exp()
            );
        },
    )
}

//! `adamllm inspect sample`: one training sample with its learned text marked.

use std::path::Path;

use anyhow::{Context as _, Result};
use corpus::formats::{self, read_samples};
use corpus::rejects::Groups;
use serde_json::{Value, json};

use crate::environment;
use crate::flags::Shared;
use crate::inspect_data::marked;
use crate::output::print;

/// Shows the sample at `index` as the model in the folder would learn it.
pub fn run(shared: &Shared, model: &Path, data: &Path, index: usize) -> Result<()> {
    let folder = environment::hub().resolve(model)?;
    let processor = processor::load(&folder, &processor::Options::default())?;
    let loaded = read_samples(data, &formats::Options::default())?;
    let sample = loaded.rows.get(index).with_context(|| {
        let (path, rejected) = (data.display(), &loaded.rejected);
        let bad = if rejected.is_empty() {
            String::new()
        } else {
            format!(
                ". {} cannot be used (`adamllm inspect data --as samples --json {path}` lists all):\n{}",
                rejected.len(),
                Groups::of_rejected(rejected).indented("  ")
            )
        };
        format!(
            "`{path}` has {} usable samples; there is no index {index}{bad}",
            loaded.rows.len()
        )
    })?;
    let encoded = processor.sample(sample)?;
    let learned = encoded.learn.iter().filter(|&&l| l).count();
    let document: Value = json!({"id": sample.id, "ids": encoded.ids, "learn": encoded.learn});
    print(shared, &document, || {
        println!(
            "sample `{}`: {} tokens, {learned} learned (marked)\n",
            sample.id,
            encoded.ids.len()
        );
        println!("{}", marked(&processor.spans(&encoded)));
    })
}

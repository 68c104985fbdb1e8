//! `adamllm inspect sample`: one training sample with its learned text marked.

use std::path::Path;

use anyhow::{Context as _, Result};
use corpus::formats::{self, read_samples};
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
        let bad = loaded.rejected.first().map_or_else(String::new, |bad| {
            format!(
                "; the first that cannot be used is `{}`: {} ({})",
                bad.id, bad.reason, bad.detail
            )
        });
        format!(
            "`{}` has {} usable samples; there is no index {index}{bad}",
            data.display(),
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

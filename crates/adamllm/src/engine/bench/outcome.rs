//! How a measurement is told: a table for a person, one JSON object for files, and the machine that it was made on.

use std::path::Path;

use adamllm::flags::{Shared, threads};
use adamllm::machine;
use adamllm::output::print;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use torch::{Device, Kind};

/// What was measured where, for a file.
pub fn machine(shared: &Shared, device: Device, dtype: Kind) -> Value {
    json!({
        "processor": machine::processor_name(),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "threads": threads(shared),
        "device": device_name(device),
        "dtype": dtype_name(dtype),
        "libtorch": torch::built_version(),
        "version": env!("CARGO_PKG_VERSION"),
        "program": own_digest(),
        "command": std::env::args().collect::<Vec<_>>().join(" "),
    })
}

/// The device in words.
fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index} ({})", machine::gpu()),
        _ => "cpu".to_owned(),
    }
}

/// The dtype as `--dtype` names it.
pub fn dtype_name(dtype: Kind) -> &'static str {
    if dtype == Kind::BFloat16 {
        "bf16"
    } else {
        "f32"
    }
}

/// The digest of this program's file: what tells builds of one version apart.
fn own_digest() -> Value {
    let own = std::env::current_exe().ok();
    json!(own.and_then(|file| corpus::digest::file(&file).ok()))
}

/// Prints the numbers and writes them where they were asked for.
pub fn tell(
    shared: &Shared,
    output: Option<&Path>,
    document: &Value,
    rows: &[(&str, String)],
) -> Result<()> {
    if let Some(path) = output {
        let text = serde_json::to_string_pretty(document)? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    print(shared, document, || {
        for (name, value) in rows {
            println!("{name:<24} {value}");
        }
    })
}

/// Least, median and most.
pub fn spread(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return [0.0; 3];
    };
    let median = f64::midpoint(sorted[last / 2], sorted[last.div_ceil(2)]);
    [sorted[0], median, sorted[last]]
}

/// Bytes in words.
pub fn gib(bytes: u64) -> String {
    format!("{:.2} GiB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_in_the_middle() {
        let check = |values: &[f64], expected: [f64; 3]| {
            let found = spread(values).map(f64::to_bits);
            assert_eq!(found, expected.map(f64::to_bits), "{values:?}");
        };
        check(&[4.0, 1.0, 2.0, 8.0], [1.0, 3.0, 8.0]);
        check(&[4.0, 1.0, 2.0], [1.0, 2.0, 4.0]);
        check(&[], [0.0; 3]);
    }
}

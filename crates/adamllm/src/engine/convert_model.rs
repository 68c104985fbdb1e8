//! `adamllm convert` for models: from the layouts of other projects into Hugging Face folders, and back.

use adamllm::convert_model::{ConvertModel, Layout};
use adamllm::flags::Shared;
use adamllm::output::print;
use anyhow::{Result, bail};
use model::convert;
use serde_json::json;
use torch::Kind;

use crate::device;

/// Converts.
pub fn run(shared: &Shared, asked: &ConvertModel) -> Result<()> {
    let device = device::ready_for_files(shared)?;
    let dtype = match shared.dtype.as_deref() {
        Some("bf16") => Some(Kind::BFloat16),
        Some("f32") => Some(Kind::Float),
        _ => None,
    };
    if let Some(adapter) = &asked.merge_lora {
        let outcome = convert::merge(&convert::Merge {
            base: &device::model_folder(&asked.input)?,
            adapter,
            output: &asked.output,
            dtype,
            device,
        })?;
        return tell(shared, asked, &outcome);
    }
    let (Some(from), Some(to)) = (asked.from, asked.to) else {
        bail!("name the layouts of input and output with `--from` and `--to`");
    };
    let input = match from {
        Layout::Gguf => asked.input.clone(),
        _ => device::model_folder(&asked.input)?,
    };
    let vision = asked
        .vision
        .as_deref()
        .map(device::model_folder)
        .transpose()?;
    let outcome = convert::run(&convert::Request {
        from: layout(from),
        to: layout(to),
        input,
        output: asked.output.clone(),
        vision,
        seed: asked.seed,
        dtype,
        device,
    })?;
    tell(shared, asked, &outcome)
}

fn tell(shared: &Shared, asked: &ConvertModel, outcome: &convert::Outcome) -> Result<()> {
    for warning in &outcome.warnings {
        eprintln!("warning: {warning}");
    }
    let (tensors, values) = (outcome.tensors, outcome.values);
    let document = json!({"output": asked.output, "tensors": tensors, "parameters": values});
    print(shared, &document, || {
        println!(
            "{tensors} tensors, {values} parameters in `{}`",
            asked.output.display()
        );
    })
}

fn layout(named: Layout) -> convert::Layout {
    match named {
        Layout::OpenLlavaNext => convert::Layout::OpenLlavaNext,
        Layout::Hf => convert::Layout::Hf,
        Layout::Gguf => convert::Layout::Gguf,
        Layout::Llava => convert::Layout::Llava,
    }
}

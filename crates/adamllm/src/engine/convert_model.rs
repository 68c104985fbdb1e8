//! `adamllm convert` for models: from the layouts of other projects into Hugging Face folders, and back.

use adamllm::convert_model::{ConvertModel, Layout};
use adamllm::flags::Shared;
use adamllm::output::print;
use anyhow::Result;
use model::convert;
use serde_json::json;
use torch::Kind;

use crate::device;

/// Converts.
pub fn run(shared: &Shared, asked: &ConvertModel) -> Result<()> {
    let device = device::ready_for_files(shared)?;
    let input = match asked.from {
        Layout::Gguf => asked.input.clone(),
        _ => device::model_folder(&asked.input)?,
    };
    let vision = asked
        .vision
        .as_deref()
        .map(device::model_folder)
        .transpose()?;
    let outcome = convert::run(&convert::Request {
        from: layout(asked.from),
        to: layout(asked.to),
        input,
        output: asked.output.clone(),
        vision,
        seed: asked.seed,
        dtype: match shared.dtype.as_deref() {
            Some("bf16") => Some(Kind::BFloat16),
            Some("f32") => Some(Kind::Float),
            _ => None,
        },
        device,
    })?;
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

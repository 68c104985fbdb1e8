//! `adamllm generate`: completions of requests, or of one prompt.

use std::path::Path;

use adamllm::cli::Generate;
use adamllm::flags::Shared;
use adamllm::output::print;
use adamllm::signals;
use adamllm::terminal::Terminal;
use anyhow::{Context as _, Result, bail};
use corpus::{Decoding, Open, Request, Role, Turn, jsonl};
use generate::{Generator as _, LocalGenerator};
use pipeline::runner::{self, Progress};
use run::events::Reporter;
use serde_json::json;

use crate::device;

/// Completes what was asked for.
pub fn run(shared: &Shared, arguments: &Generate) -> Result<()> {
    let engine = device::engine(shared)?;
    let (model, processor) = engine.open(&device::model_folder(&arguments.model)?)?;
    let mut generator = LocalGenerator::new(
        model.as_ref(),
        processor.as_ref(),
        engine.generation.options(arguments.seed),
    );
    if let (Some(requests), Some(output)) = (&arguments.requests, &arguments.output) {
        signals::take_over()?;
        let mut all: Vec<Request> = jsonl::read(requests)?;
        let folder = requests.parent().unwrap_or(Path::new(""));
        for request in &mut all {
            for image in &mut request.images {
                *image = folder.join(&*image);
            }
            // The file is the user's own writing, so its marks count.
            for turn in request.turns.iter_mut().filter(|t| t.role == Role::User) {
                turn.marks = true;
            }
        }
        let terminal = Terminal::new(shared);
        let progress = Progress {
            label: "generate",
            report: Reporter::new("generate", &terminal),
            stop: signals::stop(),
        };
        let group = engine.generation.group;
        let done = runner::run(&mut generator, &all, output, group, progress)?;
        return print(
            shared,
            &json!({"completions": done.len(), "output": output}),
            || {
                println!("{} completions in `{}`", done.len(), output.display());
            },
        );
    }
    let prompt = arguments.prompt.clone().unwrap_or_default();
    let marks = corpus::image_marks(arguments.image.len());
    let request = Request {
        id: "prompt".to_owned(),
        images: arguments.image.clone(),
        turns: vec![Turn::new(Role::User, format!("{marks}{prompt}")).with_marks()],
        open: Open::Assistant,
        prompt: None,
        decoding: Decoding {
            max_new_tokens: arguments.max_new_tokens,
            temperature: arguments.temperature,
            ..Decoding::default()
        },
    };
    let mut answer = None;
    generator.generate(&mut std::iter::once(request), &mut |completion| {
        answer = Some(completion);
        Ok(())
    })?;
    let answer = answer.context("the generator gave nothing")?;
    if let Some(error) = &answer.error {
        bail!("{error}");
    }
    print(shared, &serde_json::to_value(&answer)?, || {
        println!("{}", answer.text.trim());
    })
}

//! `adamllm generate`: completions of requests, or of one prompt.

use std::path::Path;

use adamllm::cli::Generate;
use adamllm::endpoint_flags::AskedEndpoint;
use adamllm::flags::Shared;
use adamllm::output::print;
use adamllm::signals;
use adamllm::terminal::Terminal;
use anyhow::{Result, bail};
use corpus::rejects::{self, Groups};
use corpus::{Decoding, Open, Request, Role, Turn, jsonl};
use endpoint::Need;
use pipeline::Engine;
use pipeline::answering::{Answerer, Local, There};
use pipeline::endpoints::Place;
use pipeline::runner::Progress;
use run::events::Reporter;
use serde_json::json;

use crate::device;

/// What is wrong with a request that a model cannot answer.
const UNANSWERED: &str = "not-answered";

/// The requests of a file, all of which must be sound; their pictures lie beside it.
pub fn read(path: &Path) -> Result<Vec<Request>> {
    let (mut requests, bad) = jsonl::read_lenient::<Request>(path)?;
    let mut groups = Groups::default();
    for row in &bad {
        let detail = format!("line {}: {}", row.line, row.detail);
        groups.add(row.reason, || rejects::line(&row.id, &detail));
    }
    if groups.is_empty() {
        let folder = path.parent().unwrap_or(Path::new(""));
        for request in &mut requests {
            for image in &mut request.images {
                *image = folder.join(&*image);
            }
            // The file is the user's own writing, so its marks count.
            for turn in request.turns.iter_mut().filter(|t| t.role == Role::User) {
                turn.marks = true;
            }
        }
        return Ok(requests);
    }
    bail!(
        "{} of {} lines of `{}` are no requests; expected one JSON object a line:\n{}",
        bad.len(),
        requests.len() + bad.len(),
        path.display(),
        groups.indented("  ")
    )
}

/// Completes what was asked for.
pub fn run(shared: &Shared, arguments: &Generate) -> Result<()> {
    // A file that is wrong is told before a model is opened.
    let requests = arguments.requests.as_deref().map(read).transpose()?;
    let asked = arguments.endpoint.asked()?;
    let engine = device::engine(shared)?;
    let (model, processor);
    let terminal = Terminal::new(shared);
    let report = Reporter::new("generate", &terminal);
    let mut answerer = match (&asked, &arguments.model) {
        (Some(asked), _) => {
            let need = requests.as_deref().map_or(Need::Chat, need);
            Answerer::Endpoint(there(asked, arguments, &engine, need, report)?)
        }
        (None, Some(folder)) => {
            (model, processor) = engine.open(&device::model_folder(folder)?)?;
            Answerer::Local(Local {
                model: model.as_ref(),
                processor: processor.as_ref(),
                generation: engine.generation,
                seed: arguments.seed,
            })
        }
        (None, None) => bail!("name a model: `--model` or `--endpoint-model`"),
    };
    signals::take_over()?;
    let progress = Progress {
        label: "generate",
        report,
        stop: signals::stop(),
    };
    if let (Some(all), Some(output)) = (requests, &arguments.output) {
        let done = answerer.write(&all, output, progress)?;
        let mut unanswered = Groups::default();
        for completion in &done {
            if let Some(error) = &completion.error {
                unanswered.add(UNANSWERED, || rejects::line(&completion.id, error));
            }
        }
        if !unanswered.is_empty() {
            progress.report.warn(format!(
                "{} of {} requests got no answer (`error` in `{}` says why of each):\n{}",
                unanswered.num_items(),
                done.len(),
                output.display(),
                unanswered.indented("  ")
            ));
        }
        return print(
            shared,
            &json!({"completions": done.len(), "unanswered": unanswered.num_items(), "output": output}),
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
            min_p: arguments.min_p,
            repetition_penalty: arguments.repetition_penalty,
            choices: arguments.choices.clone(),
            top_logprobs: arguments.top_logprobs,
            ..Decoding::default()
        },
    };
    let answer = answerer.complete(request, progress)?;
    if let Some(error) = &answer.error {
        bail!("{error}");
    }
    print(shared, &serde_json::to_value(&answer)?, || {
        println!("{}", answer.text.trim());
    })
}

/// What an endpoint has to be able to for these requests.
fn need(requests: &[Request]) -> Need {
    if requests.iter().any(|one| one.prompt.is_some()) {
        Need::Completions
    } else if requests.iter().any(|one| one.open == Open::User) {
        Need::OpenTurns
    } else {
        Need::Chat
    }
}

/// A client of a model at an endpoint; its books lie beside the output.
fn there(
    asked: &AskedEndpoint,
    arguments: &Generate,
    engine: &Engine,
    need: Need,
    report: Reporter<'_>,
) -> Result<There> {
    const SECTION: &str = "generate";
    let place = Place {
        section: SECTION,
        place: &asked.place,
        seed: arguments.seed,
        control_tokens: &[],
    };
    let endpoints = device::endpoints(asked)?;
    let client = match &arguments.output {
        Some(output) => {
            let mut folder = output.clone().into_os_string();
            folder.push(".endpoint");
            endpoints.client(place, Path::new(&folder))?
        }
        None if asked.place.max_cost.is_some() || asked.place.max_tokens.is_some() => bail!(
            "a cap (`--max-cost`, `--max-tokens`) is for `--requests`: one prompt is asked once and kept nowhere"
        ),
        None => endpoints.client_without_books(place)?,
    };
    let mut there = There {
        section: SECTION.to_owned(),
        client,
        block: engine.generation.block,
    };
    there.probe(need, report)?;
    Ok(there)
}

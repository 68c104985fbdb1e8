//! The server as a program: prints its address, then serves until it is ended.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use faults::{Fault, Faults, Server, Setup, Wording};

/// An OpenAI-compatible endpoint on 127.0.0.1 that fails as it is told (a test tool)
#[derive(Parser)]
#[command(name = "faulty-endpoint")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
struct Arguments {
    /// The port; 0 for one of the system's choice
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What faults and times are drawn from
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The share of arrivals that meet a fault
    #[arg(long, default_value_t = 0.0)]
    faults: f64,
    /// Draw from these faults alone, by name
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Do not draw these faults
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Print the names of all faults and end
    #[arg(long)]
    list: bool,
    /// How long an answer takes, such as `300ms` or `2s`
    #[arg(long, default_value = "0ms", value_parser = duration)]
    latency: Duration,
    /// How much longer or shorter, evenly drawn
    #[arg(long, default_value = "0ms", value_parser = duration)]
    jitter: Duration,
    /// How many requests are worked on at once; more get 429
    #[arg(long)]
    at_once: Option<usize>,
    /// The models' names; without any, every name is right
    #[arg(long)]
    model: Vec<String>,
    /// The environment variable that holds the one right key
    #[arg(long)]
    key_env: Option<String>,
    /// Most tokens of a prompt and an answer together
    #[arg(long)]
    context: Option<u64>,
    /// Most bytes of a request
    #[arg(long)]
    max_body: Option<usize>,
    /// Refuse fields that OpenAI's service does not know
    #[arg(long)]
    strict: bool,
    /// Word errors as vLLM does
    #[arg(long)]
    vllm: bool,
    /// Have no `/v1/completions`
    #[arg(long)]
    no_completions: bool,
    /// Speak TLS, and write the authority's certificate to this file
    #[arg(long)]
    tls: Option<PathBuf>,
    /// Write a line of JSON for each arrival to this file
    #[arg(long)]
    log: Option<PathBuf>,
}

#[expect(
    clippy::print_stdout,
    reason = "a program, and its address is its output"
)]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        for fault in Fault::ALL {
            println!("{}", fault.name());
        }
        return ExitCode::SUCCESS;
    }
    let certificate = arguments.tls.clone();
    let server = setup(arguments)
        .and_then(|setup| Server::start(setup).map_err(|error| error.to_string()))
        .and_then(|server| {
            if let (Some(path), Some(pem)) = (certificate, server.authority()) {
                std::fs::write(&path, pem)
                    .map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
            }
            Ok(server)
        });
    match server {
        Ok(server) => {
            println!("{}", server.url());
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn setup(arguments: Arguments) -> Result<Setup, String> {
    let named = |names: &[String]| -> Result<Vec<Fault>, String> {
        let find = |name: &String| {
            Fault::named(name).ok_or_else(|| format!("no fault is called `{name}`; see `--list`"))
        };
        names.iter().map(find).collect()
    };
    let without = named(&arguments.without)?;
    let mut drawn = named(&arguments.only)?;
    if drawn.is_empty() {
        drawn = Fault::PASSING.into_iter().chain(Fault::COUNTS).collect();
    }
    drawn.retain(|fault| !without.contains(fault));
    let key = arguments.key_env.map(|name| {
        std::env::var(&name).map_err(|_| format!("the environment variable `{name}` is not set"))
    });
    Ok(Setup {
        seed: arguments.seed,
        port: arguments.port,
        models: arguments.model,
        key: key.transpose()?,
        latency: arguments.latency,
        jitter: arguments.jitter,
        at_once: arguments.at_once,
        faults: Faults::of(&drawn, arguments.faults),
        context: arguments.context,
        max_body: arguments.max_body,
        is_strict: arguments.strict,
        wording: if arguments.vllm {
            Wording::Vllm
        } else {
            Wording::OpenAi
        },
        has_completions: !arguments.no_completions,
        tls: arguments.tls.is_some(),
        log: arguments.log,
        ..Setup::default()
    })
}

/// Reads a number with `ms` or `s`; without either, of milliseconds.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => match text.strip_suffix('s') {
            Some(number) => (number, 1.0),
            None => (text, 0.001),
        },
    };
    let number: Option<f64> = number.parse().ok();
    let seconds = number.map(|number| Duration::try_from_secs_f64(number * unit));
    match seconds {
        Some(Ok(duration)) => Ok(duration),
        _ => Err(format!("`{text}` is no time such as `300ms` or `2s`")),
    }
}

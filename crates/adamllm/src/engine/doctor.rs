//! `adamllm doctor`: whether this machine can do the work, measured and not guessed; ends in "ready" or in what to mend.

use std::path::Path;
use std::time::Instant;

use adamllm::flags::{Shared, threads};
use adamllm::machine::{self, Check, check, checks, tell};
use anyhow::{Result, anyhow, bail};
use corpus::{Role, Sample, Turn};
use model::Mllm;
use pipeline::Engine;
use processor::Encoded;
use serde_json::Value;
use torch::products::Products;
use torch::{Device, Kind, Tensor};
use train::{SampleSource, Trainer};

use crate::{cuda, products};

/// Side of the multiplied matrices.
const SIDE: i64 = 1024;
/// The overfit ends after so many seconds, but not before so many steps, unless it takes very long.
const SECONDS: f64 = 20.0;
const STEPS: usize = 30;
const PATIENCE: f64 = 120.0;
/// The loss, in nats a token, that one sample must fall under.
const LEARNED: f64 = 0.2;

/// Looks at the machine.
pub fn run(shared: &Shared) -> Result<()> {
    let mut found = checks(shared)?;
    // The processor comes first, then what is built on it.
    let rest = found.split_off(1);
    match torch::check_version() {
        Ok(()) => found.push(check("libtorch", libtorch_found(), None)),
        Err(error) => found.push(check(
            "libtorch",
            "another version than this program was built with",
            Some(error.to_string()),
        )),
    }
    torch::set_threads(threads(shared));
    let (f32_rate, bf16_rate) = (rate(Kind::Float)?, rate(Kind::BFloat16)?);
    let faster = if bf16_rate > f32_rate { "bf16" } else { "f32" };
    found.push(check(
        "matmul",
        format!("{f32_rate:.0} GFLOP/s in f32, {bf16_rate:.0} in bf16: {faster} is faster here"),
        (f32_rate < 5.0)
            .then(|| "the processor is very slow or busy; stop what else runs".to_owned()),
    ));
    found.push(match Products::measured() {
        Ok((products, timings)) => {
            let told = products::told(products, &timings);
            // The machine is measured as it will be used.
            let _ = products::apply(None, threads(shared));
            check("products", told, None)
        }
        Err(error) => check("products", "could not be timed", Some(error.to_string())),
    });
    found.extend(rest);
    found.push(gpu());
    let learned = learn(threads(shared)).unwrap_or_else(|error| Learned {
        overfit: Err(error),
        per_token: Err(anyhow!("the model could not be opened")),
    });
    found.push(match learned.overfit {
        Ok((steps, first, last, seconds)) => check(
            "overfit",
            format!("loss {first:.2} to {last:.3} in {steps} steps on one picture, {seconds:.1} s"),
            (last > LEARNED).then(|| {
                if steps < STEPS {
                    let each = seconds / steps.max(1) as f64;
                    format!("a training step of the smallest model takes {each:.1} s; stop what else runs, or give fewer --threads")
                } else {
                    "training does not learn one picture by heart; this is a bug to report".to_owned()
                }
            }),
        ),
        Err(error) => check("overfit", "failed", Some(format!("{error:#}"))),
    });
    found.push(match learned.per_token {
        Ok(per_token) => demo(shared, per_token),
        Err(error) => check("demo", format!("its time is not known: {error:#}"), None),
    });
    tell(shared, &found)
}

/// The version and where it was loaded from.
fn libtorch_found() -> String {
    let version = torch::built_version();
    match torch::loaded_folder() {
        Some(folder) => format!("{version} in `{}`", folder.display()),
        None => version,
    }
}

/// GFLOP/s of a square matrix product.
fn rate(kind: Kind) -> Result<f64> {
    let _guard = torch::tch::no_grad_guard();
    let a = Tensor::f_ones([SIDE, SIDE], (kind, Device::Cpu))?;
    let mut best = f64::INFINITY;
    for _ in 0..4 {
        let start = Instant::now();
        let product = a.f_matmul(&a)?;
        // Reading one value waits for the product.
        let _ = product.f_double_value(&[0, 0])?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(2.0 * (SIDE as f64).powi(3) / best / 1e9)
}

/// A GPU that cannot be used is said with its reason, and is nothing to mend first: models run on the processor then.
fn gpu() -> Check {
    let driver = machine::gpu();
    let found = if machine::has_gpu() {
        match cuda::ready(0) {
            Ok(()) => format!(
                "{} CUDA devices ({driver}); models run there",
                torch::tch::Cuda::device_count()
            ),
            Err(error) => format!("not used ({driver}), models run on the processor: {error:#}"),
        }
    } else {
        "none; everything runs on the CPU".to_owned()
    };
    check("gpu", found, None)
}

/// A sample again and again.
struct Copies(Encoded, usize);

impl SampleSource for Copies {
    fn len(&self) -> usize {
        self.1
    }

    fn id(&self, _: usize) -> &'static str {
        "doctor"
    }

    fn encode(&self, _: usize) -> Result<Encoded, String> {
        Ok(self.0.clone())
    }
}

/// What is found with the demo's model.
struct Learned {
    /// Of learning one picture's caption by heart: steps, first and last loss, seconds.
    overfit: Result<(usize, f64, f64, f64)>,
    /// Of steps as the demo does them: the fastest's and the mean seconds a token.
    per_token: Result<[f64; 2]>,
}

/// Trains the shipped model on the processor.
fn learn(threads: usize) -> Result<Learned> {
    let folder = std::env::temp_dir().join(format!("adamllm-doctor-{}", std::process::id()));
    let outcome = learn_in(&folder, threads);
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn learn_in(folder: &Path, threads: usize) -> Result<Learned> {
    let demo = folder.join("demo");
    demo::write_shipped(&demo)?;
    let engine = Engine {
        threads: 1,
        ..Engine::on(Device::Cpu, Kind::Float)
    };
    let (model, processor) = engine.open(&demo.join("base-model"))?;
    let picture = image::RgbImage::from_fn(72, 72, |x, y| {
        if (x / 12 + y / 12) % 2 == 0 {
            image::Rgb([200, 30, 30])
        } else {
            image::Rgb([255; 3])
        }
    });
    let path = folder.join("board.png");
    corpus::images::encode_png(&picture, &path)?;
    let sample = |times: usize| Sample {
        id: "doctor".to_owned(),
        images: vec![path.clone()],
        turns: vec![
            Turn::new(Role::User, corpus::image_marks(1) + "Describe the image.").with_marks(),
            Turn::new(
                Role::Assistant,
                vec!["a red and white board with six rows"; times].join(" "),
            )
            .learned(),
        ],
        end: false,
        origin: Value::Null,
    };
    let one = processor.sample(&sample(1))?;
    let overfit = overfit(model.as_ref(), one);
    // About as long as a sample of the demo's trainings, 144 to 222 tokens.
    let longer = processor.sample(&sample(10))?;
    let per_token = pace(model.as_ref(), longer, threads);
    Ok(Learned { overfit, per_token })
}

/// Seconds a token of steps as the demo does them: the fastest step's, and the mean.
fn pace(model: &dyn Mllm, sample: Encoded, threads: usize) -> Result<[f64; 2]> {
    const BATCH: usize = 16;
    const STEPS: usize = 5;
    let source = Copies(sample, BATCH);
    let config = train::Config {
        micro_tokens: 4096,
        ..train::Config::small(1e-6, BATCH, STEPS + 1)
    };
    let mut trainer = Trainer::new(model, &source, &config)?;
    let start = Instant::now();
    // The first step sets up what the others use again.
    trainer.step()?;
    let worked = cpu_seconds();
    let (mut fastest, mut seconds, mut tokens) = (f64::INFINITY, 0.0, 0.0);
    while let Some(metrics) = trainer.step()? {
        let of_step = metrics.tokens.max(1) as f64;
        fastest = fastest.min(metrics.seconds / of_step);
        seconds += metrics.seconds;
        tokens += of_step;
        if start.elapsed().as_secs_f64() > SECONDS {
            break;
        }
    }
    if tokens == 0.0 {
        bail!("no step was done");
    }
    // Where something else takes the processor, the time that was worked says what the demo would take alone.
    if let (Some(before), Some(after)) = (worked, cpu_seconds()) {
        let alone = (after - before) / threads as f64;
        if alone < BUSY * seconds {
            fastest = fastest.min(alone / tokens);
        }
    }
    Ok([fastest, seconds / tokens])
}

/// A share of the processor under which something else takes it.
const BUSY: f64 = 0.8;

/// Seconds that this process worked so far, on all its threads.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold anything, blanks too; user and system time are the 12th and 13th word after it.
    let words: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = words.get(11)?.parse::<f64>().ok()? + words.get(12)?.parse::<f64>().ok()?;
    // The kernel tells these in hundredths, whatever its own tick is.
    Some(ticks / 100.0)
}

/// Steps, first and last loss, and seconds of learning a sample by heart.
fn overfit(model: &dyn Mllm, sample: Encoded) -> Result<(usize, f64, f64, f64)> {
    let source = Copies(sample, 1);
    let config = train::Config::small(1e-3, 1, 100_000);
    let mut trainer = Trainer::new(model, &source, &config)?;
    let start = Instant::now();
    let (mut steps, mut first, mut last) = (0, 0.0, f64::INFINITY);
    let goes_on = |steps: usize| {
        let seconds = start.elapsed().as_secs_f64();
        seconds < SECONDS || steps < STEPS && seconds < PATIENCE
    };
    while goes_on(steps)
        && last > LEARNED / 4.0
        && let Some(metrics) = trainer.step()?
    {
        last = metrics.loss;
        if steps == 0 {
            first = last;
        }
        steps += 1;
    }
    Ok((steps, first, last, start.elapsed().as_secs_f64()))
}

/// How long the demo would take, as it was measured on the processor.
fn demo(shared: &Shared, per_token: [f64; 2]) -> Check {
    let seconds = demo::time::seconds(per_token);
    let threads = threads(shared);
    let elsewhere = match shared.device.as_str() {
        "auto" if !machine::has_gpu() => "",
        "cpu" => "",
        _ => " with `--device cpu`; on a GPU it was not timed",
    };
    let told = demo::time::told(seconds);
    let s = if threads == 1 { "" } else { "s" };
    let busy = if per_token[0] < BUSY * per_token[1] {
        "; something else runs here now, without which it is the shorter time"
    } else {
        ""
    };
    Check {
        seconds: Some(seconds),
        ..check(
            "demo",
            format!("`adamllm demo` would take {told} here ({threads} thread{s}){elsewhere}{busy}"),
            None,
        )
    }
}

//! `adamllm doctor`: whether this machine can do the work, measured and not guessed; ends in "ready" or in what to mend.

use std::path::Path;
use std::time::Instant;

use adamllm::flags::{Shared, threads};
use adamllm::machine::{self, Check, check, checks, tell};
use anyhow::Result;
use corpus::{Role, Sample, Turn};
use pipeline::Engine;
use pipeline::generation::Generation;
use processor::Encoded;
use serde_json::Value;
use torch::{Device, Kind, Tensor};
use train::{SampleSource, Trainer};

use crate::cuda;

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
    found.extend(rest);
    found.push(gpu());
    found.push(match overfit() {
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

struct One(Encoded);

impl SampleSource for One {
    fn len(&self) -> usize {
        1
    }

    fn id(&self, _: usize) -> &'static str {
        "doctor"
    }

    fn encode(&self, _: usize) -> Result<Encoded, String> {
        Ok(self.0.clone())
    }
}

/// Steps, first and last loss, and seconds of learning one picture's caption by heart with the shipped model.
fn overfit() -> Result<(usize, f64, f64, f64)> {
    let folder = std::env::temp_dir().join(format!("adamllm-doctor-{}", std::process::id()));
    let outcome = overfit_in(&folder);
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn overfit_in(folder: &Path) -> Result<(usize, f64, f64, f64)> {
    let demo = folder.join("demo");
    demo::write_shipped(&demo)?;
    let engine = Engine {
        generation: Generation::default(),
        device: Device::Cpu,
        dtype: Kind::Float,
        threads: 1,
        processing: processor::Options::default(),
        extra_bos: None,
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
    let sample = Sample {
        id: "doctor".to_owned(),
        images: vec![path],
        turns: vec![
            Turn::new(Role::User, corpus::image_marks(1) + "Describe the image.").with_marks(),
            Turn::new(Role::Assistant, "a red and white board with six rows").learned(),
        ],
        end: false,
        origin: Value::Null,
    };
    let source = One(processor.sample(&sample)?);
    let config = train::Config::small(1e-3, 1, 100_000);
    let mut trainer = Trainer::new(model.as_ref(), &source, &config)?;
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

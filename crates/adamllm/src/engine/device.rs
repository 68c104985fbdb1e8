//! The device that `--device` names, with libtorch ready for it.

use std::path::{Path, PathBuf};

use adamllm::environment;
use adamllm::flags::{Shared, threads};
use anyhow::{Context as _, Result, bail};
use pipeline::Engine;
use torch::{Device, Kind};

/// An engine for models that are named on the command line.
pub fn engine(shared: &Shared) -> Result<Engine> {
    Ok(Engine {
        device: ready(shared)?,
        dtype: kind(shared),
        threads: threads(shared),
        processing: processor::Options::default(),
    })
}

/// The folder of a model that is named on the command line.
pub fn model_folder(named: &Path) -> Result<PathBuf> {
    Ok(environment::hub().resolve(named)?)
}

/// Makes libtorch ready and gives the device.
pub fn ready(shared: &Shared) -> Result<Device> {
    let device = device(&shared.device)?;
    torch::check_version().context("this program cannot run with the libtorch that it found")?;
    torch::set_threads(threads(shared));
    Ok(device)
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

/// The dtype that `--dtype` names; f32 where it is not given.
pub fn kind(shared: &Shared) -> Kind {
    if shared.dtype.as_deref() == Some("bf16") {
        Kind::BFloat16
    } else {
        Kind::Float
    }
}

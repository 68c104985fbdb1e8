//! The device that `--device` names, with libtorch ready for it.

use std::path::{Path, PathBuf};

use adamllm::endpoint_flags::AskedEndpoint;
use adamllm::flags::{Shared, threads};
use adamllm::{environment, machine, secrets};
use anyhow::{Context as _, Result, bail};
use corpus::ModelPlace;
use pipeline::endpoints::{Endpoints, KEY, Keys};
use pipeline::{Engine, settings};
use run::launch::Launch;
use run::recipe::{Automatic, DeviceKind, Dtype, EndpointPlace, EndpointSettings};
use torch::{Device, Kind};

use crate::{cuda, products};

/// An engine for models that are named on the command line.
pub fn engine(shared: &Shared) -> Result<Engine> {
    let device = ready(shared)?;
    Ok(Engine {
        threads: threads(shared),
        ..Engine::on(device, kind(shared, device))
    })
}

/// The keys of models at endpoints, from the environment.
pub fn keys<'a>(places: impl Iterator<Item = &'a EndpointPlace>) -> Result<Keys> {
    let mut keys = Vec::new();
    for place in places {
        let variable = place.key_variable.as_deref();
        if let Some(key) = secrets::key(variable)? {
            keys.push((variable.unwrap_or(KEY).to_owned(), key));
        }
    }
    Ok(Keys::of(keys))
}

/// How a model at an endpoint is asked that is named on the command line.
pub fn endpoints(asked: &AskedEndpoint) -> Result<Endpoints> {
    Ok(Endpoints {
        settings: EndpointSettings {
            max_picture_side: asked.max_picture_side,
            ..EndpointSettings::default()
        },
        keys: keys(std::iter::once(&asked.place))?,
    })
}

/// The folder of a model that is named on the command line.
pub fn model_folder(named: &Path) -> Result<PathBuf> {
    let hub = environment::hub();
    // A base with an adapter on it may be one of the cache, too.
    if let Some(place) = ModelPlace::cut(named, |_| true) {
        let base = hub.resolve(&place.base)?;
        return Ok(ModelPlace { base, ..place }.path());
    }
    Ok(hub.resolve(named)?)
}

/// Makes libtorch ready and gives the device.
pub fn ready(shared: &Shared) -> Result<Device> {
    ready_of(shared, &Launch::alone())
}

/// As [`ready`], for one of several processes: each has a GPU of its own, unless one is named.
pub fn ready_of(shared: &Shared, launch: &Launch) -> Result<Device> {
    prepare(shared)?;
    let _ = products::apply(None, threads(shared));
    match shared.device.as_str() {
        "auto" => found(shared, launch),
        "cuda" => {
            let index = cuda::ready_of(launch.local_rank).context("`cuda` cannot be used")?;
            Ok(Device::Cuda(index))
        }
        name => named(name),
    }
}

/// As [`ready`], for what reads and writes weights and runs no model: `auto` is the processor there.
pub fn ready_for_files(shared: &Shared) -> Result<Device> {
    prepare(shared)?;
    match shared.device.as_str() {
        "auto" => Ok(Device::Cpu),
        name => named(name),
    }
}

fn prepare(shared: &Shared) -> Result<()> {
    torch::check_version().context("this program cannot run with the libtorch that it found")?;
    torch::set_threads(threads(shared));
    Ok(())
}

/// A GPU if there is one that can be used, else the processor; of several processes each has to have one then.
fn found(shared: &Shared, launch: &Launch) -> Result<Device> {
    if !machine::has_gpu() {
        return Ok(Device::Cpu);
    }
    match cuda::ready_of(launch.local_rank) {
        Ok(index) => Ok(Device::Cuda(index)),
        Err(error) if launch.size > 1 => Err(error.context(format!(
            "rank {} has no GPU, as process {} of its machine; start as many processes as there are GPUs, or take the processors of all with `--device cpu`",
            launch.rank, launch.local_rank
        ))),
        Err(error) => {
            if !shared.quiet {
                eprintln!("note: there is a GPU, but models run on the processor: {error:#}");
            }
            Ok(Device::Cpu)
        }
    }
}

fn named(name: &str) -> Result<Device> {
    let device = match name.split_once(':') {
        _ if name == "cpu" => Device::Cpu,
        _ if name == "cuda" => Device::Cuda(0),
        Some(("cuda", index)) => Device::Cuda(
            index
                .parse()
                .with_context(|| format!("`{name}` is not a device"))?,
        ),
        _ => bail!("`{name}` is not a device; expected auto, cpu, cuda or cuda:N"),
    };
    if let Device::Cuda(index) = device {
        cuda::ready(index).with_context(|| format!("`{name}` cannot be used"))?;
    }
    Ok(device)
}

/// Bytes that a device has in all for each of the processes of this machine; none where nobody tells. A GPU is one process's.
pub fn total_memory(device: Device, processes: usize) -> Option<u64> {
    match device {
        Device::Cuda(index) => torch::cuda_memory(index).ok(),
        _ => Some(machine::total_memory()? / processes.max(1) as u64),
    }
}

/// The kind of a device.
pub fn device_kind(device: Device) -> DeviceKind {
    if device.is_cuda() {
        DeviceKind::Gpu
    } else {
        DeviceKind::Cpu
    }
}

/// What `model.dtype = "auto"` stands for on a device of this machine.
pub fn automatic(device: Device) -> Automatic {
    Automatic::on(device_kind(device), &machine::processor())
}

/// The dtype that `--dtype` names. Where it is not given: bf16 on a GPU, and f32 on a processor, where what one model is asked
/// is compared with others' numbers more often than it takes long.
fn kind(shared: &Shared, device: Device) -> Kind {
    let named = match shared.dtype.as_deref() {
        Some("auto") => Some(automatic(device).dtype),
        named => named.and_then(|name| name.parse().ok()),
    };
    settings::kind(named.unwrap_or(if device.is_cuda() {
        Dtype::Bf16
    } else {
        Dtype::F32
    }))
}

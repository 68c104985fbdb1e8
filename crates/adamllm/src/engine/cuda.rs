//! CUDA made ready, or in a sentence why it cannot be.

use std::path::{Path, PathBuf};

use adamllm::libtorch::{self, CUDA_LIBRARY, VARIABLE, Variables};
use adamllm::machine;
use anyhow::{Result, anyhow, bail};
use torch::{Device, Kind, Tensor};

/// The driver that CUDA 13 asks for, for which the pinned torch is built.
const DRIVER: u32 = 580;

/// Loads torch's CUDA libraries and tries device `index` with a small operator. It must come before anything else asks
/// about CUDA, as libtorch remembers the first answer.
pub fn ready(index: usize) -> Result<()> {
    tried(index, count()?)
}

/// As [`ready`], for the process of this number on its machine; gives which GPU is its own. A launcher may show each process
/// all of them or its own alone.
pub fn ready_of(local_rank: usize) -> Result<usize> {
    let count = count()?;
    let index = if count == 1 { 0 } else { local_rank };
    tried(index, count)?;
    Ok(index)
}

/// How many GPUs are to be seen, one at least.
fn count() -> Result<usize> {
    let loaded = torch::loaded_folder();
    let named = Variables::of_process().torch_lib.map(PathBuf::from);
    let folder = folder(loaded.as_deref(), named.as_deref())?;
    if let Err(error) = torch::load_cuda(Some(&folder)) {
        bail!("{}", not_loaded(&folder, &error.to_string()));
    }
    if !torch::tch::Cuda::is_available() {
        bail!("{}", no_device(machine::gpu_driver().as_deref()));
    }
    Ok(usize::try_from(torch::tch::Cuda::device_count()).unwrap_or(0))
}

fn tried(index: usize, count: usize) -> Result<()> {
    if index >= count {
        bail!(
            "there is no `cuda:{index}`: the GPUs that libtorch finds are numbered from 0 to {}",
            count.saturating_sub(1)
        );
    }
    // A card that torch is not made for shows at the first kernel.
    let tried = Tensor::f_ones([2], (Kind::Float, Device::Cuda(index)))
        .and_then(|ones| ones.f_sum(Kind::Float))
        .and_then(|sum| sum.f_double_value(&[]));
    match tried {
        Ok(sum) if sum.to_bits() == 2_f64.to_bits() => Ok(()),
        Ok(sum) => bail!("the GPU adds one and one to {sum}; it is broken"),
        Err(error) => Err(anyhow!(
            "the GPU cannot be used by torch {}, which is made for cards of compute capability 7.5 or newer: {}",
            libtorch::VERSION,
            torch::short(&error)
        )),
    }
}

/// Where the CUDA libraries lie: in the folder that the user names, else beside the libtorch that is loaded.
fn folder(loaded: Option<&Path>, named: Option<&Path>) -> Result<PathBuf> {
    let has = |folder: &Path| folder.join(CUDA_LIBRARY).exists();
    match (loaded, named) {
        (Some(loaded), Some(named)) if !libtorch::is_same_folder(loaded, named.as_os_str()) => {
            if !has(named) {
                bail!(
                    "{VARIABLE} leads to `{}`, where there is no `{CUDA_LIBRARY}`; it names the `torch/lib` folder of a Python torch {} with CUDA",
                    named.display(),
                    libtorch::VERSION
                );
            }
            match libtorch::unlike(named, loaded) {
                Some(sentence) => Err(anyhow!("{sentence}")),
                None => Ok(named.to_path_buf()),
            }
        }
        (Some(folder), _) | (None, Some(folder)) if has(folder) => Ok(folder.to_path_buf()),
        (Some(folder), _) | (None, Some(folder)) => Err(anyhow!("{}", without_cuda(folder))),
        (None, None) => Err(anyhow!(
            "the system does not tell where libtorch was loaded from; set {VARIABLE} to its folder"
        )),
    }
}

fn without_cuda(folder: &Path) -> String {
    format!(
        "the torch in `{}` is built without CUDA; install torch {version} with CUDA (`pip install torch=={version}`) and set \
         {VARIABLE} to its `torch/lib` folder, or install adamllm's wheel beside it",
        folder.display(),
        version = libtorch::VERSION
    )
}

fn not_loaded(folder: &Path, said: &str) -> String {
    format!(
        "torch's CUDA libraries in `{}` cannot be loaded ({said}); `pip install --force-reinstall torch=={}` brings what belongs to them",
        folder.display(),
        libtorch::VERSION
    )
}

/// In a sentence why libtorch finds no device, by what the driver says of itself.
fn no_device(driver: Option<&str>) -> String {
    let hidden = std::env::var_os("CUDA_VISIBLE_DEVICES");
    let Some(driver) = driver else {
        return "there is no NVIDIA driver that answers; install one, 580 or newer, or start the container with its GPUs".to_owned();
    };
    match major(driver) {
        Some(found) if found < DRIVER => format!(
            "the NVIDIA driver is {driver}, and torch {} needs {DRIVER} or newer (CUDA 13); update the driver",
            libtorch::VERSION
        ),
        _ if hidden.is_some() => format!(
            "libtorch finds no CUDA device (driver {driver}); CUDA_VISIBLE_DEVICES is `{}`, which may hide it",
            hidden.unwrap_or_default().display()
        ),
        _ => format!(
            "libtorch finds no CUDA device, though there is a driver ({driver}); `nvidia-smi` says what it sees"
        ),
    }
}

/// `580` of `580.65.06`.
fn major(driver: &str) -> Option<u32> {
    driver.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_driver_is_said_by_its_number() {
        let said = no_device(Some("535.161.08"));
        assert!(
            said.contains("535.161.08") && said.contains("580"),
            "{said}"
        );
        assert!(no_device(None).contains("no NVIDIA driver"), "none");
        // The first driver of CUDA 13.0 is not an old one.
        let said = no_device(Some("580.65.06"));
        assert!(!said.contains("needs"), "{said}");
    }

    #[test]
    fn the_cuda_libraries_lie_beside_libtorch_or_where_the_user_says() {
        let root = tempfile::tempdir().expect("folder");
        let torch = |name: &str, version: &str, cuda: bool| {
            let lib = root.path().join(name).join("lib");
            std::fs::create_dir_all(&lib).expect("folder");
            let text = format!("from typing import Optional\n__version__ = '{version}'\n");
            std::fs::write(root.path().join(name).join("version.py"), text).expect("write");
            if cuda {
                std::fs::write(lib.join(CUDA_LIBRARY), "").expect("write");
            }
            lib
        };
        let beside = torch("beside", libtorch::VERSION, true);
        let plain = torch("plain", "2.11.0+cpu", false);
        let equal = torch("equal", "2.11.0+cu130", true);
        let old = torch("old", "2.10.0+cu128", true);
        let said = |loaded: &Path, named: Option<&Path>| match folder(Some(loaded), named) {
            Ok(folder) => folder.display().to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(said(&beside, None), beside.display().to_string());
        assert_eq!(said(&plain, Some(&equal)), equal.display().to_string());
        assert!(said(&plain, None).contains("built without CUDA"));
        assert!(said(&plain, Some(&plain)).contains("built without CUDA"));
        assert!(said(&beside, Some(&plain)).contains("there is no `libtorch_cuda.so`"));
        let other = said(&beside, Some(&old));
        assert!(
            other.contains("2.10.0+cu128") && other.contains("unset it"),
            "{other}"
        );
    }

    #[test]
    fn what_the_loader_says_is_kept() {
        let lacking = "libcudnn.so.9: cannot open shared object file: No such file or directory";
        let said = not_loaded(Path::new("/v/torch/lib"), lacking);
        assert!(
            said.contains(lacking) && said.contains("pip install"),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1);
    }
}

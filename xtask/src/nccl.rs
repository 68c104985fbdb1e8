//! `cargo xtask nccl`: the library through which processes train together on GPUs, built against the torch that they run with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

const HELP: &str = "\
usage: cargo xtask nccl [--torch FOLDER] [--out FILE]

Builds `libadamllm_nccl.so` with g++ (no nvcc, no GPU and no driver are needed) against a Python torch with CUDA.

  --torch FOLDER  its `torch` folder, as `python3 -c 'import torch; print(torch.__path__[0])'` prints it;
                  default: that of the active Python (`python3`, or $ADAMLLM_PYTHON)
  --out FILE      default: target/release/libadamllm_nccl.so, beside the program
";

/// The library's file.
const NAME: &str = "libadamllm_nccl.so";

/// Where headers lie below `site-packages`, besides torch's own: NCCL's, CUDA's of one folder (CUDA 13), and of one a package (CUDA 12).
const NVIDIA: [&str; 4] = [
    "nvidia/nccl/include",
    "nvidia/cu13/include",
    "nvidia/cuda_runtime/include",
    "nvidia/cuda_nvcc/include",
];

/// A header of CUDA's compiler, which its other headers include and torch's own requirements leave out; and what brings it, of
/// the version of CUDA that torch is built for.
const COMPILER: &str = "crt/host_config.h";
const HEADERS: [&str; 2] = ["nvidia-cuda-crt==13.0.88", "nvidia-cuda-cccl==13.0.85"];

pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let mut torch = None;
    let mut out = root.join("target/release").join(NAME);
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().map(PathBuf::from);
        match (flag.as_str(), &mut value) {
            ("--help", _) => {
                eprint!("{HELP}");
                return Ok(());
            }
            ("--torch", value) => torch = Some(value().context("--torch takes a folder")?),
            ("--out", value) => out = value().context("--out takes a file")?,
            (other, _) => bail!("unknown flag `{other}`\n\n{HELP}"),
        }
    }
    let torch = match torch {
        Some(torch) => torch,
        None => of_python()?,
    };
    build(root, &torch, &out)?;
    eprintln!("built `{}`", out.display());
    Ok(())
}

/// The `torch` folder of the active Python.
fn of_python() -> Result<PathBuf> {
    let python = std::env::var("ADAMLLM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(&python)
        .args(["-c", "import torch; print(torch.__path__[0])"])
        .output()
        .with_context(|| format!("cannot start `{python}`"))?;
    ensure!(
        output.status.success(),
        "`{python}` has no torch; name its folder with --torch"
    );
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(PathBuf::from(text.trim()))
}

fn build(root: &Path, torch: &Path, out: &Path) -> Result<()> {
    let lib = torch.join("lib");
    ensure!(
        lib.join("libtorch_cuda.so").is_file(),
        "`{}` has no `lib/libtorch_cuda.so`: it is no torch with CUDA",
        torch.display()
    );
    let sources = root.join("crates/torch");
    let site = torch.parent().unwrap_or(torch);
    let mut compiler = Command::new(std::env::var("CXX").unwrap_or_else(|_| "g++".to_owned()));
    compiler
        .args(["-std=c++17", "-O1", "-fPIC", "-shared", "-w"])
        .arg("-D_GLIBCXX_USE_CXX11_ABI=1")
        .arg(joined("-I", &sources.join("csrc")))
        .arg(joined("-I", &torch.join("include")))
        .arg(joined("-I", &torch.join("include/torch/csrc/api/include")));
    let found: Vec<PathBuf> = NVIDIA.iter().map(|name| site.join(name)).collect();
    for folder in found.iter().filter(|folder| folder.is_dir()) {
        compiler.arg(joined("-I", folder));
    }
    if !found.iter().any(|folder| folder.join(COMPILER).is_file()) {
        compiler.arg(joined("-I", &headers(root)?));
    }
    ensure!(
        found.iter().any(|folder| folder.join("nccl.h").is_file()),
        "there is no `nccl.h` below `{}`; `pip install torch` with CUDA brings it (nvidia-nccl)",
        site.join("nvidia").display()
    );
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    compiler
        .arg(sources.join("csrc_cuda/nccl.cpp"))
        .arg("-o")
        .arg(out)
        .arg(joined("-L", &lib))
        .args(["-ltorch_cuda", "-lc10_cuda", "-ltorch_cpu", "-lc10"])
        // The program has opened these by then, and NCCL's own library belongs to torch's.
        .arg("-Wl,--unresolved-symbols=ignore-in-shared-libs");
    let status = compiler.status().context("cannot start the C++ compiler")?;
    ensure!(status.success(), "the library does not build");
    Ok(())
}

/// The folder of headers that torch does not bring along, fetched once.
fn headers(root: &Path) -> Result<PathBuf> {
    let place = root.join("target/tools/cuda-headers");
    let include = place.join("nvidia/cu13/include");
    if include.join(COMPILER).is_file() {
        return Ok(include);
    }
    let python = std::env::var("ADAMLLM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let status = Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
        .arg(&place)
        .args(HEADERS)
        .status()
        .with_context(|| format!("cannot start `{python}`"))?;
    ensure!(
        status.success(),
        "pip cannot fetch {}",
        HEADERS.join(" and ")
    );
    Ok(include)
}

fn joined(flag: &str, path: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(flag);
    text.push(path);
    text
}

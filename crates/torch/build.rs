//! Compiles the shim against the libtorch that `torch-sys` found, and tells dependents where its libraries are.

use std::path::{Path, PathBuf};

/// Names the run path of the binaries in place of libtorch's folder on this machine; `$ORIGIN` is where a binary lies.
const RUN_PATH: &str = "ADAMLLM_RUN_PATH";

/// The library of threads that libtorch brings along.
const OPENMP: &str = "libgomp.so.1";

fn main() {
    println!("cargo::rerun-if-changed=csrc");
    let Ok(given) = std::env::var("DEP_TCH_LIBTORCH_LIB") else {
        panic!("torch-sys did not say where libtorch is; run `cargo xtask setup` first");
    };
    let given = PathBuf::from(given);
    let lib = given.canonicalize().unwrap_or_else(|_| given.clone());
    // The folder ends up in the run path of every binary, so it is looked up again when another libtorch lies behind
    // the same link (the first) and when the one in the run path is gone (the second).
    for folder in [&given, &lib] {
        println!(
            "cargo::rerun-if-changed={}",
            folder.join("libc10.so").display()
        );
    }
    let include = lib.parent().unwrap_or(Path::new("")).join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .opt_level(1)
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .include("csrc/gloo_declarations")
        .flag("-D_GLIBCXX_USE_CXX11_ABI=1")
        // libtorch's parallel loops are templates, which run on one thread where the compiler is not told.
        .flag("-fopenmp")
        .file("csrc/adamw.cpp")
        .file("csrc/allocator.cpp")
        .file("csrc/attention.cpp")
        .file("csrc/decoding.cpp")
        .file("csrc/distributed.cpp")
        .file("csrc/fused.cpp")
        .file("csrc/products.cpp")
        .file("csrc/recompute.cpp")
        .file("csrc/shim.cpp")
        .compile("adamllm_shim");
    kernels();
    // The folder is this machine's. What goes to other machines names one that starts from where the program lies.
    println!("cargo::rerun-if-env-changed={RUN_PATH}");
    let run_path = std::env::var(RUN_PATH).unwrap_or_else(|_| lib.display().to_string());
    // Dependents read these as DEP_ADAMLLM_TORCH_LIB and DEP_ADAMLLM_TORCH_VERSION.
    println!("cargo::metadata=LIB={run_path}");
    if let Some(version) = version(&include) {
        println!("cargo::metadata=VERSION={version}");
    }
    println!("cargo::rustc-link-arg=-Wl,-rpath,{run_path}");
    println!("cargo::rustc-link-lib=stdc++");
    // The threads are those of libtorch's own copy.
    if lib.join(OPENMP).exists() {
        println!("cargo::rustc-link-lib=dylib:+verbatim={OPENMP}");
    } else {
        println!("cargo::rustc-link-lib=gomp");
    }
}

/// The loops of `kernels.cpp` and `adamw_loops.cpp`, once for each set of instructions; which one runs is found out when the program starts.
fn kernels() {
    for (name, instructions) in [
        ("base", &[][..]),
        ("avx2", &["-mavx2", "-mfma"]),
        ("avx512", &AVX512),
    ] {
        // AdamW's give the same bits whatever the instructions are.
        for (file, contract, library) in [
            ("csrc/kernels.cpp", "-ffp-contract=fast", "kernels"),
            ("csrc/adamw_loops.cpp", "-ffp-contract=off", "adamw"),
        ] {
            loops(file, contract, instructions)
                .define("ADM_KERNELS", name)
                .compile(&format!("adamllm_{library}_{name}"));
        }
    }
    // Its tiles need as many registers as these instructions have.
    loops("csrc/attention_loops.cpp", "-ffp-contract=fast", &AVX512).compile("adamllm_attention");
}

/// What most processors of servers have since 2017.
const AVX512: [&str; 6] = [
    "-mavx512f",
    "-mavx512bw",
    "-mavx512dq",
    "-mavx512vl",
    "-mfma",
    "-mprefer-vector-width=512",
];

/// Loops of a file, compiled for these instructions.
fn loops(file: &str, contract: &str, instructions: &[&str]) -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .opt_level(3)
        // Nothing of C++'s library is in them.
        .flags(["-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math"])
        .flags([contract, "-fno-exceptions"])
        // Vectors are handed on inside of one file alone.
        .flag("-Wno-psabi")
        .flags(instructions)
        .file(file);
    build
}

/// The version that the headers bear, `2.11.0`.
fn version(include: &Path) -> Option<String> {
    let text = std::fs::read_to_string(include.join("torch/headeronly/version.h")).ok()?;
    let number = |part: &str| {
        let start = format!("#define TORCH_VERSION_{part} ");
        text.lines().find_map(|line| line.strip_prefix(&start))
    };
    let parts = [number("MAJOR")?, number("MINOR")?, number("PATCH")?];
    Some(parts.map(str::trim).join("."))
}

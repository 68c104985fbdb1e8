//! Compiles the shim against the libtorch that `torch-sys` found, and tells dependents where its libraries are.

use std::path::{Path, PathBuf};

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
        .flag("-D_GLIBCXX_USE_CXX11_ABI=1")
        .file("csrc/shim.cpp")
        .compile("adamllm_shim");
    // Dependents read it as DEP_ADAMLLM_TORCH_LIB.
    println!("cargo::metadata=LIB={}", lib.display());
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    println!("cargo::rustc-link-lib=stdc++");
}

//! Compiles the shim against the libtorch that `torch-sys` found, and tells dependents where its libraries are.

fn main() {
    println!("cargo::rerun-if-changed=csrc");
    let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") else {
        panic!("torch-sys did not say where libtorch is; run `cargo xtask setup` first");
    };
    let lib = std::fs::canonicalize(&lib).unwrap_or_else(|_| lib.clone().into());
    let root = lib
        .parent()
        .map(std::path::Path::to_path_buf)
        .unwrap_or_default();
    let include = root.join("include");
    // A libtorch in another place must be linked anew.
    if root.join("build-version").exists() {
        println!(
            "cargo::rerun-if-changed={}",
            root.join("build-version").display()
        );
    }
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
    println!("cargo::metadata=LIB={}", lib.display());
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    println!("cargo::rustc-link-lib=stdc++");
}

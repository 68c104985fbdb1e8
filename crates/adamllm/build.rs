//! Puts the folder of libtorch into the run path of the engine and of tests, so that no library path is needed.
fn main() {
    // Else a change of any file of the package, tests too, builds the program anew.
    println!("cargo:rerun-if-changed=build.rs");
    if let Ok(folder) = std::env::var("DEP_ADAMLLM_TORCH_LIB") {
        println!("cargo:rustc-link-arg-bin=adamllm-engine=-Wl,-rpath,{folder}");
        println!("cargo:rustc-link-arg-tests=-Wl,-rpath,{folder}");
    }
    // The small program compares it with what lies on the machine, before the engine starts.
    if let Ok(version) = std::env::var("DEP_ADAMLLM_TORCH_VERSION") {
        println!("cargo:rustc-env=ADAMLLM_LIBTORCH_VERSION={version}");
    }
}

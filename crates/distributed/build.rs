//! Puts the folder of libtorch into the run path, so that no library path is needed.
fn main() {
    println!("cargo:rerun-if-env-changed=DEP_ADAMLLM_TORCH_LIB");
    if let Ok(folder) = std::env::var("DEP_ADAMLLM_TORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}

//! Cargo as a child process, with the environment that a user's own shell would give it.

use std::path::Path;
use std::process::Command;

use crate::setup;

/// Cargo in `root`.
pub fn command(root: &Path, args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root).args(args);
    // Cargo gave us its default; a child with it in the environment and a plain `cargo build`
    // without would each rebuild torch-sys after the other.
    if std::env::var_os("LIBTORCH").is_some_and(|value| setup::is_default(root, &value)) {
        command.env_remove("LIBTORCH");
    }
    command
}

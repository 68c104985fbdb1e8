//! The built program as a user starts it.

use std::process::{Command, Stdio};

/// The program, with nothing to read.
pub fn adamllm() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adamllm"));
    command.stdin(Stdio::null());
    command
}

/// What it printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

//! `adamllm evaluate --list`.

use anyhow::Result;
use evaluation::tasks;
use report::tables::benchmarks;

use crate::flags::Shared;
use crate::output::print;

/// Prints every built-in task.
pub fn run(shared: &Shared) -> Result<()> {
    let all = tasks::all();
    print(shared, &serde_json::to_value(&all)?, || {
        print!("{}", benchmarks::text(&all));
    })
}

//! The commands of the documents that no test runs, each with the reason. They are parsed all the same.

/// A command that is not run.
pub struct Listed {
    /// The document.
    pub document: &'static str,
    /// The command as it stands there, without its comment.
    pub command: &'static str,
    /// Why it is not run.
    #[expect(dead_code, reason = "for whoever reads the list")]
    pub why: Why,
}

/// Why a command is not run by a test.
#[derive(Clone, Copy)]
pub enum Why {
    /// It builds or tests a checkout, which is what a test is part of.
    Checkout,
    /// It needs what nobody has beside a checkout: tens of gigabytes, or another program.
    Large,
    /// It takes minutes or hours; the same stages run in other tests, in fewer steps.
    Minutes,
    /// It belongs to a part that the reader writes first.
    Readers,
    /// It writes into the user's home.
    Home,
    /// The same is run for another document, with data or models of its own.
    Elsewhere,
}

use Why::{Checkout, Elsewhere, Home, Large, Minutes, Readers};

const fn listed(document: &'static str, command: &'static str, why: Why) -> Listed {
    Listed {
        document,
        command,
        why,
    }
}

/// All of them, by document.
pub const LISTED: &[Listed] = &[
    listed("README.md", "cargo xtask demo", Checkout),
    listed("README.md", "cargo xtask test", Checkout),
    listed(
        "docs/adding-a-stage.md",
        "cargo build --release -p adamllm",
        Checkout,
    ),
    listed(
        "docs/adding-a-stage.md",
        "target/release/adamllm demo --quick --dry-run",
        Readers,
    ),
    listed(
        "docs/adding-a-stage.md",
        "target/release/adamllm demo --quick",
        Readers,
    ),
    listed(
        "docs/adding-a-stage.md",
        "target/release/adamllm inspect run runs/demo",
        Readers,
    ),
    // The same as the one before it, with another seed.
    listed(
        "docs/cluster.md",
        "adamllm run my.toml --run-dir runs/seed-2 --set synthesizer.checkpoint=runs/tuned/tune-synthesizer/model --set run.seed=2",
        Minutes,
    ),
    listed("docs/comparisons.md", "adamllm demo --controls", Minutes),
    listed("docs/first-steps.md", "cargo xtask setup", Checkout),
    listed(
        "docs/first-steps.md",
        "cargo build --release -p adamllm",
        Checkout,
    ),
    listed("docs/first-steps.md", "cargo xtask demo", Checkout),
    listed(
        "docs/first-steps.md",
        "adamllm demo --quick --run-dir runs/quick",
        Minutes,
    ),
    listed(
        "docs/models.md",
        "adamllm convert --from gguf --to hf model.gguf models/text",
        Large,
    ),
    listed(
        "docs/models.md",
        "cargo run --release -p adamllm-model --example full_size -- qwen2-vl-2b-instruct /tmp/full",
        Large,
    ),
    listed(
        "docs/models.md",
        "python crates/model/tests/golden/make.py --full-size /tmp/full",
        Large,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm demo --seed 1",
        Minutes,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm convert --from recipe1m --to jsonl recipe1m/ food.jsonl",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm convert --to jsonl --column image=filepath --column caption=title cc3m.tsv pairs.jsonl",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm inspect checkpoint runs/my/train/checkpoint-500",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm convert-model --from open-llava-next --to hf open-llava-next-llama3-8b model",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm recipe new my.toml",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm recipe new my.toml --checkpoint demo --pairs pairs.jsonl --synthesizer none",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm completions bash > ~/.local/share/bash-completion/completions/adamllm",
        Home,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm man ~/.local/share/man/man1",
        Home,
    ),
    // The same as the short run before it, without its bounds.
    listed(
        "docs/own-domain.md",
        "adamllm run my.toml --run-dir runs/my",
        Minutes,
    ),
    listed(
        "docs/reliability.md",
        "cargo xtask kill-test --kills 100 --seed 1",
        Checkout,
    ),
    listed("docs/reliability.md", "cargo xtask fuzz 1000000", Checkout),
    listed(
        "docs/reliability.md",
        "cargo test -p adamllm --test reliability",
        Checkout,
    ),
    listed(
        "docs/reproducing.md",
        "adamllm run recipes/food/recipe1m-llava-v1.6-8b.toml --run-dir runs/food",
        Large,
    ),
];

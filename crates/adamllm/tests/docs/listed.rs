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
    /// It needs what nobody has beside a checkout: tens of gigabytes, a server, or another program.
    Large,
    /// It takes minutes or hours; the same stages run in other tests, in fewer steps.
    Minutes,
    /// It belongs to a part that the reader writes first.
    Readers,
    /// It writes into the user's home.
    Home,
    /// The same is run for another document, with data or models of its own.
    Elsewhere,
    /// `cargo xtask dist --check` runs it on real packages.
    Packages,
}

use Why::{Checkout, Elsewhere, Home, Large, Minutes, Packages, Readers};

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
    // The tests of processes start the program in several.
    listed(
        "docs/cluster.md",
        "adamllm run my.toml --run-dir runs/my --processes 2",
        Elsewhere,
    ),
    // The same as the one before it, with another seed.
    listed(
        "docs/cluster.md",
        "adamllm run my.toml --run-dir runs/seed-2 --set synthesizer.checkpoint=runs/tuned/tune-synthesizer/model --set run.seed=2",
        Minutes,
    ),
    listed(
        "docs/cluster.md",
        "adamllm lab my-grid.toml --lab-dir labs/my --shard 1/2",
        Elsewhere,
    ),
    listed(
        "docs/cluster.md",
        "adamllm lab my-grid.toml --lab-dir labs/my --shard 2/2",
        Elsewhere,
    ),
    listed(
        "docs/lab.md",
        "adamllm lab recipes/paper/toy/ablations.toml --lab-dir labs/ablations",
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
        "docs/install.md",
        "sha256sum --check --ignore-missing SHA256SUMS",
        Packages,
    ),
    listed("docs/install.md", "python3 -m venv venv", Packages),
    listed(
        "docs/install.md",
        "venv/bin/pip install ./adamllm-0.1.0-py3-none-manylinux_2_35_x86_64.whl",
        Packages,
    ),
    listed("docs/install.md", "venv/bin/adamllm doctor", Packages),
    listed(
        "docs/install.md",
        "uv tool install ./adamllm-0.1.0-py3-none-manylinux_2_35_x86_64.whl",
        Packages,
    ),
    listed(
        "docs/install.md",
        "pipx install ./adamllm-0.1.0-py3-none-manylinux_2_35_x86_64.whl",
        Packages,
    ),
    listed(
        "docs/install.md",
        "tar -xf adamllm-0.1.0-linux-x86_64.tar.xz",
        Packages,
    ),
    listed(
        "docs/install.md",
        "adamllm-0.1.0-linux-x86_64/bin/adamllm doctor",
        Packages,
    ),
    listed(
        "docs/install.md",
        r#"ln -s "$PWD/adamllm-0.1.0-linux-x86_64/bin/adamllm" ~/.local/bin/adamllm"#,
        Home,
    ),
    listed(
        "docs/install.md",
        "ADAMLLM_TORCH_LIB=/opt/venv/lib/python3.12/site-packages/torch/lib adamllm doctor",
        Large,
    ),
    listed("docs/install.md", "cargo xtask setup", Checkout),
    listed(
        "docs/install.md",
        "cargo build --release --package adamllm",
        Checkout,
    ),
    listed("docs/install.md", "target/release/adamllm doctor", Checkout),
    listed(
        "docs/install.md",
        "adamllm completions bash > ~/.local/share/bash-completion/completions/adamllm",
        Home,
    ),
    listed(
        "docs/install.md",
        "adamllm man ~/.local/share/man/man1",
        Home,
    ),
    listed("docs/install.md", "cargo xtask dist", Checkout),
    listed("docs/install.md", "cargo xtask dist --check", Checkout),
    listed("docs/install.md", "git clone --quiet . /tmp/one", Checkout),
    listed(
        "docs/install.md",
        "git clone --quiet . /tmp/another",
        Checkout,
    ),
    listed(
        "docs/install.md",
        "(cd /tmp/one && cargo xtask dist)",
        Checkout,
    ),
    listed(
        "docs/install.md",
        "(cd /tmp/another && cargo xtask dist)",
        Checkout,
    ),
    listed(
        "docs/install.md",
        "cmp /tmp/one/target/dist/SHA256SUMS /tmp/another/target/dist/SHA256SUMS",
        Checkout,
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
        "adamllm lab recipes/paper/toy/ablations.toml --lab-dir labs/ablations",
        Minutes,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm lab recipes/paper/toy/ablations.toml --dry-run",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm lab my-grid.toml --lab-dir labs/my",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm lab my-grid.toml --lab-dir labs/my --shard 1/4 --threads 2",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm lab clean my-grid.toml --lab-dir labs/my",
        Elsewhere,
    ),
    listed(
        "docs/quality.md",
        "adamllm quality runs/my --run-dir runs/quality",
        Elsewhere,
    ),
    listed(
        "docs/quality.md",
        "adamllm quality ours=runs/my seeds=seeds.jsonl --run-dir runs/quality --judge models/judge",
        Elsewhere,
    ),
    listed(
        "docs/quality.md",
        "adamllm quality ours=runs/my baseline=baseline.json --run-dir runs/quality --endpoint http://host:8000/v1 --endpoint-model judge --send-images",
        Elsewhere,
    ),
    listed(
        "docs/quality.md",
        "adamllm quality ours=runs/my seeds=seeds.jsonl --run-dir runs/quality --ratings ratings-anna.json --ratings ratings-ben.json",
        Elsewhere,
    ),
    listed(
        "docs/quality.md",
        "adamllm quality runs/my --run-dir runs/filter --filter --ratings ratings-anna.json",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm quality ours=runs/my seeds=seeds.jsonl --run-dir runs/quality",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm quality ours=runs/my seeds=seeds.jsonl --run-dir runs/quality --judge models/judge",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm quality runs/my --run-dir runs/quality",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm quality runs/my --run-dir runs/quality --filter --ratings ratings-anna.json --ratings ratings-ben.json",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm quality tasks.json --run-dir runs/quality --endpoint http://host:8000/v1 --endpoint-model judge --send-images",
        Elsewhere,
    ),
    listed(
        "docs/directions.md",
        "adamllm lab recipes/paper/toy/ablations.toml --lab-dir labs/ablations --store labs/food",
        Minutes,
    ),
    listed(
        "docs/directions.md",
        "adamllm lab recipes/paper/toy/pipelines.toml --lab-dir labs/pipelines --store labs/food",
        Minutes,
    ),
    listed(
        "docs/directions.md",
        "adamllm lab recipes/paper/toy/main-food.toml --lab-dir labs/main-food --store labs/food",
        Minutes,
    ),
    listed(
        "docs/directions.md",
        "adamllm lab recipes/paper/toy/main-biomed.toml --lab-dir labs/main-biomed --store labs/biomed",
        Minutes,
    ),
    listed(
        "docs/directions.md",
        "adamllm lab recipes/paper/toy/synthesizer-inputs.toml --lab-dir labs/synthesizer-inputs --store labs/food",
        Minutes,
    ),
    listed(
        "docs/directions.md",
        "adamllm lab recipes/paper/toy/filter.toml --lab-dir labs/filter --store labs/food",
        Minutes,
    ),
    listed(
        "docs/directions.md",
        "adamllm lab recipes/paper/toy/data-quality.toml --lab-dir labs/data-quality --store labs/food",
        Minutes,
    ),
    listed(
        "docs/directions.md",
        "adamllm lab recipes/paper/toy/corruption.toml --lab-dir labs/corruption --store labs/food",
        Minutes,
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
        "adamllm bench train --family qwen2-vl --steps 3",
        Minutes,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm bench generate --family llama",
        Minutes,
    ),
    listed("docs/reference/commands.md", "adamllm bench data", Minutes),
    listed(
        "docs/reference/commands.md",
        "adamllm bench train --model DIR --data samples.jsonl --dtype bf16",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm bench generate --model DIR --prompts requests.jsonl",
        Elsewhere,
    ),
    listed(
        "docs/reference/commands.md",
        "adamllm bench data --model DIR --data samples.jsonl --threads 8",
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
    listed(
        "docs/serving.md",
        r#"vllm serve runs/my/tune-synthesizer/model --served-model-name synthesizer --host 0.0.0.0 --port 8000 --api-key "$OPENAI_API_KEY" --dtype bfloat16 --max-model-len 4096 --limit-mm-per-prompt '{"image": 1}'"#,
        Large,
    ),
    listed(
        "docs/serving.md",
        r#"python -m sglang.launch_server --model-path runs/my/tune-synthesizer/model --served-model-name synthesizer --host 0.0.0.0 --port 8000 --api-key "$OPENAI_API_KEY" --dtype bfloat16 --context-length 4096"#,
        Large,
    ),
    listed(
        "docs/serving.md",
        "adamllm convert --merge-lora runs/my/tune-synthesizer/model models/general models/synthesizer",
        Elsewhere,
    ),
    listed(
        "docs/serving.md",
        r#"vllm serve models/judge --served-model-name judge --host 0.0.0.0 --port 8001 --api-key "$OPENAI_API_KEY" --dtype bfloat16 --max-model-len 4096 --generation-config vllm"#,
        Large,
    ),
    listed(
        "docs/serving.md",
        "adamllm generate --endpoint http://gpu-1:8000/v1 --endpoint-model synthesizer --send-images --requests requests.jsonl --output completions.jsonl",
        Large,
    ),
    listed(
        "docs/speed.md",
        "python3 benches/sharing.py --program target/release/adamllm",
        Minutes,
    ),
    listed(
        "docs/speed.md",
        "adamllm bench train --family llava-next",
        Minutes,
    ),
    listed(
        "docs/speed.md",
        "adamllm bench train --model DIR --data samples.jsonl --dtype bf16 --output numbers.json",
        Minutes,
    ),
    listed(
        "docs/speed.md",
        "adamllm bench generate --model DIR --prompts requests.jsonl",
        Minutes,
    ),
    listed("docs/speed.md", "adamllm bench data --threads 8", Minutes),
    listed(
        "docs/speed.md",
        "cargo build --release -p adamllm",
        Checkout,
    ),
    listed(
        "docs/speed.md",
        "bash benches/peers/setup.sh transformers",
        Large,
    ),
    listed(
        "docs/speed.md",
        "bash benches/peers/setup.sh llamafactory",
        Large,
    ),
    listed("docs/speed.md", "bash benches/peers/setup.sh vllm", Large),
    listed(
        "docs/speed.md",
        "bash benches/peers/setup.sh llamacpp",
        Large,
    ),
    listed(
        "docs/speed.md",
        "bash benches/peers/setup.sh smollm2",
        Large,
    ),
    listed("docs/speed.md", "bash benches/peers/run.sh", Large),
    listed(
        "docs/speed.md",
        "bash benches/peers/run.sh --only train-llava-next-f32 --rounds 1",
        Large,
    ),
    listed("docs/speed.md", "bash benches/peers/run.sh --list", Large),
    listed("docs/speed.md", "python3 benches/peers/table.py", Large),
    listed(
        "docs/speed.md",
        "bash benches/gpu/04-speed.sh target/release/adamllm venv",
        Large,
    ),
];

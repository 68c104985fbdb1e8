//! The commands of the documents, and what can be known of one without running it.

use std::path::{Path, PathBuf};

use adamllm::cli::Cli;
use adamllm::convert_model::routed;
use clap::Parser as _;

use crate::published::root;

/// README.md and every Markdown file below docs/, with its text.
pub fn documents() -> Vec<(String, String)> {
    let mut files = vec![root().join("README.md")];
    below(&root().join("docs"), &mut files);
    files.sort();
    let document = |path: PathBuf| {
        let name = path
            .strip_prefix(root())
            .expect("inside")
            .display()
            .to_string();
        (name, std::fs::read_to_string(&path).expect("document"))
    };
    files.into_iter().map(document).collect()
}

fn below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            below(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            files.push(path);
        }
    }
}

/// The commands of the `sh` blocks, without comments.
pub fn commands(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_shell = false;
    let mut begun = String::new();
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            is_shell = line.trim() == "```sh";
            continue;
        }
        let line = line.split(" #").next().unwrap_or_default().trim();
        if !is_shell || line.is_empty() || line.starts_with('#') {
            continue;
        }
        begun += line;
        if let Some(part) = begun.strip_suffix('\\') {
            begun = part.to_owned();
        } else {
            found.push(std::mem::take(&mut begun));
        }
    }
    found
}

/// The words of a command as a shell parts them: quotes hold words together, and nothing else is special.
pub fn words(command: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => found.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    found.extend(word);
    found
}

/// Programs of others, of whose arguments nothing is known here.
const OTHERS: [&str; 9] = [
    "cmp",
    "git",
    "ln",
    "pip",
    "pipx",
    "sha256sum",
    "tar",
    "uv",
    "vllm",
];

/// Why a command cannot be right.
pub fn problem_of(command: &str) -> Option<String> {
    let last = command.trim_matches(['(', ')']).rsplit(" && ").next()?;
    let mut words = words(last.split(" > ").next().unwrap_or_default());
    // What is set for this command alone.
    words.drain(..words.iter().take_while(|word| is_assignment(word)).count());
    let name = words.first()?.clone();
    match name.rsplit('/').next()? {
        "adamllm" => {
            let parsed = Cli::try_parse_from(routed(words.into_iter().map(Into::into).collect()));
            parsed.err().map(|error| error.to_string())
        }
        "cargo" => of_cargo(&words),
        other if OTHERS.contains(&other) => None,
        "python" | "python3" if words.get(1).is_some_and(|word| word == "-m") => None,
        "python" | "python3" | "bash" => {
            let is_there = root().join(words.get(1)?).is_file();
            (!is_there).then(|| format!("`{}` is not there", words[1]))
        }
        _ => Some("no program that is known here".to_owned()),
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    })
}

fn of_cargo(words: &[String]) -> Option<String> {
    let verb = words.get(1).map(String::as_str)?;
    if verb == "xtask" {
        let source = std::fs::read_to_string(root().join("xtask/src/main.rs")).expect("xtask");
        let arm = format!("(\"{}\", ", words.get(2)?);
        return (!source.contains(&arm)).then(|| "xtask has no such verb".to_owned());
    }
    if verb == "install" {
        return None;
    }
    let after = |flag: &str| {
        let at = words.iter().position(|word| word == flag)?;
        words.get(at + 1)
    };
    let package = after("-p")?;
    let folder = root()
        .join("crates")
        .join(package.trim_start_matches("adamllm-"));
    if !folder.join("Cargo.toml").is_file() {
        return Some(format!("no package `{package}`"));
    }
    for (flag, place) in [("--example", "examples"), ("--test", "tests")] {
        let Some(name) = after(flag) else { continue };
        let file = folder.join(place).join(format!("{name}.rs"));
        if !file.is_file() && !folder.join(place).join(name).join("main.rs").is_file() {
            return Some(format!("no {flag} `{name}`"));
        }
    }
    None
}

#[test]
fn commands_are_read_as_a_shell_reads_them() {
    let text = "```sh\na b # c\n\n# d\na \\\n  \"b c\" 'd'e\n```\n```text\nx\n```\n";
    assert_eq!(commands(text), ["a b", "a \"b c\" 'd'e"]);
    assert_eq!(words("a  \"b c\" 'd'e \"\""), ["a", "b c", "de", ""]);
}

#[test]
fn a_command_that_rots_is_told() {
    for right in [
        "adamllm demo --seed 2",
        "adamllm convert --from gguf --to hf a b",
        "target/release/adamllm inspect run runs/demo",
        "cargo xtask demo --controls",
        "cargo run --release -p adamllm-model --example full_size -- x",
        "cargo test -p adamllm --test reliability",
    ] {
        assert_eq!(problem_of(right), None, "{right}");
    }
    for wrong in [
        "adamllm demo --sed 2",
        "cargo xtask dmo",
        "cargo run -p adamllm-modle",
        "cargo run -p adamllm-model --example none",
        "python crates/none.py",
        "rm -r x",
    ] {
        assert!(problem_of(wrong).is_some(), "{wrong}");
    }
}

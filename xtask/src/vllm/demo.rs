//! Synthesis and filter of the demo: once by this program's engine, once with synthesizer and judge behind vLLM.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::compare::{Row, TIE, Token};
use super::server::{Server, Tools};
use crate::process;

/// Stands for everything that is not the likeliest: both ways draw differently.
const GREEDY: &str = "synthesizer.temperature=0.0";

/// What of the demo can be chosen.
#[derive(Default)]
pub struct Options {
    /// A tuned synthesizer; else one is tuned.
    pub synthesizer: Option<PathBuf>,
    /// Keys of the recipe.
    pub set: Vec<String>,
}

/// Runs both and compares completions, triplets and verdicts; whether nothing differs that a near tie does not excuse.
pub fn compare_demo(
    tools: Tools<'_>,
    work: &Path,
    pairs: usize,
    options: &Options,
) -> Result<bool> {
    let Tools {
        program,
        python,
        root,
    } = tools;
    let (whole, own, there) = (work.join("data"), work.join("local"), work.join("remote"));
    let mut data = Command::new(program);
    data.args(["demo", "--quiet", "--dry-run", "--run-dir"]);
    process::output(data.arg(&whole))?;
    let demo = whole.join("demo");
    let few = demo.join("few.jsonl");
    std::fs::write(&few, first_lines(&demo.join("pairs.jsonl"), pairs)?)?;
    let filter = |run: &Path| {
        let mut command = Command::new(program);
        command.args(["filter", "--quiet", "--device", "cpu", "--set", GREEDY]);
        command
            .arg("--set")
            .arg(format!("data.pairs={}", few.display()));
        command.args(options.set.iter().flat_map(|one| ["--set", one]));
        command
            .arg(demo.join("recipe.toml"))
            .arg("--run-dir")
            .arg(run);
        command
    };
    let mut here = filter(&own);
    if let Some(folder) = &options.synthesizer {
        let checkpoint = format!("synthesizer.checkpoint={}", folder.display());
        here.arg("--set").arg(checkpoint);
    }
    process::output(&mut here)?;

    let judge = work.join("judge");
    let mut rename = Command::new(python);
    rename.arg(root.join("xtask/vllm/hub_names.py"));
    process::output(rename.arg(demo.join("base-model")).arg(&judge))?;
    let tuned = (options.synthesizer.clone()).unwrap_or_else(|| own.join("tune-synthesizer/model"));
    let synthesizer = Server::start(python, &tuned, "synthesizer", work)?;
    let judging = Server::start(python, &judge, "judge", &judge)?;
    let mut asked = filter(&there);
    for setting in [
        format!("synthesizer.endpoint={}", synthesizer.address()),
        "synthesizer.endpoint_model=synthesizer".to_owned(),
        "synthesizer.send_images=true".to_owned(),
        format!("filter.endpoint={}", judging.address()),
        "filter.endpoint_model=judge".to_owned(),
    ] {
        asked.arg("--set").arg(setting);
    }
    process::output(&mut asked)?;
    drop((synthesizer, judging));

    let (here, excused) = synthesis(program, (&own, &there), &tuned)?;
    let judged = verdicts(&own, &there)?;
    eprintln!(
        "demo: {} of {} syntheses the same, {} until a near tie; {} of {} common verdicts the same, p_yes at most {:.1e} apart",
        here.same,
        here.all,
        excused.len(),
        judged.same,
        judged.all,
        judged.apart
    );
    Ok(here.all == here.same + excused.len() && judged.same == judged.all)
}

/// How many there are, and how many are the same.
struct Count {
    all: usize,
    same: usize,
}

/// Completions and the triplets read from them; with the ids of those that a near tie excuses.
fn synthesis(
    program: &Path,
    (own, there): (&Path, &Path),
    tuned: &Path,
) -> Result<(Count, Vec<String>)> {
    let place = Path::new("synthesize/completions.jsonl");
    let (ours, theirs) = (by_id(&own.join(place))?, by_id(&there.join(place))?);
    ensure!(!ours.is_empty(), "the demo synthesized nothing");
    let mut parted = BTreeMap::new();
    for (id, our) in &ours {
        let their = theirs
            .get(id)
            .with_context(|| format!("`{id}` was not asked there"))?;
        if our["text"] != their["text"] || our["finish_reason"] != their["finish_reason"] {
            parted.insert(
                id.clone(),
                their["text"].as_str().unwrap_or_default().to_owned(),
            );
        }
    }
    let tokens = tokens_of(program, own, tuned, parted.keys())?;
    let mut excused = Vec::new();
    for (id, their) in &parted {
        let (at, gap) = parting(&tokens[id], their);
        eprintln!("  demo {id}: parts at token {at}, {gap:.1e} apart");
        if gap < TIE {
            excused.push(id.clone());
        }
    }
    let triplets = |run: &Path| -> Result<Vec<Value>> {
        let mut all: Vec<Value> = by_id(&run.join("synthesize/triplets.jsonl"))?
            .into_values()
            .collect();
        // Who wrote it has a name there, and a digest here.
        for one in &mut all {
            one["origin"]["synthesizer"] = Value::Null;
        }
        all.retain(|one| {
            one["pair"]
                .as_str()
                .is_none_or(|pair| !parted.contains_key(pair))
        });
        Ok(all)
    };
    let (ours_read, theirs_read) = (triplets(own)?, triplets(there)?);
    ensure!(
        ours_read == theirs_read,
        "equal completions were read as different triplets"
    );
    let all = ours.len();
    Ok((
        Count {
            all,
            same: all - parted.len(),
        },
        excused,
    ))
}

/// The tokens that this program's engine writes for some of a run's requests.
fn tokens_of<'a>(
    program: &Path,
    run: &Path,
    model: &Path,
    ids: impl Iterator<Item = &'a String>,
) -> Result<BTreeMap<String, Vec<Token>>> {
    let requests = by_id(&run.join("synthesize/requests.jsonl"))?;
    let mut text = String::new();
    for id in ids {
        let mut request = requests[id].clone();
        request["decoding"]["logprobs"] = json!(true);
        request["decoding"]["top_logprobs"] = json!(2);
        let _ = writeln!(text, "{request}");
    }
    if text.is_empty() {
        return Ok(BTreeMap::new());
    }
    // Beside the requests that it is made of, since pictures are named from there.
    let (asked, output) = (
        run.join("synthesize/parted.jsonl"),
        run.join("synthesize/parted-tokens.jsonl"),
    );
    std::fs::write(&asked, text)?;
    let mut generate = Command::new(program);
    generate.args([
        "generate", "--quiet", "--dtype", "f32", "--device", "cpu", "--model",
    ]);
    generate.arg(model).arg("--requests").arg(&asked);
    process::output(generate.arg("--output").arg(&output))?;
    let read = |(id, line): (String, Value)| Ok((id, Row::read(&line)?.tokens));
    by_id(&output)?.into_iter().map(read).collect()
}

/// Where another text parts from the one that these tokens make, and how much likelier the token is that is written there.
fn parting(tokens: &[Token], other: &str) -> (usize, f64) {
    let mut rest = other;
    for (at, token) in tokens.iter().enumerate() {
        match rest.strip_prefix(token.text.as_str()) {
            Some(left) => rest = left,
            None => return (at, token.ahead),
        }
    }
    // Only the other one goes on.
    let ahead = tokens.last().map_or(f64::INFINITY, |token| token.ahead);
    (tokens.len(), ahead)
}

/// Verdicts on triplets that both runs have.
struct Judged {
    all: usize,
    same: usize,
    /// The largest difference of `p_yes`.
    apart: f64,
}

fn verdicts(own: &Path, there: &Path) -> Result<Judged> {
    let of = |run: &Path| by_id(&run.join("filter/verdicts.jsonl"));
    let triplets = |run: &Path| by_id(&run.join("synthesize/triplets.jsonl"));
    let (ours, theirs) = (of(own)?, of(there)?);
    let (our_triplets, their_triplets) = (triplets(own)?, triplets(there)?);
    let mut judged = Judged {
        all: 0,
        same: 0,
        apart: 0.0,
    };
    for (id, our) in &ours {
        let Some(their) = theirs.get(id) else {
            continue;
        };
        let asked = |all: &BTreeMap<String, Value>| {
            let of = |key: &str| all[id][key].clone();
            [of("instruction"), of("informative"), of("precise")]
        };
        if asked(&our_triplets) != asked(&their_triplets) {
            continue;
        }
        judged.all += 1;
        if our["verdict"] == their["verdict"] {
            judged.same += 1;
        } else {
            eprintln!(
                "  demo {id}: judged {} here, {} there",
                our["verdict"], their["verdict"]
            );
        }
        let p_yes = |one: &Value| one["p_yes"].as_f64();
        let apart = match (p_yes(our), p_yes(their)) {
            (Some(a), Some(b)) => (a - b).abs(),
            (None, None) => 0.0,
            _ => f64::INFINITY,
        };
        judged.apart = judged.apart.max(apart);
    }
    ensure!(judged.all > 0, "the runs have no verdict in common");
    Ok(judged)
}

fn by_id(path: &Path) -> Result<BTreeMap<String, Value>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let read = |line: &str| -> Result<(String, Value)> {
        let value: Value = serde_json::from_str(line)?;
        let id = value["id"].as_str().context("a line without an id")?;
        Ok((id.to_owned(), value))
    };
    text.lines().map(read).collect()
}

fn first_lines(path: &Path, count: usize) -> Result<String> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(text.split_inclusive('\n').take(count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_where_texts_part_is_found() {
        let token = |text: &str, ahead: f64| Token {
            text: text.to_owned(),
            logprob: -1.0,
            ahead,
        };
        let tokens = [token("A ", 1.0), token("red ", 2.0), token("pot", 3.0)];
        assert_eq!(parting(&tokens, "A red cup"), (2, 3.0));
        assert_eq!(parting(&tokens, "A reed"), (1, 2.0));
        assert_eq!(parting(&tokens, "A "), (1, 2.0));
        assert_eq!(parting(&tokens, "A red pots"), (3, 3.0));
    }
}

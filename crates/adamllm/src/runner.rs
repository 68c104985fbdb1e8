//! Drives requests through a generator: durable by groups, resumable, in the order of the requests.

use std::path::Path;

use anyhow::{Result, anyhow};
use corpus::jsonl::{Appender, read_prefix};
use corpus::{Completion, Request};
use generate::Generator;
use indicatif::ProgressBar;

/// Requests that are decoded and made durable together.
pub const GROUP: usize = 32;

/// How the local engine runs everywhere in the program.
pub fn options(seed: u64) -> generate::Options {
    generate::Options {
        group_size: GROUP,
        seed,
        ..generate::Options::default()
    }
}

/// Completes all requests into `path`. Whole groups that are already there are kept; a broken group is done again.
pub fn run(
    generator: &mut dyn Generator,
    requests: &[Request],
    path: &Path,
    bar: &ProgressBar,
) -> Result<Vec<Completion>> {
    let mut stored: Vec<(Completion, u64)> = read_prefix(path)?;
    let fits = stored
        .iter()
        .zip(requests)
        .take_while(|((c, _), r)| c.id == r.id)
        .count();
    let whole = if fits == requests.len() {
        fits
    } else {
        fits / GROUP * GROUP
    };
    stored.truncate(whole);
    let keep = stored.last().map_or(0, |(_, end)| *end);
    let mut out: Vec<Completion> = stored.into_iter().map(|(c, _)| c).collect();
    let mut file = Appender::open(path, keep)?;
    bar.set_position(out.len() as u64);
    for group in requests[out.len()..].chunks(GROUP) {
        let mut done: Vec<Completion> = Vec::with_capacity(group.len());
        generator.generate(&mut group.iter().cloned(), &mut |completion| {
            done.push(completion);
            Ok(())
        })?;
        let mut ordered = Vec::with_capacity(group.len());
        for request in group {
            let at = done.iter().position(|c| c.id == request.id);
            let at = at.ok_or_else(|| {
                anyhow!("the generator gave nothing for request `{}`", request.id)
            })?;
            ordered.push(done.swap_remove(at));
        }
        file.append(&ordered)?;
        bar.inc(ordered.len() as u64);
        out.extend(ordered);
    }
    bar.finish_and_clear();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with the id; gives each group in reverse.
    struct Echo(usize);

    impl Generator for Echo {
        fn generate(
            &mut self,
            requests: &mut dyn Iterator<Item = Request>,
            sink: &mut dyn FnMut(Completion) -> Result<(), String>,
        ) -> Result<(), generate::Error> {
            let all: Vec<Request> = requests.collect();
            self.0 += all.len();
            for request in all.into_iter().rev() {
                let _ = sink(Completion {
                    text: format!("re {}", request.id),
                    id: request.id,
                    finish_reason: corpus::FinishReason::Stop,
                    prompt_tokens: 1,
                    completion_tokens: 1,
                    error: None,
                    logprobs: None,
                });
            }
            Ok(())
        }
    }

    fn requests(count: usize) -> Vec<Request> {
        let one = |i: usize| Request {
            id: i.to_string(),
            images: Vec::new(),
            turns: Vec::new(),
            open: corpus::Open::Assistant,
            prompt: Some("x".to_owned()),
            decoding: corpus::Decoding::default(),
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn goes_on_after_the_last_whole_group() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("completions.jsonl");
        let (bar, all) = (ProgressBar::hidden(), requests(70));
        let whole = run(&mut Echo(0), &all, &path, &bar).expect("run");
        assert!(whole.iter().zip(&all).all(|(c, r)| c.id == r.id));
        let bytes = std::fs::read(&path).expect("read");
        // Cut in the middle of the second group.
        std::fs::write(&path, &bytes[..bytes.len() * 6 / 10]).expect("write");
        let mut again = Echo(0);
        assert_eq!(run(&mut again, &all, &path, &bar).expect("run"), whole);
        assert_eq!(again.0, 70 - GROUP);
        assert_eq!(std::fs::read(&path).expect("read"), bytes);
        let mut nothing = Echo(0);
        run(&mut nothing, &all, &path, &bar).expect("run");
        assert_eq!(nothing.0, 0);
    }
}

//! Drives requests through a generator: durable by blocks, resumable, in the order of the requests.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use corpus::jsonl::{Appender, read_prefix};
use corpus::{Completion, Request};
use generate::Generator;
use run::Stop;
use run::events::Reporter;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Who hears how it goes, and who may stop it.
#[derive(Clone, Copy)]
pub struct Progress<'a> {
    /// What is answered, such as `base colour`.
    pub label: &'a str,
    /// Who hears of it.
    pub report: Reporter<'a>,
    /// Whether the run is asked to stop.
    pub stop: Stop<'a>,
}

/// The checksum of what lies before `end` and after the line before.
#[derive(Debug, Serialize, Deserialize)]
struct Sum {
    end: u64,
    sha256: String,
}

/// Completes all requests into `path`, `size` of them a block. Whole blocks that are already there are kept; a broken block
/// is done again, also one that no longer has the checksum beside it (`<path>.sums`). A file without checksums, which
/// another engine may have written, is taken as it is. Stops between blocks when the run is asked to.
///
/// The generator is given all requests from the first block on that is to be done. One whose blocks are of this size makes
/// the next one ready meanwhile, and does the same work whether it was killed or not.
///
/// Gives [`Error::Stopped`], [`Error::NoAnswer`], [`Error::Generate`], [`Error::Corpus`] and [`Error::Io`].
pub fn run(
    generator: &mut dyn Generator,
    requests: &[Request],
    path: &Path,
    size: usize,
    progress: Progress<'_>,
) -> Result<Vec<Completion>> {
    let size = size.max(1);
    let mut stored: Vec<(Completion, u64)> = read_prefix(path)?;
    let sums_path = sums_of(path);
    let mut sums: Vec<(Sum, u64)> = read_prefix(&sums_path)?;
    if !sums.is_empty() {
        let sound = sound_bytes(path, &sums)?;
        let before = stored.len();
        stored.retain(|(_, end)| *end <= sound);
        if before / size > stored.len() / size {
            progress.report.warn(format!(
                "`{}` is damaged after {} records; what follows is done again",
                path.display(),
                stored.len()
            ));
        }
    }
    let fits = stored
        .iter()
        .zip(requests)
        .take_while(|((c, _), r)| c.id == r.id)
        .count();
    let whole = if fits == requests.len() {
        fits
    } else {
        fits / size * size
    };
    stored.truncate(whole);
    let keep = stored.last().map_or(0, |(_, end)| *end);
    let out: Vec<Completion> = stored.into_iter().map(|(c, _)| c).collect();
    let file = Appender::open(path, keep)?;
    sums.retain(|(sum, _)| sum.end <= keep);
    let mut sums_file = Appender::open(&sums_path, sums.last().map_or(0, |(_, end)| *end))?;
    let mut summed = sums.last().map_or(0, |(sum, _)| sum.end);
    if summed < keep {
        summed = add_sum(path, &mut sums_file, summed)?;
    }
    let done = out.len();
    let mut writing = Writing {
        path,
        file,
        sums: sums_file,
        summed,
        progress,
        requests,
        size,
        out,
        early: HashMap::new(),
        missing: HashMap::new(),
    };
    writing.tell();
    writing.open();
    if done < requests.len() {
        progress.stop.check()?;
        let mut problem = None;
        let answered = generator.generate(&mut requests[done..].iter().cloned(), &mut |one| {
            if problem.is_none() {
                problem = writing.take(one).err();
            }
            let refused = problem.as_ref().map(ToString::to_string);
            refused.map_or(Ok(()), Err)
        });
        if let Some(problem) = problem {
            return Err(problem);
        }
        if answered.is_err() {
            // Whoever answers may have been told so in its own words.
            progress.stop.check()?;
        }
        answered?;
    }
    writing.finished()
}

/// Completions on their way into the file: a block is written when all of it is there.
struct Writing<'a> {
    path: &'a Path,
    file: Appender,
    sums: Appender,
    /// Bytes of the file that have a checksum.
    summed: u64,
    progress: Progress<'a>,
    requests: &'a [Request],
    size: usize,
    /// What is written.
    out: Vec<Completion>,
    /// What is not written yet, by id.
    early: HashMap<String, VecDeque<Completion>>,
    /// How many of an id the block that is next still lacks.
    missing: HashMap<&'a str, usize>,
}

impl<'a> Writing<'a> {
    fn tell(&self) {
        let (done, total) = (self.out.len() as u64, self.requests.len() as u64);
        self.progress
            .report
            .progress(self.progress.label, done, total);
    }

    /// The block that is next; empty when all is written.
    fn block(&self) -> &'a [Request] {
        let rest = &self.requests[self.out.len()..];
        &rest[..rest.len().min(self.size)]
    }

    /// Sees what the block that is next lacks.
    fn open(&mut self) {
        self.missing.clear();
        for request in self.block() {
            *self.missing.entry(&request.id).or_default() += 1;
        }
        let early = &self.early;
        self.missing.retain(|id, lacking| {
            let there = early.get(*id).map_or(0, VecDeque::len);
            *lacking = lacking.saturating_sub(there);
            *lacking > 0
        });
    }

    /// Takes a completion, and writes the blocks that are whole with it. Says so when the run is asked to stop.
    fn take(&mut self, completion: Completion) -> Result<()> {
        if let Some(lacking) = self.missing.get_mut(completion.id.as_str()) {
            *lacking -= 1;
            if *lacking == 0 {
                self.missing.remove(completion.id.as_str());
            }
        }
        let id = completion.id.clone();
        self.early.entry(id).or_default().push_back(completion);
        while self.missing.is_empty() && !self.block().is_empty() {
            self.write()?;
            self.open();
            if !self.block().is_empty() {
                self.progress.stop.check()?;
            }
        }
        Ok(())
    }

    /// Makes the block that is next durable.
    fn write(&mut self) -> Result<()> {
        let block = self.block();
        let mut ordered = Vec::with_capacity(block.len());
        for request in block {
            ordered.push(self.early_of(request)?);
        }
        self.file.append(&ordered)?;
        self.summed = add_sum(self.path, &mut self.sums, self.summed)?;
        self.out.extend(ordered);
        self.tell();
        Ok(())
    }

    fn early_of(&mut self, request: &Request) -> Result<Completion> {
        let own = self.early.get_mut(&request.id);
        own.and_then(VecDeque::pop_front)
            .ok_or_else(|| Error::NoAnswer {
                request: request.id.clone(),
            })
    }

    /// All completions, or the first request that has none.
    fn finished(mut self) -> Result<Vec<Completion>> {
        for request in self.block() {
            self.early_of(request)?;
        }
        Ok(self.out)
    }
}

/// The file of a file of completions' checksums.
pub(crate) fn sums_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sums");
    PathBuf::from(name)
}

/// Notes the checksum of what follows the first `from` bytes; gives the length of the file.
fn add_sum(path: &Path, sums: &mut Appender, from: u64) -> Result<u64> {
    let reading = Error::io("read", path);
    let mut file = File::open(path).map_err(&reading)?;
    file.seek(SeekFrom::Start(from)).map_err(&reading)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(&reading)?;
    let end = from + bytes.len() as u64;
    // A checksum that a failing machine loses costs its block, no more; so there is nothing to wait for.
    sums.write(&[Sum {
        end,
        sha256: corpus::digest::bytes(&bytes),
    }])?;
    Ok(end)
}

/// How many bytes at the start of the file have their checksums.
fn sound_bytes(path: &Path, sums: &[(Sum, u64)]) -> Result<u64> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(Error::io("read", path))?,
    };
    let mut sound = 0;
    for (sum, _) in sums {
        let end = usize::try_from(sum.end).unwrap_or(usize::MAX);
        match bytes.get(sound..end) {
            Some(part) if corpus::digest::bytes(part) == sum.sha256 => sound = end,
            _ => break,
        }
    }
    Ok(sound as u64)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use run::events::Nobody;

    use super::*;

    const GROUP: usize = 32;

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
                    top_logprobs: None,
                });
            }
            Ok(())
        }
    }

    fn unheard() -> Progress<'static> {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Progress {
            label: "answers",
            report: Reporter::new("test", &Nobody),
            stop: Stop::when(&NEVER),
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

    /// Answers nothing.
    struct Silent;

    impl Generator for Silent {
        fn generate(
            &mut self,
            _: &mut dyn Iterator<Item = Request>,
            _: &mut dyn FnMut(Completion) -> Result<(), String>,
        ) -> Result<(), generate::Error> {
            Ok(())
        }
    }

    #[test]
    fn a_request_without_an_answer_and_a_stop_are_errors() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("completions.jsonl");
        let found = run(&mut Silent, &requests(3), &path, GROUP, unheard());
        assert!(
            matches!(&found, Err(Error::NoAnswer { request }) if request == "0"),
            "{found:?}"
        );
        let always = AtomicBool::new(true);
        let progress = Progress {
            stop: Stop::when(&always),
            ..unheard()
        };
        let found = run(&mut Echo(0), &requests(3), &path, GROUP, progress);
        assert!(matches!(found, Err(Error::Stopped(_))), "{found:?}");
    }

    #[test]
    fn goes_on_after_the_last_whole_group() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("completions.jsonl");
        let all = requests(70);
        let whole = run(&mut Echo(0), &all, &path, GROUP, unheard()).expect("run");
        assert!(whole.iter().zip(&all).all(|(c, r)| c.id == r.id));
        let bytes = std::fs::read(&path).expect("read");
        // Cut in the middle of the second group.
        std::fs::write(&path, &bytes[..bytes.len() * 6 / 10]).expect("write");
        let mut again = Echo(0);
        assert_eq!(
            run(&mut again, &all, &path, GROUP, unheard()).expect("run"),
            whole
        );
        assert_eq!(again.0, 70 - GROUP);
        assert_eq!(std::fs::read(&path).expect("read"), bytes);
        let mut nothing = Echo(0);
        run(&mut nothing, &all, &path, GROUP, unheard()).expect("run");
        assert_eq!(nothing.0, 0);
    }

    #[test]
    fn a_flipped_byte_is_found_and_its_group_done_again() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("completions.jsonl");
        let all = requests(70);
        let whole = run(&mut Echo(0), &all, &path, GROUP, unheard()).expect("run");
        let bytes = std::fs::read(&path).expect("read");
        let sums = std::fs::read(sums_of(&path)).expect("read");
        // A letter of an answer in the second group: still sound JSON with the right id.
        let at = bytes.len() * 6 / 10;
        let at = at + bytes[at..].iter().position(|&b| b == b'r').expect("`re`");
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        std::fs::write(&path, &flipped).expect("write");
        let mut again = Echo(0);
        assert_eq!(
            run(&mut again, &all, &path, GROUP, unheard()).expect("run"),
            whole
        );
        assert_eq!(again.0, 70 - GROUP);
        assert_eq!(std::fs::read(&path).expect("read"), bytes);
        assert_eq!(std::fs::read(sums_of(&path)).expect("read"), sums);
    }

    #[test]
    fn answers_of_another_engine_are_taken_as_they_are() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("completions.jsonl");
        let all = requests(40);
        run(&mut Echo(0), &all, &path, GROUP, unheard()).expect("run");
        std::fs::remove_file(sums_of(&path)).expect("remove");
        let mut again = Echo(0);
        run(&mut again, &all, &path, GROUP, unheard()).expect("run");
        assert_eq!(again.0, 0);
        assert!(sums_of(&path).exists(), "from now on it has checksums");
    }
}

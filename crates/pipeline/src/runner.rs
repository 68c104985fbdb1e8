//! Drives requests through a generator: durable by blocks, resumable, in the order of the requests.

mod drive;
mod file;
mod likely;
mod order;
mod parts;
mod progress;
mod together;

use std::path::Path;

use corpus::{Completion, Request};
use distributed::World;
use generate::Generator;

use crate::error::Result;

use self::drive::drive;
use self::file::CompletionsFile;
use self::order::Order;
use self::parts::Parts;

pub(crate) use self::file::sums_of;
pub use self::progress::Progress;
pub(crate) use self::together::Together;

/// Completes all requests into `path`, `size` of them a block. Whole blocks that are already there are kept; a broken block
/// is done again, also one that no longer has the checksum beside it (`<path>.sums`). A file without checksums, which
/// another engine may have written, is taken as it is. Stops between blocks when the run is asked to.
///
/// Blocks that several processes left beside the file are taken into it.
///
/// The generator is given all requests from the first block on that is to be done. One whose blocks are of this size makes
/// the next one ready meanwhile, and does the same work whether it was killed or not.
///
/// Gives [`Error::Stopped`](crate::Error::Stopped), [`Error::NoAnswer`](crate::Error::NoAnswer),
/// [`Error::Generate`](crate::Error::Generate), [`Error::Corpus`](crate::Error::Corpus) and [`Error::Io`](crate::Error::Io).
pub fn run(
    generator: &mut dyn Generator,
    requests: &[Request],
    path: &Path,
    size: usize,
    progress: Progress<'_>,
) -> Result<Vec<Completion>> {
    if Parts::of(path).count() > 0 {
        // Several processes were at it before.
        let folder = path.parent().unwrap_or(Path::new(""));
        let together = Together {
            world: &World::alone(),
            own: folder,
            whole: folder,
        };
        return together.run(generator, requests, path, size, progress);
    }
    let size = size.max(1);
    let (mut file, mut out) = CompletionsFile::open(path, requests, size, progress.report)?;
    let done = out.len();
    progress.tell(done, requests.len());
    if done == requests.len() {
        return Ok(out);
    }
    progress.stop.check()?;
    let mut order = Order::default();
    for block in requests[done..].chunks(size) {
        order.expect(block);
    }
    let mut left = requests[done..].iter().cloned();
    drive(generator, &mut left, progress.stop, |completion| {
        order.take(completion);
        while let Some(block) = order.whole()? {
            file.append(&block)?;
            out.extend(block);
            progress.tell(out.len(), requests.len());
            if out.len() < requests.len() {
                progress.stop.check()?;
            }
        }
        Ok(())
    })?;
    order.finished()?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use run::Stop;
    use run::events::{Nobody, Reporter};

    use super::*;
    use crate::Error;

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

    /// What several processes left is gone on with, and nothing of other requests.
    #[test]
    fn blocks_that_lie_beside_the_file_are_not_done_again() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("completions.jsonl");
        let all = requests(70);
        let whole = run(&mut Echo(0), &all, &path, GROUP, unheard()).expect("run");
        let files = || [&path, &sums_of(&path)].map(|file| std::fs::read(file).expect("read"));
        let one = files();
        let parts = Parts::of(&path);
        let go_on = |leave: &dyn Fn()| {
            std::fs::remove_file(&path).expect("remove");
            leave();
            let mut again = Echo(0);
            let found = run(&mut again, &all, &path, GROUP, unheard()).expect("run");
            assert_eq!((found, files()), (whole.clone(), one.clone()));
            assert!(!folder.path().join(".blocks").exists());
            again.0
        };
        let leave = |at: usize, asked: &[Request]| {
            let from = at * GROUP;
            let done = &whole[from..whole.len().min(from + GROUP)];
            parts.leave(at, asked, done).expect("left");
        };
        let own = |at: usize| &all[at * GROUP..all.len().min((at + 1) * GROUP)];
        assert_eq!(go_on(&|| leave(1, own(1))), 70 - GROUP);
        assert_eq!(
            go_on(&|| [0, 2].into_iter().for_each(|at| leave(at, own(at)))),
            GROUP
        );
        let mut others = own(1).to_vec();
        others[3].prompt = Some("another one".to_owned());
        assert_eq!(go_on(&|| leave(1, &others)), 70);
        let damaged = || {
            leave(1, own(1));
            let mut bytes = std::fs::read(parts.place(1)).expect("read");
            let last = bytes.len() - 20;
            bytes[last] ^= 1;
            std::fs::write(parts.place(1), bytes).expect("write");
        };
        assert_eq!(go_on(&damaged), 70);
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

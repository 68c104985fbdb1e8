//! The same questions on their pictures and on blank ones.

use corpus::{Completion, Request};

use crate::answering::Answerer;
use crate::blank;
use crate::error::Result;
use crate::records::write;
use crate::runner::Progress;
use crate::stage::Site;

/// What was answered on the pictures, and on blank ones in their place, each in the order of the requests. Requests and answers stay
/// in the stage's folder.
///
/// Gives what [`Answerer::answer`] gives, and [`Error::Io`](crate::Error::Io) and [`Error::Blank`](crate::Error::Blank) of the blank
/// picture.
pub(crate) fn with_and_without(
    site: &Site<'_>,
    answerer: &mut Answerer<'_>,
    requests: &[Request],
) -> Result<[Vec<Completion>; 2]> {
    let (blank, _) = blank::write(site.run)?;
    let mut without = requests.to_vec();
    for image in without.iter_mut().flat_map(|request| &mut request.images) {
        image.clone_from(&blank);
    }
    write(&site.folder.join("requests.jsonl"), requests)?;
    let stage = site.stage();
    let mut ask = |name: &str, requests: &[Request]| {
        let progress = Progress {
            label: &format!("{stage} {name}"),
            report: site.report,
            stop: site.stop,
        };
        let path = site.folder.join(format!("{name}.completions.jsonl"));
        answerer.answer(stage, &[], requests, false, &path, progress)
    };
    Ok([ask("picture", requests)?, ask("blank", &without)?])
}

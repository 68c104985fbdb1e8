//! One pass of a generator.

use corpus::{Completion, Request};
use generate::Generator;
use run::Stop;

use crate::error::Result;

/// Gives requests to a generator and what it completes to `take`, whose first error ends it and is the one to tell.
pub(super) fn drive(
    generator: &mut dyn Generator,
    requests: &mut dyn Iterator<Item = Request>,
    stop: Stop<'_>,
    mut take: impl FnMut(Completion) -> Result<()>,
) -> Result<()> {
    let mut problem = None;
    let answered = generator.generate(requests, &mut |one| {
        if problem.is_none() {
            problem = take(one).err();
        }
        let refused = problem.as_ref().map(ToString::to_string);
        refused.map_or(Ok(()), Err)
    });
    if let Some(problem) = problem {
        return Err(problem);
    }
    if answered.is_err() {
        // Whoever answers may have been told so in its own words.
        stop.check()?;
    }
    Ok(answered?)
}

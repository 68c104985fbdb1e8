//! Requests of makers whose model sees the picture.

use corpus::{Decoding, Open, Pair, Request, Role, Turn};

use crate::opening::{Input, missing};
use crate::outcome::{Outcome, reject};
use crate::text::{with_marks, without_marks};

/// One request a pair, with its picture: the system's words, if there are any, and what `ask` makes of a pair and its caption.
pub(super) fn requests(
    pairs: &[Pair],
    decoding: &Decoding,
    system: &str,
    ask: impl Fn(&Pair, &str) -> String,
) -> Outcome<Request> {
    let mut outcome = Outcome::default();
    for pair in pairs {
        if let Some((reason, detail)) = missing(&pair.images, &pair.caption, Input::Both) {
            outcome.rejected.push(reject(&pair.id, reason, detail));
            continue;
        }
        // The caption shares its turn with the marks, so marks of its own must go.
        let text = ask(pair, &without_marks(&pair.caption));
        let mut turns = Vec::new();
        if !system.trim().is_empty() {
            turns.push(Turn::new(Role::System, system.trim()));
        }
        turns.push(Turn::new(Role::User, with_marks(pair.images.len(), &text)).with_marks());
        outcome.items.push(Request {
            id: pair.id.clone(),
            images: pair.images.clone(),
            turns,
            open: Open::Assistant,
            prompt: None,
            decoding: decoding.clone(),
        });
    }
    outcome
}

//! Pictures of pairs are decoded before anything is built on them, so that a damaged one is a counted reject and not an
//! error in the middle of a training.

use corpus::formats::Loaded;
use corpus::{Pair, Rejected};

/// Moves pairs with a picture that cannot be decoded to the rejects (`broken-image`). Decodes on all cores.
pub fn reject_broken(loaded: &mut Loaded<Pair>) {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let share = loaded.rows.len().div_ceil(workers).max(1);
    let problem = |pair: &Pair| {
        let mut images = pair.images.iter();
        images.find_map(|image| corpus::images::decode(image).err().map(|e| e.to_string()))
    };
    let problems: Vec<Option<String>> = std::thread::scope(|scope| {
        let parts: Vec<_> = loaded
            .rows
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(problem).collect::<Vec<_>>()))
            .collect();
        let join = |part: std::thread::ScopedJoinHandle<'_, Vec<_>>| {
            part.join().expect("decoding does not panic")
        };
        parts.into_iter().flat_map(join).collect()
    });
    let rows = std::mem::take(&mut loaded.rows);
    for (pair, problem) in rows.into_iter().zip(problems) {
        match problem {
            None => loaded.rows.push(pair),
            Some(detail) => loaded.rejected.push(Rejected {
                id: pair.id,
                stage: "read".to_owned(),
                reason: "broken-image".to_owned(),
                detail,
            }),
        }
    }
}

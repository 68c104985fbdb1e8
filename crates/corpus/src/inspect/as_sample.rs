//! Records as they would be trained on.

use serde_json::Value;

use crate::{Pair, Role, Sample, Seed, Turn, image_marks};

/// A pair with its request, or a plain one where it has none.
pub(super) fn pair(pair: &Pair) -> Sample {
    let marks = image_marks(pair.images.len());
    let request = pair.request.as_deref().unwrap_or("Describe the image.");
    Sample {
        id: pair.id.clone(),
        images: pair.images.clone(),
        turns: vec![
            Turn::new(Role::User, format!("{marks}{request}")).with_marks(),
            Turn::new(Role::Assistant, pair.caption.clone()).learned(),
        ],
        end: false,
        origin: Value::Null,
    }
}

/// Seed data with its tasks as plain turns; the synthesizer's own samples are made with its prompts.
pub(super) fn seed(seed: &Seed) -> Sample {
    let marks = image_marks(seed.images.len());
    let mut turns = vec![
        Turn::new(Role::User, format!("{marks}Describe the image.")).with_marks(),
        Turn::new(Role::Assistant, seed.caption.clone()),
    ];
    for task in &seed.tasks {
        for answer in [&task.informative, &task.precise] {
            turns.push(Turn::new(Role::User, task.instruction.clone()).learned());
            turns.push(Turn::new(Role::Assistant, answer.clone()).learned());
        }
    }
    Sample {
        id: seed.id.clone(),
        images: seed.images.clone(),
        turns,
        end: true,
        origin: Value::Null,
    }
}

//! Makers of data: who writes tasks for image-caption pairs. The paper's own is a tuned synthesizer; the others are what it
//! is compared with. A maker is a file here and a line in the table of [`Maker`].

mod asks;
mod exchanges;

mod general;
mod one_shot;
mod rules;
mod shown;
mod text_only;
mod with_picture;

mod maker;

pub use asks::{Asking, Asks};
pub use exchanges::retry;
pub use general::general_triplets;
pub use maker::{Maker, Way};
pub use one_shot::{one_shot_requests, one_shot_tasks};
pub use rules::rule_tasks;
pub use text_only::{text_only_requests, text_only_tasks};
pub use with_picture::{with_picture_requests, with_picture_tasks};

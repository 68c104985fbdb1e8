//! The local engine on a tiny random LLaVA-NeXT, against forwards without a cache, and on every family, against
//! `transformers`.

mod blocks;
mod counting;
mod families;
mod generation;
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "shared with the tests of `model`, which use more of it"
)]
#[path = "../../../model/tests/suite/support.rs"]
mod golden_models;
mod requests;
mod scoring;
mod shared;
mod support;

//! The local engine on a tiny random LLaVA-NeXT, against forwards without a cache.

mod generation;
mod requests;
mod scoring;
mod shared;
mod support;

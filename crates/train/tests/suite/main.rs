//! Training of small random LLaVA-NeXT models: against `transformers`, against plain autograd, and against itself.

mod checkpoints;
mod choices;
mod golden;
mod lora;
mod recompute;
mod support;
mod training;
mod watching;

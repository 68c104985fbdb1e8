//! Training of small random LLaVA-NeXT models: against `transformers`, against plain autograd, and against itself.

mod checkpoints;
mod golden;
mod lora;
mod support;
mod training;

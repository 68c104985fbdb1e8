//! Llama, text only, and Mistral as far as it is Llama-shaped: the text judge of the filter, and the language model that a
//! LLaVA is assembled from. Follows `transformers` 5.17.0, `LlamaForCausalLM`.

pub mod config;
pub mod model;

pub use config::Config;
pub use model::Llama;

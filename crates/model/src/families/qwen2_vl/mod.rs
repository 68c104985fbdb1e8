//! Qwen2-VL: pictures at their own resolution through a tower with rotary positions along rows and columns, four patches
//! merged into one feature, a Qwen2 decoder with positions along time, height and width (M-RoPE).
//! Follows `transformers` 5.17.0, `Qwen2VLForConditionalGeneration`, without its videos.

pub mod config;
pub mod model;
pub mod names;
pub mod positions;
pub mod tower;

pub use config::Config;
pub use model::Qwen2Vl;

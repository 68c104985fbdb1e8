//! How answers are generated, as far as memory decides it.

use run::recipe::Generate;
use serde::{Deserialize, Serialize};

/// How many requests, and how many of their tokens, are worked on together. The last bits of the arithmetic can depend on it,
/// so a run keeps what it began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Requests that are looked at and made durable together.
    pub block: usize,
    /// Requests that are decoded at the same time.
    pub group: usize,
    /// Prompt tokens of one packed forward; a longer prompt stands alone.
    pub prefill_tokens: usize,
    /// Tokens that the cache may hold; where there is no room for a group, fewer are decoded at the same time.
    pub cache_tokens: usize,
}

impl Default for Generation {
    fn default() -> Self {
        let options = generate::Options::default();
        Self {
            block: options.block_size,
            group: options.group_size,
            prefill_tokens: options.prefill_tokens,
            cache_tokens: options.cache_tokens,
        }
    }
}

/// The fewest tokens of a cache or a forward that are of any use: one long prompt with pictures.
const FEWEST: usize = 4096;

/// Of a device's memory, what the system, the tensor library and its workspaces take.
const TAKEN: f64 = 0.1;

impl Generation {
    /// What fits beside a model of so many bytes, whose cache takes `cached_token` bytes for a token, into so much memory in
    /// all: half of what the weights leave is for the cache, and prompts are packed as far as a quarter of that holds their activations (about 64 times the width of a
    /// token's cache).
    pub fn fitting(memory: u64, weights: u64, cached_token: u64) -> Self {
        let most = Self::default();
        let left = (1.0 - TAKEN) * memory as f64 - weights as f64;
        let each = cached_token.max(1) as f64;
        let tokens = |bytes: f64, most: usize| (bytes.max(0.0) as usize).clamp(FEWEST, most);
        Self {
            prefill_tokens: tokens(left / (8.0 * each), most.prefill_tokens),
            cache_tokens: tokens(left / (2.0 * each), most.cache_tokens),
            ..most
        }
    }

    /// With what a recipe says itself.
    #[must_use]
    pub fn told(self, recipe: &Generate) -> Self {
        Self {
            block: recipe.block,
            group: recipe.group,
            prefill_tokens: recipe.prefill_tokens.unwrap_or(self.prefill_tokens),
            cache_tokens: recipe.cache_tokens.unwrap_or(self.cache_tokens),
        }
    }

    /// The local engine's settings.
    pub fn options(self, seed: u64) -> generate::Options {
        generate::Options {
            block_size: self.block,
            group_size: self.group,
            seed,
            prefill_tokens: self.prefill_tokens,
            cache_tokens: self.cache_tokens,
            share: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LLaVA-v1.6 with Llama-3-8B in bf16: 8.36 billion parameters.
    const WEIGHTS: u64 = 16_720_000_000;
    /// 32 layers of 8 heads of 128, keys and values.
    const TOKEN: u64 = 2 * 2 * 32 * 8 * 128;

    #[test]
    fn a_device_of_24_gigabytes_holds_the_synthesizer() {
        let on = |gigabytes: u64| Generation::fitting(gigabytes << 30, WEIGHTS, TOKEN);
        let found = on(24);
        let cache = found.cache_tokens as u64 * TOKEN;
        // A prompt with a picture has up to 2,880 of its tokens, and some hundred are written.
        assert!(found.cache_tokens > 3 * FEWEST, "{found:?}");
        assert!(WEIGHTS + 2 * cache < 24 << 30, "{found:?}");
        // Whatever is too small gets the least that is of use, and says so when it runs out.
        assert_eq!(on(16).cache_tokens, FEWEST);
        assert_eq!(on(141), Generation::default());
    }

    #[test]
    fn a_recipe_has_the_last_word() {
        let told = Generation::default().told(&Generate {
            block: 64,
            group: 8,
            prefill_tokens: None,
            cache_tokens: Some(5000),
        });
        let options = told.options(7);
        assert_eq!(
            (
                options.block_size,
                options.group_size,
                options.seed,
                options.prefill_tokens,
                options.cache_tokens
            ),
            (64, 8, 7, 8192, 5000)
        );
    }
}

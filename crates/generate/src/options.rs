//! Settings of the local engine.

/// Settings of the local engine. A change of sizes can change the last bits of the arithmetic, so they belong to a
/// run and are kept when it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Requests that are looked at together: what they share is computed once, and one that ends makes room for another of
    /// them. Completions come block by block, within a block in any order.
    pub block_size: usize,
    /// Requests of a block that are decoded at the same time.
    pub group_size: usize,
    /// The run's seed; a request's own is made of it and the request's id.
    pub seed: u64,
    /// Prompt tokens of one packed forward; a longer prompt stands alone.
    pub prefill_tokens: usize,
    /// Tokens that the cache may hold, padding included. A request that needs more fails, and fewer are decoded at the same
    /// time where there is no room for all.
    pub cache_tokens: usize,
    /// Whether what requests have in common is computed once. Off, each is computed by itself.
    pub share: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            block_size: 128,
            group_size: 64,
            seed: 0,
            prefill_tokens: 8192,
            cache_tokens: 1 << 17,
            share: true,
        }
    }
}

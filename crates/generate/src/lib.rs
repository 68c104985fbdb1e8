//! Generators: requests in, completions out; the local engine with a KV cache.

//! The method as pure text: synthesizer prompts, triplet parsing, consistency filter, joining, mixing; no tensors, no models.

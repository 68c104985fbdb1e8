//! Benchmark tasks, metrics and statistics; no tensors, no models.

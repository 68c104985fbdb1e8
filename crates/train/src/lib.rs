//! Packing, loss, optimizer, schedule and exact-resume checkpoints.

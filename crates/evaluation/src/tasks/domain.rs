//! The paper's three domains.

/// The domain of the four medical tasks.
pub const BIOMEDICINE: &str = "biomedicine";
/// The domain of the four food tasks.
pub const FOOD: &str = "food";
/// The domain of the four remote-sensing tasks.
pub const REMOTE_SENSING: &str = "remote-sensing";

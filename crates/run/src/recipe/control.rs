//! What an adapted model is compared with, beside its base.

/// The base trained for as many steps as the adapted model, on something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// The captions alone.
    Captions,
    /// Each pair has the picture of another pair.
    ShuffledPictures,
    /// All pairs of a group have the pictures of one other group: consistent, and wrong.
    SwappedGroups,
    /// The general samples alone.
    General,
    /// The whole mix but for the general samples.
    NoReplay,
}

corpus::words!(Control {
    Captions = "captions",
    ShuffledPictures = "shuffled-pictures",
    SwappedGroups = "swapped-groups",
    General = "general",
    NoReplay = "no-replay",
});

impl Control {
    /// What it is trained on, in words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Captions => "captions and replay, no synthesized task",
            Self::ShuffledPictures => "the whole mix, each pair with the picture of another pair",
            Self::SwappedGroups => "the whole mix, each group with the pictures of another group",
            Self::General => "general samples alone",
            Self::NoReplay => "the whole mix without general samples",
        }
    }

    /// Whether it makes no sense without general samples.
    pub fn needs_general(self) -> bool {
        matches!(self, Self::General | Self::NoReplay)
    }
}

//! What an adapted model is compared with, beside its base.

/// The base trained for as many steps as the adapted model, on something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Control {
    /// Every control.
    pub const ALL: [Self; 5] = [
        Self::Captions,
        Self::ShuffledPictures,
        Self::SwappedGroups,
        Self::General,
        Self::NoReplay,
    ];

    /// The name in recipes, folders and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Captions => "captions",
            Self::ShuffledPictures => "shuffled-pictures",
            Self::SwappedGroups => "swapped-groups",
            Self::General => "general",
            Self::NoReplay => "no-replay",
        }
    }

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

    /// By its name.
    pub fn named(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|c| c.as_str() == name);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str);
            format!(
                "`evaluate.controls` names `{name}`; controls are {}",
                names.join(", ")
            )
        })
    }
}

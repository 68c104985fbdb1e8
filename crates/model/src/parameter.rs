//! What a model learns with: its tensors by their published names, and the parts that they belong to.

use torch::Tensor;

/// Part of the model that a parameter belongs to; learning rates and freezing are given per group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The image encoder.
    VisionTower,
    /// What maps image features into the language model (the newline vector included).
    Projector,
    /// The decoder, its embeddings and its head.
    LanguageModel,
}

impl Group {
    /// All parts, in the order in which a picture passes through them.
    pub const ALL: [Self; 3] = [Self::VisionTower, Self::Projector, Self::LanguageModel];

    /// The part of this name.
    ///
    /// ```
    /// use model::Group;
    /// assert_eq!(Group::named("projector"), Some(Group::Projector));
    /// assert_eq!(Group::named("head"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.as_str() == name)
    }

    /// The name in recipes and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VisionTower => "vision_tower",
            Self::Projector => "projector",
            Self::LanguageModel => "language_model",
        }
    }
}

/// A trainable tensor.
#[derive(Debug)]
pub struct Parameter {
    /// The published name in the checkpoint.
    pub name: String,
    /// A leaf that shares storage with the layer that uses it.
    pub tensor: Tensor,
    /// Its part of the model.
    pub group: Group,
    /// Whether weight decay applies (not on norms, biases and vectors).
    pub decay: bool,
    /// False for what the family never reads in its forward (declared per family): it gets no gradient.
    pub reachable: bool,
}

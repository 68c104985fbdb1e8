//! What a model learns with: its tensors by their published names, and the parts that they belong to.

use std::sync::Arc;

use torch::Tensor;

use crate::adapter::dropout::Dropout;

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
    /// What it is of an adapter; nothing for the model's own.
    pub adapter: Option<AdapterPart>,
}

impl Parameter {
    /// Its own published name, or the one of the weight beside it for an adapter's.
    pub(crate) fn layer(&self) -> &str {
        (self.adapter.as_ref()).map_or(self.name.as_str(), |part| part.weight.as_str())
    }
}

/// One of the two matrices of an adapter's layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// `[rank, in]`.
    A,
    /// `[out, rank]`.
    B,
}

impl Matrix {
    /// In the order in which an input meets them.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// How the names of `peft` end.
    pub fn ending(self) -> &'static str {
        match self {
            Self::A => "lora_A.weight",
            Self::B => "lora_B.weight",
        }
    }
}

/// What a parameter is of an adapter.
#[derive(Clone, Debug)]
pub struct AdapterPart {
    /// Which of the two.
    pub matrix: Matrix,
    /// Its layer's name inside of `transformers`.
    pub module: String,
    /// The published name of its layer's weight.
    pub weight: String,
    /// The update is `alpha` over the rank, or its root, times B(A(x)).
    pub alpha: f64,
    /// Whether it is over the rank's root.
    pub rslora: bool,
    /// Of the whole adapter.
    pub dropout: Arc<Dropout>,
}

//! What every family offers: one forward over packed sequences, for training and for generation.
//!
//! Shapes: t packed tokens, d model width, v vocabulary, b cached sequences, h heads, c cache capacity, e head width.

use processor::ImageInput;
use torch::{Device, Kind, Tensor};

use crate::error::Error;

/// Samples laid end to end. Attention is block-diagonal: a token sees the earlier tokens of its own sequence only.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Token ids of all sequences. Length t.
    pub ids: Vec<i64>,
    /// Position of each token within its own sequence (cached tokens included). Length t.
    pub positions: Vec<i64>,
    /// Where each sequence starts, and t at the end. Length: number of sequences + 1.
    pub starts: Vec<usize>,
    /// The pictures of all sequences, in the order of their image tokens.
    pub images: Vec<ImageInput>,
}

impl Batch {
    /// Appends a sequence whose first token has position `offset`.
    pub fn push(&mut self, ids: &[i64], offset: usize, images: &[ImageInput]) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        self.ids.extend_from_slice(ids);
        self.positions
            .extend((0..ids.len()).map(|i| (offset + i) as i64));
        self.starts.push(self.ids.len());
        self.images.extend_from_slice(images);
    }

    /// Number of sequences.
    pub fn num_sequences(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
}

/// Keys and values of the tokens seen so far; an argument of the forward, never state of a layer.
#[derive(Debug)]
pub struct Cache {
    /// Per self-attention layer: keys and values `[b, h, c, e]` (h: key-value heads).
    pub layers: Vec<(Tensor, Tensor)>,
    /// Tokens stored of each sequence. Length b.
    pub lengths: Vec<usize>,
    /// What a token's place in its sequence lacks to its rotary position: pictures take fewer positions than tokens in
    /// M-RoPE. Length b.
    pub shifts: Vec<i64>,
    /// The pictures of each sequence, for cross-attention. Length b.
    pub pictures: Vec<Pictures>,
}

/// Keys and values of a sequence's pictures.
#[derive(Debug, Default)]
pub struct Pictures {
    /// Per cross-attention layer, keys and values `[1, h, n, e]` of n vision tokens.
    pub layers: Vec<(Tensor, Tensor)>,
    /// First and number of the vision tokens that the next token sees; empty before the first picture.
    pub seen: Vec<(i64, i64)>,
    /// Vision tokens so far.
    pub count: i64,
}

impl Cache {
    /// One with this room and nothing in it.
    pub fn empty(layers: Vec<(Tensor, Tensor)>, rows: usize) -> Self {
        Self {
            layers,
            lengths: vec![0; rows],
            shifts: vec![0; rows],
            pictures: (0..rows).map(|_| Pictures::default()).collect(),
        }
    }

    /// Keeps only these sequences, in this order.
    pub fn keep(&mut self, rows: &[i64]) {
        let device = self.layers.first().map_or(Device::Cpu, |(k, _)| k.device());
        let index = Tensor::from_slice(rows).to_device(device);
        for (keys, values) in &mut self.layers {
            *keys = keys.index_select(0, &index);
            *values = values.index_select(0, &index);
        }
        self.lengths = rows.iter().map(|&r| self.lengths[r as usize]).collect();
        self.shifts = rows.iter().map(|&r| self.shifts[r as usize]).collect();
        self.pictures = rows
            .iter()
            .map(|&r| self.pictures[r as usize].share())
            .collect();
    }

    /// One cache of the rows of several, which have the same room. None for none.
    pub fn join(caches: Vec<Self>) -> Result<Option<Self>, Error> {
        let mut rest = caches.into_iter();
        let Some(mut first) = rest.next() else {
            return Ok(None);
        };
        let mut rest: Vec<Self> = rest.collect();
        if rest.is_empty() {
            return Ok(Some(first));
        }
        for other in &mut rest {
            first.lengths.append(&mut other.lengths);
            first.shifts.append(&mut other.shifts);
            first.pictures.append(&mut other.pictures);
        }
        // From the last layer on, so that each layer's parts are freed before the next is joined.
        for layer in first.layers.iter_mut().rev() {
            let parts: Vec<(Tensor, Tensor)> =
                rest.iter_mut().filter_map(|c| c.layers.pop()).collect();
            let with = |own: &Tensor, part: fn(&(Tensor, Tensor)) -> &Tensor| {
                let all: Vec<&Tensor> =
                    std::iter::once(own).chain(parts.iter().map(part)).collect();
                Tensor::f_cat(&all, 0)
            };
            *layer = (with(&layer.0, |p| &p.0)?, with(&layer.1, |p| &p.1)?);
        }
        Ok(Some(first))
    }

    /// Adds keys and values of new vision tokens to a sequence's own of one layer; gives all of them.
    pub(crate) fn see(
        &mut self,
        row: usize,
        layer: usize,
        new: Option<(Tensor, Tensor)>,
    ) -> Result<(Tensor, Tensor), Error> {
        let layers = &mut self.pictures[row].layers;
        match (layers.get_mut(layer), new) {
            (Some((keys, values)), Some(new)) => {
                *keys = Tensor::f_cat(&[&*keys, &new.0], 2)?;
                *values = Tensor::f_cat(&[&*values, &new.1], 2)?;
            }
            (None, Some(new)) => layers.push(new),
            (Some(_), None) => {}
            (None, None) => return Err(Error::unseen(row)),
        }
        let (keys, values) = &layers[layer];
        Ok((keys.shallow_clone(), values.shallow_clone()))
    }
}

impl Pictures {
    /// The same tensors again; they are only ever replaced, never written into.
    fn share(&self) -> Self {
        let layers = self.layers.iter();
        Self {
            layers: layers
                .map(|(k, v)| (k.shallow_clone(), v.shallow_clone()))
                .collect(),
            seen: self.seen.clone(),
            count: self.count,
        }
    }
}

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

/// A multimodal LLM.
pub trait Mllm {
    /// Final, normalised hidden states `[t, d]` of a packed batch. With a cache, sequence i of the batch continues
    /// row i of the cache and its keys and values are appended there.
    fn hidden(&self, batch: &Batch, cache: Option<&mut Cache>) -> Result<Tensor, Error>;

    /// Features `[f, d]` of the pictures, one after the other: what takes the place of their image tokens, or what the
    /// cross-attention layers see.
    fn image_features(&self, images: &[ImageInput]) -> Result<Tensor, Error>;

    /// The head `[v, d]`: logits are `hidden · headᵀ`.
    fn head(&self) -> &Tensor;

    /// All parameters, tied ones once.
    fn parameters(&self) -> &[Parameter];

    /// An empty cache for `rows` sequences of at most `capacity` tokens.
    fn new_cache(&self, rows: usize, capacity: usize) -> Cache;

    /// The longest sequence that the positions allow.
    fn max_positions(&self) -> usize;

    /// Where the weights are.
    fn device(&self) -> Device;

    /// Dtype of the weights.
    fn kind(&self) -> Kind;

    /// The `config.json` that the model was made from, unchanged; empty for one that cannot be saved.
    #[expect(
        clippy::unnecessary_literal_bound,
        reason = "a family returns its own text"
    )]
    fn config_text(&self) -> &str {
        ""
    }
}

/// Logits `[r, v]` of hidden rows `[r, d]`.
pub fn logits(model: &dyn Mllm, hidden: &Tensor) -> Result<Tensor, Error> {
    Ok(hidden.f_linear(model.head(), None::<Tensor>)?)
}

impl std::fmt::Debug for dyn Mllm + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mllm")
            .field("parameters", &self.parameters().len())
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

//! The dtype that a recipe asks for.

/// How the weights are held while training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE single precision.
    #[default]
    F32,
    /// The upper half of it, as the published weights are.
    Bf16,
}

corpus::words!(Dtype {
    F32 = "f32",
    Bf16 = "bf16",
});

//! What one update multiplies with.

/// The settings of an update.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    pub gradient_factor: f64,
    pub step: u64,
    pub learning_rate: f64,
    pub betas: [f64; 2],
    pub weight_decay: f64,
    pub epsilon: f64,
}

/// What the loops take (adamw_loops.h), each rounded to f32 once, as libtorch's kernel does.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Factors {
    pub gradient: f32,
    /// 1 − rate · weight decay.
    pub decay: f32,
    /// 1 − β₁.
    pub average_part: f32,
    /// β₂.
    pub square_kept: f32,
    /// 1 − β₂.
    pub square_part: f32,
    /// The root of the second moment's bias correction.
    pub root: f32,
    pub epsilon: f32,
    /// −rate ÷ the first moment's bias correction.
    pub step: f32,
}

impl Factors {
    pub fn of(numbers: Numbers) -> Self {
        let [beta1, beta2] = numbers.betas;
        let corrected = |beta: f64| 1.0 - beta.powf(numbers.step as f64);
        Self {
            gradient: numbers.gradient_factor as f32,
            decay: (1.0 - numbers.learning_rate * numbers.weight_decay) as f32,
            average_part: (1.0 - beta1) as f32,
            square_kept: beta2 as f32,
            square_part: (1.0 - beta2) as f32,
            root: corrected(beta2).sqrt() as f32,
            epsilon: numbers.epsilon as f32,
            step: (-numbers.learning_rate / corrected(beta1)) as f32,
        }
    }
}

//! The words of `fit`.

/// Whether a training's choices are made for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FitChoice {
    /// No: it is done as the recipe and the presets say, whatever it takes.
    #[default]
    Off,
    /// Yes.
    Auto,
}

corpus::words!(FitChoice {
    Off = "off",
    Auto = "auto",
});

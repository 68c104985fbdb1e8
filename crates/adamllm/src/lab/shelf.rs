//! The grids that are shipped, as texts.

/// A shipped grid.
pub struct Shipped {
    /// Its place in `recipes/paper`.
    pub name: &'static str,
    /// Which of the paper's tables and figures it makes.
    pub tables: &'static str,
    /// Its file.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal makes $tables:literal),* $(,)?) => {
        &[$(Shipped {
            name: $name,
            tables: $tables,
            text: include_str!(concat!("../../../../recipes/paper/", $name)),
        }),*]
    };
}

/// All of them: those of the paper in the order of its tables, then the toys.
pub const GRIDS: &[Shipped] = shipped![
    "main-biomed.toml" makes "table 2",
    "main-food.toml" makes "table 3",
    "remote-sensing.toml" makes "table 3, figure 1",
    "pipelines.toml" makes "tables 4, 14, 15",
    "ablations.toml" makes "table 5",
    "synthesizer-inputs.toml" makes "table 6",
    "filter.toml" makes "table 7",
    "data-quality.toml" makes "table 8",
    "corruption.toml" makes "table 12",
    "toy/main-biomed.toml" makes "table 2",
    "toy/main-food.toml" makes "table 3",
    "toy/pipelines.toml" makes "tables 4, 14, 15",
    "toy/ablations.toml" makes "table 5",
    "toy/synthesizer-inputs.toml" makes "table 6",
    "toy/filter.toml" makes "table 7",
    "toy/data-quality.toml" makes "table 8",
    "toy/corruption.toml" makes "table 12",
];

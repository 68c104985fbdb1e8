//! The grids that are shipped, as texts.

/// A shipped grid.
pub struct Shipped {
    /// Its place in `recipes/paper`, without the ending.
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
            text: include_str!(concat!("../../../../recipes/paper/", $name, ".toml")),
        }),*]
    };
}

/// All of them: those of the paper in the order of its tables, then the toys.
pub const GRIDS: &[Shipped] = shipped![
    "main-biomed" makes "table 2",
    "main-food" makes "table 3",
    "remote-sensing" makes "table 3, figure 1",
    "pipelines" makes "tables 4, 14, 15",
    "ablations" makes "table 5",
    "synthesizer-inputs" makes "table 6",
    "filter" makes "table 7",
    "data-quality" makes "table 8",
    "corruption" makes "table 12",
    "toy/main-biomed" makes "table 2",
    "toy/main-food" makes "table 3",
    "toy/pipelines" makes "tables 4, 14, 15",
    "toy/ablations" makes "table 5",
    "toy/synthesizer-inputs" makes "table 6",
    "toy/filter" makes "table 7",
    "toy/data-quality" makes "table 8",
    "toy/corruption" makes "table 12",
];

//! Which stages read a recipe key. What a stage notes in its manifest is held against this by the test that follows the
//! documents.

use clap::ValueEnum;

/// A kind of stage; its name is the stage's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Reader {
    /// Reads and splits the pairs.
    Pairs,
    /// Tunes the synthesizer.
    TuneSynthesizer,
    /// Writes a task for each pair.
    Synthesize,
    /// Judges the tasks.
    Filter,
    /// Makes the training samples.
    Mix,
    /// Trains the adapted model.
    Train,
    /// Asks a model the tasks.
    Answer,
    /// Scores the answers.
    Score,
    /// Measures the synthetic data.
    Quality,
    /// Draws a sample of sets of tasks.
    DrawSample,
    /// Judges the sample.
    JudgeData,
    /// Answers the sample without pictures.
    Answerable,
    /// Finds tasks about pairs that are asked for.
    FindCases,
    /// Puts ratings together.
    Assess,
    /// Writes the report.
    Report,
}

use Reader::{
    Answer, Answerable, Assess, DrawSample, Filter, FindCases, JudgeData, Mix, Pairs, Quality,
    Report, Score, Synthesize, Train, TuneSynthesizer,
};

impl Reader {
    /// Its name in commands and folders.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// All that run a model.
const MODELS: &[Reader] = &[
    TuneSynthesizer,
    Synthesize,
    Filter,
    Train,
    Answer,
    Quality,
    JudgeData,
    Answerable,
];

/// The stages that read a key, in the order of a run.
pub fn readers(key: &str) -> &'static [Reader] {
    match key {
        "run.seed" => Reader::value_variants(),
        // It chooses presets, which are keys of their own; the controls, the stages of a training and what measures the data are
        // stages of their own.
        "model.family"
        | "evaluate.controls"
        | "evaluate.after_each_stage"
        | "evaluate.quality"
        | "train.pipeline"
        | "train.stages" => &[],
        "data.truth" => &[Quality, Assess, Report],
        "data.max_bad" => &[Pairs, TuneSynthesizer, Train],
        "synthesizer.input" | "synthesizer.tuned" => &[TuneSynthesizer, Synthesize],
        "synthesizer.seed_data" | "synthesizer.blank_images" => &[TuneSynthesizer],
        "synthesizer.prompts" => &[TuneSynthesizer, Synthesize, Filter, Mix],
        "maker.prompts" => &[Synthesize, Filter, Mix],
        "data.maker" => &[Synthesize],
        "mix.synthetic" => &[Synthesize, Mix, Report],
        "mix.answers" => &[Mix, Quality, DrawSample, FindCases],
        "mix.joiner" => &[Mix, DrawSample, FindCases],
        "quality.alone" | "quality.prompts" | "quality.checkpoint" => &[JudgeData],
        "quality.answerer" => &[Answerable],
        "quality.ratings" | "quality.cases" => &[Assess],
        "quality.show" => &[FindCases, Assess],
        "quality.data" | "quality.pairs" | "quality.filter" => &[DrawSample, FindCases],
        "quality.sample" => &[DrawSample],
        "evaluate.blind_limit" => &[Answer, Score, Quality],
        "evaluate.min_pixels" | "evaluate.max_pixels" => &[Answer, Quality],
        "evaluate.data"
        | "evaluate.tasks"
        | "evaluate.general"
        | "evaluate.held_out_limit"
        | "evaluate.max_new_tokens" => &[Answer, Score],
        _ => of_section(key),
    }
}

/// The sections whose keys are read alike.
const SECTIONS: &[(&str, &[Reader])] = &[
    ("model.", MODELS),
    ("data.", &[Pairs]),
    ("synthesizer.train.", &[TuneSynthesizer]),
    ("synthesizer.", &[Synthesize]),
    ("maker.", &[Synthesize]),
    ("filter.", &[Filter]),
    ("mix.", &[Mix]),
    ("train.", &[Train]),
    ("evaluate.", &[Answer]),
    ("quality.", &[JudgeData]),
    (
        "generate.",
        &[Synthesize, Filter, Answer, Quality, JudgeData, Answerable],
    ),
    ("endpoints.picture_", &[Synthesize, JudgeData]),
    ("endpoints.max_picture_", &[Synthesize, JudgeData]),
    ("endpoints.", &[Synthesize, Filter, JudgeData]),
];

fn of_section(key: &str) -> &'static [Reader] {
    let mut sections = SECTIONS.iter();
    let found = sections.find(|(section, _)| key.starts_with(section));
    found.map_or(&[], |(_, readers)| readers)
}

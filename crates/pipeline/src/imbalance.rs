//! Counts of a stage that do not add up: every record that goes in comes out or is counted as left out.

/// Counts that do not add up. It is no input that is wrong then, unless a file changed meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Imbalance {
    /// Of reading pairs.
    #[error("{pairs} pairs became {training} for training and {held_out} held out")]
    Split {
        /// Pairs that can be used.
        pairs: usize,
        /// Those to train on.
        training: usize,
        /// Those that are held out.
        held_out: usize,
    },
    /// Of asking the synthesizer.
    #[error("{pairs} pairs gave {requests} requests and {rejects} rejects")]
    Requests {
        /// Pairs to ask about.
        pairs: usize,
        /// Requests that were made of them.
        requests: usize,
        /// Pairs that were left out.
        rejects: usize,
    },
    /// Of reading its answers.
    #[error("{requests} requests gave {triplets} triplets and {rejects} rejects")]
    Triplets {
        /// Requests that were answered.
        requests: usize,
        /// Triplets that were read from the answers.
        triplets: usize,
        /// Answers that were left out.
        rejects: usize,
    },
    /// Of the consistency filter.
    #[error("{triplets} triplets became {kept} kept and {left_out} left out")]
    Filter {
        /// Triplets that were judged.
        triplets: usize,
        /// Those that are kept.
        kept: usize,
        /// Those that are not.
        left_out: usize,
    },
    /// Of making samples of pairs.
    #[error("{pairs} pairs became {samples} samples and {rejects} rejects")]
    Samples {
        /// Pairs to make samples of.
        pairs: usize,
        /// Samples of pairs.
        samples: usize,
        /// Pairs that were left out.
        rejects: usize,
    },
    /// Of adding triplets to samples.
    #[error("{triplets} triplets became {tasks} tasks and {rejects} rejects")]
    Tasks {
        /// Triplets to add.
        triplets: usize,
        /// Samples with a task.
        tasks: usize,
        /// Triplets that were left out.
        rejects: usize,
    },
    /// Of adding general samples.
    #[error("{replayed} samples are replayed, but {wanted} are wanted")]
    Replay {
        /// Samples that were added.
        replayed: usize,
        /// Samples that the recipe asks for.
        wanted: usize,
    },
    /// Of what a training left out.
    #[error(
        "the length audit foretold {foretold} samples to be left out of those drawn, and {left_out} were (`{differing}` for \
         one); did a picture change meanwhile?"
    )]
    Foretold {
        /// Samples that were to be left out.
        foretold: usize,
        /// Samples that were.
        left_out: usize,
        /// A sample that is only among one of both.
        differing: String,
    },
    /// Of what a training trained on.
    #[error("{drawn} samples were drawn and not left out, but the steps trained on {trained}")]
    Trained {
        /// Samples that were drawn and not left out.
        drawn: usize,
        /// Samples that the steps counted.
        trained: usize,
    },
}

//! Which data sets there are.

/// A published data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Vision-FLAN's human answers with ALLaVA-4V's captions and answers: seed data.
    VisionFlanAllava,
    /// LLaVA-Med's alignment file: PMC-Raw.
    LlavaMed,
    /// PubMedVision's alignment file: PMC-Refined.
    PubMedVision,
    /// Recipe1M's `layer1.json` and `layer2.json`.
    Recipe1M,
    /// NWPU-Captions.
    Nwpu,
    /// RSICD, RSITMD, Sydney-Captions or UCM-Captions, which share a layout.
    RemoteSensing(&'static str),
}

/// Names on the command line.
pub const SOURCES: [(&str, Source); 9] = [
    ("vision-flan+allava", Source::VisionFlanAllava),
    ("llava-med", Source::LlavaMed),
    ("pubmedvision", Source::PubMedVision),
    ("recipe1m", Source::Recipe1M),
    ("nwpu-captions", Source::Nwpu),
    ("rsicd", Source::RemoteSensing("rsicd")),
    ("rsitmd", Source::RemoteSensing("rsitmd")),
    ("sydney-captions", Source::RemoteSensing("sydney-captions")),
    ("ucm-captions", Source::RemoteSensing("ucm-captions")),
];

//! Kinds of task by the names that data sets give their tasks.

use TaskType::{
    AnomalyDetection, AttributeAndContextRecognition, CaptionGeneration,
    DataRepresentationAndVisualization, DomainClassification, FaceAndExpressionClassification,
    ImageTextMatching, LogoDetection, ObjectRecognition, PoseAndActivityRecognition,
    SceneClassification, Segmentation, SentimentAnalysis, StepByStepGuidance, StyleClassification,
    TaskOrientedImageRecognition, TextDetectionAndOcr, UtilityAndAffordanceRecognition,
    VisualGrounding, VisualStorytelling,
};

use super::TaskType;

/// Words that tell of a kind, the special ones before the general ones: the first that stands in a name decides. The words are
/// ours, chosen by what the names of Vision-FLAN and of common data sets say.
const KEYWORDS: [(TaskType, &[&str]); 22] = [
    (LogoDetection, &["logo", "brand"]),
    (Segmentation, &["segmentation", "segment"]),
    (
        VisualGrounding,
        &[
            "grounding",
            "localization",
            "localisation",
            "bounding box",
            "bbox",
            "region selection",
            "referring",
            "refcoco",
            "keypoint detection",
            "object region",
        ],
    ),
    (VisualStorytelling, &["storytelling", "story"]),
    (
        TextDetectionAndOcr,
        &[
            "ocr",
            "text detection",
            "text recognition",
            "text identification",
            "text localization",
            "textvqa",
            "textcaps",
            "stvqa",
            "docvqa",
            "scut ctw1500",
            "total text",
            "funsd",
            "mnist",
            "read text",
            "handwriting",
            "plate",
        ],
    ),
    (
        DataRepresentationAndVisualization,
        &[
            "chart",
            "plot",
            "plotqa",
            "figureqa",
            "dvqa",
            "graph",
            "diagram",
            "infographic",
            "infograph",
            "infographicvqa",
            "table",
            "visualization",
            "chart2text",
        ],
    ),
    (
        StepByStepGuidance,
        &[
            "step",
            "steps",
            "guidance",
            "wikihow",
            "how to",
            "next step",
            "instruction",
            "recipe",
        ],
    ),
    (
        ImageTextMatching,
        &[
            "itm",
            "image text matching",
            "image text selection",
            "text image matching",
            "question image match",
            "image match",
            "image caption matching",
            "caption selection",
            "fact checking",
            "factual checking",
            "winoground",
        ],
    ),
    (
        AnomalyDetection,
        &[
            "anomaly",
            "defect",
            "spot the diff",
            "damage",
            "image quality",
            "flaw",
            "irregular",
        ],
    ),
    (
        FaceAndExpressionClassification,
        &[
            "face",
            "facial",
            "expression",
            "expw",
            "fairface",
            "raf db",
            "lfw",
            "celeb",
            "gender",
            "age classification",
            "human age",
            "identity",
        ],
    ),
    (
        SentimentAnalysis,
        &[
            "sentiment",
            "emotion",
            "humor",
            "humour",
            "hateful",
            "meme",
            "sarcasm",
            "mood",
        ],
    ),
    (
        PoseAndActivityRecognition,
        &[
            "pose",
            "activity",
            "action",
            "gesture",
            "hico",
            "yoga",
            "sport recognition",
            "human object interaction",
        ],
    ),
    (
        UtilityAndAffordanceRecognition,
        &[
            "utility",
            "affordance",
            "usage",
            "use of",
            "function of",
            "purpose",
        ],
    ),
    (
        CaptionGeneration,
        &[
            "caption",
            "captioning",
            "captions",
            "image description",
            "description",
            "describe",
            "nocaps",
            "senticap",
            "loc narratives",
        ],
    ),
    (
        StyleClassification,
        &[
            "style",
            "genre",
            "painting",
            "wikiart",
            "semart",
            "sketch",
            "quickdraw",
            "clipart",
            "school",
            "technique",
            "art type",
        ],
    ),
    (
        SceneClassification,
        &[
            "scene",
            "places205",
            "places365",
            "lsun",
            "eurosat",
            "aid",
            "weather",
            "landuse",
            "land use",
            "place recognition",
            "location",
        ],
    ),
    (
        TaskOrientedImageRecognition,
        &[
            "task oriented",
            "crisismmd",
            "navigation",
            "vizwiz",
            "gtsrb",
            "traffic",
            "humanitarian",
            "informativeness",
        ],
    ),
    (
        AttributeAndContextRecognition,
        &[
            "attribute",
            "color",
            "colour",
            "texture",
            "material",
            "counting",
            "count",
            "shape",
            "size",
            "relation",
            "position",
            "context",
            "spatial",
            "time",
            "timeframe",
            "reasoning",
            "clevr",
            "condition",
        ],
    ),
    (
        ObjectRecognition,
        &[
            "object",
            "animal",
            "species",
            "dog",
            "dogs",
            "bird",
            "birds",
            "car",
            "cars",
            "vehicle",
            "food101",
            "aircraft",
            "plant",
            "recognition",
            "imagenet",
            "caltech",
            "inaturalist",
            "presence",
        ],
    ),
    (
        DomainClassification,
        &[
            "domain",
            "category",
            "classification",
            "image type",
            "modality",
            "kind",
        ],
    ),
    // Questions of any kind: what they ask about most often is an attribute or what stands around it.
    (
        AttributeAndContextRecognition,
        &[
            "gqa",
            "okvqa",
            "ok vqa",
            "a okvqa",
            "visual genome",
            "visualgenome",
        ],
    ),
    (AttributeAndContextRecognition, &["kvqa", "viquae"]),
];

/// The kind of task that a data set's own name of it tells; none where it tells nothing, as `VQA` does.
///
/// A name is cut into words at signs and capitals, and the whole words of a keyword have to stand in it in a row.
///
/// ```
/// use quality::task_types::{TaskType, task_type};
/// assert_eq!(task_type("image_caption"), Some(TaskType::CaptionGeneration));
/// assert_eq!(task_type("FoodLogoDet-1500+food_logo_recognition"), Some(TaskType::LogoDetection));
/// assert_eq!(task_type("VQA"), None);
/// ```
pub fn task_type(name: &str) -> Option<TaskType> {
    // What stands after the plus sign is the task, what is before it the data set.
    let (set, task) = name.split_once('+').unwrap_or(("", name));
    let found = |text: &str| {
        let (whole, cut) = (spaced(text, false), spaced(text, true));
        let stands = |word: &str| {
            let word = format!(" {word} ");
            whole.contains(&word) || cut.contains(&word)
        };
        let mut known = KEYWORDS.iter();
        known.find(|(_, words)| words.iter().any(|word| stands(word)))
    };
    found(task).or_else(|| found(set)).map(|(kind, _)| *kind)
}

/// Lower case, with a space around each word, also before capitals if these begin words.
fn spaced(name: &str, capitals: bool) -> String {
    let mut out = String::from(" ");
    let mut was_small = false;
    for character in name.chars() {
        if character.is_alphanumeric() {
            if capitals && character.is_uppercase() && was_small {
                out.push(' ');
            }
            out.extend(character.to_lowercase());
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
        was_small = character.is_lowercase();
    }
    out.push(' ');
    out
}

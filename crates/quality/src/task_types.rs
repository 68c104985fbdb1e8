//! The paper's kinds of task and domains of pictures, and what seed data's own names of tasks tell of them.

mod distribution;
mod names;

use serde::{Deserialize, Serialize};

pub use distribution::{Distribution, Share};
pub use names::task_type;

/// A kind of task: the twenty of the paper's appendix G, in its order. Its figure 5 shows the first seventeen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the paper gives names and no definitions")]
pub enum TaskType {
    DomainClassification,
    ObjectRecognition,
    PoseAndActivityRecognition,
    LogoDetection,
    FaceAndExpressionClassification,
    SceneClassification,
    SentimentAnalysis,
    CaptionGeneration,
    TextDetectionAndOcr,
    ImageTextMatching,
    AnomalyDetection,
    StyleClassification,
    AttributeAndContextRecognition,
    TaskOrientedImageRecognition,
    StepByStepGuidance,
    DataRepresentationAndVisualization,
    UtilityAndAffordanceRecognition,
    VisualGrounding,
    Segmentation,
    VisualStorytelling,
}

corpus::words!(TaskType {
    DomainClassification = "domain-classification",
    ObjectRecognition = "object-recognition",
    PoseAndActivityRecognition = "pose-and-activity-recognition",
    LogoDetection = "logo-detection",
    FaceAndExpressionClassification = "face-and-expression-classification",
    SceneClassification = "scene-classification",
    SentimentAnalysis = "sentiment-analysis",
    CaptionGeneration = "caption-generation",
    TextDetectionAndOcr = "text-detection-and-ocr",
    ImageTextMatching = "image-text-matching",
    AnomalyDetection = "anomaly-detection",
    StyleClassification = "style-classification",
    AttributeAndContextRecognition = "attribute-and-context-recognition",
    TaskOrientedImageRecognition = "task-oriented-image-recognition",
    StepByStepGuidance = "step-by-step-guidance",
    DataRepresentationAndVisualization = "data-representation-and-visualization",
    UtilityAndAffordanceRecognition = "utility-and-affordance-recognition",
    VisualGrounding = "visual-grounding",
    Segmentation = "segmentation",
    VisualStorytelling = "visual-storytelling",
});

/// The kinds that figure 5 shows: so many of the list, from its beginning.
pub const IN_FIGURE_5: usize = 17;

impl TaskType {
    /// The kind with this number in the list of the rubrics, from 1: what a judge answers.
    pub fn of_number(number: usize) -> Option<Self> {
        Self::ALL.get(number.checked_sub(1)?).copied()
    }

    /// Its number in the list of the rubrics, from 1.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    /// Whether it is one of the seventeen of figure 5.
    pub fn is_in_figure_5(self) -> bool {
        self.number() <= IN_FIGURE_5
    }
}

/// What a picture is about: the twenty domains of the paper's figure 5, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the paper gives names and no definitions")]
pub enum ImageDomain {
    ObjectsAndGeneralItems,
    Animal,
    CelebrityAndHuman,
    Nature,
    ArtAndCulture,
    Vehicles,
    AbstractAndDiagrammatic,
    LandmarkAndEnvironment,
    Food,
    SketchAndDrawing,
    EmotionAndSentiment,
    TextualContent,
    EducationalAndInstructional,
    SoftwareAndDigitalContent,
    Historical,
    Transportation,
    Architecture,
    Medical,
    Sports,
    FashionAndClothing,
}

corpus::words!(ImageDomain {
    ObjectsAndGeneralItems = "objects-and-general-items",
    Animal = "animal",
    CelebrityAndHuman = "celebrity-and-human",
    Nature = "nature",
    ArtAndCulture = "art-and-culture",
    Vehicles = "vehicles",
    AbstractAndDiagrammatic = "abstract-and-diagrammatic",
    LandmarkAndEnvironment = "landmark-and-environment",
    Food = "food",
    SketchAndDrawing = "sketch-and-drawing",
    EmotionAndSentiment = "emotion-and-sentiment",
    TextualContent = "textual-content",
    EducationalAndInstructional = "educational-and-instructional",
    SoftwareAndDigitalContent = "software-and-digital-content",
    Historical = "historical",
    Transportation = "transportation",
    Architecture = "architecture",
    Medical = "medical",
    Sports = "sports",
    FashionAndClothing = "fashion-and-clothing",
});

impl ImageDomain {
    /// The domain with this number in the list of the rubrics, from 1: what a judge answers.
    pub fn of_number(number: usize) -> Option<Self> {
        Self::ALL.get(number.checked_sub(1)?).copied()
    }

    /// Its number in the list of the rubrics, from 1.
    pub fn number(self) -> usize {
        self as usize + 1
    }
}

/// The domain of the pictures of a task of Vision-FLAN, by the task's name; none for a name that is not known.
///
/// ```
/// use quality::task_types::{ImageDomain, image_domain};
/// assert_eq!(image_domain("VQARAD+question_answer"), Some(ImageDomain::Medical));
/// assert_eq!(image_domain("mine"), None);
/// ```
pub fn image_domain(task: &str) -> Option<ImageDomain> {
    let name = corpus::sources::domain(task)?;
    let names = corpus::sources::DOMAINS;
    let at = names.iter().position(|domain| *domain == name)?;
    ImageDomain::of_number(at + 1)
}

#[cfg(test)]
mod tests;

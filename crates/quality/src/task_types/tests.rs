use std::collections::BTreeMap;

use super::*;

/// The name of a kind as the rubrics have it, as a word of files.
fn word(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

#[test]
fn lists_are_those_of_the_rubrics_in_their_order() {
    let rubrics = synthesis::Prompts::default().rubrics;
    let words: Vec<String> = rubrics
        .task_type
        .options
        .iter()
        .map(|name| word(name))
        .collect();
    assert_eq!(words, TaskType::WORDS);
    let words: Vec<String> = rubrics
        .image_domain
        .options
        .iter()
        .map(|name| word(name))
        .collect();
    assert_eq!(words, ImageDomain::WORDS);
    for (at, kind) in TaskType::ALL.into_iter().enumerate() {
        assert_eq!(
            (kind.number(), TaskType::of_number(at + 1)),
            (at + 1, Some(kind))
        );
        assert_eq!(serde_json::to_value(kind).expect("a word"), kind.as_str());
    }
    for (at, domain) in ImageDomain::ALL.into_iter().enumerate() {
        assert_eq!(
            (domain.number(), ImageDomain::of_number(at + 1)),
            (at + 1, Some(domain))
        );
        assert_eq!(
            serde_json::to_value(domain).expect("a word"),
            domain.as_str()
        );
    }
    assert_eq!(
        (TaskType::of_number(0), TaskType::of_number(21)),
        (None, None)
    );
    // Figure 5 lacks the last three.
    let beyond: Vec<&str> = TaskType::ALL
        .into_iter()
        .filter(|kind| !kind.is_in_figure_5())
        .map(TaskType::as_str)
        .collect();
    assert_eq!(
        beyond,
        ["visual-grounding", "segmentation", "visual-storytelling"]
    );
}

#[test]
fn domains_of_seed_data_are_those_of_corpus() {
    for (at, name) in corpus::sources::DOMAINS.into_iter().enumerate() {
        let domain = ImageDomain::of_number(at + 1).expect("twenty");
        let word = name.to_lowercase().replace(['/', '&'], " ");
        let words: Vec<&str> = word.split_whitespace().collect();
        for word in words {
            assert!(
                domain.as_str().contains(word),
                "{name}: {}",
                domain.as_str()
            );
        }
    }
}

#[test]
fn names_of_tasks_tell_their_kind_where_they_do() {
    let cases = [
        ("image_caption", Some(TaskType::CaptionGeneration)),
        ("VQA", None),
        ("ocr", Some(TaskType::TextDetectionAndOcr)),
        ("TextVQA", Some(TaskType::TextDetectionAndOcr)),
        ("VQARAD+question_answer", None),
        (
            "PACS+dog_image_category_classification",
            Some(TaskType::ObjectRecognition),
        ),
        (
            "FoodLogoDet-1500+food_logo_recognition",
            Some(TaskType::LogoDetection),
        ),
        (
            "Places365+scene_classification",
            Some(TaskType::SceneClassification),
        ),
        (
            "ExpW+expression_detection",
            Some(TaskType::FaceAndExpressionClassification),
        ),
        (
            "VQA_sentiment_understanding",
            Some(TaskType::SentimentAnalysis),
        ),
        (
            "Yoga-82+yoga_pose_recognition",
            Some(TaskType::PoseAndActivityRecognition),
        ),
        (
            "MVTecAD+image_anomaly_detection",
            Some(TaskType::AnomalyDetection),
        ),
        ("WIKIHOW+next_step", Some(TaskType::StepByStepGuidance)),
        ("PlotQA", Some(TaskType::DataRepresentationAndVisualization)),
        (
            "VQA_utility_affordance",
            Some(TaskType::UtilityAndAffordanceRecognition),
        ),
        ("itm", Some(TaskType::ImageTextMatching)),
        ("wikiart+art_style", Some(TaskType::StyleClassification)),
        ("coco_segmentation", Some(TaskType::Segmentation)),
        // A word in a word is none: `scar` is no `car`, `dogma` no `dog`.
        ("scar_dogma", None),
        ("", None),
        ("+", None),
    ];
    for (name, expected) in cases {
        assert_eq!(task_type(name), expected, "{name}");
    }
}

#[test]
fn shares_and_diversity_are_of_what_is_known() {
    let names = BTreeMap::from([
        ("image_caption".to_owned(), 6),
        ("ocr".to_owned(), 3),
        ("coco_segmentation".to_owned(), 1),
        ("VQA".to_owned(), 5),
    ]);
    let found = Distribution::of_task_names(&names);
    assert_eq!(
        (found.known, found.unknown, found.shares.len()),
        (10, 5, 20)
    );
    let caption = found
        .shares
        .iter()
        .find(|share| share.name == "caption-generation")
        .expect("listed");
    assert_eq!((caption.count, caption.percent), (6, 60.0));
    // Three kinds of twenty; of the seventeen, segmentation is none.
    assert_eq!(found.diversity, Some(15.0));
    assert_eq!(found.diversity_of_17, Some(100.0 * 2.0 / 17.0));
    let none = Distribution::of_task_types([None]);
    assert_eq!(
        (none.diversity, none.diversity_of_17, none.unknown),
        (None, None, 1)
    );
    let domains =
        Distribution::of_domain_names(&BTreeMap::from([("VQARAD+question_answer".to_owned(), 2)]));
    assert_eq!(
        (domains.diversity, domains.diversity_of_17, domains.known),
        (Some(5.0), None, 2)
    );
}

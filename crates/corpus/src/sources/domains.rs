//! The image domains of the seed data: the 20 of the paper's Figure 5, and which of them a task of Vision-FLAN shows.
//!
//! The paper names the domains and shows their shares in a picture only; which task belongs to which is our reading of the
//! data sets that the tasks were made from, so counts by domain are for orientation.

/// The domains in the paper's order.
pub const DOMAINS: [&str; 20] = [
    "Objects/General Items",
    "Animal",
    "Celebrity/Human",
    "Nature",
    "Art & Culture",
    "Vehicles",
    "Abstract/Diagrammatic",
    "Landmark/Environment",
    "Food",
    "Sketch/Drawing",
    "Emotion/Sentiment",
    "Textual Content",
    "Educational/Instructional",
    "Software/Digital Content",
    "Historical",
    "Transportation",
    "Architecture",
    "Medical",
    "Sports",
    "Fashion/Clothing",
];

/// Domains by how a task's name begins, in small letters. Tasks are called `DATASET+task` or by a word alone; the first
/// that fits is taken, so tasks that are unlike the rest of their data set come first.
const BEGINNINGS: [(&str, &[&str]); 21] = [
    (
        "Animal",
        &[
            "pacs+dog",
            "pacs+elephant",
            "pacs+giraffe",
            "pacs+horse",
            "coco+image_classification_animal",
            "cinic-10+image_classification_animal",
            "cinic-10+object_presence_animal",
            "nus-wide+animal",
            "ayahoo",
            "cub-200",
            "nabirds",
            "stanford_dogs",
        ],
    ),
    ("Nature", &["inaturalist", "deepweeds"]),
    (
        "Celebrity/Human",
        &[
            "pacs+person",
            "300w",
            "crowdhuman",
            "fairface",
            "ffhq",
            "hico",
            "jhu-crowd",
            "kvqa",
            "lfw",
            "viquae",
            "vqa_activity",
        ],
    ),
    (
        "Historical",
        &["semart+image_timeframe", "wit+", "concadia"],
    ),
    (
        "Art & Culture",
        &["pacs+art", "domain_net+painting", "semart", "wikiart"],
    ),
    (
        "Sketch/Drawing",
        &[
            "pacs+cartoon",
            "domain_net+quickdraw",
            "domain_net+sketch",
            "domain_net+clipart",
            "imagenet-sketch",
            "sketch",
        ],
    ),
    (
        "Vehicles",
        &[
            "cars+",
            "fgvc_aircraft",
            "coco+image_classification_vehicle",
        ],
    ),
    (
        "Transportation",
        &[
            "cinic-10+image_classification_transport",
            "cinic-10+image_classification_shipping",
            "cinic-10+object_presence_shipping",
            "cinic-10+object_presence_transport",
            "gtsrb",
            "road-anomaly",
        ],
    ),
    (
        "Abstract/Diagrammatic",
        &[
            "domain_net+infograph",
            "chart2text",
            "clevr",
            "dtd",
            "dvqa",
            "iconqa",
            "infographicvqa",
            "plotqa",
            "raven",
        ],
    ),
    ("Architecture", &["pacs+house", "lsun"]),
    (
        "Landmark/Environment",
        &[
            "aid+",
            "crisismmd",
            "dark-zurich",
            "eurosat",
            "places205",
            "places365",
            "vqa_scene",
        ],
    ),
    ("Food", &["foodlogodet", "recipe-qa", "food101"]),
    (
        "Emotion/Sentiment",
        &["expw", "memotion", "raf_db", "senticap", "vqa_sentiment"],
    ),
    (
        "Textual Content",
        &[
            "docvqa",
            "funsd",
            "memecap",
            "mnist",
            "scut-ctw1500",
            "stvqa",
            "textcaps",
            "total-text",
        ],
    ),
    (
        "Educational/Instructional",
        &["ai2d", "geometry3k", "scienceqa", "wikihow"],
    ),
    ("Software/Digital Content", &["cova"]),
    ("Medical", &["vqarad", "vqa-rad"]),
    (
        "Sports",
        &["coco+image_classification_sports", "vqa_sport", "yoga-82"],
    ),
    ("Fashion/Clothing", &["deepfashion"]),
    (
        "Objects/General Items",
        &[
            "a-okvqa",
            "caltech",
            "cinic-10",
            "coco",
            "conceptualcaptions",
            "core50",
            "daquar",
            "domain_net",
            "exdark",
            "flickr",
            "gqa",
            "imagenet",
            "lad+",
            "loc_narratives",
            "model-vs-human",
            "mvtecad",
            "nocaps",
            "nus-wide",
            "objectnet",
            "office",
            "ok_vqa",
            "pacs",
            "pickapic",
            "redcaps",
            "set5",
            "spot-the-diff",
            "stl-10",
            "trainset",
            "visda",
            "visdial",
            "visualgenome",
            "vizwiz",
            "voc2007",
            "vqa",
            "vqg",
            "winoground",
        ],
    ),
    (
        "Objects/General Items",
        &[
            "image_caption",
            "image_quality",
            "image_text_selection",
            "itm",
            "multimodal_factual_checking",
            "question_image_match",
        ],
    ),
];

/// The domain of a task of Vision-FLAN; none for a name that we do not know.
///
/// ```
/// use corpus::sources::domain;
/// assert_eq!(domain("PACS+dog_image_category_classification"), Some("Animal"));
/// assert_eq!(domain("VQARAD+question_answer"), Some("Medical"));
/// assert_eq!(domain("mine"), None);
/// ```
pub fn domain(task: &str) -> Option<&'static str> {
    let task = task.to_lowercase();
    let fits = |beginnings: &[&str]| beginnings.iter().any(|begin| task.starts_with(begin));
    let found = BEGINNINGS.iter().find(|(_, beginnings)| fits(beginnings));
    found.map(|(domain, _)| *domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_domain_has_tasks_and_nothing_is_hidden_by_what_comes_before() {
        for domain in DOMAINS {
            assert!(
                BEGINNINGS.iter().any(|(name, _)| *name == domain),
                "{domain}"
            );
        }
        for (expected, beginnings) in BEGINNINGS {
            assert!(DOMAINS.contains(&expected), "{expected}");
            for begin in beginnings {
                assert_eq!(domain(begin), Some(expected), "{begin}");
            }
        }
    }
}

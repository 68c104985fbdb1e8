use quality::assessment::{AssessmentOptions, RaterRatings, assess};
use quality::{Ground, Item, Rater, Rating, Sample, SetSample, Stratum};
use synthesis::Prompts;

use super::*;

const HOSTILE: &str = "<script>alert(1)</script>|*x*\" onload=\"y";

fn rater(ground: Ground, name: &str) -> Rater {
    Rater {
        ground,
        name: name.to_owned(),
    }
}

fn item(set: &str, at: usize) -> Item {
    let is_kept = set == "all triplets" && at.is_multiple_of(2);
    Item {
        key: format!("{set}{at}"),
        set: set.to_owned(),
        id: at.to_string(),
        pair: format!("p{at}"),
        exchanges: vec![[HOSTILE.to_owned(), "A cup.".to_owned()]],
        informative: Some("It is a cup.".to_owned()),
        precise: Some("cup".to_owned()),
        author: (set == "own").then(|| "judge-1".to_owned()),
        kept: (set == "all triplets").then_some(is_kept),
        p_yes: Some(at as f64 / 40.0),
        ..Item::default()
    }
}

fn sample(third: &str) -> Sample {
    let names = ["own", third, "all triplets"];
    let set = |name: &&str| {
        let is_of_filter = *name == "all triplets";
        let stratum = |side: &str, total| Stratum {
            name: side.to_owned(),
            total,
            drawn: 20,
        };
        SetSample {
            name: (*name).to_owned(),
            total: 1000,
            strata: if is_of_filter {
                vec![stratum("kept", 300), stratum("dropped", 700)]
            } else {
                Vec::new()
            },
            is_of_filter,
        }
    };
    Sample {
        id: "5ca1e".to_owned(),
        seed: 3,
        sets: names.iter().map(set).collect(),
        items: names
            .iter()
            .flat_map(|name| (0..40).map(|at| item(name, at)))
            .collect(),
    }
}

/// A rater that gives the first set one more, two passes in opposite places.
fn ratings(sample: &Sample, of: Rater, more: usize) -> RaterRatings {
    let mut ratings = Vec::new();
    for (at, item) in sample.items.iter().enumerate() {
        let level = 1 + (at + at / 7) % 4 + if item.set == "own" { more } else { 0 };
        for pass in 0..2 {
            for aspect in [Aspect::Accuracy, Aspect::Complexity] {
                ratings.push(Rating {
                    key: item.key.clone(),
                    aspect,
                    value: Some(level.min(5)),
                    pass,
                    position: (at / 40 + 2 * pass) % 3,
                });
            }
        }
        ratings.push(Rating {
            key: item.key.clone(),
            aspect: Aspect::TaskType,
            value: Some(1 + at % 5),
            pass: 0,
            position: 0,
        });
    }
    RaterRatings {
        rater: of,
        author: None,
        ratings,
        unread: BTreeMap::new(),
    }
}

fn with_page<T>(name: &str, check: impl FnOnce(&QualityPage<'_>) -> T) -> T {
    let sample = sample(name);
    let raters = [
        ratings(&sample, rater(Ground::Model, "judge-1"), 1),
        ratings(&sample, rater(Ground::Person, name), 0),
    ];
    let prompts = Prompts::default();
    let assessment = assess(
        &sample,
        &raters,
        &AssessmentOptions {
            truth: None,
            right_level: 4,
            prompts: &prompts.rubrics,
            seed: 1,
        },
    );
    let measures = [PlainTable {
        title: name.to_owned(),
        header: vec!["set".to_owned(), name.to_owned()],
        rows: vec![vec![name.to_owned(), "0.42".to_owned()]],
    }];
    let published = [Published {
        name: "Recipe1M, rule".to_owned(),
        source: "paper, Table 8, by people".to_owned(),
        values: BTreeMap::from([(Aspect::Complexity, 38.4), (Aspect::Accuracy, 98.7)]),
        diversity: Some(23.5),
    }];
    let choice = quality::CaseChoice::Pairs(vec!["p3".to_owned()]);
    let sets = ["own", name, "all triplets"];
    let (mut cases, _) = quality::cases(&sample.items, &sets, &choice);
    cases[0].caption = Some(name.to_owned());
    let folder = tempfile::tempdir().expect("folder");
    let picture = folder.path().join("p3.png");
    image::RgbImage::from_pixel(8, 8, image::Rgb([200, 30, 30]))
        .save(&picture)
        .expect("picture");
    cases[0].images = vec![picture, "not/there.png".into()];
    check(&QualityPage {
        title: name,
        about: &[name.to_owned()],
        assessment: &assessment,
        measures: &measures,
        published: &published,
        cases: &cases,
    })
}

#[test]
fn the_page_has_all_parts_with_the_papers_numbers_beside() {
    let page = with_page("rules", html);
    for part in [
        "By judge-1 (model)",
        "By rules (person)",
        "paper, Table 8, by people",
        ">98.7<",
        "all triplets, kept",
        "all triplets, dropped",
        "20 of 300",
        "Differences between the sets",
        "task types by judge-1 (model), percent of the items",
        "<svg class=\"classes\"",
        "accuracy from 75 on",
        "precision (%) over recall (%)",
        ">0.42<",
        "first place − last place",
        "beyond what other raters find",
        "Krippendorff's alpha",
        "src=\"data:image/png;base64,",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("<img ").count(), 1, "one picture is not there");
    assert!(!page.contains("<script"));
}

#[test]
fn nothing_of_the_data_is_markup() {
    let (page, text) = with_page(HOSTILE, |page| (html(page), markdown(page)));
    assert!(!page.contains("<script") && !page.contains("\" onload=\"y"));
    assert!(page.contains("&lt;script"));
    let unescaped = text.replace("\\<", "").replace("\\*", "");
    assert!(!unescaped.contains("<script") && !unescaped.contains("*x*"));
    // The columns of the first table are still its own.
    let row = text.lines().find(|line| line.starts_with("| own |"));
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    let header = text.lines().find(|line| line.starts_with("| set |"));
    assert_eq!(row.map(bars), header.map(bars));
}

#[test]
fn programs_read_the_same_numbers() {
    let (data, text) = with_page("rules", |page| (json(page), markdown(page)));
    let mean = &data["assessment"]["means"][0]["mean"]["mean"];
    let mean = mean.as_f64().expect("a number");
    assert!(text.contains(&format!("{mean:.1} (")), "{mean}");
    assert_eq!(data["cases"][0]["pair"], "p3");
}

#[test]
fn an_assessment_without_ratings_is_a_page_too() {
    let sample = Sample {
        id: "none".to_owned(),
        seed: 1,
        sets: Vec::new(),
        items: Vec::new(),
    };
    let prompts = Prompts::default();
    let options = AssessmentOptions {
        truth: None,
        right_level: 5,
        prompts: &prompts.rubrics,
        seed: 1,
    };
    let page = html(&QualityPage {
        title: "Quality",
        about: &[],
        assessment: &assess(&sample, &[], &options),
        measures: &[],
        published: &[],
        cases: &[],
    });
    assert!(page.contains("Nobody has rated anything yet."));
}

use std::collections::BTreeSet;

use super::*;

fn catalogue() -> Catalogue {
    Catalogue::load().expect("embedded data")
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The counts of `assets/pictograms/README.md`.
#[test]
fn holds_every_concept_and_picture() {
    let all = catalogue();
    let counts = |wanted: fn(&Concept) -> bool| {
        let concepts = all.concepts().iter().filter(|c| wanted(c)).count();
        let pictures = all.pictograms.iter().filter(|p| wanted(&p.concept));
        (concepts, pictures.count())
    };
    assert_eq!(counts(|c| c.group == "food-drink"), (131, 540));
    assert_eq!(counts(|c| c.group == "medical"), (257, 734));
    assert_eq!(counts(Concept::is_general), (895, 3772));
    let of_style = |style: &str| all.pictograms.iter().filter(|p| p.style == style).count();
    assert_eq!(
        STYLES.map(of_style),
        [1026, 1012, 1012, 758, 504, 257, 110, 257, 110]
    );
    let listed: usize = all.concepts().iter().map(|c| all.pictograms(c).len()).sum();
    assert_eq!(listed, load().expect("embedded data").len());
}

#[test]
fn concepts_have_all_that_questions_need() {
    for concept in catalogue().concepts() {
        let id = &concept.id;
        assert!(
            !concept.kind.is_empty() && !concept.keywords.is_empty(),
            "{id}"
        );
        if concept.group == "food-drink" {
            let gloss = concept.gloss.as_deref().unwrap_or_else(|| panic!("{id}"));
            assert!((15..=80).contains(&gloss.len()), "{id}: {gloss}");
            assert!(!gloss.ends_with('.'), "{id}: {gloss}");
        }
    }
}

#[test]
fn general_concepts_do_not_name_what_a_domain_has() {
    let all = catalogue();
    for domain in DOMAINS {
        let own = all.concepts().iter().filter(|c| c.group == domain.group);
        let (names, kinds): (BTreeSet<String>, BTreeSet<&str>) =
            own.map(|c| (letters(&c.name), c.kind.as_str())).unzip();
        assert!(!names.is_empty(), "{}", domain.name);
        for concept in all.concepts().iter().filter(|c| c.is_general()) {
            assert!(!kinds.contains(concept.kind.as_str()), "{}", concept.id);
            if domain.name == "food" {
                assert!(!names.contains(&letters(&concept.name)), "{}", concept.id);
            }
        }
    }
}

#[test]
fn pictures_have_the_colour_of_their_name() {
    let all = catalogue();
    let named = all.concepts().iter().filter_map(|concept| {
        let (colour, noun) = concept.name.split_once(' ')?;
        let colour = COLOURS.into_iter().find(|known| *known == colour)?;
        ["heart", "apple", "book"]
            .contains(&noun)
            .then_some((concept, colour))
    });
    let fruit = [
        ("carrot", "orange"),
        ("broccoli", "green"),
        ("tomato", "red"),
    ];
    let fruit = fruit.into_iter().map(|(id, colour)| {
        let concept = all.concepts().iter().find(|c| c.id == id);
        (concept.unwrap_or_else(|| panic!("{id}")), colour)
    });
    let mut seen = 0;
    for pictogram in named.chain(fruit).flat_map(|(concept, colour)| {
        let of = all.pictograms(concept).iter();
        of.map(move |pictogram| (pictogram, colour))
    }) {
        let (
            Pictogram {
                concept,
                style,
                main_colour,
                ..
            },
            colour,
        ) = pictogram;
        // This one is drawn pink.
        let expected = if (concept.id.as_str(), *style) == ("red-heart", "noto-v1") {
            "pink"
        } else {
            colour
        };
        assert_eq!(*main_colour, expected, "{} of {style}", concept.id);
        seen += 1;
    }
    assert!(seen > 50, "{seen} pictures have a colour in their name");
}

/// The shares come from another renderer; here the reddest picture of each style has to be red in ours.
#[test]
fn shares_are_those_of_the_rendered_picture() {
    let all = catalogue();
    for style in STYLES {
        let of_style = all.pictograms.iter().filter(|p| p.style == style);
        let percent = |p: &Pictogram| {
            p.colours
                .iter()
                .find(|s| s.colour == "red")
                .map_or(0, |s| s.percent)
        };
        let reddest = of_style.max_by_key(|p| percent(p)).expect("a picture");
        let picture = reddest.render(24).expect("a picture");
        let drawn: Vec<_> = picture
            .pixels()
            .filter(|p| p.0.iter().any(|c| *c < 230))
            .collect();
        let red = drawn
            .iter()
            .filter(|p| p.0[0].saturating_sub(p.0[1]) > 40 && p.0[0].saturating_sub(p.0[2]) > 20);
        assert!(
            red.count() * 10 > drawn.len() * 8,
            "{} of {style}",
            reddest.concept.id
        );
    }
}

/// A tenth of the pictures of the domains, in every style.
#[test]
fn pictures_show_something_on_white() {
    let all = catalogue();
    for (at, style) in STYLES.into_iter().enumerate() {
        let own = all
            .pictograms
            .iter()
            .filter(|p| !p.concept.is_general() && p.style == style);
        for pictogram in own.skip(at).step_by(10) {
            let picture = pictogram.render(36).expect("a picture");
            let drawn = picture.pixels().filter(|pixel| pixel.0 != [255; 3]).count();
            assert!(
                drawn > 36 * 36 / 25,
                "{} of {style}: {drawn} pixels",
                pictogram.concept.id
            );
        }
    }
}

#[test]
fn names_what_is_wrong_with_data_and_size() {
    let check = |text: &str, expected: &str| {
        let error = Catalogue::read(text).expect_err("broken data").to_string();
        assert!(error.contains(expected), "{error}");
    };
    let row = |pictures: &str| {
        format!(
            "{{\"concept\":\"pie\",\"name\":\"pie\",\"code\":\"1f967\",\"group\":\"food-drink\",\
             \"subgroup\":\"food-sweet\",\"kind\":\"sweet\",\"keywords\":[],\"pictures\":{pictures}}}"
        )
    };
    let good = row("{\"noto\":[[\"brown\",80]]}");
    check(
        &format!("{good}\n{good}"),
        "line 2 of `concepts.jsonl`: a second concept `pie`",
    );
    check(&row("{}"), "`pie` has no picture");
    check(&row("{\"noto\":[]}"), "a picture without a colour");
    check(
        &row("{\"noto\":[[\"beige\",80]]}"),
        "`beige` is not one of the colours",
    );
    let all = catalogue();
    let error = all.pictograms[0].render(0).expect_err("no pixels");
    assert_eq!(
        error.to_string(),
        "cannot render a pictogram at 0 pixels; the side has to be 1 to 4096"
    );
    let mut unknown = all.pictograms[0].clone();
    unknown.style = "noto-v9";
    let error = unknown.render(8).expect_err("no such style").to_string();
    assert!(error.contains("no style `noto-v9`"), "{error}");
}

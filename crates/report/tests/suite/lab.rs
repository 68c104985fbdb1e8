//! What a page says, in each form.

use report::lab::{Layout, Page, State, Unfinished, csv, html, latex, markdown, verdicts_csv};

use crate::made::{PLAIN, page};

/// Items 0 to 39 have 50 + (7·at mod 11) + seed, of which the middle part is 5 on average over each 11: 40 items hold three
/// whole rounds (165) and then 0, 7, 3, 10, 6, 2, 9 (37), so 55.05, with seeds 57.05. The second way has 10 less.
const FOOD101: [&str; 3] = ["57.0", "47.0", "46.5"];

#[test]
fn markdown_has_every_row() {
    let text = markdown(&page(PLAIN));
    for line in [
        "# Pipelines on food",
        "8 of 9 cells are finished; 27 stage runs instead of 108, 75 % saved by sharing; planned 1 h 6 min, took 1 h 13 min.",
        "- one stage is better than two stages by 7.5 ",
        "| way | Food101 | Recipe1M | Nutrition5K | average |",
        "- GPT-4V: the weights of another model.",
        "- failed\\_3: failed, the loss is not finite.",
        "- the paper's numbers of GPT-4V do not compare: Its prompts are others.",
        "- The test set is ours.",
        "- the average of food is that of 2 of its 4 columns, and not the one of the paper.",
        "- captions alone has seeds 1, 2, two stages has 1, 2, 3: they are compared on 1, 2.",
        "Numbers in *italics* are those that the paper prints (table 5); nothing here computed them.",
        "| one stage | one stage | 3 of 3 | 1,200 | 1,000,000 |",
        "| GPT-4V | GPT-4V | needs more | – | – |",
    ] {
        assert!(text.contains(line), "`{line}` is missing in\n{text}");
    }
    let row = |name: &str| -> String {
        let start = format!("| {name} |");
        let mut lines = text.lines();
        lines
            .find(|line| line.starts_with(&start))
            .expect(name)
            .to_owned()
    };
    for (name, expected) in PLAIN.iter().zip(FOOD101) {
        assert!(row(name).contains(expected), "{}", row(name));
    }
    // The paper's numbers stand where there is a score, and where there is none.
    assert!(row("one stage").contains("*65.3*") && row("one stage").contains("| – *31.5* |"));
    assert!(
        row("one stage").ends_with("*44.8* |"),
        "{}",
        row("one stage")
    );
    assert_eq!(row("GPT-4V"), "| GPT-4V | – *30.9* | – | – | – |");
    // The best is told apart from the next best.
    assert!(row("one stage").contains("**57.0**"));
}

#[test]
fn the_other_way_round_has_a_row_a_column() {
    let page = Page {
        layout: Layout::Ways,
        ..page(PLAIN)
    };
    let text = markdown(&page);
    for line in [
        "| column | one stage | two stages | captions alone | GPT-4V |",
        "| Food101 | **57.0**",
        "| average | ",
    ] {
        assert!(text.contains(line), "`{line}` is missing in\n{text}");
    }
    let text = html(&page);
    assert!(
        text.contains("<th>column</th>") && text.contains("Food101</td>"),
        "{text}"
    );
    assert!(latex(&page).contains("\\begin{tabular}{lrrrr}"));
}

/// The rows of a file without quotes.
fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split(',').collect()).collect()
}

#[test]
fn csv_has_unrounded_numbers_by_way_and_column() {
    let page = page(PLAIN);
    let text = csv(&page);
    let rows = rows(&text);
    // Four ways with three columns and an average.
    assert_eq!(rows.len(), 1 + 4 * 4);
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{text}");
    let at = |head: &str| rows[0].iter().position(|own| *own == head).expect(head);
    let find = |way: &str, column: &str| {
        let mut all = rows.iter();
        let is = |row: &&Vec<&str>| row[at("way")] == way && row[at("column")] == column;
        all.find(is).expect("a row")
    };
    let own = find("one stage", "food101");
    let score: f64 = own[at("mean")].parse().expect("a number");
    assert!((score - 57.05).abs() < 1e-9, "{score}");
    let cells = [
        "seeds",
        "items",
        "counts",
        "best",
        "published",
        "source",
        "finished",
        "pipeline",
    ]
    .map(|head| own[at(head)]);
    assert_eq!(
        cells,
        [
            "3",
            "40",
            "seeds and clusters",
            "yes",
            "65.3",
            "table 5",
            "3",
            "one stage"
        ]
    );
    let needs = find("GPT-4V", "food101");
    assert_eq!([needs[at("mean")], needs[at("published")]], ["", "30.9"]);
    assert_eq!(find("captions alone", "food")[at("seeds")], "2");
}

#[test]
fn every_comparison_is_in_the_csv_of_verdicts() {
    let text = verdicts_csv(&page(PLAIN));
    let lines: Vec<&str> = text.lines().collect();
    // Two pairs on the average, and on each of two columns.
    assert_eq!(lines.len(), 1 + 2 + 4);
    assert!(
        lines[1].starts_with("strict,domains,food,one stage,two stages,one_better,7.5"),
        "{text}"
    );
    assert!(
        lines[3].starts_with("strict,columns,Food101,one stage,two stages,one_better,10"),
        "{text}"
    );
    assert!(
        lines[4].starts_with("strict,columns,Food101,captions alone,two stages,not_told_apart,"),
        "{text}"
    );
}

#[test]
fn the_page_has_a_forest_and_what_is_not_finished() {
    let text = html(&page(PLAIN));
    for part in [
        "svg class=\"forest\"",
        "<h2>Not finished</h2>",
        "GPT-4V: the weights of another model.",
        "<span class=\"paper\" title=\"table 5\">paper 65.3</span>",
        "needs more",
        "2 of 3",
        "seed 1: 56.0",
    ] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    assert!(
        !text.contains("svg class=\"radar\""),
        "two measured columns make no radar"
    );
    assert!(
        !text.contains("http"),
        "a page needs nothing from elsewhere"
    );
}

#[test]
fn a_domain_of_three_columns_has_a_radar() {
    let mut page = page(PLAIN);
    let columns = &mut page.compared.tables[0].domains[0].columns;
    let third = columns[0].clone();
    columns.push(third);
    assert!(html(&page).contains("svg class=\"radar\""));
}

#[test]
fn nothing_measured_yet_is_a_table_of_the_papers_numbers() {
    let mut empty = page(PLAIN);
    empty.compared = evaluation::grids::compare(&[], &[]).expect("nothing");
    for row in &mut empty.rows {
        (row.way, row.finished) = (None, 0);
    }
    let published = empty.rows[3].published.as_mut().expect("numbers");
    published.scores.insert("diversity".to_owned(), 85.5);
    let text = markdown(&empty);
    assert!(text.contains("0 of 9 cells are finished"));
    assert!(
        text.contains("| way | Food101 | Nutrition5K | average |"),
        "{text}"
    );
    assert!(
        text.contains("| one stage | – *65.3* | – *31.5* | – *44.8* |"),
        "{text}"
    );
    // No scorer made a measure.
    let measures = "## Other measures\n\n| way | diversity |\n";
    assert!(
        text.contains(measures) && text.contains("| GPT-4V | – *85.5* |"),
        "{text}"
    );
    assert!(html(&empty).contains("paper 65.3"));
    // Without the paper there is nothing to show, and no form breaks.
    let nothing = Page::default();
    for text in [
        html(&nothing),
        markdown(&nothing),
        csv(&nothing),
        verdicts_csv(&nothing),
        latex(&nothing),
    ] {
        assert!(!text.contains("NaN"));
    }
}

#[test]
fn a_page_is_read_back_as_it_was_written() {
    let page = page(PLAIN);
    let text = serde_json::to_string(&page).expect("written");
    let again: Page = serde_json::from_str(&text).expect("read");
    assert_eq!(again, page);
}

#[test]
fn rows_of_other_systems_do_not_count_cells_twice() {
    let mut page = page(PLAIN);
    let mut base = page.rows[0].clone();
    base.system = "base".to_owned();
    page.rows.push(base);
    assert!(markdown(&page).contains("8 of 9 cells are finished"));
}

#[test]
fn each_unfinished_cell_is_told_once() {
    let mut page = page(PLAIN);
    let cell = |cell: &str, state| Unfinished {
        cell: cell.to_owned(),
        state,
    };
    let unfinished = vec![
        cell("x_1", State::NotDone),
        cell(
            "x_2",
            State::Waits("the model `m` is not there.".to_owned()),
        ),
        cell("x_3", State::NotDone),
    ];
    for row in &mut page.rows[..2] {
        row.unfinished.clone_from(&unfinished);
    }
    let text = markdown(&page);
    for line in [
        "- x\\_2: waits, the model \\`m\\` is not there.",
        "- not done yet: x\\_1, x\\_3.",
    ] {
        assert_eq!(text.matches(line).count(), 1, "`{line}` in\n{text}");
    }
}

//! A radar chart of columns as SVG, for any number of systems: each has a colour, a mark and a pattern of its line.

use std::f64::consts::TAU;
use std::fmt::Write as _;

use super::escape::escape;
use super::marks::{COLOURS, DASHES, mark};

const WIDTH: f64 = 520.0;
/// Height without the legend.
const HEIGHT: f64 = 350.0;
const RADIUS: f64 = 130.0;
/// Height of a line of the legend.
const LINE: f64 = 20.0;
/// Letters of a name in the legend where two stand on a line; longer ones have a line of their own.
const LETTERS: usize = 24;
/// Letters of a name that has a line of its own.
const LONG: usize = 54;
/// Letters of a title; longer ones would leave the picture.
const TITLE: usize = 16;

/// What is drawn.
#[derive(Debug)]
pub struct Radar<'a> {
    /// What it shows, for those who do not see it.
    pub label: String,
    /// One for each spoke.
    pub titles: Vec<&'a str>,
    /// Name and scores (0 to 100) of each system; a spoke without a score is left open.
    pub systems: Vec<(&'a str, Vec<Option<f64>>)>,
    /// The scores of the best constant answer.
    pub floor: Vec<Option<f64>>,
}

/// A spoke a column; empty with fewer than three columns.
pub fn radar(chart: &Radar<'_>) -> String {
    let spokes = chart.titles.len();
    if spokes < 3 || chart.systems.is_empty() {
        return String::new();
    }
    let place = |spoke: usize, value: f64| {
        let angle = TAU * spoke as f64 / spokes as f64;
        let radius = RADIUS * value.clamp(0.0, 100.0) / 100.0;
        (
            WIDTH / 2.0 + radius * angle.sin(),
            HEIGHT / 2.0 - radius * angle.cos(),
        )
    };
    let has_floor = chart.floor.iter().any(Option::is_some);
    let lines = (chart.systems.len() + usize::from(has_floor)).div_ceil(abreast(chart));
    let whole = HEIGHT + LINE * lines as f64 + 6.0;
    let mut svg = format!(
        "<svg class=\"radar\" viewBox=\"0 0 {WIDTH} {whole}\" role=\"img\" aria-label=\"{}\">",
        escape(&chart.label)
    );
    grid(&mut svg, &chart.titles, &place);
    if has_floor {
        let _ = write!(
            svg,
            "<path class=\"floor\" d=\"{}\"/>",
            outline(&chart.floor, &place)
        );
    }
    let is_filled = chart.systems.len() < 3;
    for (at, (name, values)) in chart.systems.iter().enumerate() {
        let fill = if is_filled && values.iter().all(Option::is_some) {
            " filled"
        } else {
            ""
        };
        let _ = write!(
            svg,
            "<g class=\"system c{} d{}{fill}\"><title>{}</title><path d=\"{}\"/>",
            at % COLOURS,
            at % DASHES,
            escape(name),
            outline(values, &place)
        );
        for (spoke, value) in values.iter().enumerate() {
            if let Some(value) = value {
                let (x, y) = place(spoke, *value);
                svg.push_str(&mark(at, x, y));
            }
        }
        svg.push_str("</g>");
    }
    svg + &legend(chart, has_floor) + "</svg>"
}

/// Rings, spokes and their titles.
fn grid(svg: &mut String, titles: &[&str], place: &dyn Fn(usize, f64) -> (f64, f64)) {
    for ring in [25.0, 50.0, 75.0, 100.0] {
        let corners = outline(&vec![Some(ring); titles.len()], place);
        let (x, y) = place(0, ring);
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"{corners}\"/><text class=\"ring\" x=\"{:.1}\" y=\"{:.1}\">{ring:.0}</text>",
            x + 3.0,
            y - 2.0
        );
    }
    for (spoke, title) in titles.iter().enumerate() {
        let (x, y) = place(spoke, 100.0);
        let (dx, dy) = ((x - WIDTH / 2.0) * 0.09, (y - HEIGHT / 2.0) * 0.13);
        let anchor = if dx.abs() < 2.0 {
            "middle"
        } else if dx > 0.0 {
            "start"
        } else {
            "end"
        };
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            WIDTH / 2.0,
            HEIGHT / 2.0,
            x + dx,
            y + dy + if dy < 0.0 { -2.0 } else { 8.0 },
            escape(&shortened(title, TITLE))
        );
    }
}

/// A closed path through all spokes; where one has no value, the line is open.
fn outline(values: &[Option<f64>], place: &dyn Fn(usize, f64) -> (f64, f64)) -> String {
    let mut out = String::new();
    let mut is_open = true;
    for (spoke, value) in values.iter().enumerate() {
        match value {
            Some(value) => {
                let (x, y) = place(spoke, *value);
                let step = if is_open { 'M' } else { 'L' };
                let _ = write!(out, "{step}{x:.1} {y:.1}");
                is_open = false;
            }
            None => is_open = true,
        }
    }
    match (values.first(), values.last()) {
        _ if values.iter().all(Option::is_some) => out.push('Z'),
        (Some(Some(first)), Some(Some(_))) => {
            let (x, y) = place(0, *first);
            let _ = write!(out, "L{x:.1} {y:.1}");
        }
        _ => {}
    }
    out
}

/// How many names stand on a line of the legend.
fn abreast(chart: &Radar<'_>) -> usize {
    let mut names = chart.systems.iter();
    if names.any(|(name, _)| name.chars().count() > LETTERS) {
        1
    } else {
        2
    }
}

/// Names with colour, mark and pattern.
fn legend(chart: &Radar<'_>, has_floor: bool) -> String {
    let mut out = String::new();
    let abreast = abreast(chart);
    let place = |at: usize| {
        (
            8.0 + WIDTH / 2.0 * (at % abreast) as f64,
            HEIGHT + LINE * (at / abreast) as f64 + 10.0,
        )
    };
    for (at, (name, _)) in chart.systems.iter().enumerate() {
        let (x, y) = place(at);
        let _ = write!(
            out,
            "<g class=\"system c{} d{}\"><path d=\"M{x} {y}h36\"/>{}</g><text x=\"{}\" y=\"{}\">{}</text>",
            at % COLOURS,
            at % DASHES,
            mark(at, x + 18.0, y),
            x + 44.0,
            y + 4.0,
            escape(&shortened(name, LONG))
        );
    }
    if has_floor {
        let (x, y) = place(chart.systems.len());
        let _ = write!(
            out,
            "<path class=\"floor\" d=\"M{x} {y}h36\"/><text x=\"{}\" y=\"{}\">majority</text>",
            x + 44.0,
            y + 4.0
        );
    }
    out
}

fn shortened(name: &str, letters: usize) -> String {
    if name.chars().count() <= letters {
        return name.to_owned();
    }
    name.chars().take(letters - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart<'a>(systems: &[&'a str], values: &[Option<f64>]) -> Radar<'a> {
        Radar {
            label: "scores".to_owned(),
            titles: vec!["a", "b", "c", "d"],
            systems: systems
                .iter()
                .map(|name| (*name, values.to_vec()))
                .collect(),
            floor: vec![Some(10.0); 4],
        }
    }

    #[test]
    fn every_system_is_told_by_more_than_its_colour() {
        let names: Vec<String> = (0..40).map(|at| format!("s{at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let svg = radar(&chart(&names, &[Some(50.0); 4]));
        let looks = svg.split("<g class=\"system ").skip(1).take(40);
        let mut looks: Vec<&str> = looks.filter_map(|part| part.split('"').next()).collect();
        looks.sort_unstable();
        looks.dedup();
        assert_eq!(
            looks.len(),
            40,
            "two systems have one colour and one pattern"
        );
        let mut marks: Vec<String> = (0..6).map(|at| mark(at, 0.0, 0.0)).collect();
        marks.sort_unstable();
        marks.dedup();
        assert_eq!(marks.len(), 6);
        assert!(
            names
                .iter()
                .all(|name| svg.contains(&format!(">{name}</text>")))
        );
    }

    #[test]
    fn long_names_do_not_run_into_each_other() {
        let long = "pictures of plates, captions by hand, two stages of training";
        let svg = radar(&chart(&["a", long], &[Some(50.0); 4]));
        // 350 of the chart, then three lines with the majority's, and an edge.
        assert!(svg.contains("viewBox=\"0 0 520 416\""), "{svg}");
        assert!(svg.contains(">pictures of plates, captions by hand, two stages of t…<"));
        let short = radar(&chart(&["a", "b"], &[Some(50.0); 4]));
        assert!(short.contains("viewBox=\"0 0 520 396\""), "{short}");
    }

    #[test]
    fn a_spoke_without_a_score_is_left_open() {
        let svg = radar(&chart(&["a"], &[Some(50.0), None, Some(50.0), Some(50.0)]));
        let path = svg
            .split("<title>a</title><path d=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        // Right at the top, nothing to the right, then bottom, left, and up again.
        assert_eq!(
            path,
            Some("M260.0 110.0M260.0 240.0L195.0 175.0L260.0 110.0")
        );
        assert_eq!(svg.matches("class=\"mark\"").count(), 3 + 1);
        assert_eq!(
            radar(&Radar {
                titles: vec!["a", "b"],
                ..chart(&["a"], &[])
            }),
            ""
        );
    }
}

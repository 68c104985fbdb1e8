//! The page of a run: one file, no scripts, readable on a screen, on a phone and on paper.

use evaluation::TaskScore;
use maud::{Markup, PreEscaped, html};
use synthesis::measure::CurvePoint;

use crate::endpoints;
use crate::evidence::evidence;
use crate::html::{frame, sign};
use crate::number::tenths;
use crate::quality;
use crate::stages;
use crate::summary::{Against, FilterScore, Summary};
use crate::svg::{Curve, curves, forest};

/// Everything that the page shows.
#[derive(Debug)]
pub struct Page<'a> {
    /// The heading.
    pub title: &'a str,
    /// What the numbers are about and what they are not, in a few sentences.
    pub about: &'a [String],
    /// The numbers.
    pub summary: &'a Summary,
    /// The folder of the pages with every answer, with a `/` at its end.
    pub answers: Option<&'a str>,
    /// Some triplets with their pictures.
    pub cards: &'a [Card],
    /// Questions whose answer changed.
    pub flips: &'a [Flip],
    /// What each training took, in a sentence.
    pub trainings: &'a [String],
    /// Training curves.
    pub curves: &'a [Curve],
    /// Key, value and origin of the recipe.
    pub recipe: &'a [(String, String, String)],
}

/// A synthesized triplet beside its picture.
#[derive(Clone, Debug)]
pub struct Card {
    /// The picture as a `data:` address.
    pub picture: Option<String>,
    /// The caption.
    pub caption: String,
    /// The instruction.
    pub instruction: String,
    /// The long answer.
    pub informative: String,
    /// The short answer.
    pub precise: String,
    /// What the judge said.
    pub verdict: String,
    /// Whether the triplet was kept.
    pub kept: bool,
    /// The right short answer and whether both answers of the triplet are true, where it is known.
    pub truth: Option<(String, bool)>,
}

/// One question before and after.
#[derive(Clone, Debug)]
pub struct Flip {
    /// The task.
    pub task: String,
    /// The picture as a `data:` address.
    pub picture: Option<String>,
    /// The question.
    pub question: String,
    /// The right answer.
    pub label: String,
    /// The base model's answer.
    pub base: String,
    /// The adapted model's answer.
    pub adapted: String,
    /// Whether the base was right.
    pub base_right: bool,
    /// Whether the adapted model is right.
    pub adapted_right: bool,
}

const STYLE: &str = include_str!("run_page.css");

/// The page as text.
pub fn render(page: &Page) -> String {
    let summary = page.summary;
    let body = html! {
        h1 { (page.title) }
        @for sentence in page.about { p.soft { (sentence) } }
        h2 { "Before and after" }
        (table(summary))
        (forest(&summary.tasks, summary.average.as_ref()))
        @if let Some(folder) = page.answers {
            p { a href=(format!("{folder}index.html")) { "Every answer to every question, both scorers, radar charts" } }
        }
        (evidence(summary, page.answers.unwrap_or_default()))
        @if !summary.stages.is_empty() {
            h2 { "From stage to stage" }
            (stages::section(summary))
        }
        @if !summary.against.is_empty() {
            h2 { "Against other explanations" }
            (against(summary))
        }
        h2 { "From pairs to training data" }
        (funnel(summary))
        @if let Some(filter) = &summary.filter { (filter_of(filter)) }
        @if let Some(measured) = &summary.quality {
            h2 { "Quality of the synthetic data" }
            (quality::section(measured))
        }
        @if !page.cards.is_empty() {
            h2 { "Synthesized tasks" }
            div.cards { @for card in page.cards { (card_of(card)) } }
        }
        @if !page.flips.is_empty() {
            h2 { "Answers that changed" }
            (flips(page.flips))
        }
        h2 { "Training" }
        @for sentence in page.trainings { p.soft { (sentence) } }
        div.plots {
            @for curve in page.curves {
                figure { (PreEscaped(curves(curve))) figcaption { (curve.name) } }
            }
        }
        @if !summary.endpoints.is_empty() {
            h2 { "Endpoints" }
            (endpoints::section(&summary.endpoints))
        }
        h2 { "How it was made" }
        p.soft {
            @for (stage, seconds) in &summary.seconds { (stage) " " (format!("{seconds:.0}")) " s · " }
            "peak memory " (format!("{:.1}", summary.peak_rss_bytes as f64 / 1e9)) " GB · seed " (summary.seed)
        }
        details {
            summary { "Every recipe key, its value and where the value comes from" }
            div.scroll { table {
                tr { th { "key" } th.text { "value" } th.text { "from" } }
                @for (key, value, origin) in page.recipe {
                    tr { td { code { (key) } } td.text { code { (value) } } td.text { (origin) } }
                }
            } }
        }
    };
    frame(page.title, STYLE, &body)
}

fn table(summary: &Summary) -> Markup {
    html! {
        div.scroll { table {
            tr {
                th { "task" } th.text { "metric" } th { "n" } th { "majority" } th { "blind" } th { "base" }
                th { "adapted" } th { "difference" } th { "95 % interval" }
            }
            @for task in &summary.tasks { tr { (row(task)) } }
            @if let Some(average) = &summary.average { tr.average { (row(average)) } }
            @for (name, apart) in [("unseen concepts", &summary.unseen), ("general tasks", &summary.general)] {
                @if let Some(score) = apart { tr.average { (row(&TaskScore { task: name.to_owned(), ..score.clone() })) } }
            }
        } }
        p.soft {
            "Scores are 0 to 100 by the strict scorer. Majority: always the most frequent answer, or of options guessing, if that is better. "
            "Blind: the adapted model on a blank picture. The interval of the difference resamples clusters (all questions about one concept or picture "
            "together), paired between base and adapted model. The average holds the tasks of the domain: not those whose names start with "
            code { "unseen-" } " (concepts that training never showed), not what adapting may forget (" code { "general-" }
            ", " code { "evaluate.general" } "), and captions of held-out pairs only where nothing else is asked."
        }
    }
}

fn row(task: &TaskScore) -> Markup {
    let class = sign(task.interval);
    html! {
        td { (task.task) } td.text { (task.metric) } td { (task.n) } td { (tenths(task.majority)) }
        td { (tenths(task.blind)) } td { (format!("{:.1}", task.base)) } td { (format!("{:.1}", task.adapted)) }
        td class=(class) { (format!("{:+.1}", task.difference)) }
        td class=(class) {
            (format!("{:+.1} to {:+.1}", task.interval[0], task.interval[1]))
            @if let Some(warning) = &task.warning { " (" (warning) ")" }
        }
    }
}

fn funnel(summary: &Summary) -> Markup {
    let funnel = &summary.funnel;
    let used = funnel.pairs - funnel.held_out;
    let rows = [
        ("records read", funnel.read),
        ("pairs", funnel.pairs),
        ("for training", used),
        ("triplet parsed", funnel.parsed),
        ("consistent", funnel.consistent),
        ("samples with a task", funnel.kept),
    ];
    let most = rows.iter().map(|r| r.1).max().unwrap_or(1).max(1);
    html! {
        @for (name, count) in rows {
            div.bar {
                span { (name) }
                div style=(format!("width:{:.1}%", 100.0 * count as f64 / most as f64)) {}
                span { (count) }
            }
        }
        @if funnel.tasks > funnel.parsed {
            p.soft {
                "These bars count pairs, of which some gave several tasks: " (funnel.tasks) " in all, of which "
                (funnel.consistent_tasks) " are consistent."
            }
        }
        p.soft { "Trained on " (funnel.trained_on) " samples, those without a task and replayed ones too." }
        @if !funnel.rejects.is_empty() {
            p.soft {
                "Left out: "
                @for (at, (reason, count)) in funnel.rejects.iter().enumerate() {
                    @if at > 0 { " · " }
                    (reason) " " (count)
                }
            }
        }
    }
}

/// The filter against the truth: in all, by kind of question, and for every threshold.
fn filter_of(filter: &FilterScore) -> Markup {
    let points = |value: fn(&CurvePoint) -> Option<f64>| {
        let point = |p: &CurvePoint| Some((p.counts.recall()?, value(p)?));
        filter.curve.iter().filter_map(point).collect()
    };
    let precision = Curve {
        name: "precision (%) over recall (%) as the threshold on the judge's probability falls"
            .to_owned(),
        across: "recall",
        smooth: false,
        points: points(|p| p.counts.precision()),
    };
    let threshold = Curve {
        name: "the threshold over recall (%)".to_owned(),
        points: points(|p| Some(p.threshold)),
        ..precision.clone()
    };
    html! {
        p {
            "Of " (filter.known) " triplets whose true answer is known, both answers were right in "
            (format!("{:.1} %", filter.before)) " before the filter and in "
            (format!("{:.1} %", filter.precision)) " after it; " (format!("{:.1} %", filter.recall))
            " of the right ones were kept. Precise answers alone: " (tenths(filter.precise.before())) " and "
            (tenths(filter.precise.precision())) " %."
        }
        div.scroll { table {
            tr {
                th { "kind of question" } th { "triplets" } th { "kept" } th { "right before, %" }
                th { "right after, %" } th { "right ones kept, %" }
            }
            @for (kind, counts) in &filter.kinds {
                tr {
                    td { (kind) } td { (counts.total()) } td { (counts.kept_right + counts.kept_wrong) }
                    td { (tenths(counts.before())) } td { (tenths(counts.precision())) }
                    td { (tenths(counts.recall())) }
                }
            }
        } }
        div.plots {
            @for curve in [&precision, &threshold] {
                figure { (PreEscaped(curves(curve))) figcaption { (curve.name) } }
            }
        }
    }
}

/// The adapted model beside everything that it is compared with, task by task; intervals for what was trained or chosen
/// as a rival.
fn against(summary: &Summary) -> Markup {
    let all: &[Against] = &summary.against;
    let averaged = all.first().map_or(&[][..], |a| &a.tasks);
    let known = |task: &TaskScore| {
        [
            task.majority,
            task.blind,
            Some(task.base),
            Some(task.adapted),
        ]
        .map(tenths)
    };
    // The rivals' rows hold the rival where the summary's hold the base.
    let rows = summary
        .tasks
        .iter()
        .filter(|task| averaged.iter().any(|a| a.task == task.task));
    html! {
        div.scroll { table {
            tr {
                @for name in ["task", "majority", "blind", "base", "adapted"] { th { (name) } }
                @for rival in all { th { (rival.name) } }
            }
            @for (at, task) in rows.enumerate() {
                tr {
                    td { (task.task) }
                    @for score in known(task) { td { (score) } }
                    @for rival in all { td { (format!("{:.1}", rival.tasks[at].base)) } }
                }
            }
            @if let Some(average) = &summary.average {
                tr.average {
                    td { "average" }
                    @for score in known(average) { td { (score) } }
                    @for rival in all { td { (format!("{:.1}", rival.average.base)) } }
                }
            }
            tr {
                td colspan="5" { "adapted minus it" }
                @for rival in all {
                    td class=(sign(rival.average.interval)) { (format!("{:+.1}", rival.average.difference)) }
                }
            }
            tr {
                td colspan="5" { "95 % interval" }
                @for rival in all {
                    td class=(sign(rival.average.interval)) {
                        (format!("{:+.1} to {:+.1}", rival.average.interval[0], rival.average.interval[1]))
                    }
                }
            }
        } }
        ul.soft { @for rival in all { li { b { (rival.name) } ": " (rival.about) "." } } }
    }
}

fn card_of(card: &Card) -> Markup {
    html! {
        div.card {
            @if let Some(picture) = &card.picture { img src=(picture) alt=(card.caption); }
            span.tag { (if card.kept { "kept" } else { "left out" }) }
            @if let Some((_, right)) = card.truth { " " (tag(right)) }
            dl {
                dt { "caption" } dd { (card.caption) }
                dt { "instruction" } dd { (card.instruction) }
                dt { "informative" } dd { (card.informative) }
                dt { "precise" } dd { (card.precise) }
                dt { "judge" } dd { (card.verdict) }
                @if let Some((truth, _)) = &card.truth { dt { "truth" } dd { (truth) } }
            }
        }
    }
}

/// A word and a colour for right and wrong.
fn tag(right: bool) -> Markup {
    html! { span.tag.good[right].bad[!right] { (if right { "right" } else { "wrong" }) } }
}

fn flips(flips: &[Flip]) -> Markup {
    html! {
        div.cards { @for flip in flips {
            div.card {
                @if let Some(picture) = &flip.picture { img src=(picture) alt=(flip.label); }
                dl {
                    dt { (flip.task) } dd { (flip.question) }
                    dt { "right answer" } dd { (flip.label) }
                    dt { "base " (tag(flip.base_right)) } dd { (flip.base) }
                    dt { "adapted " (tag(flip.adapted_right)) } dd { (flip.adapted) }
                }
            }
        } }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use synthesis::Funnel;

    use super::*;
    use crate::summary::{AfterStage, Rates};

    fn task(name: &str, base: f64) -> TaskScore {
        TaskScore {
            task: name.to_owned(),
            metric: "accuracy".to_owned(),
            n: 40,
            majority: None,
            blind: Some(20.0),
            base,
            adapted: 75.0,
            difference: 75.0 - base,
            interval: [70.0 - base, 80.0 - base],
            warning: None,
        }
    }

    fn summary() -> Summary {
        Summary {
            seed: 1,
            seconds: BTreeMap::new(),
            peak_rss_bytes: 2_000_000_000,
            funnel: Funnel::default(),
            filter: None,
            quality: None,
            tasks: vec![task("colour", 50.0)],
            average: Some(task("average", 50.0)),
            unseen: None,
            general: None,
            stages: Vec::new(),
            against: vec![Against {
                name: "captions".to_owned(),
                about: "trained on captions".to_owned(),
                tasks: vec![task("colour", 90.0)],
                average: task("average", 90.0),
            }],
            strict: None,
            reference: None,
            domains: Vec::new(),
            rates: vec![Rates {
                system: "base".to_owned(),
                task: "colour".to_owned(),
                rates: evaluation::scoring::Rates {
                    cut_off: 12.5,
                    ..Default::default()
                },
            }],
            endpoints: BTreeMap::new(),
            notes: vec!["colour: one test item was found in the training data".to_owned()],
        }
    }

    #[test]
    fn numbers_stand_on_the_page_and_in_the_terminal() {
        let mut summary = summary();
        let few = "only 7 clusters: the interval is too narrow to rely on";
        summary.tasks[0].warning = Some(few.to_owned());
        let flip = Flip {
            task: "colour".to_owned(),
            picture: None,
            question: "Is <b> & \"it\" red?".to_owned(),
            label: "yes".to_owned(),
            base: "no".to_owned(),
            adapted: "yes".to_owned(),
            base_right: false,
            adapted_right: true,
        };
        let page = render(&Page {
            title: "A run",
            about: &[],
            summary: &summary,
            answers: Some("answers/"),
            cards: &[],
            flips: &[flip],
            trainings: &["adapted model: 512 tokens a second".to_owned()],
            curves: &[],
            recipe: &[],
        });
        for part in [
            "<td class=\"good\">+25.0</td>",
            "<td class=\"bad\">-15.0</td>",
            "<td>–</td><td>20.0</td><td>50.0</td>",
            "Is &lt;b&gt; &amp; &quot;it&quot; red?",
            "svg class=\"forest\"",
            "<td>12.5</td>",
            "one test item was found",
            "<h2>Training</h2><p class=\"soft\">adapted model: 512 tokens a second</p>",
            "<td class=\"good\">+20.0 to +30.0 (only 7 clusters: the interval is too narrow to rely on)</td>",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("Endpoints"), "no model is at one");
        let text = crate::text::table(&summary);
        assert!(text.contains("colour"), "{text}");
        assert!(text.contains(&format!("+20.0 to +30.0  {few}\n")), "{text}");
        assert!(
            text.contains("adapted - captions: -15.0 (-20.0 to -10.0)"),
            "{text}"
        );
    }

    /// A general task that the first stage knew and the second forgot: 90 after it, 75 at the end.
    #[test]
    fn what_a_stage_made_the_model_forget_is_told() {
        let mut summary = summary();
        summary.tasks.push(task("general-things", 80.0));
        summary.general = Some(task("average", 80.0));
        summary.stages = vec![AfterStage {
            system: AfterStage::system("captions"),
            stage: "captions".to_owned(),
            about: "captions".to_owned(),
            tasks: vec![task("colour", 40.0), task("general-things", 90.0)],
            average: Some(task("average", 40.0)),
            unseen: None,
            general: Some(task("average", 90.0)),
        }];
        let section = stages::section(&summary).into_string();
        for part in [
            "<th>base</th><th>after-captions</th><th>adapted</th>",
            "<td>colour</td><td class=\"text\">accuracy</td><td>50.0</td><td>40.0</td><td>75.0</td>",
            "<td>general-things</td><td class=\"text\">accuracy</td><td>80.0</td><td>90.0</td><td>75.0</td>",
            "<td>general tasks</td><td class=\"text\">accuracy</td><td>80.0</td><td>90.0</td><td>75.0</td>",
            "<td>after-captions</td><td class=\"text\">general tasks</td><td class=\"bad\">-15.0</td>\
             <td class=\"bad\">-20.0 to -10.0</td>",
            "<b>after-captions</b>: the model after the stage captions, which trained on captions.",
        ] {
            assert!(section.contains(part), "{part} in {section}");
        }
        let text = crate::text::table(&summary);
        for line in [
            "after-captions, average: 40.0; adapted 75.0, +35.0 (+30.0 to +40.0)\n",
            "after-captions, general tasks: 90.0; adapted 75.0, -15.0 (-20.0 to -10.0)\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}

//! What a base has to know before it is shipped, measured on things that it was not trained on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpus::pictograms;
use corpus::seed::Rng;
use corpus::{Completion, Decoding, Label, Open, Request, Role, Turn};
use demo::parts::{self, Part};
use demo::pictures::{Picture, kinds, render, write_blank};
use demo::tasks::{asked, items};
use demo::world::{self, Asks, Lexicon, Thing};
use evaluation::scoring::{Options, score};
use evaluation::tasks::{Item, Spec};
use generate::{Generator as _, LocalGenerator};
use serde::{Deserialize, Serialize};
use synthesis::{Prompts, judge};
use torch::{Device, Kind};

/// The scores of the shipped model.
const SHIPPED: &str = include_str!("../../../../../assets/demo/scores.json");
/// How many points a model made anew may stay behind the shipped one in any skill, and in the mean of the skills of a place
/// (`new picture`, `new concept`, `read`, `judge`).
const TOLERANCE: f64 = 6.0;
/// A single skill may stay behind by so many standard errors of the difference, if that is more: of 19 skills of models that
/// are equally good, some differ by more than [`TOLERANCE`], since a share of half of 188 answers has an error of 3.6 points.
const ERRORS: f64 = 2.6;
/// How many points the answers about new pictures and concepts are above the most frequent answer.
const ABOVE_MAJORITY: f64 = 10.0;
/// Invented things that are read about, for each question.
const READ: usize = 200;
/// Requests that are decoded together.
const GROUP: usize = 32;

/// One measured skill, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Share of right answers.
    pub score: f64,
    /// Share that the most frequent answer gets right; null where there is none.
    pub majority: Option<f64>,
    /// How many questions were asked.
    pub n: usize,
}

impl Gate {
    /// The standard error of the score as a share of `n` answers, in points.
    fn error(self) -> f64 {
        let share = self.score / 100.0;
        100.0 * (share * (1.0 - share) / self.n.max(1) as f64).sqrt()
    }
}

/// Skills by name.
pub type Gates = BTreeMap<String, Gate>;

/// Measures the model that lies in the work folder.
pub fn measure(work: &Path) -> Result<Gates> {
    let mut out = Gates::new();
    let all = pictograms::load()?;
    let draw = |of: Part| render(&parts::general(&all, of), &work.join("images"));
    let shown = draw(Part::Shown)?;
    let things: Vec<Thing> = shown.iter().map(|p| p.thing.clone()).collect();
    let lexicon = Lexicon::new(&things);
    let base = Answers::open(&work.join("base-model"))?;
    for (place, pictures) in [
        ("new picture", draw(Part::HeldPicture)?),
        ("new concept", draw(Part::HeldConcept)?),
    ] {
        for asks in Asks::ALL {
            // Nobody can name what was never named.
            if place == "new concept" && asks == Asks::Name {
                continue;
            }
            let gate = base.about_pictures(&pictures, asks, &kinds(&shown))?;
            out.insert(format!("{place}: {}", asks.task()), gate);
        }
    }
    let blank = work.join("images/blank.png");
    write_blank(&blank)?;
    for asks in Asks::ALL {
        let name = format!("read: {}", asks.task());
        out.insert(name, base.about_captions(&lexicon, asks, &blank)?);
    }
    for asks in Asks::ALL {
        let name = format!("judge: {}", asks.task());
        out.insert(name, base.extraction(&lexicon, asks)?);
    }
    Ok(out)
}

/// A table of skills.
pub fn table(gates: &Gates) -> String {
    let row = |(name, gate): (&String, &Gate)| {
        let majority = gate
            .majority
            .map_or_else(String::new, |m| format!("  majority {m:.1}"));
        format!("{name:<28} {:>5.1}  of {}{majority}\n", gate.score, gate.n)
    };
    gates.iter().map(row).collect()
}

/// Fails if a model made anew stays behind the shipped one, or is not competent: less than ten points above the majority
/// answer somewhere.
pub fn compare(found: &Gates) -> Result<()> {
    let shipped: Gates =
        serde_json::from_str(SHIPPED).context("`assets/demo/scores.json` cannot be read")?;
    let faults = faults(found, &shipped);
    if !faults.is_empty() {
        bail!(
            "the model made anew is not as good as the shipped one:\n  {}",
            faults.join("\n  ")
        );
    }
    Ok(())
}

/// In what a model falls short of the shipped one.
fn faults(found: &Gates, shipped: &Gates) -> Vec<String> {
    let mut out = Vec::new();
    let mut places: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for (name, shipped) in shipped {
        let Some(found) = found.get(name) else {
            out.push(format!("`{name}` was not measured"));
            continue;
        };
        let allowed = TOLERANCE.max(ERRORS * shipped.error().hypot(found.error()));
        if found.score + allowed < shipped.score {
            out.push(format!(
                "`{name}`: {:.1}, shipped {:.1}; {allowed:.1} less is allowed",
                found.score, shipped.score
            ));
        }
        if let Some(majority) = found.majority
            && found.score < majority + ABOVE_MAJORITY
        {
            out.push(format!(
                "`{name}`: {:.1}, majority {majority:.1}; it must be {ABOVE_MAJORITY} above",
                found.score
            ));
        }
        let place = name.split(':').next().unwrap_or(name);
        let scores = (found.score, shipped.score);
        places.entry(place).or_default().push(scores);
    }
    for (place, scores) in places {
        let mean =
            |of: fn(&(f64, f64)) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
        let (found, shipped) = (mean(|s| s.0), mean(|s| s.1));
        if found + TOLERANCE < shipped {
            out.push(format!(
                "`{place}` in the mean: {found:.1}, shipped {shipped:.1}; {TOLERANCE} less is allowed"
            ));
        }
    }
    out
}

/// A model that answers.
struct Answers {
    model: Box<dyn model::Mllm>,
    processor: Box<dyn processor::Processor>,
    prompts: Prompts,
}

impl Answers {
    fn open(folder: &Path) -> Result<Self> {
        let options = processor::Options::default();
        let processor = processor::load(folder, &options)
            .with_context(|| format!("cannot open the processor of `{}`", folder.display()))?;
        let model = model::load(folder, Device::Cpu, Kind::Float)
            .with_context(|| format!("cannot open the model `{}`", folder.display()))?;
        Ok(Self {
            model,
            processor,
            prompts: Prompts::default(),
        })
    }

    fn answer(&self, requests: &[Request]) -> Result<Vec<Completion>> {
        let options = generate::Options {
            group_size: GROUP,
            seed: 1,
            ..generate::Options::default()
        };
        let mut generator =
            LocalGenerator::new(self.model.as_ref(), self.processor.as_ref(), options);
        Ok(generator.complete(requests)?)
    }

    fn about_pictures(&self, pictures: &[Picture], asks: Asks, kinds: &[String]) -> Result<Gate> {
        let items = items(pictures, asks, kinds);
        let task = task(asks);
        let requests = items.iter().map(|item| item.request(&task));
        let requests = requests.collect::<Result<Vec<_>, _>>()?;
        let labels: Vec<&str> = items.iter().filter_map(|i| text(&i.label)).collect();
        let majority = match items.first().and_then(|i| i.choices.as_ref()) {
            Some(options) => Some(100.0 / options.len() as f64),
            None => evaluation::majority(&labels).map(|(_, score)| score),
        };
        self.gate(asks, &items, &requests, majority)
    }

    /// Questions about a caption that a blank picture stands beside, as the synthesizer answers them.
    fn about_captions(&self, lexicon: &Lexicon, asks: Asks, blank: &Path) -> Result<Gate> {
        let prompts = &self.prompts.synthesizer;
        let (mut questions, mut requests) = (Vec::new(), Vec::new());
        for item in unheard(lexicon, asks) {
            let turns = vec![
                Turn::new(Role::User, format!("<image>\n{}", prompts.caption_request)).with_marks(),
                Turn::new(Role::Assistant, item.caption),
                Turn::new(
                    Role::User,
                    format!("{}\n{}", prompts.hint_precise, item.question.instruction),
                ),
            ];
            requests.push(plain_request(requests.len(), turns, vec![blank.to_owned()]));
            questions.push(item.question);
        }
        self.gate(asks, &unpictured(questions), &requests, None)
    }

    /// Questions that a long answer answers, as the judge is asked them.
    fn extraction(&self, lexicon: &Lexicon, asks: Asks) -> Result<Gate> {
        let (mut questions, mut requests) = (Vec::new(), Vec::new());
        for item in unheard(lexicon, asks) {
            let question = item.question;
            let text = judge::extraction_request(
                &question.informative,
                &question.instruction,
                &self.prompts,
            );
            requests.push(plain_request(
                requests.len(),
                vec![Turn::new(Role::User, text)],
                Vec::new(),
            ));
            questions.push(question);
        }
        self.gate(asks, &unpictured(questions), &requests, None)
    }

    fn gate(
        &self,
        asks: Asks,
        items: &[Item],
        requests: &[Request],
        majority: Option<f64>,
    ) -> Result<Gate> {
        let answers = self.answer(requests)?;
        let rows = items.iter().zip(answers);
        let rows = rows.map(|(item, answer)| item.answered(Some(answer.text)));
        let found = score(&task(asks), rows.collect(), Vec::new(), &Options::default())?;
        let scores: Vec<f64> = found.rows.iter().map(|row| row.score).collect();
        Ok(Gate {
            score: scores.iter().sum::<f64>() / scores.len().max(1) as f64,
            majority,
            n: scores.len(),
        })
    }
}

/// A caption about something invented, and a question about it.
struct Unheard {
    caption: String,
    question: world::Question,
}

fn unheard(lexicon: &Lexicon, asks: Asks) -> impl Iterator<Item = Unheard> {
    let mut rng = Rng::new(77);
    (0..READ).map(move |_| {
        let (thing, kinds) = lexicon.unheard(&mut rng);
        Unheard {
            caption: world::caption(&thing, &mut rng),
            question: world::question(&thing, asks, &kinds, &mut rng),
        }
    })
}

/// Questions of one sort as a task.
fn task(asks: Asks) -> Spec {
    let mut task = asks.metric().task(asks.task());
    task.decoding = decoding();
    task
}

fn text(label: &Label) -> Option<&str> {
    match label {
        Label::Text(text) => Some(text),
        Label::List(_) => None,
    }
}

/// Questions about no picture.
fn unpictured(questions: Vec<world::Question>) -> Vec<Item> {
    let item = |(at, question): (usize, world::Question)| {
        let id = at.to_string();
        asked(&id, Vec::new(), question, &id)
    };
    questions.into_iter().enumerate().map(item).collect()
}

fn plain_request(at: usize, turns: Vec<Turn>, images: Vec<PathBuf>) -> Request {
    Request {
        id: at.to_string(),
        images,
        turns,
        open: Open::Assistant,
        prompt: None,
        decoding: decoding(),
    }
}

fn decoding() -> Decoding {
    Decoding {
        max_new_tokens: 32,
        ..Decoding::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Gates {
        serde_json::from_str(SHIPPED).expect("the shipped scores")
    }

    /// The shipped scores with some changed by so many points.
    fn changed(by: &[(&str, f64)]) -> Gates {
        let mut out = shipped();
        for (name, points) in by {
            out.get_mut(*name).expect("a skill").score += points;
        }
        out
    }

    #[test]
    fn the_shipped_model_is_competent() {
        assert_eq!(faults(&shipped(), &shipped()), Vec::<String>::new());
    }

    #[test]
    fn what_a_few_questions_cannot_tell_is_no_fault() {
        // 188 questions: the difference has a standard error of about 5 points.
        assert!(faults(&changed(&[("new picture: kind", -12.0)]), &shipped()).is_empty());
        let faults = faults(&changed(&[("new picture: kind", -16.0)]), &shipped());
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("`new picture: kind`: 29.2, shipped 45.2"));
    }

    #[test]
    fn small_losses_everywhere_are_a_fault() {
        let all: Vec<String> = shipped().into_keys().collect();
        let less: Vec<(&str, f64)> = all
            .iter()
            .filter(|name| name.starts_with("new concept"))
            .map(|name| (name.as_str(), -7.0))
            .collect();
        let faults = faults(&changed(&less), &shipped());
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0].starts_with("`new concept` in the mean"),
            "{faults:?}"
        );
    }

    #[test]
    fn competence_is_ten_points_above_the_majority() {
        let faults = faults(
            &changed(&[("new picture: open-question", -4.0)]),
            &shipped(),
        );
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains("majority 1.6"), "{faults:?}");
    }

    #[test]
    fn what_was_not_measured_is_a_fault() {
        let mut found = shipped();
        found.remove("judge: kind");
        assert_eq!(
            faults(&found, &shipped()),
            ["`judge: kind` was not measured"]
        );
    }
}

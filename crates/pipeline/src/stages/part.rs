//! Which of a run's trainings a stage belongs to: there may be several in a row, and controls beside them.

use run::recipe::Control;
use run::{Node, Place};

/// The group and folder of what is trained only to compare with it.
const CONTROLS: &str = "controls";

/// The folder of what comes before the last stage of a training of several.
const EARLIER: &str = "stages";

/// Whose samples or model it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// A stage of a training of several, with its number from 1; none for the last one, which makes the adapted model and has
    /// the place of a single one.
    pub earlier: Option<(usize, String)>,
    /// Set for what is trained only to compare with it.
    pub control: Option<Control>,
}

impl Part {
    /// The same of a control.
    #[must_use]
    pub fn of_control(&self, control: Control) -> Self {
        Self {
            control: Some(control),
            ..self.clone()
        }
    }

    /// The node of a kind of stage, which `name` is the name of.
    pub fn node(&self, name: &str, place: Place, inputs: &[(&str, &str)]) -> Node {
        let mut own = name.to_owned();
        let mut folder = Vec::new();
        if let Some(control) = self.control {
            folder.extend([CONTROLS, control.as_str()]);
        }
        if let Some((nth, stage)) = &self.earlier {
            own = format!("{own}-{nth}-{stage}");
            folder.extend([EARLIER, stage]);
        }
        folder.push(name);
        let group = match self.control {
            Some(control) => {
                own = format!("{own}-{}", control.as_str());
                CONTROLS
            }
            None => name,
        };
        Node::of(&own, place, inputs).within(group, folder.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_name_and_a_place_of_its_own() {
        let earlier = Part {
            earlier: Some((1, "captions".to_owned())),
            control: None,
        };
        let control = Control::Captions;
        for (part, name, group, folder) in [
            (Part::default(), "make", "make", "make"),
            (
                earlier.clone(),
                "make-1-captions",
                "make",
                "stages/captions/make",
            ),
            (
                Part::default().of_control(control),
                "make-captions",
                "controls",
                "controls/captions/make",
            ),
            (
                earlier.of_control(control),
                "make-1-captions-captions",
                "controls",
                "controls/captions/stages/captions/make",
            ),
        ] {
            let node = part.node("make", Place::Rank0, &[]);
            let found = (&*node.name, &*node.group, node.folder.to_str());
            assert_eq!(found, (name, group, Some(folder)));
        }
    }
}

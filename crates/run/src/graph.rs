//! The graph of a run: which stages there are, what each is made from, and which of them are asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use corpus::sealed::{read_sealed, write_sealed};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::folder::StageFolder;
use crate::identity::FORMAT;

/// Which processes a stage needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// One process does it.
    Rank0,
    /// Its work falls into blocks that any process can do.
    Blocks,
    /// All processes do it together.
    Collective,
}

/// A stage in a graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Unique in the graph and fit for a file name.
    pub name: String,
    /// What commands call it: several stages can make up one step of a command.
    pub group: String,
    /// Where its results lie, relative to the run folder.
    pub folder: PathBuf,
    /// The stages that it is made from: its word for each, and the stage's name.
    pub inputs: BTreeMap<String, String>,
    /// Which processes it needs.
    pub place: Place,
}

impl Node {
    /// A stage that commands and folders call by its own name; `inputs` are its word for each input, and the input's name.
    pub fn of(name: &str, place: Place, inputs: &[(&str, &str)]) -> Self {
        let each = inputs.iter();
        Self {
            name: name.to_owned(),
            group: name.to_owned(),
            folder: name.into(),
            inputs: each
                .map(|(role, input)| ((*role).to_owned(), (*input).to_owned()))
                .collect(),
            place,
        }
    }

    /// The same as part of what commands call `group`, in another folder.
    #[must_use]
    pub fn within(self, group: &str, folder: PathBuf) -> Self {
        Self {
            group: group.to_owned(),
            folder,
            ..self
        }
    }
}

/// Which stages run, by their groups.
#[derive(Clone, Debug, Default)]
pub struct Span {
    /// The first ones, which are done anew even if they are finished.
    pub from: Option<String>,
    /// The last ones.
    pub until: Option<String>,
}

/// Stages in an order in which each comes after its inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    nodes: Vec<Node>,
}

/// What a [`Span`] says of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It is not asked for.
    No,
    /// It has to be finished already.
    Finished,
    /// It is done unless it is finished.
    Done,
    /// It is done anew.
    Anew,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    #[serde(flatten)]
    graph: Graph,
}

const FILE: &str = "graph.json";

impl Graph {
    /// Adds a stage; its inputs must be there. Gives [`Error::Twice`] and [`Error::NoInput`].
    pub fn add(&mut self, node: Node) -> Result<(), Error> {
        if self.node(&node.name).is_some() {
            return Err(Error::Twice { stage: node.name });
        }
        if let Some(missing) = node
            .inputs
            .values()
            .find(|input| self.node(input).is_none())
        {
            return Err(Error::NoInput {
                input: missing.clone(),
                stage: node.name,
            });
        }
        self.nodes.push(node);
        Ok(())
    }

    /// The stages, each after its inputs.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A stage by its name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The groups, each once, in the order of their first stages.
    pub fn groups(&self) -> Vec<&str> {
        let mut out: Vec<&str> = Vec::new();
        for node in &self.nodes {
            if !out.contains(&node.group.as_str()) {
                out.push(&node.group);
            }
        }
        out
    }

    /// Where a stage's results lie in the run folder `run`; folders of other stages inside are not part of it.
    pub fn stage_folder(&self, run: &Path, node: &Node) -> StageFolder {
        let inner = self.nodes.iter().map(|other| &other.folder);
        let inner =
            inner.filter(|folder| **folder != node.folder && folder.starts_with(&node.folder));
        StageFolder {
            stage: node.name.clone(),
            path: run.join(&node.folder),
            inner: inner.map(|folder| run.join(folder)).collect(),
        }
    }

    /// What a span asks of each stage, in order. Gives [`Error::UnknownGroup`] and [`Error::Order`].
    pub fn wishes(&self, span: &Span) -> Result<Vec<Wish>, Error> {
        let group = |name: &Option<String>| -> Result<Option<BTreeSet<&str>>, Error> {
            let Some(name) = name else { return Ok(None) };
            let nodes = self.nodes.iter().filter(|node| node.group == *name);
            let nodes: BTreeSet<&str> = nodes.map(|node| node.name.as_str()).collect();
            if nodes.is_empty() {
                let known = self.groups().into_iter();
                return Err(Error::UnknownGroup {
                    name: name.clone(),
                    known: known.map(str::to_owned).collect(),
                });
            }
            Ok(Some(nodes))
        };
        let (from, until) = (group(&span.from)?, group(&span.until)?);
        let wanted = match &until {
            Some(last) => self.before(last),
            None => self.nodes.iter().map(|node| node.name.as_str()).collect(),
        };
        let earlier = from.as_ref().map(|first| self.before(first));
        if let (Some(first), Some(from), Some(until)) = (&from, &span.from, &span.until)
            && !first.iter().all(|name| wanted.contains(name))
        {
            return Err(Error::Order {
                from: from.clone(),
                until: until.clone(),
            });
        }
        let wish = |node: &Node| {
            let name = node.name.as_str();
            match (&from, &earlier) {
                _ if !wanted.contains(name) => Wish::No,
                (Some(first), _) if first.contains(name) => Wish::Anew,
                (_, Some(earlier)) if earlier.contains(name) => Wish::Finished,
                _ => Wish::Done,
            }
        };
        Ok(self.nodes.iter().map(wish).collect())
    }

    /// These stages and all that they are made from.
    fn before<'a>(&'a self, names: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
        let mut out = names.clone();
        for node in self.nodes.iter().rev() {
            if out.contains(node.name.as_str()) {
                out.extend(node.inputs.values().map(String::as_str));
            }
        }
        out
    }

    /// Notes the graph in the run folder, for whoever looks at it without the recipe. Gives [`Error::Note`].
    pub fn write(&self, run: &Path) -> Result<(), Error> {
        let stored = Stored {
            format: FORMAT,
            graph: self.clone(),
        };
        write_sealed(&run.join(FILE), &stored).map_err(|source| Error::Note { source })
    }

    /// The graph that a run noted; none where there is none, or where it is damaged or another program's.
    pub fn read(run: &Path) -> Option<Self> {
        let stored: Stored = read_sealed(&run.join(FILE))?;
        (stored.format == FORMAT).then_some(stored.graph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, group: &str, inputs: &[&str]) -> Node {
        let inputs: Vec<(&str, &str)> = inputs.iter().map(|input| (*input, *input)).collect();
        Node::of(name, Place::Rank0, &inputs).within(group, group.into())
    }

    /// a → b → c, and a → d; b and d are the group `bd`.
    fn graph() -> Graph {
        let mut graph = Graph::default();
        for node in [
            node("a", "a", &[]),
            node("b", "bd", &["a"]),
            node("c", "c", &["b"]),
            node("d", "bd", &["a"]),
        ] {
            graph.add(node).expect("sound");
        }
        graph
    }

    fn wishes(from: Option<&str>, until: Option<&str>) -> Result<Vec<Wish>, Error> {
        let span = Span {
            from: from.map(str::to_owned),
            until: until.map(str::to_owned),
        };
        graph().wishes(&span)
    }

    #[test]
    fn a_span_takes_what_its_stages_are_made_from() {
        use Wish::{Anew, Done, Finished, No};
        let asked = |from, until| wishes(from, until).expect("sound");
        assert_eq!(asked(None, None), [Done; 4]);
        assert_eq!(asked(None, Some("a")), [Done, No, No, No]);
        assert_eq!(asked(None, Some("bd")), [Done, Done, No, Done]);
        assert_eq!(asked(Some("bd"), None), [Finished, Anew, Done, Anew]);
        let error = wishes(Some("c"), Some("a")).expect_err("c is after a");
        assert!(matches!(error, Error::Order { .. }), "{error:?}");
        assert_eq!(error.to_string(), "`--from c` comes after `--until a`");
        let error = wishes(None, Some("x")).expect_err("unknown");
        assert!(matches!(error, Error::UnknownGroup { .. }), "{error:?}");
        let told = error.to_string();
        assert_eq!(told, "unknown stage `x`; stages are a, bd, c");
    }

    #[test]
    fn a_stage_needs_its_inputs_and_a_name_of_its_own() {
        let mut graph = graph();
        let found = graph.add(node("a", "a", &[])).expect_err("twice");
        assert!(
            matches!(&found, Error::Twice { stage } if stage == "a"),
            "{found:?}"
        );
        let found = graph.add(node("e", "e", &["nowhere"])).expect_err("alone");
        assert!(
            matches!(&found, Error::NoInput { stage, input } if stage == "e" && input == "nowhere"),
            "{found:?}"
        );
    }

    #[test]
    fn a_graph_is_read_back() {
        let folder = tempfile::tempdir().expect("folder");
        graph().write(folder.path()).expect("write");
        assert_eq!(Graph::read(folder.path()), Some(graph()));
        let error = graph().write(&folder.path().join("nowhere"));
        assert!(matches!(error, Err(Error::Note { .. })), "{error:?}");
    }
}

//! What the records of data files have in common.

use std::path::PathBuf;

use crate::{Pair, Sample, Seed};

/// A record of a data file.
pub trait Row: Sealed {
    /// Its id.
    fn id(&self) -> &str;

    /// The pictures that it names.
    fn images(&self) -> &[PathBuf];

    /// Its group, if it has one.
    fn group(&self) -> Option<&str> {
        None
    }

    /// The caption, or all turns of a conversation.
    fn text(&self) -> String;
}

/// Keeps [`Row`] to the three kinds that files can hold.
pub trait Sealed {
    /// Gives the row its id.
    fn set_id(&mut self, id: String);
}

impl Sealed for Pair {
    fn set_id(&mut self, id: String) {
        self.id = id;
    }
}

impl Row for Pair {
    fn id(&self) -> &str {
        &self.id
    }

    fn images(&self) -> &[PathBuf] {
        &self.images
    }

    fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    fn text(&self) -> String {
        self.caption.clone()
    }
}

impl Sealed for Seed {
    fn set_id(&mut self, id: String) {
        self.id = id;
    }
}

impl Row for Seed {
    fn id(&self) -> &str {
        &self.id
    }

    fn images(&self) -> &[PathBuf] {
        &self.images
    }

    fn text(&self) -> String {
        self.caption.clone()
    }
}

impl Sealed for Sample {
    fn set_id(&mut self, id: String) {
        self.id = id;
    }
}

impl Row for Sample {
    fn id(&self) -> &str {
        &self.id
    }

    fn images(&self) -> &[PathBuf] {
        &self.images
    }

    fn text(&self) -> String {
        let texts: Vec<&str> = self.turns.iter().map(|turn| turn.text.as_str()).collect();
        texts.join("\n")
    }
}
